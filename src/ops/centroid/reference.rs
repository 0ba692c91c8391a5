//! The oracle.

use super::CentroidSpec;

pub(super) fn centroid(spec: &CentroidSpec, args: &mut [Vec<f64>]) {
    let CentroidSpec { n, k, d, weighted, .. } = *spec;
    for j in 0..k {
        let mut count = 0.0;
        let mut sums = vec![0.0; d];
        for i in (0..n).filter(|&i| args[1][i] == j as f64) {
            let weight = if weighted { args[5][i] } else { 1.0 };
            count += weight;
            for q in 0..d {
                sums[q] += weight * args[0][i * d + q];
            }
        }
        args[3][j] = count;
        if count > 0.0 {
            for q in 0..d {
                args[2][j * d + q] = sums[q] / count;
            }
        }
    }
}
