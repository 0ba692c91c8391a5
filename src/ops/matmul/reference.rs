//! The oracle.

use super::{Matmul, MatmulSpec};

pub(super) fn matmul(kernel: &Matmul, args: &mut [Vec<f64>]) {
    let spec = kernel.spec();
    let MatmulSpec { m, k, n, .. } = *spec;
    let places = kernel.places();
    for i in 0..m {
        for j in 0..n {
            let mut sum = places.bias.map_or(0.0, |at| args[at][j]);
            for p in 0..k {
                let a = if spec.a_transposed { args[0][p * m + i] } else { args[0][i * k + p] };
                let b = if spec.b_transposed { args[1][j * k + p] } else { args[1][p * n + j] };
                sum += a * b;
            }
            let slope = places.saved.map_or(1.0, |at| spec.mask.reference_slope(args[at][i * n + j]));
            args[2][i * n + j] = spec.activation.reference(sum * slope);
        }
    }
    if let Some(at) = places.sums {
        args[at] = (0..n).map(|j| (0..k).map(|p| args[1][p * n + j]).sum()).collect();
    }
}
