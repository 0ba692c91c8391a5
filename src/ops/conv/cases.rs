//! Shapes for agreement, gradients and benches.

use super::{Conv, ConvBackwardData, ConvBackwardWeight, ConvShape, ConvSpec};
use crate::ops::activation::Activation;
use crate::ops::{Call, Case, Fill};

fn checked(spec: ConvSpec) -> ConvShape {
    ConvShape::new(spec).expect("the case's shape is right")
}

/// Forward and, where the activation leaves the gradient alone, backward.
fn case(id: &'static str, spec: ConvSpec, bias: bool, activation: Activation) -> Case {
    let shape = checked(spec);
    let names = ["x", "w", "y", "s", "bias"];
    let forward = Case::new(id).call(Call::new(Conv { shape, bias, activation }).names(&names));
    if activation != Activation::None {
        return forward;
    }
    forward
        .call(Call::new(ConvBackwardData { shape, mask: Activation::None }))
        .call(Call::new(ConvBackwardWeight { shape, bias }))
}

/// The gradient of x times the slope of the activation in front.
fn masked(id: &'static str, spec: ConvSpec, mask: Activation) -> Case {
    // An output of relu is 0 or well above.
    let saved = if mask == Activation::Relu { vec![0.0, 0.5, 2.0, 0.0, 0.0, 1.0, 0.3] } else { vec![0.1, 0.6, 0.9] };
    Case::new(id).call(Call::new(ConvBackwardData { shape: checked(spec), mask })).fill("saved", Fill::Values(saved))
}

/// One dimension: fleet, samples, length, channels, taps.
fn line(fleet: usize, n: usize, l: usize, [c_in, c_out]: [usize; 2], taps: usize) -> ConvSpec {
    let (size, kernel, padding) = ([1, l], [1, taps], [0, taps / 2]);
    ConvSpec { fleet, n, size, c_in, c_out, kernel, padding, ..ConvSpec::default() }
}

/// Two dimensions: fleet, samples, height and width, channels, taps.
fn plane(fleet: usize, n: usize, size: [usize; 2], [c_in, c_out]: [usize; 2], kernel: [usize; 2]) -> ConvSpec {
    let padding = kernel.map(|taps| taps / 2);
    ConvSpec { fleet, n, size, c_in, c_out, kernel, padding, ..ConvSpec::default() }
}

fn plain(id: &'static str, spec: ConvSpec) -> Case {
    case(id, spec, false, Activation::None)
}

fn with_bias(id: &'static str, spec: ConvSpec) -> Case {
    case(id, spec, true, Activation::None)
}

