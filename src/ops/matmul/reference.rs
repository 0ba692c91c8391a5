//! The oracle.

use super::MatmulSpec;

pub(super) fn matmul(spec: &MatmulSpec, args: &mut [Vec<f64>]) {
    let MatmulSpec { m, k, n, .. } = *spec;
    for i in 0..m {
        for j in 0..n {
            let mut sum = if spec.bias { args[4][j] } else { 0.0 };
            for p in 0..k {
                let a = if spec.a_transposed { args[0][p * m + i] } else { args[0][i * k + p] };
                let b = if spec.b_transposed { args[1][j * k + p] } else { args[1][p * n + j] };
                sum += a * b;
            }
            args[2][i * n + j] = spec.activation.reference(sum);
        }
    }
}
