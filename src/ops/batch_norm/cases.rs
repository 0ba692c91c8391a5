//! Shapes for agreement, gradients and benches.

use super::{BatchNorm, BatchNormBackward, BatchNormEvaluate, BatchNormShape, BatchNormSpec};
use crate::ops::schedule::{LIVE, WIDTH, sample};
use crate::ops::{Call, Case, Fill};

fn shape(spec: BatchNormSpec) -> BatchNormShape {
    BatchNormShape::new(BatchNormSpec { steps: 3, ..spec }).expect("the case's shape is right")
}

/// Forward and backward in training. Dead rows have no upstream gradient, as a loss would give them none.
fn training(id: &'static str, spec: BatchNormSpec, step: u32) -> Case {
    let shape = shape(spec);
    let table = sample(spec.n);
    let live = shape.live_rows(f64::from(table[step as usize * WIDTH + LIVE]));
    let dy = (0..shape.len()).map(|i| if i < live * spec.c { (i * 7919 % 199) as f32 * 0.01 - 1.0 } else { 0.0 });
    Case::new(id)
        .call(Call::new(BatchNorm { shape }))
        .call(Call::new(BatchNormBackward { shape }))
        .fill("schedule", Fill::Values(table))
        .fill("dy", Fill::Values(dy.collect()))
        .fill("gamma", Fill::AwayFromZero)
        .fill("running_var", Fill::Uniform(0.5, 2.0))
        .at_step(step)
}

fn evaluation(id: &'static str, spec: BatchNormSpec) -> Case {
    let kernel = BatchNormEvaluate { shape: shape(spec) };
    Case::new(id).call(Call::new(kernel)).fill("running_var", Fill::Uniform(0.5, 2.0))
}

pub(super) fn cases() -> Vec<Case> {
    let spec = |fleet, n, positions, c| BatchNormSpec { fleet, n, positions, c, ..BatchNormSpec::default() };
    vec![
        training("f1_n1_l1_c1", spec(1, 1, 1, 1), 0),
        training("f3_n7_l5_c3", spec(3, 7, 5, 3), 0),
        training("f2_n13_l1_c17_partial", spec(2, 13, 1, 17), 1),
        training("f2_n5_l11_c8_partial", spec(2, 5, 11, 8), 1),
        training("f2_n5_l3_c4_inactive", spec(2, 5, 3, 4), 2),
        training("f1_n101_l13_c5_chunks_partial", spec(1, 101, 13, 5), 1),
        training("f2_n67_l1_c131", BatchNormSpec { epsilon: 0.1, momentum: 0.5, ..spec(2, 67, 1, 131) }, 0),
        evaluation("evaluate_f1_n1_l1_c1", spec(1, 1, 1, 1)),
        evaluation("evaluate_f3_n7_l5_c9", spec(3, 7, 5, 9)),
        training("f1_n64_l13_c16", spec(1, 64, 13, 16), 0).bench(),
        training("f1_n4096_l28_c16", spec(1, 4096, 28, 16), 0).bench_only(),
        training("f100_n64_l28_c8", spec(100, 64, 28, 8), 0).bench_only(),
        evaluation("evaluate_f1_n4096_l28_c16", spec(1, 4096, 28, 16)).bench_only(),
    ]
}
