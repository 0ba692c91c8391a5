use std::path::Path;

use super::{Network, TextModel, TextSpec};
use crate::backend::Backend;
use crate::replies::RepliesError;
use crate::replies::emotion::{Grams, Lexicon, Unit};
use crate::train::Control;

fn spec() -> TextSpec {
    TextSpec {
        grams: Grams { unit: Unit::Words, longest: 1, texts_min: 1 },
        network: Network { length: 8, vocabulary: 100, channels: 16, heads: 2, feed_forward: 32, dropout: 0.0 },
        members: 2,
        epochs: 40,
        batch: 32,
        rate: 5e-3,
        weight_decay: 0.0,
        linear_cost: 1.0,
        balance: 0.0,
        seed: 3,
    }
}

#[test]
fn i8_only_the_unit_must_be_said() {
    let given = |text: &str| serde_json::from_str::<TextSpec>(text);
    let found = given(r#"{ "grams": { "unit": "words" }, "epochs": 9, "network": { "heads": 4 } }"#).expect("a spec");
    let (network, longest) = (found.network, found.grams.longest);
    assert_eq!((found.epochs, found.members, longest, network.heads, network.channels), (9, 3, 2, 4, 16));
    found.check(3).expect("the usual settings hold");
    let missing = given(r#"{ "grams": { "longest": 2 } }"#).expect_err("words and characters differ");
    assert!(missing.to_string().contains("unit"), "{missing}");
}

fn train(
    texts: &[String],
    labels: &[u32],
    spec: &TextSpec,
    lexicon: Option<Lexicon>,
) -> Result<TextModel, RepliesError> {
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let mut quiet = |_: &crate::train::EpochReport| {};
    let mut control = Control { on_epoch: &mut quiet, stop: &|| false, checkpoint: None };
    TextModel::train(&texts, labels, spec, lexicon, &Backend::cpu().expect("a CPU"), &mut control)
}

/// Whether a and b stand together or neither does: no sum of words' weights can say that.
fn together() -> (Vec<String>, Vec<u32>) {
    let mut texts = vec![];
    let mut labels = vec![];
    for i in 0..256 {
        let (a, b) = (i % 2 == 1, i / 2 % 2 == 1);
        let mut words: Vec<String> = (0..3).map(|k| format!("w{}", (i * 7 + k * 5) % 11)).collect();
        words.push(if a { "big" } else { "small" }.to_owned());
        words.push(if b { "price" } else { "noise" }.to_owned());
        texts.push(words.join(" "));
        labels.push(u32::from(a == b));
    }
    (texts, labels)
}

fn right(model: &TextModel, texts: &[String], labels: &[u32]) -> f64 {
    let all = model.probabilities(texts, &Backend::cpu().expect("a CPU")).expect("probabilities");
    let right = all.chunks(2).zip(labels).filter(|(p, label)| u32::from(p[1] > p[0]) == **label).count();
    right as f64 / texts.len() as f64
}

#[test]
fn i10_attention_learns_what_no_word_list_can_say() {
    let (texts, labels) = together();
    let model = train(&texts[..192], &labels[..192], &spec(), None).expect("a model");
    let found = right(&model, &texts[192..], &labels[192..]);
    assert!(found > 0.95, "{found}");
    let weak = TextSpec { epochs: 1, rate: 1e-7, ..spec() };
    let linear = train(&texts[..192], &labels[..192], &weak, None).expect("a model");
    let found = right(&linear, &texts[192..], &labels[192..]);
    assert!(found < 0.7, "the linear start alone must not know it: {found}");
}

#[test]
fn i10_a_text_model_comes_back_from_its_file_and_trains_to_the_same_bytes() {
    let (texts, labels) = together();
    let spec = TextSpec { epochs: 2, network: Network { length: 32, ..spec().network }, ..spec() };
    let lexicon = Lexicon::parse(Path::new("l"), b"big\t2\nnoise\t-1\n").expect("a lexicon");
    let model = train(&texts, &labels, &spec, Some(lexicon.clone())).expect("a model");
    let bytes = model.to_bytes().expect("bytes");
    let again = train(&texts, &labels, &spec, Some(lexicon)).expect("a model").to_bytes().expect("bytes");
    assert!(bytes == again, "the same bytes every time");
    let loaded = TextModel::from_bytes(&bytes, Path::new("m.safetensors")).expect("a model");
    assert_eq!(loaded, model);
    let backend = Backend::cpu().expect("a CPU");
    let odd = ["", "BIG!!", "😀 كبير", &"big noise ".repeat(100_000)];
    let (first, second) = (model.probabilities(&odd, &backend), loaded.probabilities(&odd, &backend));
    let (first, second) = (first.expect("probabilities"), second.expect("probabilities"));
    assert_eq!(first, second);
    assert!(first.chunks(2).all(|p| (p[0] + p[1] - 1.0).abs() < 1e-6), "{first:?}");
    assert_ne!(first[2..4], first[4..6]);
    assert!(model.probabilities::<&str>(&[], &backend).expect("nothing").is_empty());
    let error = TextModel::from_bytes(&bytes[..bytes.len() / 2], Path::new("m.safetensors")).expect_err("cut off");
    assert!(error.to_string().contains("m.safetensors"), "{error}");
}

#[test]
fn i10_texts_and_settings_that_make_no_model_are_refused() {
    let texts: Vec<String> = ["a", "b", "a b"].map(str::to_owned).to_vec();
    let few = TextSpec { grams: Grams { texts_min: 9, ..spec().grams }, ..spec() };
    let narrow = TextSpec { network: Network { channels: 1, ..spec().network }, ..spec() };
    for (labels, spec, words) in [
        (&[0, 1][..], spec(), "3 texts and 2 classes"),
        (&[0, 0, 0], spec(), "expected 2 classes or more"),
        (&[0, 2, 2], spec(), "class 1 of 3 has no text"),
        (&[0, 1, 1], few, "`texts_min` leaves no n-gram of the 3 texts"),
        (&[0, 1, 1], narrow, "`channels` must lie in 2 to 1024, found 1"),
        (&[0, 1, 1], TextSpec { linear_cost: 0.0, ..spec() }, "`linear_cost` must be above 0"),
        (&[0, 1, 1], TextSpec { balance: 1.5, ..spec() }, "`balance` must lie in 0 to 1"),
    ] {
        let error = train(&texts, labels, &spec, None).expect_err(words).to_string();
        assert!(error.contains(words), "{error}");
    }
    let lexicon = Lexicon::parse(Path::new("l"), b"a\t2\nb\t-1\n").expect("a lexicon");
    let texts: Vec<String> = texts.into_iter().cycle().take(9).collect();
    let error =
        train(&texts, &[0, 1, 1, 0, 1, 1, 0, 1, 1], &spec(), Some(lexicon)).expect_err("8 positions").to_string();
    assert!(
        error.contains("`length` must be above") && error.contains("which the lexicon's scores take, found 8"),
        "{error}"
    );
}

#[test]
fn i10_training_starts_from_the_linear_model() {
    // Words that say the class alone, and others: the start knows them without a step.
    let texts: Vec<String> =
        (0..60).map(|i| format!("w{} w{} {}", i % 7, i % 5, ["good", "bad", "so"][i % 3])).collect();
    let labels: Vec<u32> = (0..60).map(|i| i % 3).collect();
    let spec = TextSpec { epochs: 1, rate: 1e-9, members: 1, linear_cost: 100.0, ..spec() };
    let model = train(&texts, &labels, &spec, None).expect("a model");
    let all = model.probabilities(&texts, &Backend::cpu().expect("a CPU")).expect("probabilities");
    for (shares, &label) in all.chunks(3).zip(&labels) {
        assert!(shares[label as usize] > 0.9, "{shares:?} of {label}");
    }
}
