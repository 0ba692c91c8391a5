//! Shapes for agreement, gradients and benches.

use super::{Loss, LossKind, LossSpec};
use crate::ops::{Call, Case, Fill, schedule};

fn case(id: &'static str, kind: LossKind, fleet: usize, n: usize, c: usize) -> Case {
    let kernel = Loss::new(LossSpec { fleet, n, c, steps: 3, kind }).expect("the case's shape is right");
    let targets = match kind {
        LossKind::CrossEntropy => Fill::Below(c as u32),
        LossKind::ReadOuts { positions, .. } => Fill::Below((c / positions) as u32),
        LossKind::BinaryCrossEntropy { .. } => Fill::Values(vec![0.0, 1.0, 1.0, 0.0, 0.25]),
        LossKind::MeanSquare | LossKind::Pearson => Fill::Normal,
    };
    Case::new(id)
        .call(Call::new(kernel))
        .fill("t", targets)
        .fill("w", Fill::Uniform(0.2, 3.0))
        .fill("positive", Fill::Uniform(0.5, 5.0))
        .fill("schedule", Fill::Values(schedule::sample(n)))
}

pub(super) fn cases() -> Vec<Case> {
    use LossKind::{CrossEntropy, MeanSquare, Pearson};
    let read_outs = |positions, auxiliary| LossKind::ReadOuts { positions, auxiliary };
    let bce = LossKind::BinaryCrossEntropy { positive_weights: false };
    let weighted = LossKind::BinaryCrossEntropy { positive_weights: true };
    vec![
        case("cross_entropy_f1_1x1", CrossEntropy, 1, 1, 1),
        case("cross_entropy_f3_37x2", CrossEntropy, 3, 37, 2),
        case("cross_entropy_f2_19x32_step1", CrossEntropy, 2, 19, 32).at_step(1),
        case("cross_entropy_f2_5x33", CrossEntropy, 2, 5, 33),
        case("cross_entropy_f1_3x1009_step1", CrossEntropy, 1, 3, 1009).at_step(1),
        case("cross_entropy_f2_7x5_step2_inactive", CrossEntropy, 2, 7, 5).at_step(2),
        case("cross_entropy_f2_7x50_step2_inactive", CrossEntropy, 2, 7, 50).at_step(2),
        case("cross_entropy_f5_23x7_large_logits", CrossEntropy, 5, 23, 7).fill("z", Fill::Uniform(-300.0, 300.0)),
        case("cross_entropy_f2_7x5_some_rows_weigh_nothing", CrossEntropy, 2, 7, 5)
            .fill("w", Fill::Values(vec![1.0, 0.0, 2.0])),
        case("read_outs_f1_1x1_of_1", read_outs(1, 0.5), 1, 1, 1),
        case("read_outs_f3_37x4_of_3", read_outs(4, 0.3), 3, 37, 12),
        case("read_outs_f2_5x4_of_50_step1", read_outs(4, 1.5), 2, 5, 200).at_step(1),
        case("read_outs_f2_9x3_of_5_first_alone", read_outs(3, 0.0), 2, 9, 15),
        case("read_outs_f2_9x3_of_17_first_alone", read_outs(3, 0.0), 2, 9, 51),
        case("read_outs_f2_7x2_of_4_step2_inactive", read_outs(2, 0.5), 2, 7, 8).at_step(2),
        case("read_outs_f1_5000x4_of_10_split", read_outs(4, 0.5), 1, 5000, 40),
        case("bce_f1_1x1", bce, 1, 1, 1),
        case("bce_f3_300x1_step1", bce, 3, 300, 1).at_step(1),
        case("bce_f2_13x7_weighted", weighted, 2, 13, 7),
        case("bce_f2_3x301_weighted_step1", weighted, 2, 3, 301).at_step(1),
        case("bce_f2_11x3_large_logits", bce, 2, 11, 3).fill("z", Fill::Uniform(-200.0, 200.0)),
        case("bce_f2_11x3_step2_inactive", weighted, 2, 11, 3).at_step(2),
        case("mse_f1_1x1", MeanSquare, 1, 1, 1),
        case("mse_f5_31x3_step1", MeanSquare, 5, 31, 3).at_step(1),
        case("mse_f2_5x129", MeanSquare, 2, 5, 129),
        case("mse_f2_5x129_step2_inactive", MeanSquare, 2, 5, 129).at_step(2),
        case("pearson_f1_1x1_flat", Pearson, 1, 1, 1),
        case("pearson_f3_37x1", Pearson, 3, 37, 1),
        case("pearson_f2_13x5_step1", Pearson, 2, 13, 5).at_step(1),
        case("pearson_f2_3x17", Pearson, 2, 3, 17),
        case("pearson_f2_7x3_step2_inactive", Pearson, 2, 7, 3).at_step(2),
        case("pearson_f1_1031x2_far_from_0", Pearson, 1, 1031, 2).fill("z", Fill::Uniform(90.0, 110.0)),
        case("pearson_f2_11x3_some_rows_weigh_nothing", Pearson, 2, 11, 3).fill("w", Fill::Values(vec![1.0, 0.0, 2.0])),
        case("pearson_f2_9x2_targets_flat", Pearson, 2, 9, 2).fill("t", Fill::Values(vec![0.1])),
        case("pearson_f1_4096x1", Pearson, 1, 4096, 1).bench_only(),
        case("cross_entropy_f1_20000x10_split", CrossEntropy, 1, 20_000, 10).bench(),
        case("cross_entropy_f1_4096x1000", CrossEntropy, 1, 4096, 1000).bench_only(),
        case("bce_f1_65536x8", bce, 1, 65_536, 8).bench_only(),
        case("mse_f1000_32x4", MeanSquare, 1000, 32, 4).bench_only(),
    ]
}
