//! A fleet of F gives each member what training it alone gives, to the bit (E12); so does any number of threads (E10).

use std::collections::BTreeSet;

use nightloom::backend::Backend;
use nightloom::model::{Loss, Model};
use nightloom::train::{Member, TrainSpec, TrainedMember};

use crate::backends::backends;
use crate::support::{
    Table, assert_same, bp, cnn, cpu, encoder, fit, gpu, image_cnn, image_model, model, noise, read_outs, spec,
};

const OPTIMIZERS: [&str; 3] = [
    r#"optimizer = { kind = "adam" }"#,
    r#"optimizer = { kind = "adam", weight_decay = 0.05 }"#,
    r#"optimizer = { kind = "sgd", momentum = 0.8, nesterov = true, weight_decay = 0.01 }"#,
];

/// Members that differ in everything: rows (from 3 to more than `rows` / 2), weights, rates, seeds, validation rows.
fn members(count: usize, rows: usize) -> Vec<Member> {
    let member = |i: usize| {
        let own = 3 + (i * 7) % (rows / 2);
        let train: Vec<u32> = (0..own).map(|j| ((i * 5 + j * 3) % rows) as u32).collect();
        let validation = (0..(i % 4) * 5).map(|j| ((i + j * 2 + 1) % rows) as u32).collect();
        let weights = |n: usize| (0..n).map(|j| (noise(i as u32, j) + 0.8).max(0.0)).collect();
        let mut member = Member::new(1 + i as u64 * 0x1_0000_0001, 0.002 * (1 + i * 3 % 11) as f32, train, validation);
        if i.is_multiple_of(3) {
            member.train_weights = weights(member.train.len());
            member.train_weights[0] = 1.5;
        }
        if i % 5 == 1 && !member.validation.is_empty() {
            member.validation_weights = weights(member.validation.len());
            member.validation_weights[0] = 0.5;
        }
        member
    };
    (0..count).map(member).collect()
}

fn alone(
    model: &Model,
    spec: &TrainSpec,
    loss: Loss,
    table: &Table,
    all: &[Member],
    backend: &Backend,
) -> Vec<TrainedMember> {
    all.iter().flat_map(|member| fit(model, spec, loss, table, std::slice::from_ref(member), backend)).collect()
}

fn schedule(optimizer: &str, epochs: usize, batch: usize) -> TrainSpec {
    spec(&format!(
        "epochs = {epochs}\nbatch = {batch}\nrate = 0.01\nclip = 0.7\n{optimizer}\n\
         early_stop = {{ patience = 2, min_delta = 0.0005 }}\n\
         schedule = {{ kind = \"cosine\", warmup_epochs = 1.5, final_share = 0.1 }}"
    ))
}

#[test]
fn e12_on_the_cpu_a_fleet_of_1_3_or_64_equals_single_trainings_to_the_bit() {
    let losses = [Loss::CrossEntropy, Loss::BinaryCrossEntropy, Loss::MeanSquare, Loss::Pearson];
    let models = [
        bp(3),
        cnn(3, "global_max_pool"),
        cnn(3, "global_average_pool"),
        image_cnn(3),
        encoder(3, "global_average_pool"),
        encoder(3, "first_position"),
    ];
    for backend in backends().into_iter().filter(|b| matches!(b, Backend::Cpu(_))) {
        for (m, model) in models.iter().enumerate() {
            let table = Table::new(model, 40);
            let all = members(64, table.rows);
            for (l, loss) in losses.into_iter().enumerate() {
                let training = schedule(OPTIMIZERS[(l + m) % 3], 5, 8);
                let single = alone(model, &training, loss, &table, &all, &backend);
                for fleet in [1, 3, 64] {
                    let together = fit(model, &training, loss, &table, &all[..fleet], &backend);
                    let what = format!("model {m}, {loss:?}, fleet of {fleet} on {}", backend.id());
                    assert_same(&together, &single[..fleet], &what);
                }
            }
        }
    }
}

