//! Shapes for agreement, gradients and benches.

use super::{Pool, PoolBackward, PoolKind, PoolShape, PoolSpec};
use crate::ops::activation::Activation;
use crate::ops::{Call, Case, Fill};

fn case(id: &'static str, spec: PoolSpec) -> Case {
    masked(id, spec, Activation::None)
}

fn masked(id: &'static str, spec: PoolSpec, mask: Activation) -> Case {
    let shape = PoolShape::new(spec).expect("the case's shape is right");
    let forward = Call::new(Pool { shape });
    let backward = Call::new(PoolBackward { shape, mask });
    if mask != Activation::None {
        // The product with a slope is not the gradient of x, so it goes by another name.
        let names: Vec<String> =
            backward.names.iter().map(|name| if name == "dx" { "dsum" } else { name }.to_owned()).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let calls = Case::new(id).call(forward).call(backward.names(&names));
        return calls.fill("x", Fill::Distinct).fill("saved", Fill::Values(vec![0.0, 0.5, 0.9, 0.0, 0.2]));
    }
    // A tie would make the maximum's gradient a matter of taste.
    Case::new(id).call(forward).call(backward).fill("x", Fill::Distinct)
}

pub(super) fn cases() -> Vec<Case> {
    let line = |kind, fleet, n, l, c, window, stride| PoolSpec {
        kind,
        fleet,
        n,
        size: [1, l],
        c,
        window: [1, window],
        stride: [1, stride],
    };
    let max = |fleet, n, l, c, window, stride| line(PoolKind::Max, fleet, n, l, c, window, stride);
    let average = |fleet, n, l, c, window, stride| line(PoolKind::Average, fleet, n, l, c, window, stride);
    let plane = |kind, fleet, n, size, c, window, stride| PoolSpec { kind, fleet, n, size, c, window, stride };
    let (most, mean) = (PoolKind::Max, PoolKind::Average);
    vec![
        case("max_f1_n1_l1_c1_w1", max(1, 1, 1, 1, 1, 1)),
        case("max_f3_n7_l13_c5_w2_s2", max(3, 7, 13, 5, 2, 2)),
        case("max_f2_n5_l17_c3_w5_s2_overlap", max(2, 5, 17, 3, 5, 2)),
        case("max_f1_n3_l19_c17_w2_s5_gaps", max(1, 3, 19, 17, 2, 5)),
        case("max_f2_n5_l23_c8_global", max(2, 5, 23, 8, 23, 1)),
        case("average_f1_n1_l1_c1_w1", average(1, 1, 1, 1, 1, 1)),
        case("average_f3_n7_l13_c5_w2_s2", average(3, 7, 13, 5, 2, 2)),
        case("average_f2_n5_l17_c3_w5_s2_overlap", average(2, 5, 17, 3, 5, 2)),
        case("average_f1_n3_l19_c17_w2_s5_gaps", average(1, 3, 19, 17, 2, 5)),
        case("average_f2_n67_l23_c8_global", average(2, 67, 23, 8, 23, 1)),
        case("max_f2_n5_7x9_c24_w2_s2", plane(most, 2, 5, [7, 9], 24, [2, 2], [2, 2])),
        case("max_f1_n3_9x8_c5_w3x2_s2x1_overlap", plane(most, 1, 3, [9, 8], 5, [3, 2], [2, 1])),
        case("max_f2_n3_8x9_c17_w2_s3x4_gaps", plane(most, 2, 3, [8, 9], 17, [2, 2], [3, 4])),
        case("max_f1_n3_5x4_c33_global", plane(most, 1, 3, [5, 4], 33, [5, 4], [1, 1])),
        case("average_f2_n5_7x9_c24_w2_s2", plane(mean, 2, 5, [7, 9], 24, [2, 2], [2, 2])),
        case("average_f1_n3_9x8_c5_w3x2_s2x1_overlap", plane(mean, 1, 3, [9, 8], 5, [3, 2], [2, 1])),
        case("average_f2_n3_8x9_c17_w2_s3x4_gaps", plane(mean, 2, 3, [8, 9], 17, [2, 2], [3, 4])),
        case("average_f1_n3_5x4_c33_global", plane(mean, 1, 3, [5, 4], 33, [5, 4], [5, 4])),
        masked("max_f2_n5_6x7_c9_w2_s2_relu_before", plane(most, 2, 5, [6, 7], 9, [2, 2], [2, 2]), Activation::Relu),
        masked("max_f1_n5_l9_c24_w3_s2_tanh_before", max(1, 5, 9, 24, 3, 2), Activation::Tanh),
        masked(
            "average_f2_n5_6x7_c9_w2_s2_relu_before",
            plane(mean, 2, 5, [6, 7], 9, [2, 2], [2, 2]),
            Activation::Relu,
        ),
        masked("average_f1_n5_l9_c8_global_sigmoid_before", average(1, 5, 9, 8, 9, 9), Activation::Sigmoid),
        case("max_f1_n256_l28_c16_w2_s2", max(1, 256, 28, 16, 2, 2)).bench(),
        case("max_f1_n4096_l28_c32_w2_s2", max(1, 4096, 28, 32, 2, 2)).bench_only(),
        case("average_f1_n4096_l28_c32_global", average(1, 4096, 28, 32, 28, 1)).bench_only(),
        case("max_f100_n64_l90_c16_w3_s3", max(100, 64, 90, 16, 3, 3)).bench_only(),
        case("max_f1_n256_28x28_c16_w2_s2", plane(most, 1, 256, [28, 28], 16, [2, 2], [2, 2])).bench_only(),
        case("average_f1_n256_7x7_c32_global", plane(mean, 1, 256, [7, 7], 32, [7, 7], [7, 7])).bench_only(),
    ]
}
