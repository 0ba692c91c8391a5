//! The oracle.

use super::{DistanceSpec, Metric};

pub(super) fn distance(spec: &DistanceSpec, args: &mut [Vec<f64>]) {
    let DistanceSpec { n, k, d, metric, nearest, .. } = *spec;
    for i in 0..n {
        let row = &args[0][i * d..][..d];
        let mut all: Vec<(f64, usize)> = (0..k).map(|j| (of_pair(metric, row, &args[1][j * d..][..d]), j)).collect();
        all.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        for (t, (distance, j)) in all[..nearest].iter().enumerate() {
            args[2][i * nearest + t] = *j as f64;
            args[3][i * nearest + t] = *distance;
        }
    }
}

fn of_pair(metric: Metric, x: &[f64], c: &[f64]) -> f64 {
    let pairs = || x.iter().zip(c);
    match metric {
        Metric::Euclidean => pairs().map(|(a, b)| (a - b) * (a - b)).sum(),
        Metric::Manhattan => pairs().map(|(a, b)| (a - b).abs()).sum(),
        Metric::Cosine => {
            let length = |v: &[f64]| v.iter().map(|a| a * a).sum::<f64>().sqrt();
            let lengths = length(x) * length(c);
            if lengths > 0.0 { 1.0 - pairs().map(|(a, b)| a * b).sum::<f64>() / lengths } else { 1.0 }
        }
    }
}
