//! The oracle.

use super::{BatchNormShape, BatchNormSpec, schedule};

pub(super) fn forward(shape: &BatchNormShape, args: &mut [Vec<f64>], step: u32) {
    let BatchNormSpec { c, epsilon, momentum, .. } = shape.spec;
    let momentum = f64::from(momentum);
    let live = shape.live_rows(schedule::row_f64(&args[3], step)[schedule::LIVE]);
    let count = live.max(1) as f64;
    for channel in 0..c {
        let values: Vec<f64> = (0..live).map(|r| args[0][r * c + channel]).collect();
        let mean = values.iter().sum::<f64>() / count;
        let squares = values.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>();
        let rstd = 1.0 / (squares / count + f64::from(epsilon)).sqrt();
        for r in 0..shape.rows() {
            let i = r * c + channel;
            args[4][i] = (args[0][i] - mean) * rstd * args[1][channel] + args[2][channel];
        }
        args[5][channel] = mean;
        args[6][channel] = rstd;
        if live > 0 {
            let unbiased = squares / (count - 1.0).max(1.0);
            args[7][channel] = (1.0 - momentum) * args[7][channel] + momentum * mean;
            args[8][channel] = (1.0 - momentum) * args[8][channel] + momentum * unbiased;
        }
    }
}

pub(super) fn evaluate(shape: &BatchNormShape, args: &mut [Vec<f64>]) {
    let BatchNormSpec { c, epsilon, .. } = shape.spec;
    for i in 0..shape.len() {
        let channel = i % c;
        let rstd = 1.0 / (args[4][channel] + f64::from(epsilon)).sqrt();
        args[5][i] = (args[0][i] - args[3][channel]) * rstd * args[1][channel] + args[2][channel];
    }
}

pub(super) fn backward(shape: &BatchNormShape, args: &mut [Vec<f64>], step: u32) {
    let c = shape.spec.c;
    let live = shape.live_rows(schedule::row_f64(&args[5], step)[schedule::LIVE]);
    let count = live.max(1) as f64;
    args[6].fill(0.0);
    for channel in 0..c {
        let (gamma, mean, rstd) = (args[2][channel], args[3][channel], args[4][channel]);
        let xhat = |x: f64| (x - mean) * rstd;
        let (mut dgamma, mut dbeta) = (0.0, 0.0);
        for r in 0..live {
            let i = r * c + channel;
            dgamma += args[1][i] * xhat(args[0][i]);
            dbeta += args[1][i];
        }
        for r in 0..live {
            let i = r * c + channel;
            let centred = args[1][i] - dbeta / count - xhat(args[0][i]) * dgamma / count;
            args[6][i] = gamma * rstd * centred;
        }
        args[7][channel] = dgamma;
        args[8][channel] = dbeta;
    }
}
