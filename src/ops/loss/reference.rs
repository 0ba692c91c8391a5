//! The oracle.

use super::{LossKind, LossSpec, is_flat};
use crate::ops::schedule::{self, LOSS_SCALE};

pub(super) fn loss(spec: &LossSpec, args: &mut [Vec<f64>], step: u32) {
    if spec.kind == LossKind::Pearson {
        return pearson(spec, args, step);
    }
    let LossSpec { n, c, .. } = *spec;
    let scale = schedule::row_f64(&args[3], step)[LOSS_SCALE];
    for i in 0..n {
        let factor = args[2][step as usize * n + i] * scale;
        let mut sum = 0.0;
        for j in 0..c {
            let (loss, slope) = match spec.kind {
                LossKind::CrossEntropy => cross_entropy(&args[0][i * c..][..c], args[1][i] as usize, j),
                LossKind::ReadOuts { positions, auxiliary } => {
                    let (classes, others) = (c / positions, positions.max(2) - 1);
                    let counts = if j < classes { 1.0 } else { f64::from(auxiliary) / others as f64 };
                    let first = i * c + j / classes * classes;
                    let (loss, slope) = cross_entropy(&args[0][first..][..classes], args[1][i] as usize, j % classes);
                    (counts * loss, counts * slope)
                }
                LossKind::BinaryCrossEntropy { .. } => {
                    let positive = if spec.positive_weights() { args[6][j] } else { 1.0 };
                    binary(args[0][i * c + j], args[1][i * c + j], positive, c as f64)
                }
                LossKind::MeanSquare | LossKind::Pearson => {
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

fn pearson(spec: &LossSpec, args: &mut [Vec<f64>], step: u32) {
    let LossSpec { n, c, .. } = *spec;
    let scale = schedule::row_f64(&args[3], step)[LOSS_SCALE];
    let f: Vec<f64> = args[2][step as usize * n..][..n].iter().map(|w| w * scale).collect();
    let total: f64 = f.iter().sum();
    args[4].fill(0.0);
    args[5].fill(0.0);
    if total == 0.0 {
        return;
    }
    for j in 0..c {
        let column = |values: &[f64]| -> (Vec<f64>, f64) {
            let values: Vec<f64> = (0..n).map(|i| values[i * c + j]).collect();
            let mean = f.iter().zip(&values).map(|(f, v)| f * v).sum::<f64>() / total;
            (values.iter().map(|v| v - mean).collect(), mean)
        };
        let ((z, mean_z), (t, mean_t)) = (column(&args[0]), column(&args[1]));
        let product = |a: &[f64], b: &[f64]| (0..n).map(|i| f[i] * a[i] * b[i]).sum::<f64>();
        let (squares_z, squares_t) = (product(&z, &z), product(&t, &t));
        let flat = is_flat(squares_z, mean_z, total) || is_flat(squares_t, mean_t, total) && !squares_z.is_nan();
        let spread = (squares_z * squares_t).sqrt();
        let r = if flat { 0.0 } else { product(&z, &t) / spread };
        for i in 0..n {
            args[4][i] += f[i] / c as f64 * (1.0 - r);
            let slope = if flat { 0.0 } else { r * z[i] / squares_z - t[i] / spread };
            args[5][i * c + j] = total * f[i] / c as f64 * slope;
        }
    }
}
