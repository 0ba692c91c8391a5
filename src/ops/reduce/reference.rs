//! The oracle.

use super::{Fold, ReduceColumnsSpec, ReduceRowsSpec, SumSquaresSpec};
use crate::ops::schedule::{self, SHARE};

pub(super) fn columns(spec: &ReduceColumnsSpec, args: &mut [Vec<f64>]) {
    for j in 0..spec.cols {
        args[1][j] = (0..spec.rows).map(|i| args[0][i * spec.cols + j]).sum();
    }
}

pub(super) fn rows(spec: &ReduceRowsSpec, args: &mut [Vec<f64>]) {
    for i in 0..spec.rows {
        let row = &args[0][i * spec.cols..][..spec.cols];
        args[1][i] = match spec.fold {
            Fold::Sum => row.iter().sum(),
            Fold::Mean => row.iter().sum::<f64>() / spec.cols as f64,
            Fold::Max => row.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        };
    }
}

pub(super) fn sum_squares(spec: &SumSquaresSpec, args: &mut [Vec<f64>]) {
    let before = if spec.first { 0.0 } else { args[1][0] };
    args[1][0] = before + args[0].iter().map(|x| x * x).sum::<f64>();
}

pub(super) fn accumulate_loss(args: &mut [Vec<f64>], step: u32) {
    let before = if step == 0 { 0.0 } else { args[2][0] };
    let share = schedule::row_f64(&args[1], step)[SHARE];
    let sum = if share == 0.0 { 0.0 } else { args[0].iter().sum() };
    args[2][0] = before + share * sum;
}
