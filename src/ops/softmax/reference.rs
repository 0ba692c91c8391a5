//! The oracle.

use super::SoftmaxSpec;

pub(super) fn forward(spec: &SoftmaxSpec, args: &mut [Vec<f64>]) {
    let c = spec.c;
    for i in 0..spec.rows {
        let x = args[0][i * c..][..c].to_vec();
        let largest = x.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = x.iter().map(|v| (v - largest).exp()).sum();
        for j in 0..c {
            args[1][i * c + j] = (x[j] - largest).exp() / sum;
        }
    }
}

pub(super) fn backward(spec: &SoftmaxSpec, args: &mut [Vec<f64>]) {
    let c = spec.c;
    for i in 0..spec.rows {
        let dot: f64 = (0..c).map(|j| args[0][i * c + j] * args[1][i * c + j]).sum();
        for j in 0..c {
            args[2][i * c + j] = args[1][i * c + j] * (args[0][i * c + j] - dot);
        }
    }
}
