//! Training with f16 storage: what is smaller, what is the same, what happens when a gradient overflows (E8).

use nightloom::backend::Backend;
use nightloom::model::compile::{TrainPlan, TrainShape, training};
use nightloom::model::{Loss, Model, Optimizer, Precision, initial_weights};
use nightloom::ops::{mixed, schedule};
use nightloom::train::{Data, Member, Targets, TrainSpec, predict};

use crate::support::{Table, assert_same, bp, cnn, cpu, cpus, fit, gpu, model, noise, spec, try_fit};

/// Convolutions and batch norms: tensors of the whole batch stand between their kernels.
fn deep() -> Model {
    let layers = r#"{"kind": "conv1d", "channels": 16, "kernel": 3, "activation": "relu"}, {"kind": "batch_norm"},
        {"kind": "conv1d", "channels": 16, "kernel": 3, "activation": "relu"}, {"kind": "batch_norm"},
        {"kind": "conv1d", "channels": 16, "kernel": 3, "activation": "relu"}, {"kind": "batch_norm"},
        {"kind": "global_average_pool"}, {"kind": "dense", "units": 2}"#;
    model(32, 4, layers)
}

/// A plan of one member with weights and data, ready to step: whole batches of the first rows, at one rate.
fn laid_out(model: &Model, shape: &TrainShape, data: Data<'_>, backend: &Backend) -> TrainPlan {
    let mut made = training(model, shape, backend).expect("a plan");
    made.plan.upload_f32(made.inputs, data.inputs).expect("an upload");
    match data.targets {
        Targets::Labels(labels) => made.plan.upload(made.targets, labels).expect("an upload"),
        Targets::Values(values) => made.plan.upload_f32(made.targets, values).expect("an upload"),
    }
    for (id, values) in made.params.clone().into_iter().zip(initial_weights(model, 1).values) {
        made.plan.upload_f32(id, &values.repeat(shape.fleet)).expect("an upload");
    }
    let (batch, steps) = (shape.batch, shape.steps);
    let numbers: Vec<u32> = (0..shape.fleet * steps * batch).map(|i| (i % batch) as u32).collect();
    made.plan.upload(made.train_tables.rows, &numbers).expect("an upload");
    made.plan.upload_f32(made.train_tables.weights, &vec![1.0; numbers.len()]).expect("an upload");
    let row = [0.01, 1.0, 1.0, batch as f32, 1.0 / batch as f32, 1.0, 1.0, 1.0 / steps as f32];
    assert_eq!(row.len(), schedule::WIDTH);
    made.plan.upload_f32(made.train_tables.schedule, &row.repeat(shape.fleet * steps)).expect("an upload");
    made
}

fn shape(batch: usize, rows: usize, loss: Loss, precision: Precision) -> TrainShape {
    let optimizer = Optimizer::Sgd { momentum: 0.0, nesterov: false, weight_decay: 0.0 };
    TrainShape { fleet: 1, batch, rows, steps: 40, validation_steps: 0, loss, optimizer, clip: Some(1.0), precision }
}

