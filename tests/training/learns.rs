//! It learns, on the CPU and on the GPU, and both agree.

use nightloom::backend::Backend;
use nightloom::model::{Loss, Model, Weights};
use nightloom::train::{Data, Member, Targets, predict};

use crate::support::{Table, bp, cnn, cpu, cpu_and_gpu, encoder, fit, gpu, image_cnn, model, noise, spec, try_fit};

#[test]
fn e13_a_bp_network_learns_the_exclusive_or() {
    let model = model(1, 2, r#"{"kind": "dense", "units": 8, "activation": "tanh"}, {"kind": "dense", "units": 1}"#);
    let data =
        Data { inputs: &[0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0], targets: Targets::Values(&[0.0, 1.0, 1.0, 0.0]) };
    let training = spec("epochs = 150\nbatch = 4\nrate = 0.05");
    let all: Vec<Member> = (0..3).map(|seed| Member::new(seed, 0.1, vec![0, 1, 2, 3], vec![])).collect();
    for backend in cpu_and_gpu() {
        let trained = try_fit(&model, &training, Loss::BinaryCrossEntropy, data, &all, &backend).expect("a training");
        for (seed, member) in trained.iter().enumerate() {
            let last = member.losses.last().expect("epochs").0;
            assert!(last < 0.05, "seed {seed} on {}: loss {last} after {} epochs", backend.id(), member.losses.len());
            let logits = predict(&model, std::slice::from_ref(&member.weights), data.inputs, &backend).expect("logits");
            let answers: Vec<bool> = logits.iter().map(|&z| z > 0.0).collect();
            assert_eq!(answers, [false, true, true, false], "seed {seed} on {}: {logits:?}", backend.id());
        }
    }
}

/// Waves of two lengths, shifted and noisy: [rows, 16], with their classes.
fn waves(rows: usize, seed: u32) -> (Vec<f32>, Vec<u32>) {
    let labels: Vec<u32> = (0..rows as u32).map(|i| i % 2).collect();
    let value = |i: usize| {
        let (row, t) = (i / 16, i % 16);
        let period = if labels[row] == 0 { 8.0 } else { 5.0 };
        (t as f32 / period * std::f32::consts::TAU + noise(seed, row) * 3.2).sin() + 0.25 * noise(seed + 1, i)
    };
    ((0..rows * 16).map(value).collect(), labels)
}

#[test]
fn e13_a_convolutional_network_tells_waves_apart() {
    let layers = r#"{"kind": "conv1d", "channels": 8, "kernel": 5, "activation": "relu"}, {"kind": "batch_norm"},
        {"kind": "max_pool", "window": 2}, {"kind": "conv1d", "channels": 8, "kernel": 3, "activation": "relu"},
        {"kind": "global_average_pool"}, {"kind": "dense", "units": 2}"#;
    let model = model(16, 1, layers);
    let (inputs, labels) = waves(160, 5);
    let (fresh, truth) = waves(200, 50);
    let training = spec("epochs = 12\nbatch = 16\nrate = 0.01");
    let member = Member::new(1, 0.01, (0..128).collect(), (128..160).collect());
    let data = Data { inputs: &inputs, targets: Targets::Labels(&labels) };
    for backend in cpu_and_gpu() {
        let trained = try_fit(&model, &training, Loss::CrossEntropy, data, std::slice::from_ref(&member), &backend);
        let weights = trained.expect("a training").remove(0).weights;
        let logits = predict(&model, &[weights], &fresh, &backend).expect("logits");
        let right = logits.chunks(2).zip(&truth).filter(|(z, t)| u32::from(z[1] > z[0]) == **t).count();
        let accuracy = right as f64 / truth.len() as f64;
        println!("| {} | waves | {accuracy} |", backend.id());
        assert!(accuracy > 0.95, "{} of fresh waves are told on {}", accuracy, backend.id());
    }
}

/// The share of fresh rows that a network tells right after a training on the others.
fn accuracy(model: &Model, training: &str, rows: &(Vec<f32>, Vec<u32>), fresh: &(Vec<f32>, Vec<u32>)) -> f64 {
    let training = spec(training);
    let count = rows.1.len() as u32;
    let member = Member::new(1, training.rate, (0..count / 5 * 4).collect(), (count / 5 * 4..count).collect());
    let data = Data { inputs: &rows.0, targets: Targets::Labels(&rows.1) };
    let trained = try_fit(model, &training, Loss::CrossEntropy, data, &[member], &cpu()).expect("a training").remove(0);
    let logits = predict(model, &[trained.weights], &fresh.0, &cpu()).expect("logits");
    let right = logits.chunks(2).zip(&fresh.1).filter(|(z, t)| u32::from(z[1] > z[0]) == **t).count();
    right as f64 / fresh.1.len() as f64
}

/// Noisy stripes, shifted, along an image's rows or down its columns: [rows, 8, 8], with their direction.
fn stripes(rows: usize, seed: u32) -> (Vec<f32>, Vec<u32>) {
    let labels: Vec<u32> = (0..rows as u32).map(|i| i % 2).collect();
    let value = |i: usize| {
        let (row, y, x) = (i / 64, i / 8 % 8, i % 8);
        let along = if labels[row] == 0 { y } else { x };
        (along as f32 * 1.6 + noise(seed, row) * 3.2).sin() + 0.4 * noise(seed + 1, i)
    };
    ((0..rows * 64).map(value).collect(), labels)
}

#[test]
fn e13_a_network_on_images_tells_rows_from_columns() {
    let layers = r#"{"kind": "conv2d", "channels": 6, "kernel": 3, "activation": "relu"},
        {"kind": "max_pool", "window": 2}, {"kind": "conv2d", "channels": 6, "kernel": 3, "activation": "relu"},
        {"kind": "global_average_pool"}, {"kind": "dense", "units": 2}"#;
    let model = crate::support::image_model(8, 8, 1, layers);
    let found = accuracy(&model, "epochs = 12\nbatch = 16\nrate = 0.01", &stripes(200, 5), &stripes(200, 50));
    assert!(found > 0.95, "{found} of fresh stripes are told");
}

/// Five of eight tokens behind a first one, and whether it comes again: no read-out of each token by itself can tell.
fn repeats(rows: usize, seed: u32) -> (Vec<f32>, Vec<u32>) {
    let tokens: Vec<f32> = (0..rows * 6).map(|i| ((noise(seed, i) + 1.0) * 3.99).floor()).collect();
    let labels = tokens.chunks(6).map(|row| u32::from(row[1..].contains(&row[0]))).collect();
    (tokens, labels)
}

#[test]
fn e13_an_encoder_learns_whether_the_first_token_comes_again() {
    let layers = r#"{"kind": "embedding", "vocabulary": 8, "channels": 16}, {"kind": "position"},
        {"kind": "encoder", "heads": 2, "feed_forward": 32}, {"kind": "encoder", "heads": 2, "feed_forward": 32},
        {"kind": "layer_norm"}, {"kind": "first_position"}, {"kind": "dense", "units": 2}"#;
    let training = "epochs = 30\nbatch = 32\nrate = 0.005\nschedule = { kind = \"cosine\", warmup_epochs = 2.0 }";
    let found = accuracy(&model(6, 1, layers), training, &repeats(1000, 5), &repeats(300, 50));
    assert!(found > 0.95, "{found} of fresh sequences are told");
}

/// The root of the mean squared difference, relative to the root mean square.
fn apart(a: &Weights, b: &Weights) -> f64 {
    let pairs =
        || a.values.iter().flatten().zip(b.values.iter().flatten()).map(|(a, b)| (f64::from(*a), f64::from(*b)));
    let difference: f64 = pairs().map(|(a, b)| (a - b).powi(2)).sum();
    let size: f64 = pairs().map(|(_, b)| b * b).sum();
    (difference / size).sqrt()
}

fn agree(model: &Model, optimizer: &str, other: &Backend) -> f64 {
    let table = Table::new(model, 32);
    let training = spec(&format!("epochs = 3\nbatch = 8\nrate = 0.01\n{optimizer}"));
    let member = Member::new(8, 0.01, (0..32).collect(), (0..16).collect());
    let run =
        |backend| fit(model, &training, Loss::CrossEntropy, &table, std::slice::from_ref(&member), backend).remove(0);
    let (here, there) = (run(&cpu()), run(other));
    for ((a, _), (b, _)) in here.losses.iter().zip(&there.losses) {
        assert!((a - b).abs() < 1e-4, "losses {a} and {b} on {}", other.id());
    }
    apart(&here.weights, &there.weights)
}

#[test]
fn e2_the_cpu_and_the_gpu_agree_after_twelve_steps() {
    let Some(gpu) = gpu() else { return };
    let image = ("images", image_cnn(3));
    let encoder = ("encoder", encoder(3, "global_average_pool"));
    for (name, model) in [("bp", bp(3)), ("cnn", cnn(3, "global_max_pool")), image, encoder] {
        // Gradient descent passes differences in rounding on as they are: 12 steps of some 1e-7.
        let sgd = agree(&model, r#"optimizer = { kind = "sgd", momentum = 0.9 }"#, &gpu);
        // Adam divides by the gradient's own size, so that a gradient of pure rounding noise moves a weight as far as
        // any other (a bias in front of batch norm): by 12 steps of 0.01 beside weights of 0.3 at the very most.
        let adam = agree(&model, r#"optimizer = { kind = "adam" }"#, &gpu);
        println!("| {name} | sgd {sgd:.1e} | adam {adam:.1e} |");
        assert!(sgd < 1e-5, "{name}: weights are {sgd} apart under gradient descent");
        assert!(adam < 1e-2, "{name}: weights are {adam} apart under Adam");
    }
}
