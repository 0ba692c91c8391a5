//! The oracle.

use super::DistanceSpec;

pub(super) fn distance(spec: &DistanceSpec, args: &mut [Vec<f64>]) {
    let DistanceSpec { n, k, d, .. } = *spec;
    for i in 0..n {
        let mut best = (f64::INFINITY, 0);
        for j in 0..k {
            let mut sum = 0.0;
            for q in 0..d {
                let difference = args[0][i * d + q] - args[1][j * d + q];
                sum += difference * difference;
            }
            if sum < best.0 {
                best = (sum, j);
            }
        }
        args[2][i] = best.1 as f64;
        args[3][i] = best.0;
    }
}
