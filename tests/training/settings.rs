//! Schedules, weights, divergence (E13).

use nightloom::model::Loss;
use nightloom::train::{Data, Member, RateSchedule, Targets, TrainError};

use crate::support::{Table, assert_same, cnn, cpu, cpu_and_gpu, fit, model, noise, spec, try_fit};

#[test]
fn e13_schedules_have_the_shares_that_they_should() {
    let near = |found: f64, expected: f64| assert!((found - expected).abs() < 1e-8, "{found}, expected {expected}");
    near(RateSchedule::Constant.share(7.5, 10), 1.0);
    let step = RateSchedule::Step { every_epochs: 3, factor: 0.5 };
    for (done, expected) in [(0.0, 1.0), (2.99, 1.0), (3.0, 0.5), (5.9, 0.5), (6.0, 0.25), (9.0, 0.125)] {
        near(step.share(done, 10), expected);
    }
    let cosine = RateSchedule::Cosine { warmup_epochs: 2.0, final_share: 0.2 };
    near(cosine.share(1.0, 10), 0.5005);
    near(cosine.share(2.0, 10), 1.0);
    near(cosine.share(6.0, 10), 0.6);
    near(cosine.share(10.0, 10), 0.2);
    let bare = RateSchedule::Cosine { warmup_epochs: 0.0, final_share: 0.0 };
    near(bare.share(0.0, 4), 1.0);
    near(bare.share(2.0, 4), 0.5);
    for tenth in 0..100 {
        let share = cosine.share(f64::from(tenth) / 10.0, 10);
        assert!(share > 0.0 && share <= 1.0, "{share} after {tenth} tenths of an epoch");
    }
}

#[test]
fn e13_schedules_reach_the_optimiser() {
    let model = model(1, 3, r#"{"kind": "dense", "units": 2}"#);
    let table = Table::new(&model, 16);
    let all = [Member::new(1, 0.1, (0..16).collect(), vec![])];
    let run = |epochs: usize, schedule: &str| {
        let text = format!("epochs = {epochs}\nbatch = 4\nrate = 0.1\nschedule = {{ {schedule} }}\n");
        let training = spec(&(text + r#"optimizer = { kind = "sgd", momentum = 0.0 }"#));
        fit(&model, &training, Loss::MeanSquare, &table, &all, &cpu())
    };
    let constant = run(3, r#"kind = "constant""#);
    let flat = run(3, r#"kind = "cosine", final_share = 1.0"#);
    assert_same(&flat, &constant, "a cosine that stays at 1");
    let falling = run(3, r#"kind = "cosine""#);
    assert!(falling[0].weights != constant[0].weights, "a cosine that falls");
    // After the first epoch the rate is too small to move any weight.
    let halted = run(3, r#"kind = "step", every_epochs = 1, factor = 1e-20"#);
    let first = run(1, r#"kind = "constant""#);
    assert!(halted[0].weights == first[0].weights && constant[0].weights != first[0].weights, "a step to nothing");
}

#[test]
fn e13_a_row_of_weight_0_changes_nothing() {
    let model = cnn(2, "global_max_pool");
    let table = Table::new(&model, 20);
    let training = spec("epochs = 3\nbatch = 4\nrate = 0.02");
    let keep = |i: &u32| *i % 3 != 1;
    let all: Vec<u32> = (0..14).collect();
    let some: Vec<u32> = all.iter().copied().filter(keep).collect();
    let mut with = Member::new(4, 0.02, all.clone(), (14..20).collect());
    with.train_weights = all.iter().map(|i| f32::from(u8::from(keep(i)))).collect();
    with.validation_weights = vec![1.0, 0.0, 1.0, 1.0, 0.0, 1.0];
    let without = Member::new(4, 0.02, some, vec![14, 16, 17, 19]);
    // The rows are not only left out of the sums: whatever they hold, batch norm does not see them either.
    let mut wild = table.clone();
    for row in (0..14).filter(|i| !keep(i)).chain([15, 18]) {
        wild.inputs[row as usize * 24..][..24].fill(1e6);
    }
    for backend in cpu_and_gpu() {
        let expected = fit(&model, &training, Loss::CrossEntropy, &table, std::slice::from_ref(&without), &backend);
        for data in [&table, &wild] {
            let found = fit(&model, &training, Loss::CrossEntropy, data, std::slice::from_ref(&with), &backend);
            assert_same(&found, &expected, &backend.id());
        }
    }
}

#[test]
fn e13_a_row_of_weight_2_counts_as_two_rows() {
    let model = model(1, 4, r#"{"kind": "dense", "units": 5, "activation": "tanh"}, {"kind": "dense", "units": 2}"#);
    let table = Table::new(&model, 10);
    let training = spec("epochs = 5\nbatch = 10\nrate = 0.1\noptimizer = { kind = \"sgd\", momentum = 0.5 }");
    let mut weighted = Member::new(1, 0.1, (0..5).collect(), vec![]);
    weighted.train_weights = vec![2.0, 1.0, 2.0, 1.0, 1.0];
    let doubled = Member::new(1, 0.1, vec![0, 0, 1, 2, 2, 3, 4], vec![]);
    let found = fit(&model, &training, Loss::CrossEntropy, &table, &[weighted, doubled], &cpu());
    let pairs = || found[0].weights.values.iter().flatten().zip(found[1].weights.values.iter().flatten());
    let worst = pairs().map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(worst < 1e-5, "{worst} apart: the sums differ in their order only");
    assert!((found[0].losses[4].0 - found[1].losses[4].0).abs() < 1e-5);
}

#[test]
fn e13_divergence_is_an_error_that_names_the_member() {
    let model = model(1, 3, r#"{"kind": "dense", "units": 6, "activation": "relu"}, {"kind": "dense", "units": 1}"#);
    let inputs: Vec<f32> = (0..60).map(|i| noise(3, i) * 10.0).collect();
    let values: Vec<f32> = (0..20).map(|i| noise(4, i)).collect();
    let data = Data { inputs: &inputs, targets: Targets::Values(&values) };
    let training = spec("epochs = 40\nbatch = 5\nrate = 0.001\noptimizer = { kind = \"sgd\", momentum = 0.0 }");
    let rows: Vec<u32> = (0..20).collect();
    let tame = Member::new(1, 1e-4, rows.clone(), vec![]);
    for backend in cpu_and_gpu() {
        let all = [tame.clone(), Member::new(2, 1e6, rows.clone(), vec![])];
        let error = try_fit(&model, &training, Loss::MeanSquare, data, &all, &backend).expect_err("too fast");
        assert!(matches!(error, TrainError::Diverged { member: 1, rate: 1e6, .. }), "{error}");
        assert!(error.to_string().starts_with("training diverged: member 1 has a loss of "), "{error}");
    }
}
