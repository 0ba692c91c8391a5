//! Shapes for agreement and benches.

use super::{Distance, DistanceSpec};
use crate::ops::{Call, Case};

fn case(id: &'static str, fleet: usize, n: usize, k: usize, d: usize) -> Case {
    let kernel = Distance::new(DistanceSpec { fleet, n, k, d }).expect("the case's shape is right");
    Case::new(id).call(Call::new(kernel))
}

pub(super) fn cases() -> Vec<Case> {
    vec![
        case("f1_1x1x1", 1, 1, 1, 1),
        case("f3_7x5x3", 3, 7, 5, 3),
        case("f2_65x64x16", 2, 65, 64, 16),
        case("f2_193x33x17", 2, 193, 33, 17),
        case("f1_100x131x67", 1, 100, 131, 67),
        case("f5_50x3x13", 5, 50, 3, 13),
        case("f1_397x70x130", 1, 397, 70, 130),
        case("f1_1021x13x13", 1, 1021, 13, 13).bench(),
        case("f1_100000x256x32", 1, 100_000, 256, 32).bench_only(),
        case("f1_50000x1024x64", 1, 50_000, 1024, 64).bench_only(),
    ]
}
