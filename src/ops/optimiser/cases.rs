//! Shapes for agreement and benches.

use super::{Adam, AdamSpec, Sgd, SgdSpec};
use crate::ops::{Call, Case, Fill, schedule};

/// Norms on both sides of the clip.
const NORMS: [f32; 3] = [0.25, 9.0, 400.0];

fn filled(id: &'static str, call: Call) -> Case {
    Case::new(id)
        .call(call)
        .fill("v", Fill::Uniform(0.0, 2.0))
        .fill("norm", Fill::Values(NORMS.to_vec()))
        .fill("factor", Fill::Values(vec![1.0 / 32_768.0, 0.0, 1.0 / 4096.0]))
        .fill("schedule", Fill::Values(schedule::sample(8)))
}

fn adam(id: &'static str, spec: AdamSpec) -> Case {
    filled(id, Call::new(Adam::new(spec).expect("the case's shape is right")))
}

fn sgd(id: &'static str, spec: SgdSpec) -> Case {
    filled(id, Call::new(Sgd::new(spec).expect("the case's shape is right")))
}

pub(super) fn cases() -> Vec<Case> {
    let usual = |fleet, len| AdamSpec::usual(fleet, len, 3);
    let decayed = |fleet, len| AdamSpec { weight_decay: 0.05, clip: Some(2.0), ..usual(fleet, len) };
    let plain = |fleet, len| SgdSpec {
        fleet,
        len,
        steps: 3,
        momentum: 0.0,
        nesterov: false,
        weight_decay: 0.0,
        clip: None,
        scaled: false,
    };
    let heavy = |fleet, len| SgdSpec { momentum: 0.9, weight_decay: 0.01, clip: Some(2.0), ..plain(fleet, len) };
    vec![
        adam("adam_f1_1", usual(1, 1)),
        adam("adam_f3_1009_step1", usual(3, 1009)).at_step(1),
        adam("adam_f3_257_decay_clip", decayed(3, 257)),
        adam("adam_f3_257_decay_clip_step1", decayed(3, 257)).at_step(1),
        adam("adam_f2_61_step2_inactive", decayed(2, 61)).at_step(2),
        adam("adam_f1_200000_split", usual(1, 200_000)),
        adam("adam_f3_257_scaled", AdamSpec { scaled: true, clip: None, ..decayed(3, 257) }),
        sgd("sgd_f3_257_scaled", SgdSpec { scaled: true, clip: None, ..heavy(3, 257) }),
        sgd("sgd_f1_1", plain(1, 1)),
        sgd("sgd_f5_307_momentum_decay_clip", heavy(5, 307)),
        sgd("sgd_f5_307_nesterov_step1", SgdSpec { nesterov: true, ..heavy(5, 307) }).at_step(1),
        sgd("sgd_f2_61_step2_inactive", heavy(2, 61)).at_step(2),
        sgd("sgd_f1_300000_split", heavy(1, 300_000)),
        adam("adam_f1_1000000", usual(1, 1_000_000)).bench_only(),
        adam("adam_f1000_2000", usual(1000, 2000)).bench_only(),
        sgd("sgd_f1_1000000", heavy(1, 1_000_000)).bench_only(),
    ]
}
