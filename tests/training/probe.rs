//! Associations of a trained network, recomputed from its saved weights (I4), and losses of read-outs.

use nightloom::model::{Loss, Model, Weights, initial_weights};
use nightloom::train::{Data, Member, Predictor, Targets};

use crate::naive::{Pairs, Pass, probe};
use crate::support::{Table, cpu, cpu_and_gpu, cpus, fit, gpu, inputs, model, read_outs, spec, try_fit};

/// A network whose outputs are the positions and contexts themselves.
fn bare() -> Model {
    let layers = r#"{"kind": "towers", "columns": [3, 4, 2], "units": 12, "activation": "tanh"},
        {"kind": "encoder", "heads": 2, "feed_forward": 5}, {"kind": "encoder", "heads": 3, "feed_forward": 6},
        {"kind": "associations"}"#;
    model(1, 10, layers)
}

/// Queries and keys large enough for the attention to choose.
fn pronounced(model: &Model, seed: u64) -> Weights {
    let mut weights = initial_weights(model, seed);
    for (param, values) in model.params().iter().zip(&mut weights.values) {
        let scale = if param.name.ends_with("qkv.weight") { 2.0 } else { 1.0 };
        for v in values {
            *v *= scale;
        }
    }
    weights
}

fn doubles(values: &[f32]) -> Vec<f64> {
    values.iter().map(|&v| f64::from(v)).collect()
}

fn close(found: &[f32], expected: &[f64], what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    for (i, (found, expected)) in found.iter().zip(expected).enumerate() {
        let off = (f64::from(*found) - expected).abs();
        assert!(off <= 1e-5 * expected.abs().max(1.0), "{what}: {i} is {found}, expected {expected}");
    }
}

#[test]
fn i4_associations_agree_with_q_k_and_v_recomputed_from_the_saved_weights() {
    let model = bare();
    let shape = model.associations().expect("associations");
    assert_eq!((shape.heads, shape.positions, shape.len()), (3, 3, 27));
    let members: Vec<Weights> = (1..4).map(|seed| pronounced(&model, seed)).collect();
    let (rows, width, outputs) = (11, 10, model.output().len());
    let table = inputs(&model, 7, rows * width);
    let values: Vec<Vec<f64>> = table.chunks(width).map(doubles).collect();
    for backend in cpus().chain(gpu()) {
        // Batches of 4: the last one is not full.
        let found = Predictor::new(&model, &members, 4, &backend).expect("a plan").probe(&table).expect("a probe");
        assert_eq!(found.weights.len(), 3 * rows * shape.len());
        let mut farthest = 0.0_f32;
        for (m, weights) in members.iter().enumerate() {
            let params: Vec<Vec<f64>> = weights.values.iter().map(|v| doubles(v)).collect();
            let (expected, pairs): (_, Vec<Pairs>) = probe(&model, &params, &values, Pass::Evaluate);
            for (r, pairs) in pairs.iter().enumerate() {
                let what = format!("{}: member {m}, row {r}", backend.id());
                let of_row = &found.weights[(m * rows + r) * shape.len()..][..shape.len()];
                close(of_row, &pairs.weights, &what);
                for line in of_row.chunks(shape.positions) {
                    assert!((line.iter().sum::<f32>() - 1.0).abs() <= 1e-5, "{what}: {line:?}");
                    farthest = line.iter().map(|w| (w - 1.0 / 3.0).abs()).fold(farthest, f32::max);
                }
                let own = &found.outputs[(m * rows + r) * outputs..][..outputs];
                close(own, &expected[r], &what);
                close(&own[shape.positions * 12..], &pairs.contexts, &what);
            }
        }
        assert!(farthest > 0.2, "{}: the attention chooses nothing, {farthest}", backend.id());
    }
}

#[test]
fn i4_a_members_associations_do_not_depend_on_the_others() {
    let model = bare();
    let members: Vec<Weights> = (1..6).map(|seed| pronounced(&model, seed)).collect();
    let table = inputs(&model, 8, 9 * 10);
    for backend in cpu_and_gpu() {
        let probed = |members: &[Weights]| {
            Predictor::new(&model, members, 9, &backend).expect("a plan").probe(&table).expect("a probe")
        };
        let together = probed(&members);
        for (m, member) in members.iter().enumerate() {
            let alone = probed(std::slice::from_ref(member));
            let (outputs, weights) = (alone.outputs.len(), alone.weights.len());
            assert!(together.outputs[m * outputs..][..outputs] == alone.outputs, "{} {m}", backend.id());
            assert!(together.weights[m * weights..][..weights] == alone.weights, "{} {m}", backend.id());
        }
    }
    let plain = model_without();
    let refused = Predictor::new(&plain, &[initial_weights(&plain, 1)], 1, &cpu()).expect("a plan").probe(&[0.0; 3]);
    let error = refused.expect_err("no associations").to_string();
    assert!(error.contains("expected a model with an associations layer"), "{error}");
}

