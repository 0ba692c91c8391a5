//! Shapes for agreement and benches.

use super::{Judge, JudgeSpec, Round, RoundSpec, Scale, ScaleSpec};
use crate::ops::{Call, Case, Fill, schedule};

fn round(id: &'static str, fleet: usize, len: usize) -> Case {
    Case::new(id).call(Call::new(Round::new(RoundSpec { fleet, len }).expect("the case's shape is right")))
}

/// States of three members: the first, one that has grown, one that has been halved to the end.
const STATES: [f32; 9] = [0.0, 5.0, 0.0, 3.0, 199.0, 2.0, -29.0, 7.0, 40.0];

fn scale(id: &'static str, spec: ScaleSpec) -> Case {
    let kernel = Scale::new(spec).expect("the case's shape is right");
    Case::new(id).call(Call::new(kernel)).fill("state", Fill::Values(STATES.to_vec()))
}

fn judge(id: &'static str, clip: Option<f64>, norms: [f32; 3], step: u32) -> Case {
    let kernel = Judge::new(JudgeSpec { fleet: 3, steps: 3, clip }).expect("the case's shape is right");
    Case::new(id)
        .call(Call::new(kernel))
        .fill("norm", Fill::Values(norms.to_vec()))
        .fill("state", Fill::Values(STATES.to_vec()))
        .fill("schedule", Fill::Values(schedule::sample(8)))
        .at_step(step)
}

pub(super) fn cases() -> Vec<Case> {
    const FINITE: [f32; 3] = [1e12, 4e9, 0.25];
    const OVERFLOWN: [f32; 3] = [f32::INFINITY, f32::NAN, f32::NEG_INFINITY];
    vec![
        round("round_f1_1", 1, 1),
        round("round_f3_1009", 3, 1009),
        scale("scale_f3_7x13", ScaleSpec { fleet: 3, rows: 7, width: 13 }),
        scale("scale_f1_1x1", ScaleSpec { fleet: 1, rows: 1, width: 1 }),
        judge("judge_f3", None, FINITE, 0),
        judge("judge_f3_clip_step1", Some(2.0), FINITE, 1),
        judge("judge_f3_overflow", Some(2.0), OVERFLOWN, 1),
        judge("judge_f3_step2_inactive", Some(2.0), OVERFLOWN, 2),
        round("round_f1_1000000", 1, 1_000_000).bench_only(),
    ]
}
