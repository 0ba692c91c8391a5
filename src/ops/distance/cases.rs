//! Shapes for agreement and benches.

use super::Metric::{Cosine, Euclidean, Manhattan};
use super::{Distance, DistanceSpec, Metric};
use crate::ops::{Call, Case, Fill};

fn search(id: &'static str, metric: Metric, nearest: usize, [fleet, n, k, d]: [usize; 4]) -> Case {
    let kernel = Distance::new(DistanceSpec { fleet, n, k, d, metric, nearest }).expect("the case's shape is right");
    Case::new(id).call(Call::new(kernel))
}

fn case(id: &'static str, fleet: usize, n: usize, k: usize, d: usize) -> Case {
    search(id, Euclidean, 1, [fleet, n, k, d])
}

/// Whole numbers of which many are 0, so that some vectors are zero.
fn with_zero_vectors(case: Case) -> Case {
    let values = |period: usize, d: usize| {
        Fill::Values(
            (0..period * d).map(|i| if i / d % 5 == 3 { 0.0 } else { ((i * 7 + i / 3) % 11) as f32 - 4.2 }).collect(),
        )
    };
    case.fill("x", values(13, 3)).fill("c", values(7, 3))
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
        search("cosine_f1_1x1x1", Cosine, 1, [1, 1, 1, 1]),
        search("cosine_f3_7x5x3", Cosine, 1, [3, 7, 5, 3]),
        search("cosine_f2_241x33x17", Cosine, 1, [2, 241, 33, 17]),
        search("cosine_f1_61x131x67", Cosine, 1, [1, 61, 131, 67]),
        with_zero_vectors(search("cosine_zeros_f2_40x12x3", Cosine, 1, [2, 40, 12, 3])),
        search("manhattan_f1_1x1x1", Manhattan, 1, [1, 1, 1, 1]),
        search("manhattan_f3_7x5x3", Manhattan, 1, [3, 7, 5, 3]),
        search("manhattan_f2_241x33x17", Manhattan, 1, [2, 241, 33, 17]),
        search("manhattan_f1_61x131x67", Manhattan, 1, [1, 61, 131, 67]),
        search("top_2_f1_1x2x1", Euclidean, 2, [1, 1, 2, 1]),
        search("top_5_f3_7x5x3", Euclidean, 5, [3, 7, 5, 3]),
        search("top_10_f2_67x131x17", Euclidean, 10, [2, 67, 131, 17]),
        search("top_3_f1_5x1031x8", Euclidean, 3, [1, 5, 1031, 8]),
        search("top_7_f1_61x90x130", Euclidean, 7, [1, 61, 90, 130]),
        search("cosine_top_4_f2_67x131x17", Cosine, 4, [2, 67, 131, 17]),
        search("cosine_top_3_f2_5x700x5", Cosine, 3, [2, 5, 700, 5]),
        search("cosine_top_3_f2_150x100x40", Cosine, 3, [2, 150, 100, 40]),
        search("manhattan_top_4_f2_67x131x17", Manhattan, 4, [2, 67, 131, 17]),
        case("f1_100000x256x32", 1, 100_000, 256, 32).bench_only(),
        case("f1_50000x1024x64", 1, 50_000, 1024, 64).bench_only(),
        search("f1_10000x10000x64", Euclidean, 1, [1, 10_000, 10_000, 64]).bench_only(),
        search("top_10_f1_10000x10000x64", Euclidean, 10, [1, 10_000, 10_000, 64]).bench_only(),
        search("cosine_f1_100000x256x32", Cosine, 1, [1, 100_000, 256, 32]).bench_only(),
        search("manhattan_f1_100000x256x32", Manhattan, 1, [1, 100_000, 256, 32]).bench_only(),
    ]
}
