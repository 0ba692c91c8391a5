//! The oracle.

use super::{LossKind, LossSpec};
use crate::ops::schedule::{self, LOSS_SCALE};

pub(super) fn loss(spec: &LossSpec, args: &mut [Vec<f64>], step: u32) {
    let LossSpec { n, c, .. } = *spec;
    let scale = schedule::row_f64(&args[3], step)[LOSS_SCALE];
    for i in 0..n {
        let factor = args[2][step as usize * n + i] * scale;
        let mut sum = 0.0;
        for j in 0..c {
            let (loss, slope) = match spec.kind {
                LossKind::CrossEntropy => cross_entropy(&args[0][i * c..][..c], args[1][i] as usize, j),
                LossKind::BinaryCrossEntropy { .. } => {
                    let positive = if spec.positive_weights() { args[6][j] } else { 1.0 };
                    binary(args[0][i * c + j], args[1][i * c + j], positive, c as f64)
                }
                LossKind::MeanSquare => {
                    let difference = args[0][i * c + j] - args[1][i * c + j];
                    (difference * difference / c as f64, 2.0 * difference / c as f64)
                }
            };
            sum += loss;
            args[5][i * c + j] = factor * slope;
        }
        args[4][i] = factor * sum;
    }
}

/// What output `j` adds to the loss, and the slope there.
fn cross_entropy(z: &[f64], label: usize, j: usize) -> (f64, f64) {
    let largest = z.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let sum: f64 = z.iter().map(|v| (v - largest).exp()).sum();
    let probability = (z[j] - largest).exp() / sum;
    if j == label { (largest + sum.ln() - z[j], probability - 1.0) } else { (0.0, probability) }
}

fn binary(z: f64, t: f64, positive: f64, c: f64) -> (f64, f64) {
    let softplus = |x: f64| x.max(0.0) + (-x.abs()).exp().ln_1p();
    let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
    let loss = positive * t * softplus(-z) + (1.0 - t) * softplus(z);
    let slope = (1.0 - t) * sigmoid(z) - positive * t * sigmoid(-z);
    (loss / c, slope / c)
}
