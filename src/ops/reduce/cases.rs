//! Shapes for agreement and benches.

use super::{
    AccumulateLoss, AccumulateLossSpec, Fold, ReduceColumns, ReduceColumnsSpec, ReduceRows, ReduceRowsSpec, SumSquares,
    SumSquaresSpec,
};
use crate::ops::{Call, Case, Fill, schedule};

fn columns(id: &'static str, fleet: usize, rows: usize, cols: usize) -> Case {
    let kernel = ReduceColumns::new(ReduceColumnsSpec { fleet, rows, cols });
    Case::new(id).call(Call::new(kernel.expect("the case's shape is right")))
}

fn rows(id: &'static str, fleet: usize, rows: usize, cols: usize, fold: Fold) -> Case {
    let kernel = ReduceRows::new(ReduceRowsSpec { fleet, rows, cols, fold });
    Case::new(id).call(Call::new(kernel.expect("the case's shape is right")))
}

/// The squares of two tensors, one after the other.
fn squares(id: &'static str, fleet: usize, first: usize, second: usize) -> Case {
    let kernel = |len, first| SumSquares::new(SumSquaresSpec { fleet, len, first }).expect("the case's shape is right");
    Case::new(id)
        .call(Call::new(kernel(first, true)).names(&["x", "total"]))
        .call(Call::new(kernel(second, false)).names(&["z", "total"]))
}

fn loss(id: &'static str, fleet: usize, n: usize, step: u32) -> Case {
    let kernel = AccumulateLoss::new(AccumulateLossSpec { fleet, n, steps: 3 }).expect("the case's shape is right");
    Case::new(id)
        .call(Call::new(kernel).names(&["losses"]))
        .fill("losses", Fill::Uniform(0.0, 2.0))
        .fill("schedule", Fill::Values(schedule::sample(n)))
        .at_step(step)
}

pub(super) fn cases() -> Vec<Case> {
    vec![
        columns("columns_f1_1x1", 1, 1, 1),
        columns("columns_f3_7x5", 3, 7, 5),
        columns("columns_f2_512x33", 2, 512, 33),
        columns("columns_f2_513x67_chunks", 2, 513, 67),
        columns("columns_f1_20011x1_chunks", 1, 20_011, 1),
        columns("columns_f2_140001x3_chunks", 2, 140_001, 3),
        columns("columns_f5_65x130", 5, 65, 130),
        columns("columns_f1_65536x64", 1, 65_536, 64).bench_only(),
        columns("columns_f1_1000000x16", 1, 1_000_000, 16).bench_only(),
        rows("rows_f1_1x1_sum", 1, 1, 1, Fold::Sum),
        rows("rows_f3_7x13_mean", 3, 7, 13, Fold::Mean),
        rows("rows_f2_5x31_max", 2, 5, 31, Fold::Max),
        rows("rows_f2_11x97_sum", 2, 11, 97, Fold::Sum),
        rows("rows_f2_3x600_max", 2, 3, 600, Fold::Max),
        rows("rows_f2_3x600_max_of_negatives", 2, 3, 600, Fold::Max).fill("x", Fill::Uniform(-9.0, -1.0)),
        rows("total_f3_20000_sum", 3, 1, 20_000, Fold::Sum),
        rows("total_f2_9001_mean", 2, 1, 9001, Fold::Mean),
        rows("total_f2_8193_max", 2, 1, 8193, Fold::Max),
        rows("rows_f70000_1x33_many_groups", 70_000, 1, 33, Fold::Sum),
        rows("total_f1_4194304_sum", 1, 1, 1 << 22, Fold::Sum).bench_only(),
        rows("rows_f1_4096x1024_max", 1, 4096, 1024, Fold::Max).bench_only(),
        squares("squares_f1_1_and_1", 1, 1, 1),
        squares("squares_f3_37_and_9000", 3, 37, 9000),
        squares("squares_f2_20011_and_300", 2, 20_011, 300),
        loss("loss_f1_1_step0", 1, 1, 0),
        loss("loss_f3_37_step0", 3, 37, 0),
        loss("loss_f3_37_step1_partial", 3, 37, 1),
        loss("loss_f2_300_step2_inactive", 2, 300, 2),
        loss("loss_f2_9000_step1_chunks", 2, 9000, 1),
    ]
}