fn model_without() -> Model {
    model(1, 3, r#"{"kind": "dense", "units": 2}"#)
}

#[test]
fn i3_towers_learn_what_only_one_of_them_sees_and_the_skip_carries_the_prior() {
    let model = read_outs(3);
    let mut table = Table::new(&model, 240);
    for (row, label) in table.inputs.chunks_mut(10).zip(&mut table.labels) {
        // The class is the largest of the first tower's columns.
        *label = (1..3).fold(0, |best, i| if row[i] > row[best] { i } else { best }) as u32;
        row[7..].fill(0.0);
    }
    let member = Member::new(3, 0.01, (0..200).collect(), (200..240).collect());
    let training = spec("epochs = 60\nbatch = 20\nrate = 0.01");
    let loss = Loss::ReadOuts { auxiliary: 0.3 };
    let found = fit(&model, &training, loss, &table, &[member], &cpu()).remove(0);
    let weights = found.weights;
    let mut predictor = Predictor::new(&model, &[weights], 40, &cpu()).expect("a plan");
    let held_out = &table.inputs[200 * 10..];
    let probed = predictor.probe(held_out).expect("a probe");
    for position in 0..4 {
        let right = (0..40).filter(|&r| {
            let z = &probed.outputs[(r * 4 + position) * 3..][..3];
            let own = (1..3).fold(0, |best, i| if z[i] > z[best] { i } else { best });
            own as u32 == table.labels[200 + r]
        });
        // The pair of usage and user (the last) attends to the history in the first block only.
        let least = if position == 3 { 24 } else { 34 };
        let right = right.count();
        assert!(right >= least, "read-out {position} is right for {right} of 40");
    }
    // A prior is added to every read-out as it is.
    let mut shifted = held_out.to_vec();
    shifted.chunks_mut(10).for_each(|row| row[8] = 2.5);
    let moved = predictor.all_members(&shifted).expect("a prediction");
    for (i, (moved, before)) in moved.iter().zip(&probed.outputs).enumerate() {
        let expected = before + if i % 3 == 1 { 2.5 } else { 0.0 };
        assert!((moved - expected).abs() < 1e-5, "output {i} is {moved}, expected {expected}");
    }
}

#[test]
fn i3_a_loss_of_read_outs_needs_several_positions_a_weight_and_labels_among_the_classes() {
    let (read_outs, plain) = (read_outs(3), model_without());
    let training = spec("epochs = 1\nbatch = 4\nrate = 0.01");
    let member = Member::new(1, 0.01, (0..4).collect(), vec![]);
    let loss = |auxiliary| Loss::ReadOuts { auxiliary };
    let cases: [(&Model, f32, u32, &str); 4] = [
        (&plain, 0.5, 1, "read_outs needs a model whose output has several positions, found 1"),
        (&read_outs, -1.0, 1, "auxiliary must be at least 0, found -1"),
        (&read_outs, f32::NAN, 1, "auxiliary must be at least 0, found NaN"),
        (&read_outs, 0.5, 3, "row 0 has class 3, the model has 3 classes"),
    ];
    for (model, auxiliary, label, expected) in cases {
        let table = vec![0.5; 4 * model.input().len()];
        let data = Data { inputs: &table, targets: Targets::Labels(&[label; 4]) };
        let refused = try_fit(model, &training, loss(auxiliary), data, std::slice::from_ref(&member), &cpu());
        let error = refused.expect_err(expected).to_string();
        assert!(error.contains(expected), "{error}");
    }
    let values = vec![0.5; 4 * 12];
    let table = vec![0.5; 4 * 10];
    let data = Data { inputs: &table, targets: Targets::Values(&values) };
    try_fit(&read_outs, &training, loss(0.5), data, &[member], &cpu()).expect_err("values");
    let named: Loss = serde_json::from_str(r#"{"read_outs": {"auxiliary": 0.25}}"#).expect("a loss");
    assert_eq!(named, loss(0.25));
    assert_eq!(serde_json::from_str::<Loss>(r#""cross_entropy""#).expect("a loss"), Loss::CrossEntropy);
}
