//! Shapes for agreement, gradients and benches.

use super::{LayerNorm, LayerNormBackward, LayerNormSpec};
use crate::ops::{Call, Case, Fill};

fn case(id: &'static str, spec: LayerNormSpec) -> Case {
    let forward = LayerNorm::new(spec).expect("the case's shape is right");
    let backward = LayerNormBackward::new(spec).expect("the case's shape is right");
    Case::new(id).call(Call::new(forward)).call(Call::new(backward)).fill("gamma", Fill::AwayFromZero)
}

fn plain(id: &'static str, [fleet, n, positions, c]: [usize; 4]) -> Case {
    case(id, LayerNormSpec { fleet, n, positions, c, ..LayerNormSpec::default() })
}

fn residual(id: &'static str, [fleet, n, positions, c]: [usize; 4]) -> Case {
    case(id, LayerNormSpec { fleet, n, positions, c, residual: true, ..LayerNormSpec::default() })
}

pub(super) fn cases() -> Vec<Case> {
    vec![
        plain("f1_n1_l1_c1", [1, 1, 1, 1]),
        plain("f3_n7_l1_c3", [3, 7, 1, 3]),
        plain("f2_n5_l3_c17", [2, 5, 3, 17]),
        plain("f2_n3_l2_c131", [2, 3, 2, 131]),
        plain("f1_n3_l1_c1000", [1, 3, 1, 1000]),
        case("f2_n11_l1_c8_flat", LayerNormSpec { fleet: 2, n: 11, c: 8, epsilon: 0.5, ..LayerNormSpec::default() })
            .fill("x", Fill::Uniform(3.0, 3.5)),
        residual("residual_f1_n1_l1_c3", [1, 1, 1, 3]),
        residual("residual_f3_n5_l7_c33", [3, 5, 7, 33]),
        residual("residual_f1_n97_l3_c64_chunks", [1, 97, 3, 64]),
        plain("f1_n601_l3_c130_split", [1, 601, 3, 130]),
        plain("f1_n1024_l3_c64", [1, 1024, 3, 64]).bench_only(),
        residual("residual_f1_n1024_l3_c64", [1, 1024, 3, 64]).bench_only(),
    ]
}