#[test]
fn e12_on_the_cpu_a_fleet_of_read_outs_equals_single_trainings_to_the_bit() {
    let model = read_outs(3);
    let (table, training, loss) =
        (Table::new(&model, 40), schedule(OPTIMIZERS[1], 5, 8), Loss::ReadOuts { auxiliary: 0.5 });
    for backend in backends().into_iter().filter(|b| matches!(b, Backend::Cpu(_))) {
        let all = members(64, table.rows);
        let single = alone(&model, &training, loss, &table, &all, &backend);
        for fleet in [1, 3, 64] {
            let together = fit(&model, &training, loss, &table, &all[..fleet], &backend);
            assert_same(&together, &single[..fleet], &format!("fleet of {fleet} on {}", backend.id()));
        }
    }
}

#[test]
fn e12_on_the_gpu_a_fleet_of_1_3_or_64_equals_single_trainings_to_the_bit() {
    let Some(gpu) = gpu() else { return };
    let cases = [
        (bp(3), Loss::CrossEntropy, 0),
        (cnn(2, "global_max_pool"), Loss::BinaryCrossEntropy, 2),
        (image_cnn(2), Loss::MeanSquare, 0),
        (encoder(3, "first_position"), Loss::CrossEntropy, 1),
        (read_outs(3), Loss::ReadOuts { auxiliary: 0.5 }, 0),
    ];
    for (model, loss, optimizer) in &cases {
        let table = Table::new(model, 24);
        let all = members(64, table.rows);
        let training = schedule(OPTIMIZERS[*optimizer], 4, 8);
        let chosen = [0, 1, 2, 37, 63];
        let some: Vec<Member> = chosen.iter().map(|&i| all[i].clone()).collect();
        let single = alone(model, &training, *loss, &table, &some, &gpu);
        assert_same(&fit(model, &training, *loss, &table, &all[..1], &gpu), &single[..1], "fleet of 1");
        assert_same(&fit(model, &training, *loss, &table, &all[..3], &gpu), &single[..3], "fleet of 3");
        let together = fit(model, &training, *loss, &table, &all, &gpu);
        let found: Vec<TrainedMember> = chosen.iter().map(|&i| together[i].clone()).collect();
        assert_same(&found, &single, "fleet of 64");
    }
}

#[test]
fn e10_any_number_of_threads_gives_the_same_bits() {
    // Large enough that kernels split their work over threads.
    let wide = r#"{"kind": "conv1d", "channels": 24, "kernel": 5, "activation": "relu"}, {"kind": "batch_norm"},
        {"kind": "max_pool", "window": 2}, {"kind": "conv1d", "channels": 24, "kernel": 3, "activation": "gelu"},
        {"kind": "flatten"}, {"kind": "dropout", "rate": 0.3}, {"kind": "dense", "units": 64, "activation": "relu"},
        {"kind": "dense", "units": 3}"#;
    let images = r#"{"kind": "conv2d", "channels": 24, "kernel": 5, "activation": "relu"}, {"kind": "batch_norm"},
        {"kind": "max_pool", "window": 2}, {"kind": "conv2d", "channels": 24, "kernel": 3, "activation": "gelu"},
        {"kind": "average_pool", "window": 2}, {"kind": "flatten"}, {"kind": "dense", "units": 3}"#;
    let tokens = r#"{"kind": "embedding", "vocabulary": 50, "channels": 32}, {"kind": "position"},
        {"kind": "encoder", "heads": 4, "feed_forward": 48, "dropout": 0.1}, {"kind": "layer_norm"},
        {"kind": "global_average_pool"}, {"kind": "dense", "units": 3}"#;
    for model in [model(32, 2, wide), image_model(12, 12, 2, images), model(24, 1, tokens)] {
        any_number_of_threads(&model);
    }
}

fn any_number_of_threads(model: &Model) {
    let table = Table::new(model, 300);
    let training = schedule(OPTIMIZERS[0], 2, 128);
    let rows = |from: u32| (from..from + 200).collect::<Vec<u32>>();
    let all: Vec<Member> = (0..5).map(|i| Member::new(i, 0.01, rows(i as u32 * 20), (250..300).collect())).collect();
    // Five on two threads: the last one's tiles are shared.
    for fleet in [1, 3, 5] {
        let found = [1, 2, 3].map(|threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
            pool.install(|| fit(model, &training, Loss::CrossEntropy, &table, &all[..fleet], &cpu()))
        });
        assert_same(&found[1], &found[0], "2 threads and 1");
        assert_same(&found[2], &found[0], "3 threads and 1");
        let outside = fit(model, &training, Loss::CrossEntropy, &table, &all[..fleet], &cpu());
        assert_same(&outside, &found[0], "the common pool and 1 thread");
    }
}

