//! Whole networks against numbers that `tests/golden/torch_nets.py` made with PyTorch.

use nightloom::model::{Loss, Model, ModelSpec, Weights};
use nightloom::train::{Data, Member, Targets, predict};
use serde::Deserialize;

use crate::backends::backends;
use crate::support::{spec, try_fit};

#[derive(Deserialize)]
struct Golden {
    model: ModelSpec,
    inputs: Vec<f32>,
    weights: Vec<Vec<f32>>,
    outputs: Vec<f64>,
    targets: Vec<f32>,
    loss: f64,
    gradients: Vec<Vec<f64>>,
}

/// The largest distance over the largest value.
fn worst(found: impl Iterator<Item = f64>, expected: &[f64]) -> f64 {
    let largest = expected.iter().fold(0.0_f64, |m, e| m.max(e.abs()));
    found.zip(expected).map(|(f, e)| (f - e).abs()).fold(0.0, f64::max) / largest
}

fn check(text: &str, name: &str) {
    let golden: Golden = serde_json::from_str(text).expect("the golden file is as written");
    let model = Model::new(golden.model).expect("a right model");
    let rows = golden.inputs.len() / model.input().len();
    let weights = Weights { values: golden.weights };
    let all: Vec<u32> = (0..rows as u32).collect();
    let member = Member { start: Some(weights.clone()), ..Member::new(0, 1.0, all, vec![]) };
    let training = spec("epochs = 1\nbatch = 64\nrate = 1.0\noptimizer = { kind = \"sgd\", momentum = 0.0 }");
    let data = Data { inputs: &golden.inputs, targets: Targets::Values(&golden.targets) };
    for backend in backends() {
        let id = backend.id();
        let outputs = predict(&model, std::slice::from_ref(&weights), &golden.inputs, &backend).expect("outputs");
        assert_eq!(outputs.len(), golden.outputs.len());
        let off = worst(outputs.iter().map(|&o| f64::from(o)), &golden.outputs);
        assert!(off < 1e-5, "{name} on {id}: outputs are off by {off}");
        let trained = try_fit(&model, &training, Loss::MeanSquare, data, std::slice::from_ref(&member), &backend);
        let trained = trained.expect("the training succeeds").remove(0);
        let loss = f64::from(trained.losses[0].0);
        assert!((loss - golden.loss).abs() < 1e-5 * golden.loss, "{name} on {id}: loss {loss}");
        for ((param, gradient), (before, after)) in
            model.params().iter().zip(&golden.gradients).zip(weights.values.iter().zip(&trained.weights.values))
        {
            assert_eq!(gradient.len(), before.len(), "{}", param.name);
            let own = before.iter().zip(after).map(|(b, a)| f64::from(*b) - f64::from(*a));
            let off = worst(own, gradient);
            assert!(off < 1e-4, "{name} on {id}: the gradient of {} is off by {off}", param.name);
        }
    }
}

#[test]
fn e9_an_encoder_block_agrees_with_pytorch() {
    check(include_str!("../golden/encoder.json"), "encoder");
}

#[test]
fn e9_a_network_on_images_agrees_with_pytorch() {
    check(include_str!("../golden/conv2d.json"), "conv2d");
}
