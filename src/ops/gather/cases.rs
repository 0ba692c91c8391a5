//! Shapes for agreement and benches.

use super::{Gather, GatherSpec};
use crate::ops::kernel::DType;
use crate::ops::{Call, Case, Fill};

fn case(id: &'static str, fleet: usize, [rows, width]: [usize; 2], n: usize, dtype: DType) -> Case {
    let kernel = Gather::new(GatherSpec { fleet, rows, width, n, steps: 3, dtype }).expect("the case's shape is right");
    let case = Case::new(id).call(Call::new(kernel)).fill("idx", Fill::Below(rows as u32));
    if dtype == DType::U32 { case.fill("data", Fill::Bits) } else { case }
}

pub(super) fn cases() -> Vec<Case> {
    vec![
        case("f1_1x1_take_1", 1, [1, 1], 1, DType::F32),
        case("f3_101x13_take_7_step1", 3, [101, 13], 7, DType::F32).at_step(1),
        case("f2_37x5_take_61_step2", 2, [37, 5], 61, DType::F32).at_step(2),
        case("f5_97x1_take_19_u32", 5, [97, 1], 19, DType::U32).at_step(1),
        case("f1_65536x64_take_256", 1, [65_536, 64], 256, DType::F32).bench(),
        case("f1000_4096x13_take_32", 1000, [4096, 13], 32, DType::F32).bench_only(),
    ]
}