#[test]
fn e8_the_memory_of_large_data_and_batches_is_halved() {
    // Many rows, and a batch that is large against the rows.
    let wide = model(1, 96, r#"{"kind": "dense", "units": 8, "activation": "relu"}, {"kind": "dense", "units": 2}"#);
    for (what, model, batch, rows, most) in [("data", wide, 32, 20_000, 0.55), ("batch", deep(), 2048, 2048, 0.60)] {
        let table = Table::new(&model, rows);
        let one = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("a pool");
        let [full, half] = [Precision::F32, Precision::F16].map(|precision| {
            let shape = shape(batch, rows, Loss::CrossEntropy, precision);
            let mut made = laid_out(&model, &shape, table.data(Loss::CrossEntropy), &cpu());
            one.install(|| made.plan.replay(made.train, 0..1)).expect("a step");
            made.plan.bytes()
        });
        let share = half as f64 / full as f64;
        println!("| {what} | {full} | {half} | {share:.3} |");
        assert!(share < most, "{what}: {half} of {full} bytes");
    }
}

#[test]
fn e8_a_gradient_that_overflows_leaves_its_step_out_and_the_training_recovers() {
    let layers = r#"{"kind": "dense", "units": 6, "activation": "tanh"}, {"kind": "batch_norm"},
        {"kind": "dense", "units": 1}"#;
    let model = model(1, 3, layers);
    let mut table = Table::new(&model, 16);
    // So far from what the network says that the scaled gradient does not fit f16.
    for v in &mut table.values {
        *v = *v * 4000.0 + 3000.0;
    }
    let data = Data { inputs: &table.inputs, targets: Targets::Values(&table.values) };
    let trained: Vec<usize> = (0..model.params().len()).filter(|&p| model.params()[p].kind.trained()).collect();
    for backend in cpus() {
        let shape = shape(16, 16, Loss::MeanSquare, Precision::F16);
        let mut made = laid_out(&model, &shape, data, &backend);
        let state = made.loss_scale.expect("f16 has a scale");
        let weights = |made: &mut TrainPlan| -> Vec<Vec<u32>> {
            trained.iter().map(|&p| made.plan.download(made.params[p]).expect("weights")).collect()
        };
        let before = weights(&mut made);
        let mut skipped = 0.0;
        for step in 0..40 {
            made.plan.replay(made.train, step..step + 1).expect("a step");
            let now = made.plan.download_f32(state).expect("the state");
            if now[mixed::SKIPPED] == skipped {
                break;
            }
            skipped = now[mixed::SKIPPED];
            assert_eq!(skipped, step as f32 + 1.0, "{}: {now:?}", backend.id());
            assert_eq!(mixed::scale_of(&now), 32_768.0 * 0.5_f32.powi(step as i32 + 1), "{}", backend.id());
            assert_eq!(weights(&mut made), before, "{}: a step left out moves nothing", backend.id());
        }
        assert!((2.0..20.0).contains(&skipped), "{}: {skipped} steps were left out", backend.id());
        assert_ne!(weights(&mut made), before, "{}: then it goes on", backend.id());
        made.plan.replay(made.train, 0..40).expect("steps");
        let now = made.plan.download_f32(state).expect("the state");
        assert_eq!(now[mixed::SKIPPED], skipped, "{}: {now:?}", backend.id());
        assert!(made.plan.download_f32(made.train_loss).expect("a loss")[0].is_finite());
    }
}

#[test]
fn e12_a_member_trains_to_the_same_bits_alone_and_in_a_fleet() {
    for (name, model) in [("bp", bp(3)), ("cnn", cnn(3, "global_average_pool"))] {
        let table = Table::new(&model, 40);
        let training = spec("epochs = 4\nbatch = 8\nrate = 0.02\nclip = 1.0\nprecision = \"f16\"");
        let rows = |i: usize| (0..12 + i * 3).map(|r| r as u32).collect();
        let member = |i: usize| Member::new(i as u64, 0.005 + 0.004 * i as f32, rows(i), (30..40).collect());
        let members: Vec<Member> = (0..5).map(member).collect();
        for backend in cpus() {
            let together = fit(&model, &training, Loss::CrossEntropy, &table, &members, &backend);
            for (i, own) in members.iter().enumerate() {
                let alone = fit(&model, &training, Loss::CrossEntropy, &table, std::slice::from_ref(own), &backend);
                assert_same(&alone, &together[i..=i], &format!("{name}, member {i} on {}", backend.id()));
            }
            let threads = rayon::ThreadPoolBuilder::new().num_threads(3).build().expect("a pool");
            let again = threads.install(|| fit(&model, &training, Loss::CrossEntropy, &table, &members, &backend));
            assert_same(&again, &together, &format!("{name} on three threads"));
        }
    }
}

/// Two clouds that overlap, in 12 dimensions, and the share of fresh rows that a network tells right.
fn accuracy(precision: &str, seed: u64, backend: &Backend) -> f64 {
    let model = model(
        1,
        12,
        r#"{"kind": "dense", "units": 24, "activation": "relu"}, {"kind": "batch_norm"}, {"kind": "dense", "units": 2}"#,
    );
    let rows = 1600;
    let labels: Vec<u32> = (0..rows as u32).map(|i| i % 2).collect();
    let inputs: Vec<f32> = (0..rows * 12)
        .map(|i| noise(31, i) * 2.0 + if labels[i / 12] == 1 { 0.5 } else { -0.5 } * ((i % 12) as f32 / 6.0 - 1.0))
        .collect();
    let training = spec(&format!("epochs = 15\nbatch = 32\nrate = 0.01\nprecision = {precision:?}"));
    let data = Data { inputs: &inputs, targets: Targets::Labels(&labels) };
    let member = Member::new(seed, 0.01, (0..800).collect(), (800..1000).collect());
    let trained = try_fit(&model, &training, Loss::CrossEntropy, data, &[member], backend).expect("a training");
    let logits = predict(&model, &[trained[0].weights.clone()], &inputs[1000 * 12..], backend).expect("logits");
    let right = logits.chunks(2).zip(&labels[1000..]).filter(|(z, l)| u32::from(z[1] > z[0]) == **l).count();
    right as f64 / 600.0
}

#[test]
fn e8_it_learns_as_well_as_with_f32() {
    let mean = |precision: &str| (0..4).map(|seed| accuracy(precision, seed, &cpu())).sum::<f64>() / 4.0;
    let (full, half) = (mean("f32"), mean("f16"));
    println!("| accuracy | f32 {full:.4} | f16 {half:.4} |");
    // One standard deviation of a share of 600 rows is 0.017 here.
    assert!(full > 0.7 && (full - half).abs() < 0.02, "f32 {full}, f16 {half}");
}

#[test]
fn e8_inputs_beyond_f16_are_refused() {
    let model = bp(2);
    let mut table = Table::new(&model, 9);
    table.inputs[13] = 70_000.0;
    let training = spec("epochs = 1\nbatch = 3\nrate = 0.1\nprecision = \"f16\"");
    let member = Member::new(1, 0.1, (0..9).collect(), vec![]);
    let fit = |table: &Table, backend: &Backend| {
        let data = table.data(Loss::CrossEntropy);
        try_fit(&model, &training, Loss::CrossEntropy, data, std::slice::from_ref(&member), backend)
    };
    let error = fit(&table, &cpu()).expect_err("too large").to_string();
    assert!(
        error.contains("row 2 has the input 70000 at place 1: `precision = \"f16\"` holds at most 65504"),
        "{error}"
    );
}

/// The weights after some epochs with f16 storage, all parameters one after the other.
fn weights_after(model: &Model, training: &TrainSpec, table: &Table, backend: &Backend) -> Vec<f32> {
    let rows = table.inputs.len() / model.input().len();
    let members: Vec<Member> = (0..3).map(|seed| Member::new(seed, 0.01, (0..rows as u32).collect(), vec![])).collect();
    let data = table.data(Loss::CrossEntropy);
    let trained = try_fit(model, training, Loss::CrossEntropy, data, &members, backend).expect("a training");
    trained.iter().flat_map(|member| member.weights.values.concat()).collect()
}

#[test]
fn e8_a_gpu_trains_with_f16_storage_as_the_cpu_does() {
    let Some(gpu) = gpu() else { return };
    if matches!(&gpu, Backend::Gpu(gpu) if !gpu.traits().half) {
        return;
    }
    let training = spec("epochs = 3\nbatch = 16\nrate = 0.01\nprecision = \"f16\"");
    for model in [bp(3), cnn(3, "global_max_pool")] {
        let table = Table::new(&model, 48);
        let (ours, theirs) =
            (weights_after(&model, &training, &table, &gpu), weights_after(&model, &training, &table, &cpu()));
        let difference: f32 = ours.iter().zip(&theirs).map(|(a, b)| (a - b) * (a - b)).sum();
        let scale: f32 = theirs.iter().map(|b| b * b).sum();
        // Which values a device keeps as f16 differs, so the last bits of f16 do too.
        println!("| f16 training, gpu and cpu | {:.1e} |", difference / scale);
        assert!(difference / scale < 1e-4, "{difference} of {scale}");
    }
}