fn lines() -> Vec<Case> {
    let steps = |stride, padding, dilation, spec| ConvSpec {
        stride: [1, stride],
        padding: [0, padding],
        dilation: [1, dilation],
        ..spec
    };
    let fused = |id, activation| case(id, line(2, 7, 11, [5, 9], 3), true, activation);
    vec![
        plain("f1_n1_l1_1x1_k1", line(1, 1, 1, [1, 1], 1)),
        with_bias("f3_n13_l13_1x8_k5_bias", line(3, 13, 13, [1, 8], 5)),
        with_bias("f2_n29_l28_8x17_k5_bias", line(2, 29, 28, [8, 17], 5)),
        plain("f1_n5_l7_3x49_k3_no_padding", steps(1, 0, 1, line(1, 5, 7, [3, 49], 3))),
        plain("f2_n4_l17_33x5_k4_padding3", steps(1, 3, 1, line(2, 4, 17, [33, 5], 4))),
        plain("f2_n5_l19_5x6_k5_stride2", steps(2, 2, 1, line(2, 5, 19, [5, 6], 5))),
        plain("f1_n13_l23_4x16_k3_stride5", steps(5, 1, 1, line(1, 13, 23, [4, 16], 3))),
        plain("f2_n5_l21_6x7_k3_dilation4", steps(1, 4, 4, line(2, 5, 21, [6, 7], 3))),
        plain("f2_n14_l20_3x10_k7_stride4_dilation6", steps(4, 19, 6, line(2, 14, 20, [3, 10], 7))),
        plain("f1_n3_l10_12x4_k5_stride3_dilation2", steps(3, 5, 2, line(1, 3, 10, [12, 4], 5))),
        plain("f1_n3_l2_2x3_k9_wider_than_x", steps(1, 9, 1, line(1, 3, 2, [2, 3], 9))),
        with_bias("f5_n430_l9_2x5_k3_chunks", line(5, 430, 9, [2, 5], 3)),
        with_bias("f2_n6_l9_19x2_k3_dots_bias", line(2, 6, 9, [19, 2], 3)),
        fused("f2_n7_l11_5x9_k3_relu", Activation::Relu),
        fused("f2_n7_l11_5x9_k3_gelu", Activation::Gelu),
        fused("f2_n7_l11_5x9_k3_tanh", Activation::Tanh),
        fused("f2_n7_l11_5x9_k3_sigmoid", Activation::Sigmoid),
        case("f2_n5_l8_16x3_k3_dots_relu", line(2, 5, 8, [16, 3], 3), true, Activation::Relu),
        masked("f2_n7_l11_5x9_k3_relu_before", line(2, 7, 11, [5, 9], 3), Activation::Relu),
        masked("f2_n7_l11_5x9_k3_tanh_before", line(2, 7, 11, [5, 9], 3), Activation::Tanh),
        masked("f1_n5_l7_2x24_k3_sigmoid_before", line(1, 5, 7, [2, 24], 3), Activation::Sigmoid),
        masked("f1_n5_l7_17x8_k3_gelu_before", line(1, 5, 7, [17, 8], 3), Activation::Gelu),
    ]
}

fn planes() -> Vec<Case> {
    vec![
        with_bias("f2_n7_5x7_3x5_k1", plane(2, 7, [5, 7], [3, 5], [1, 1])),
        with_bias("f2_n14_7x9_1x8_k3", plane(2, 14, [7, 9], [1, 8], [3, 3])),
        with_bias("f1_n13_9x7_1x16_k5", plane(1, 13, [9, 7], [1, 16], [5, 5])),
        with_bias("f3_n5_7x5_3x24_k3", plane(3, 5, [7, 5], [3, 24], [3, 3])),
        plain("f1_n12_6x5_24x10_k3", plane(1, 12, [6, 5], [24, 10], [3, 3])),
        plain("f1_n9_5x6_17x40_k5", plane(1, 9, [5, 6], [17, 40], [5, 5])),
        plain("f2_n3_9x4_6x7_k3x1", plane(2, 3, [9, 4], [6, 7], [3, 1])),
        plain("f1_n3_4x11_5x6_k1x5", plane(1, 3, [4, 11], [5, 6], [1, 5])),
        plain("f1_n5_8x7_8x2_k2x4_dots", plane(1, 5, [8, 7], [8, 2], [2, 4])),
        plain("f1_n2_3x2_4x3_k5_wider_than_x", plane(1, 2, [3, 2], [4, 3], [5, 5])),
        plain(
            "f1_n4_11x9_3x6_k3_stride2",
            ConvSpec { stride: [2, 2], padding: [0, 1], ..plane(1, 4, [11, 9], [3, 6], [3, 3]) },
        ),
        plain(
            "f2_n3_10x13_7x5_k3x2_stride1x3",
            ConvSpec { stride: [1, 3], padding: [2, 0], ..plane(2, 3, [10, 13], [7, 5], [3, 2]) },
        ),
        plain(
            "f1_n3_13x12_5x4_k3_dilation2x3",
            ConvSpec { dilation: [2, 3], padding: [2, 3], ..plane(1, 3, [13, 12], [5, 4], [3, 3]) },
        ),
        plain(
            "f1_n3_14x15_3x9_k3_stride3x2_dilation2x4",
            ConvSpec { stride: [3, 2], dilation: [2, 4], padding: [1, 5], ..plane(1, 3, [14, 15], [3, 9], [3, 3]) },
        ),
        plain(
            "f1_n4_9x9_1x4_k3_stride2_dilation2",
            ConvSpec { stride: [2, 1], dilation: [2, 1], ..plane(1, 4, [9, 9], [1, 4], [3, 3]) },
        ),
        case("f1_n6_5x6_3x9_k3_relu", plane(1, 6, [5, 6], [3, 9], [3, 3]), true, Activation::Relu),
        masked("f2_n5_6x5_9x8_k3_relu_before", plane(2, 5, [6, 5], [9, 8], [3, 3]), Activation::Relu),
        masked("f1_n5_6x5_1x16_k3_relu_before", plane(1, 5, [6, 5], [1, 16], [3, 3]), Activation::Relu),
    ]
}

