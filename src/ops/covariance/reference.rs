//! The oracle.

use super::CovarianceSpec;

pub(super) fn covariance(spec: &CovarianceSpec, args: &mut [Vec<f64>]) {
    let CovarianceSpec { n, d, .. } = *spec;
    for i in 0..d {
        args[1][i] = (0..n).map(|r| args[0][r * d + i]).sum::<f64>() / n as f64;
    }
    for i in 0..d {
        for j in 0..d {
            let product = |r: usize| (args[0][r * d + i] - args[1][i]) * (args[0][r * d + j] - args[1][j]);
            args[2][i * d + j] = (0..n).map(product).sum::<f64>() / (n - 1) as f64;
        }
    }
}
