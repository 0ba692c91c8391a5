//! Shapes for agreement and benches.

use super::{KeepBest, KeepBestSpec};
use crate::ops::kernel::DType;
use crate::ops::{Call, Case, Fill};

fn case(id: &'static str, fleet: usize, len: usize, dtype: DType) -> Case {
    let kernel = KeepBest::new(KeepBestSpec { fleet, len, dtype }).expect("the case's shape is right");
    let case = Case::new(id).call(Call::new(kernel)).fill("flag", Fill::Values(vec![1.0, 0.0, 1.0]));
    if dtype == DType::U32 { case.fill("src", Fill::Bits).fill("dst", Fill::Bits) } else { case }
}

pub(super) fn cases() -> Vec<Case> {
    vec![
        case("f1_1", 1, 1, DType::F32),
        case("f5_1009", 5, 1009, DType::F32),
        case("f3_257_u32", 3, 257, DType::U32),
        case("f100_20000", 100, 20_000, DType::F32).bench_only(),
    ]
}
