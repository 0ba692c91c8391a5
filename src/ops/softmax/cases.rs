//! Shapes for agreement, gradients and benches.

use super::{Softmax, SoftmaxBackward, SoftmaxSpec};
use crate::ops::{Call, Case, Fill};

fn case(id: &'static str, fleet: usize, rows: usize, c: usize) -> Case {
    let spec = SoftmaxSpec { fleet, rows, c };
    let forward = Softmax::new(spec).expect("the case's shape is right");
    let backward = SoftmaxBackward::new(spec).expect("the case's shape is right");
    Case::new(id).call(Call::new(forward)).call(Call::new(backward))
}

/// Rows with one outstanding value: nothing but rounding is left of their gradient, so only the forward kernel is held.
fn saturated(id: &'static str, fleet: usize, rows: usize, c: usize) -> Case {
    let forward = Softmax::new(SoftmaxSpec { fleet, rows, c }).expect("the case's shape is right");
    Case::new(id).call(Call::new(forward)).fill("x", Fill::Uniform(-300.0, 300.0))
}

pub(super) fn cases() -> Vec<Case> {
    vec![
        case("f1_1x1", 1, 1, 1),
        case("f3_7x2", 3, 7, 2),
        case("f2_13x32", 2, 13, 32),
        case("f2_5x33", 2, 5, 33),
        case("f2_3x257", 2, 3, 257),
        case("f1_2x4099", 1, 2, 4099),
        saturated("f2_11x10_large_logits", 2, 11, 10),
        saturated("f2_3x100_large_logits", 2, 3, 100),
        case("f2_3x100_masked", 2, 3, 100).fill("x", Fill::Values(vec![0.5, -1e9, 1.5, -0.25, -1e9, 0.75, 2.0])),
        case("f1_500x311_split", 1, 500, 311),
        case("f1_16384x10", 1, 16_384, 10).bench_only(),
        case("f1_4096x1000", 1, 4096, 1000).bench_only(),
    ]
}
