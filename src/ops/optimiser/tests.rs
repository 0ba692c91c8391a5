//! Against numbers made by `tests/golden/optimiser.py` from PyTorch's documented algorithms.

use serde::Deserialize;

use super::{Adam, AdamSpec, Sgd, SgdSpec};
use crate::backend::Backend;
use crate::ops::testing::{backends, bits, floats, run_boxed};
use crate::ops::{Kernel, schedule};

#[derive(Deserialize)]
struct Golden {
    start: Vec<f32>,
    gradients: Vec<Vec<f32>>,
    rates: Vec<f32>,
    cases: Vec<GoldenCase>,
}

#[derive(Deserialize)]
struct GoldenCase {
    #[serde(flatten)]
    rule: Rule,
    weight_decay: f64,
    clip: Option<f64>,
    expected: Expected,
}

#[derive(Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Rule {
    Adam { beta1: f64, beta2: f64, epsilon: f64 },
    Sgd { momentum: f64, nesterov: bool },
}

#[derive(Deserialize)]
struct Expected {
    p: Vec<f64>,
    m: Vec<f64>,
    v: Option<Vec<f64>>,
}

fn golden() -> Golden {
    serde_json::from_str(include_str!("../../../tests/golden/optimiser.json")).expect("the golden file is as written")
}

impl GoldenCase {
    fn kernel(&self, len: usize, steps: usize) -> Box<dyn Kernel> {
        let Self { weight_decay, clip, .. } = *self;
        match self.rule {
            Rule::Adam { beta1, beta2, epsilon } => {
                let spec = AdamSpec { beta1, beta2, epsilon, weight_decay, clip, ..AdamSpec::usual(1, len, steps) };
                Box::new(Adam::new(spec).expect("right constants"))
            }
            Rule::Sgd { momentum, nesterov } => {
                let spec = SgdSpec { fleet: 1, len, steps, momentum, nesterov, weight_decay, clip, scaled: false };
                Box::new(Sgd::new(spec).expect("right constants"))
            }
        }
    }

    /// The schedule that a training loop would write.
    fn schedule(&self, rates: &[f32]) -> Vec<u32> {
        let mut table = vec![0.0; rates.len() * schedule::WIDTH];
        for (t, (row, rate)) in table.chunks_exact_mut(schedule::WIDTH).zip(rates).enumerate() {
            row[schedule::RATE] = *rate;
            row[schedule::ACTIVE] = 1.0;
            if let Rule::Adam { beta1, beta2, .. } = self.rule {
                row[schedule::CORRECTION_1] = (1.0 / (1.0 - beta1.powi(t as i32 + 1))) as f32;
                row[schedule::CORRECTION_2] = (1.0 / (1.0 - beta2.powi(t as i32 + 1))) as f32;
            }
        }
        bits(&table)
    }

    /// All steps; returns the arguments as they are in the end.
    fn trained(&self, golden: &Golden, backend: &Backend) -> Vec<Vec<u32>> {
        let kernel = self.kernel(golden.start.len(), golden.rates.len());
        let mut content: Vec<Vec<u32>> = kernel.args().iter().map(|arg| vec![0; arg.len]).collect();
        let place = |name| kernel.args().iter().position(|arg| arg.name == name);
        content[0] = bits(&golden.start);
        content[place("schedule").expect("an argument")] = self.schedule(&golden.rates);
        for (step, gradient) in golden.gradients.iter().enumerate() {
            content[1] = bits(gradient);
            if let Some(norm) = place("norm") {
                content[norm] = bits(&[gradient.iter().map(|g| g * g).sum()]);
            }
            content = run_boxed(kernel.boxed(), backend, step as u32, &content);
        }
        content
    }
}

fn assert_near(found: &[u32], expected: &[f64], what: &str) {
    for (found, expected) in floats(found).iter().zip(expected) {
        let difference = (f64::from(*found) - expected).abs();
        assert!(difference <= 2e-6 * expected.abs().max(1e-3), "{what}: found {found}, expected {expected}");
    }
}

#[test]
fn e7_optimisers_take_the_steps_that_pytorch_documents() {
    let golden = golden();
    for (i, case) in golden.cases.iter().enumerate() {
        for backend in backends() {
            let ours = case.trained(&golden, &backend);
            let what = |name| format!("case {i}, `{name}`, {}", backend.id());
            assert_near(&ours[0], &case.expected.p, &what("p"));
            assert_near(&ours[2], &case.expected.m, &what("m"));
            if let Some(v) = &case.expected.v {
                assert_near(&ours[3], v, &what("v"));
            }
        }
    }
}

#[test]
fn e13_a_step_not_taken_changes_no_bit() {
    let golden = golden();
    for case in &golden.cases {
        let kernel = case.kernel(3, 3);
        let mut content: Vec<Vec<u32>> = kernel.args().iter().map(|arg| vec![1.5_f32.to_bits(); arg.len]).collect();
        content[1].fill(f32::NAN.to_bits());
        let place = kernel.args().iter().position(|arg| arg.name == "schedule").expect("an argument");
        content[place] = bits(&schedule::sample(4));
        for backend in backends() {
            assert_eq!(run_boxed(kernel.boxed(), &backend, 2, &content), content, "{}", kernel.name());
            assert_ne!(run_boxed(kernel.boxed(), &backend, 1, &content), content, "{}", kernel.name());
        }
    }
}

#[test]
fn e13_constants_that_make_no_sense_are_refused() {
    let usual = AdamSpec::usual(1, 4, 1);
    let text = |spec| Adam::new(spec).expect_err("refused").to_string();
    assert!(text(AdamSpec { beta1: 1.0, ..usual }).contains("`beta1` is 1"));
    assert!(text(AdamSpec { beta2: f64::NAN, ..usual }).contains("`beta2` is NaN"));
    assert!(text(AdamSpec { epsilon: 0.0, ..usual }).contains("`epsilon` is 0"));
    assert!(text(AdamSpec { weight_decay: -0.1, ..usual }).contains("`weight_decay` is -0.1"));
    assert!(text(AdamSpec { clip: Some(0.0), ..usual }).contains("`clip` is 0"));
    assert!(text(AdamSpec { clip: Some(1.0), scaled: true, ..usual }).contains("expected none where"));
    let sgd = SgdSpec {
        fleet: 1,
        len: 4,
        steps: 1,
        momentum: 0.0,
        nesterov: true,
        weight_decay: 0.0,
        clip: None,
        scaled: false,
    };
    assert!(Sgd::new(sgd).expect_err("refused").to_string().contains("`nesterov`"));
}
