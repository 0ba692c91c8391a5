//! Trained fleets in files (E14), and predictions by fleets that a device cannot hold at once (E4).

use std::path::Path;

use nightloom::artifact::tensors::{TensorData, TensorFile};
use nightloom::artifact::write_bytes;
use nightloom::model::{Model, ModelSpec, Precision, Sides, Weights, initial_weights};
use nightloom::train::{SavedFleet, predict};

use crate::support::{cnn, cpu, cpu_and_gpu, encoder, image_cnn, inputs, noise};

fn fleet() -> SavedFleet {
    fleet_of(&cnn(3, "global_max_pool"))
}

fn fleet_of(model: &Model) -> SavedFleet {
    SavedFleet {
        task: "test.waves".to_owned(),
        model: model.spec().clone(),
        names: ["甲", "乙", "third"].map(str::to_owned).to_vec(),
        members: (0..3).map(|seed| initial_weights(model, seed)).collect(),
        precision: Precision::F16,
        settings: serde_json::json!({"threshold": 0.25, "scale": [1.5, -2.0]}),
    }
}

#[test]
fn e14_a_saved_fleet_predicts_the_same_bits_after_it_was_loaded() {
    for model in [cnn(3, "global_max_pool"), image_cnn(3), encoder(3, "first_position")] {
        a_saved_fleet_predicts_the_same_bits(&fleet_of(&model));
    }
}

fn a_saved_fleet_predicts_the_same_bits(fleet: &SavedFleet) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("fleet.safetensors");
    write_bytes(&path, &fleet.to_bytes().expect("bytes")).expect("a file");
    let loaded = SavedFleet::load(&path).expect("a fleet");
    assert_eq!(loaded, *fleet);
    let model = Model::new(loaded.model.clone()).expect("a model");
    let rows = inputs(&model, 1, model.input().len() * 7);
    for backend in cpu_and_gpu() {
        let before = predict(&model, &fleet.members, &rows, &backend).expect("logits");
        let after = predict(&model, &loaded.members, &rows, &backend).expect("logits");
        assert_eq!(before.len(), 3 * 7 * 3);
        assert!(before.iter().zip(&after).all(|(a, b)| a.to_bits() == b.to_bits()));
        // A member beside others gives what it gives alone.
        let alone = predict(&model, &loaded.members[1..2], &rows, &backend).expect("logits");
        assert_eq!(alone, before[21..42]);
    }
}

#[test]
fn e14_specs_of_sequences_read_as_before_there_were_images() {
    let old = r#"{"input":{"length":8,"channels":2},"layers":[{"kind":"max_pool","window":2,"stride":0}]}"#;
    let spec: ModelSpec = serde_json::from_str(old).expect("a spec without heights");
    assert_eq!((spec.input.height, spec.input.length), (1, 8));
    assert_eq!(serde_json::to_string(&spec).expect("JSON"), old, "and they are written as before");
    let pair = r#"{"input":{"height":4,"length":8,"channels":2},"layers":[{"kind":"max_pool","window":[2,3],"stride":[1,0]}]}"#;
    let spec: ModelSpec = serde_json::from_str(pair).expect("a spec of images");
    let [nightloom::model::LayerSpec::MaxPool { window, .. }] = spec.layers[..] else { panic!("{spec:?}") };
    assert_eq!((spec.input.height, window), (4, Sides::Both([2, 3])));
    assert_eq!(serde_json::to_string(&spec).expect("JSON"), pair);
}

#[test]
fn e14_tokens_outside_of_the_vocabulary_are_not_predicted() {
    let model = encoder(3, "first_position");
    let weights = [initial_weights(&model, 1)];
    let mut rows = inputs(&model, 1, model.input().len() * 1030);
    rows[5 * 1027 + 3] = 11.0;
    let error = predict(&model, &weights, &rows, &cpu()).expect_err("no token").to_string();
    assert!(error.ends_with("row 1027 has the input 11 in column 3, expected a whole number from 0 to 10"), "{error}");
}