/// Shapes that the CPU computes by way of `winograd`: every number of taps, rows beside whole tiles, one that is shorter
/// than a tile and so is not, channels beside whole registers, every activation on both sides.
fn transformed() -> Vec<Case> {
    let padded = |padding, spec| ConvSpec { padding, ..spec };
    vec![
        with_bias("f2_n5_l13_16x16_k3_bias", line(2, 5, 13, [16, 16], 3)),
        plain("f1_n7_l9_32x16_k3_no_padding", padded([0, 0], line(1, 7, 9, [32, 16], 3))),
        plain("f1_n3_l5_16x16_k3_padding2_short", padded([0, 2], line(1, 3, 5, [16, 16], 3))),
        with_bias("f3_n4_l28_16x32_k5_bias", line(3, 4, 28, [16, 32], 5)),
        plain("f1_n5_l3_16x16_k5_shorter_than_a_tile", padded([0, 2], line(1, 5, 3, [16, 16], 5))),
        with_bias("f1_n3_l31_17x48_k5_padding1", padded([0, 1], line(1, 3, 31, [17, 48], 5))),
        plain("f2_n3_l11_16x64_k7_padding2", padded([0, 2], line(2, 3, 11, [16, 64], 7))),
        with_bias("f2_n3_7x10_16x16_k3_bias", plane(2, 3, [7, 10], [16, 16], [3, 3])),
        plain("f1_n4_5x9_32x16_k3_padding0x2", padded([0, 2], plane(1, 4, [5, 9], [32, 16], [3, 3]))),
        with_bias("f1_n3_9x14_16x32_k5_bias", plane(1, 3, [9, 14], [16, 32], [5, 5])),
        plain("f1_n2_3x5_16x16_k5_lower_than_the_kernel", plane(1, 2, [3, 5], [16, 16], [5, 5])),
        case("f2_n3_l13_16x16_k3_relu", line(2, 3, 13, [16, 16], 3), true, Activation::Relu),
        case("f1_n3_l13_16x32_k5_gelu", line(1, 3, 13, [16, 32], 5), true, Activation::Gelu),
        masked("f2_n3_l13_16x32_k5_relu_before", line(2, 3, 13, [16, 32], 5), Activation::Relu),
        masked("f1_n3_7x6_16x16_k3_tanh_before", plane(1, 3, [7, 6], [16, 16], [3, 3]), Activation::Tanh),
    ]
}

fn timed() -> Vec<Case> {
    vec![
        plain("f1_n64_l13_16x32_k5", line(1, 64, 13, [16, 32], 5)).bench(),
        with_bias("f1_n4096_l28_1x16_k5", line(1, 4096, 28, [1, 16], 5)).bench_only(),
        with_bias("f1_n4096_l28_16x32_k5", line(1, 4096, 28, [16, 32], 5)).bench_only(),
        plain("f1_n256_l90_16x32_k5", line(1, 256, 90, [16, 32], 5)).bench_only(),
        plain("f100_n64_l28_8x16_k5", line(100, 64, 28, [8, 16], 5)).bench_only(),
        with_bias("f1_n256_28x28_1x16_k5", plane(1, 256, [28, 28], [1, 16], [5, 5])).bench_only(),
        with_bias("f1_n256_14x14_16x32_k5", plane(1, 256, [14, 14], [16, 32], [5, 5])).bench_only(),
        with_bias("f1_n256_28x28_24x24_k3", plane(1, 256, [28, 28], [24, 24], [3, 3])).bench_only(),
    ]
}

pub(super) fn cases() -> Vec<Case> {
    [lines(), planes(), transformed(), timed()].into_iter().flatten().collect()
}
