//! The oracle.

use super::LayerNormSpec;

pub(super) fn forward(spec: &LayerNormSpec, args: &mut [Vec<f64>]) {
    let c = spec.c;
    for r in 0..spec.rows() {
        let mut s = args[0][r * c..][..c].to_vec();
        if spec.residual {
            s.iter_mut().zip(&args[6][r * c..]).for_each(|(a, b)| *a += b);
            args[7][r * c..][..c].copy_from_slice(&s);
        }
        let mean = s.iter().sum::<f64>() / c as f64;
        let var = s.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / c as f64;
        let rstd = 1.0 / (var + f64::from(spec.epsilon)).sqrt();
        for j in 0..c {
            args[3][r * c + j] = (s[j] - mean) * rstd * args[1][j] + args[2][j];
        }
        args[4][r] = mean;
        args[5][r] = rstd;
    }
}

pub(super) fn backward(spec: &LayerNormSpec, args: &mut [Vec<f64>]) {
    let c = spec.c;
    args[6].fill(0.0);
    args[7].fill(0.0);
    for r in 0..spec.rows() {
        let (mean, rstd) = (args[3][r], args[4][r]);
        let xhat: Vec<f64> = args[0][r * c..][..c].iter().map(|x| (x - mean) * rstd).collect();
        let dy = args[1][r * c..][..c].to_vec();
        let g: Vec<f64> = dy.iter().zip(&args[2]).map(|(dy, gamma)| dy * gamma).collect();
        let mean_g = g.iter().sum::<f64>() / c as f64;
        let mean_product = g.iter().zip(&xhat).map(|(g, x)| g * x).sum::<f64>() / c as f64;
        for j in 0..c {
            let by_other_ways = if spec.residual { args[9][r * c + j] } else { 0.0 };
            args[5][r * c + j] = rstd * (g[j] - mean_g - xhat[j] * mean_product) + by_other_ways;
            args[6][j] += dy[j] * xhat[j];
            args[7][j] += dy[j];
        }
    }
}