#[test]
fn e14_predictions_do_not_depend_on_the_batches() {
    let fleet = fleet();
    let model = nightloom::model::Model::new(fleet.model.clone()).expect("a model");
    let rows: Vec<f32> = (0..24 * 1030).map(|i| noise(1, i)).collect();
    // More rows than a batch holds: the second one is not full.
    let all = predict(&model, &fleet.members[..2], &rows, &cpu()).expect("logits");
    assert_eq!(all.len(), 2 * 1030 * 3);
    let last = predict(&model, &fleet.members[..2], &rows[24 * 1020..], &cpu()).expect("logits");
    assert_eq!(last[..30], all[1020 * 3..1030 * 3]);
    assert_eq!(last[30..], all[2050 * 3..]);
    assert_eq!(predict(&model, &fleet.members, &[], &cpu()).expect("no rows"), Vec::<f32>::new());
    let error = predict(&model, &fleet.members, &rows[..25], &cpu()).expect_err("a row and a bit").to_string();
    assert!(error.contains("expected whole rows of 24 values, found 25"), "{error}");
    let error = predict(&model, &[], &rows[..24], &cpu()).expect_err("nobody").to_string();
    assert!(error.contains("expected at least one member"), "{error}");
}

#[test]
fn e14_wrong_files_are_clear_errors() {
    let good = fleet().to_bytes().expect("bytes");
    let path = Path::new("folder/fleet.safetensors");
    let says = |bytes: &[u8], expected: &str| {
        let error = SavedFleet::from_bytes(bytes, path).expect_err(expected).to_string();
        assert!(error.starts_with("folder/fleet.safetensors: ") && error.contains(expected), "{error}");
        println!("{error}");
    };
    for length in [0, 4, 60, good.len() / 2, good.len() - 1] {
        says(&good[..length], "");
    }
    says(b"product,week,qty\n1,1,3\n1,2,4\n", "");
    let mut bare = TensorFile::new();
    bare.insert("weights", &[2], TensorData::F32(vec![1.0, 2.0])).expect("a tensor");
    says(&bare.to_bytes().expect("bytes"), "expected the text `nightloom` in the header");
    bare.set_text("nightloom", "{}");
    says(&bare.to_bytes().expect("bytes"), "expected a model that nightloom wrote");
    let header = |change: &dyn Fn(&mut serde_json::Value)| {
        let mut file = TensorFile::from_bytes(&good, path).expect("a file");
        let mut text: serde_json::Value =
            serde_json::from_str(file.text("nightloom").expect("a header")).expect("JSON");
        change(&mut text);
        file.set_text("nightloom", text.to_string());
        file.to_bytes().expect("bytes")
    };
    says(&header(&|h| h["format"] = 2.into()), "expected format 1, found 2");
    says(&header(&|h| h["names"] = serde_json::json!(["one"])), "expected shape [1, 3, 2, 4], found [3, 3, 2, 4]");
    let units = |h: &mut serde_json::Value| h["model"]["layers"][8]["units"] = 5.into();
    says(&header(&units), "tensor `layers.8.dense.weight`: expected shape [3, 6, 5], found [3, 6, 3]");
    let error = SavedFleet::load(Path::new("/nowhere/fleet.safetensors")).expect_err("no file").to_string();
    assert!(error.starts_with("cannot read /nowhere/fleet.safetensors: "), "{error}");
}

#[test]
fn e14_a_fleet_that_is_none_is_not_saved() {
    let mut few = fleet();
    few.names.pop();
    let error = few.to_bytes().expect_err("too few names").to_string();
    assert!(error.contains("3 members have 2 names"), "{error}");
    let mut wrong = fleet();
    wrong.members[2] = Weights::default();
    wrong.to_bytes().expect_err("no weights");
    let mut broken = fleet();
    broken.members[0].values[0][3] = f32::NAN;
    let error = broken.to_bytes().expect_err("not a number").to_string();
    assert!(error.contains("`layers.0.conv1d.weight` holds NaN at place 3"), "{error}");
}
