//! Small networks that a GPU trains whole, several steps a dispatch, against the CPU and against the kernels one by one.

use nightloom::backend::Backend;
use nightloom::model::{Loss, Model};
use nightloom::train::{Member, TrainSpec, TrainedMember};

use crate::support::{Table, assert_same, cpu, fit, gpu, model, noise, own_gpu, spec};

const LOSSES: [Loss; 3] = [Loss::CrossEntropy, Loss::BinaryCrossEntropy, Loss::MeanSquare];

const OPTIMIZERS: [&str; 3] = [
    r#"optimizer = { kind = "adam" }"#,
    "clip = 0.3\noptimizer = { kind = \"adam\", weight_decay = 0.05 }",
    "clip = 0.7\noptimizer = { kind = \"sgd\", momentum = 0.8, nesterov = true, weight_decay = 0.01 }",
];

/// Dense layers of these widths behind an input of `inputs`.
fn dense(inputs: usize, hidden: &[(usize, &str)], outputs: usize) -> Model {
    let mut layers: Vec<String> = hidden
        .iter()
        .map(|(units, activation)| format!(r#"{{"kind": "dense", "units": {units}, "activation": "{activation}"}}"#))
        .collect();
    layers.push(format!(r#"{{"kind": "dense", "units": {outputs}}}"#));
    model(1, inputs, &layers.join(", "))
}

fn networks() -> Vec<Model> {
    vec![
        dense(1, &[], 1),
        dense(6, &[(8, "relu"), (7, "tanh"), (5, "sigmoid")], 3),
        dense(28, &[(64, "relu"), (32, "relu")], 2),
        dense(7, &[(33, "tanh")], 10),
        model(
            1,
            9,
            r#"{"kind": "dropout", "rate": 0.1}, {"kind": "dense", "units": 12, "activation": "relu"},
               {"kind": "dropout", "rate": 0.3}, {"kind": "dense", "units": 6, "activation": "tanh"},
               {"kind": "flatten"}, {"kind": "dropout", "rate": 0.2}, {"kind": "dense", "units": 3}"#,
        ),
    ]
}

fn members(count: usize, rows: usize) -> Vec<Member> {
    let member = |i: usize| {
        let train: Vec<u32> = (0..3 + (i * 23) % (rows - 3)).map(|j| ((i * 5 + j * 3) % rows) as u32).collect();
        let validation = (0..(i % 3) * 9).map(|j| ((i + j * 2 + 1) % rows) as u32).collect();
        let mut member = Member::new(1 + i as u64, 0.002 * (1 + i * 3 % 11) as f32, train, validation);
        if i.is_multiple_of(2) {
            member.train_weights = (0..member.train.len()).map(|j| (noise(i as u32, j) + 0.8).max(0.0)).collect();
            member.train_weights[0] = 1.5;
        }
        member
    };
    (0..count).map(member).collect()
}

fn training(optimizer: &str, epochs: usize, batch: usize) -> TrainSpec {
    spec(&format!("epochs = {epochs}\nbatch = {batch}\nrate = 0.01\n{optimizer}\nearly_stop = {{ patience = 2 }}"))
}

/// Squared difference of all weights over their squares.
fn apart(ours: &[TrainedMember], theirs: &[TrainedMember]) -> f64 {
    let all =
        |members: &[TrainedMember]| -> Vec<f32> { members.iter().flat_map(|m| m.weights.values.concat()).collect() };
    let (ours, theirs) = (all(ours), all(theirs));
    let square = |x: f32| f64::from(x) * f64::from(x);
    let difference: f64 = ours.iter().zip(&theirs).map(|(a, b)| square(a - b)).sum();
    difference / theirs.iter().map(|b| square(*b)).sum::<f64>()
}

#[test]
fn e12_small_networks_trained_whole_equal_the_cpu_and_their_own_kernels() {
    let (Some(whole), Some(kernels)) = (gpu(), own_gpu(Some(256)).map(Backend::Gpu)) else { return };
    let mut compared = 0;
    for (number, model) in networks().iter().enumerate() {
        let table = Table::new(model, 90);
        let members = members(4, table.rows);
        let (losses, optimizers) = (LOSSES.iter().cycle().skip(number), OPTIMIZERS.iter().cycle().skip(2 * number));
        for (loss, optimizer) in losses.copied().zip(optimizers).take(2) {
            let training = training(optimizer, 3, [90, 32, 17][number % 3]);
            let run = |backend: &Backend| fit(model, &training, loss, &table, &members, backend);
            let (ours, theirs, single) = (run(&whole), run(&cpu()), run(&kernels));
            let (from_cpu, from_kernels) = (apart(&ours, &theirs), apart(&ours, &single));
            println!("| network {number} {loss:?} | {from_cpu:.1e} | {from_kernels:.1e} |");
            assert!(from_cpu < 1e-9 && from_kernels < 1e-9, "{number} {loss:?}: {from_cpu} {from_kernels}");
            for (ours, theirs) in ours.iter().zip(&theirs) {
                assert_eq!((ours.best_epoch, ours.losses.len()), (theirs.best_epoch, theirs.losses.len()));
                for (a, b) in ours.losses.iter().zip(&theirs.losses) {
                    assert!((a.0 - b.0).abs() <= 1e-4 * b.0.abs().max(1e-3), "{a:?} {b:?}");
                    assert_eq!(a.1.is_some(), b.1.is_some());
                }
            }
            compared += 1;
        }
    }
    assert_eq!(compared, 10);
}

#[test]
fn e12_a_member_of_a_fleet_trained_whole_equals_the_member_alone_to_the_bit() {
    let Some(whole) = gpu() else { return };
    let model = dense(6, &[(8, "relu"), (7, "tanh")], 3);
    let table = Table::new(&model, 60);
    let members = members(5, table.rows);
    let training = training(OPTIMIZERS[1], 3, 16);
    let together = fit(&model, &training, Loss::CrossEntropy, &table, &members, &whole);
    for number in [1, 4] {
        let own = &members[number..=number];
        let alone = fit(&model, &training, Loss::CrossEntropy, &table, own, &whole);
        assert_same(&together[number..=number], &alone, "a fleet of five");
    }
}
