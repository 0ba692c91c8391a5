//! Shapes for agreement, gradients and benches.

use super::{Embedding, EmbeddingBackward, EmbeddingSpec};
use crate::ops::{Call, Case, Fill};

fn case(id: &'static str, fleet: usize, [vocab, d]: [usize; 2], n: usize) -> Case {
    let spec = EmbeddingSpec { fleet, vocab, d, n };
    let forward = Embedding::new(spec).expect("the case's shape is right");
    let backward = EmbeddingBackward::new(spec).expect("the case's shape is right");
    Case::new(id).call(Call::new(forward)).call(Call::new(backward)).fill("idx", Fill::Below(vocab as u32))
}

pub(super) fn cases() -> Vec<Case> {
    vec![
        case("f1_1x1_take_1", 1, [1, 1], 1),
        case("f3_11x5_take_37", 3, [11, 5], 37),
        case("f2_101x17_take_19_some_rows_unused", 2, [101, 17], 19),
        case("f5_2x33_take_64", 5, [2, 33], 64),
        case("f2_7x3_take_23_numbers_too_large", 2, [7, 3], 23).fill("idx", Fill::Below(12)),
        case("f1_10000x64_take_4096", 1, [10_000, 64], 4096).bench_only(),
    ]
}