#[test]
fn e10_the_gpu_gives_the_same_bits_run_after_run() {
    let Some(gpu) = gpu() else { return };
    let model = cnn(3, "global_average_pool");
    let table = Table::new(&model, 24);
    let training = schedule(OPTIMIZERS[0], 3, 8);
    let all = members(3, table.rows);
    let run = || fit(&model, &training, Loss::MeanSquare, &table, &all, &gpu);
    assert_same(&run(), &run(), "run after run");
}

#[test]
fn e13_members_stop_by_themselves_at_different_epochs_and_keep_the_best_weights() {
    let (epochs, patience) = (40, 3);
    let model = bp(2);
    let table = Table::new(&model, 40);
    let training =
        spec(&format!("epochs = {epochs}\nbatch = 8\nrate = 0.03\nearly_stop = {{ patience = {patience} }}"));
    let all: Vec<Member> = members(24, table.rows).into_iter().filter(|m| !m.validation.is_empty()).collect();
    let trained = fit(&model, &training, Loss::CrossEntropy, &table, &all, &cpu());
    let lengths: BTreeSet<usize> = trained.iter().map(|t| t.losses.len()).collect();
    assert!(lengths.len() >= 4, "they stop after {lengths:?} epochs");
    for (member, found) in all.iter().zip(&trained) {
        let losses: Vec<f32> = found.losses.iter().map(|(_, v)| v.expect("a validation loss")).collect();
        let smallest = losses.iter().copied().fold(f32::INFINITY, f32::min);
        let first = losses.iter().position(|&l| l == smallest).expect("the smallest is one of them") + 1;
        assert_eq!(found.best_epoch, first, "the best epoch is the first of the smallest loss");
        assert!(losses.len() == epochs || losses.len() == first + patience, "stops {patience} epochs after its best");
        // Trained for so many epochs and no longer, without validation, the last weights are those.
        let shorter = TrainSpec { epochs: found.best_epoch, early_stop: None, ..training.clone() };
        let blind = Member { validation: vec![], validation_weights: vec![], ..member.clone() };
        let last = fit(&model, &shorter, Loss::CrossEntropy, &table, &[blind], &cpu());
        assert!(last[0].weights == found.weights, "weights of the best epoch");
    }
}

#[test]
fn e13_patience_counts_from_the_last_marked_improvement_but_the_best_weights_are_kept() {
    let model = model(1, 3, r#"{"kind": "dense", "units": 1}"#);
    let table = Table::new(&model, 20);
    // A tiny rate: every epoch is a little better, never by as much as min_delta.
    let training = spec(
        "epochs = 30\nbatch = 20\nrate = 1e-5\noptimizer = { kind = \"sgd\", momentum = 0.0 }\n\
         early_stop = { patience = 4, min_delta = 0.1 }",
    );
    let member = Member::new(3, 1e-3, (0..20).collect(), (0..20).collect());
    let found = &fit(&model, &training, Loss::MeanSquare, &table, &[member], &cpu())[0];
    assert_eq!(found.losses.len(), 5, "epoch 1 is marked, 4 more do not improve on it by 0.1");
    assert_eq!(found.best_epoch, 5, "though each was better: {:?}", found.losses);
}

#[test]
fn e12_a_member_with_fewer_rows_than_the_batch_does_not_depend_on_larger_ones() {
    let model = model(1, 3, r#"{"kind": "dense", "units": 4, "activation": "tanh"}, {"kind": "dense", "units": 1}"#);
    let table = Table::new(&model, 3000);
    let training = spec("epochs = 3\nbatch = 2500\nrate = 0.01");
    let small = Member::new(1, 0.01, (0..7).collect(), vec![]);
    let large = Member::new(2, 0.01, (0..3000).collect(), vec![]);
    for backend in crate::support::cpu_and_gpu() {
        let alone = fit(&model, &training, Loss::MeanSquare, &table, std::slice::from_ref(&small), &backend);
        let both = fit(&model, &training, Loss::MeanSquare, &table, &[large.clone(), small.clone()], &backend);
        assert_same(&both[1..], &alone, &backend.id());
    }
}
