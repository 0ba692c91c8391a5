//! Shapes for agreement, gradients and benches.

use super::{Activate, ActivateBackward, ActivateSpec, Activation};
use crate::ops::{Call, Case, Fill};

fn case(id: &'static str, activation: Activation, fleet: usize, len: usize) -> Case {
    let spec = ActivateSpec { fleet, rows: len, len, activation };
    let forward = Activate::new(spec).expect("the case's shape is right");
    let backward = ActivateBackward::new(spec).expect("the case's shape is right");
    let saved = if activation.saves_output() { "y" } else { "x" };
    let fill = if activation == Activation::Relu { Fill::AwayFromZero } else { Fill::Normal };
    Case::new(id).fill("x", fill).call(Call::new(forward)).call(Call::new(backward).names(&["dy", saved, "dx"]))
}

pub(super) fn cases() -> Vec<Case> {
    use Activation::{Gelu, Relu, Sigmoid, Tanh};
    vec![
        case("f1_1_relu", Relu, 1, 1),
        case("f3_1009_relu", Relu, 3, 1009),
        case("f2_521_gelu", Gelu, 2, 521),
        case("f2_521_tanh", Tanh, 2, 521),
        case("f2_521_sigmoid", Sigmoid, 2, 521),
        case("f5_300_gelu_wide_inputs", Gelu, 5, 300).fill("x", Fill::Uniform(-30.0, 30.0)),
        case("f5_300_tanh_wide_inputs", Tanh, 5, 300).fill("x", Fill::Uniform(-9.0, 9.0)),
        case("f5_300_sigmoid_wide_inputs", Sigmoid, 5, 300).fill("x", Fill::Uniform(-100.0, 100.0)),
        case("f1_200000_gelu_split", Gelu, 1, 200_000),
        case("f1_8388608_relu", Relu, 1, 1 << 23).bench_only(),
        case("f1_8388608_gelu", Gelu, 1, 1 << 23).bench_only(),
    ]
}
