//! Shapes for agreement and benches.

use super::{Centroid, CentroidSpec};
use crate::ops::{Call, Case, Fill};

fn case(id: &'static str, spec: CentroidSpec) -> Case {
    let kernel = Centroid::new(spec).expect("the case's shape is right");
    // One label more than there are centres: its rows belong to none.
    let labels = Fill::Below(spec.k as u32 + 1);
    Case::new(id).call(Call::new(kernel)).fill("label", labels).fill("w", Fill::Uniform(0.25, 2.0))
}

pub(super) fn cases() -> Vec<Case> {
    let plain = |fleet, n, k, d| CentroidSpec { fleet, n, k, d, weighted: false };
    let weighted = |fleet, n, k, d| CentroidSpec { weighted: true, ..plain(fleet, n, k, d) };
    vec![
        case("f1_1x1x1", plain(1, 1, 1, 1)),
        case("f3_7x5x3", plain(3, 7, 5, 3)),
        case("f2_11x40x5_most_are_empty", plain(2, 11, 40, 5)),
        case("f2_1021x13x17_blocks", plain(2, 1021, 13, 17)),
        case("f3_513x5x2_blocks_weighted", weighted(3, 513, 5, 2)),
        case("f1_300x2x65_weighted", weighted(1, 300, 2, 65)),
        case("f1_1000x1x3_none", plain(1, 1000, 1, 3)).fill("label", Fill::Values(vec![1.0])),
        case("f1_3001x13x13", plain(1, 3001, 13, 13)).bench(),
        case("f1_100000x256x32", plain(1, 100_000, 256, 32)).bench_only(),
        case("f1_50000x1024x64", plain(1, 50_000, 1024, 64)).bench_only(),
    ]
}
