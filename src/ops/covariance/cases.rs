//! Shapes for agreement and benches.

use super::{Covariance, CovarianceSpec};
use crate::ops::{Call, Case, Fill};

fn case(id: &'static str, fleet: usize, n: usize, d: usize) -> Case {
    let kernel = Covariance::new(CovarianceSpec { fleet, n, d }).expect("the case's shape is right");
    Case::new(id).call(Call::new(kernel))
}

pub(super) fn cases() -> Vec<Case> {
    vec![
        case("f1_2x1", 1, 2, 1),
        case("f3_7x5", 3, 7, 5),
        case("f2_129x17", 2, 129, 17),
        case("f1_523x67", 1, 523, 67),
        case("f2_40x130", 2, 40, 130),
        case("f1_1031x13_far", 1, 1031, 13).fill("x", Fill::Uniform(1000.0, 1001.0)),
        case("f1_16500x3", 1, 16_500, 3),
        case("f1_100000x32", 1, 100_000, 32).bench_only(),
        case("f1_20000x256", 1, 20_000, 256).bench_only(),
    ]
}
