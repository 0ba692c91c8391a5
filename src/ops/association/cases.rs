//! Shapes for agreement, gradients and benches.

use super::{Association, AssociationBackward, AssociationSpec};
use crate::ops::{Call, Case, Fill};

fn case(id: &'static str, [fleet, n, l, d, heads]: [usize; 5]) -> Case {
    let spec = AssociationSpec { fleet, n, l, d, heads };
    let forward = Association::new(spec).expect("the case's shape is right");
    let backward = AssociationBackward::new(spec).expect("the case's shape is right");
    Case::new(id).call(Call::new(forward)).call(Call::new(backward))
}

pub(super) fn cases() -> Vec<Case> {
    vec![
        case("f1_n1_l2_d1_h1", [1, 1, 2, 1, 1]),
        case("f3_n5_l3_d8_h2", [3, 5, 3, 8, 2]),
        case("f2_n3_l4_d15_h3", [2, 3, 4, 15, 3]),
        case("f2_n7_l3_d48_h3", [2, 7, 3, 48, 3]),
        case("f1_n2_l17_d20_h2", [1, 2, 17, 20, 2]),
        case("f1_n1_l64_d6_h2_longest", [1, 1, 64, 6, 2]),
        case("f1_n211_l3_d32_h4_split", [1, 211, 3, 32, 4]),
        case("f1_n2_l5_d16_h2_large_scores", [1, 2, 5, 16, 2])
            .fill("qkv", Fill::Uniform(-6.0, 6.0))
            .slack(1e-8, "scores of up to 100 keep a rounding error of 1e-5 that the exponential takes over"),
        case("f1_n4096_l3_d64_h4", [1, 4096, 3, 64, 4]).bench_only(),
    ]
}
