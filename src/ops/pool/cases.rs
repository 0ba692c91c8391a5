//! Shapes for agreement, gradients and benches.

use super::{Pool, PoolBackward, PoolKind, PoolShape, PoolSpec};
use crate::ops::{Call, Case, Fill};

fn case(id: &'static str, spec: PoolSpec) -> Case {
    let shape = PoolShape::new(spec).expect("the case's shape is right");
    // A tie would make the maximum's gradient a matter of taste.
    Case::new(id).call(Call::new(Pool { shape })).call(Call::new(PoolBackward { shape })).fill("x", Fill::Distinct)
}

pub(super) fn cases() -> Vec<Case> {
    let spec = |kind, fleet, n, l, c, window, stride| PoolSpec { kind, fleet, n, l, c, window, stride };
    let max = |fleet, n, l, c, window, stride| spec(PoolKind::Max, fleet, n, l, c, window, stride);
    let average = |fleet, n, l, c, window, stride| spec(PoolKind::Average, fleet, n, l, c, window, stride);
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
        case("max_f1_n256_l28_c16_w2_s2", max(1, 256, 28, 16, 2, 2)).bench(),
        case("max_f1_n4096_l28_c32_w2_s2", max(1, 4096, 28, 32, 2, 2)).bench_only(),
        case("average_f1_n4096_l28_c32_global", average(1, 4096, 28, 32, 28, 1)).bench_only(),
        case("max_f100_n64_l90_c16_w3_s3", max(100, 64, 90, 16, 3, 3)).bench_only(),
    ]
}
