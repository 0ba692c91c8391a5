//! Shapes for agreement, gradients and benches.

use super::{Attention, AttentionBackward, AttentionSpec};
use crate::ops::{Call, Case, Fill};

fn case(id: &'static str, spec: AttentionSpec) -> Case {
    let forward = Attention::new(spec).expect("the case's shape is right");
    let backward = AttentionBackward::new(spec).expect("the case's shape is right");
    // Lengths of 0 and beyond l are among them.
    let lengths = vec![spec.l as f32, 1.0, 0.0, (spec.l as f32 / 2.0).ceil(), spec.l as f32 + 9.0];
    Case::new(id).call(Call::new(forward)).call(Call::new(backward)).fill("lengths", Fill::Values(lengths))
}

fn plain([fleet, n, l, d, heads]: [usize; 5]) -> AttentionSpec {
    AttentionSpec { fleet, n, l, d, heads, ..AttentionSpec::default() }
}

pub(super) fn cases() -> Vec<Case> {
    vec![
        case("f1_n1_l1_d1_h1", plain([1, 1, 1, 1, 1])),
        case("f3_n2_l3_d8_h2", plain([3, 2, 3, 8, 2])),
        case("f2_n3_l7_d15_h3", plain([2, 3, 7, 15, 3])),
        case("f1_n2_l17_d16_h1", plain([1, 2, 17, 16, 1])),
        case("f1_n1_l67_d34_h2", plain([1, 1, 67, 34, 2])),
        case("f1_n1_l5_d128_h1_widest", plain([1, 1, 5, 128, 1])),
        case("f1_n3_l27_d10_h2_causal", AttentionSpec { causal: true, ..plain([1, 3, 27, 10, 2]) }),
        case("f2_n5_l19_d6_h2_lengths", AttentionSpec { lengths: true, ..plain([2, 5, 19, 6, 2]) }),
        case(
            "f1_n5_l33_d20_h1_causal_lengths",
            AttentionSpec { causal: true, lengths: true, ..plain([1, 5, 33, 20, 1]) },
        ),
        case("f1_n2_l13_d16_h2_large_scores", plain([1, 2, 13, 16, 2]))
            .fill("qkv", Fill::Uniform(-6.0, 6.0))
            .slack(1e-8, "scores of up to 100 keep a rounding error of 1e-5 that the exponential takes over"),
        case("f2_n7_l3_d48_h3_short", plain([2, 7, 3, 48, 3])),
        case("f1_n9_l8_d24_h3_short_causal", AttentionSpec { causal: true, ..plain([1, 9, 8, 24, 3]) }),
        case("f2_n5_l6_d64_h2_short_lengths", AttentionSpec { lengths: true, ..plain([2, 5, 6, 64, 2]) }),
        case(
            "f1_n17_l5_d16_h1_short_causal_lengths",
            AttentionSpec { causal: true, lengths: true, ..plain([1, 17, 5, 16, 1]) },
        ),
        case(
            "f2_n3_l67_d24_h2_rows_causal_lengths",
            AttentionSpec { causal: true, lengths: true, ..plain([2, 3, 67, 24, 2]) },
        ),
        case("f1_n5_l34_d16_h2_rows_lengths", AttentionSpec { lengths: true, ..plain([1, 5, 34, 16, 2]) }),
        case("f1_n1_l129_d16_h4_rows", plain([1, 1, 129, 16, 4])),
        case("f1_n37_l21_d32_h2_split", plain([1, 37, 21, 32, 2])),
        case("f1_n1024_l3_d64_h4", plain([1, 1024, 3, 64, 4])).bench_only(),
        case("f1_n64_l64_d64_h4", plain([1, 64, 64, 64, 4])).bench_only(),
        case("f1_n4096_l64_d64_h4", plain([1, 4096, 64, 64, 4])).bench_only(),
        case("f1_n4_l512_d256_h4", plain([1, 4, 512, 256, 4])).bench_only(),
    ]
}
