//! Shapes for agreement, gradients and benches.

use super::{Conv1d, Conv1dBackwardData, Conv1dBackwardWeight, Conv1dShape, Conv1dSpec};
use crate::ops::activation::Activation;
use crate::ops::{Call, Case};

fn checked(spec: Conv1dSpec) -> Conv1dShape {
    Conv1dShape::new(spec).expect("the case's shape is right")
}

/// Forward and, where the activation leaves the gradient alone, backward.
fn case(id: &'static str, spec: Conv1dSpec, bias: bool, activation: Activation) -> Case {
    let shape = checked(spec);
    let names = ["x", "w", "y", "s", "bias"];
    let forward = Case::new(id).call(Call::new(Conv1d { shape, bias, activation }).names(&names));
    if activation != Activation::None {
        return forward;
    }
    forward.call(Call::new(Conv1dBackwardData { shape })).call(Call::new(Conv1dBackwardWeight { shape }))
}

pub(super) fn cases() -> Vec<Case> {
    let spec = |fleet, n, l, c_in, c_out, kernel| Conv1dSpec {
        fleet,
        n,
        l,
        c_in,
        c_out,
        kernel,
        padding: kernel / 2,
        ..Conv1dSpec::default()
    };
    let plain = |id, spec| case(id, spec, false, Activation::None);
    let fused = |id, activation| case(id, spec(2, 7, 11, 5, 9, 3), true, activation);
    vec![
        plain("f1_n1_l1_1x1_k1", spec(1, 1, 1, 1, 1, 1)),
        plain("f3_n13_l13_1x8_k5", spec(3, 13, 13, 1, 8, 5)),
        case("f2_n29_l28_8x17_k5_bias", spec(2, 29, 28, 8, 17, 5), true, Activation::None),
        plain("f1_n5_l7_3x49_k3_no_padding", Conv1dSpec { padding: 0, ..spec(1, 5, 7, 3, 49, 3) }),
        plain("f2_n4_l17_33x5_k4_padding3", Conv1dSpec { padding: 3, ..spec(2, 4, 17, 33, 5, 4) }),
        plain("f2_n5_l19_5x6_k5_stride2", Conv1dSpec { stride: 2, ..spec(2, 5, 19, 5, 6, 5) }),
        plain("f1_n13_l23_4x16_k3_stride5", Conv1dSpec { stride: 5, ..spec(1, 13, 23, 4, 16, 3) }),
        plain("f2_n5_l21_6x7_k3_dilation4", Conv1dSpec { dilation: 4, padding: 4, ..spec(2, 5, 21, 6, 7, 3) }),
        plain(
            "f2_n14_l20_3x10_k7_stride4_dilation6",
            Conv1dSpec { stride: 4, dilation: 6, padding: 19, ..spec(2, 14, 20, 3, 10, 7) },
        ),
        plain(
            "f1_n3_l10_12x4_k5_stride3_dilation2",
            Conv1dSpec { stride: 3, dilation: 2, padding: 5, ..spec(1, 3, 10, 12, 4, 5) },
        ),
        plain("f1_n3_l2_2x3_k9_wider_than_x", Conv1dSpec { padding: 9, ..spec(1, 3, 2, 2, 3, 9) }),
        plain("f5_n130_l9_2x5_k3_chunks", spec(5, 130, 9, 2, 5, 3)),
        fused("f2_n7_l11_5x9_k3_relu", Activation::Relu),
        fused("f2_n7_l11_5x9_k3_gelu", Activation::Gelu),
        fused("f2_n7_l11_5x9_k3_tanh", Activation::Tanh),
        fused("f2_n7_l11_5x9_k3_sigmoid", Activation::Sigmoid),
        plain("f1_n64_l13_16x32_k5", spec(1, 64, 13, 16, 32, 5)).bench(),
        plain("f1_n4096_l28_1x16_k5", spec(1, 4096, 28, 1, 16, 5)).bench_only(),
        plain("f1_n4096_l28_16x32_k5", spec(1, 4096, 28, 16, 32, 5)).bench_only(),
        plain("f1_n256_l90_16x32_k5", spec(1, 256, 90, 16, 32, 5)).bench_only(),
        plain("f100_n64_l28_8x16_k5", spec(100, 64, 28, 8, 16, 5)).bench_only(),
    ]
}
