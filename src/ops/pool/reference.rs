//! The oracle.

use super::{PoolKind, PoolShape, PoolSpec};

pub(super) fn forward(shape: &PoolShape, args: &mut [Vec<f64>]) {
    let PoolSpec { kind, n, l, c, window, stride, .. } = shape.spec;
    for sample in 0..n {
        for out in 0..shape.l_out {
            for channel in 0..c {
                let at = |position: usize| (sample * l + position) * c + channel;
                let to = (sample * shape.l_out + out) * c + channel;
                let first = out * stride;
                if kind == PoolKind::Average {
                    let sum: f64 = (0..window).map(|w| args[0][at(first + w)]).sum();
                    args[1][to] = sum / window as f64;
                    continue;
                }
                let mut best = first;
                for position in first + 1..first + window {
                    if args[0][at(position)] > args[0][at(best)] {
                        best = position;
                    }
                }
                args[1][to] = args[0][at(best)];
                args[2][to] = best as f64;
            }
        }
    }
}

pub(super) fn backward(shape: &PoolShape, args: &mut [Vec<f64>]) {
    let PoolSpec { kind, n, l, c, window, stride, .. } = shape.spec;
    args[1].fill(0.0);
    for sample in 0..n {
        for out in 0..shape.l_out {
            for channel in 0..c {
                let from = (sample * shape.l_out + out) * c + channel;
                if kind == PoolKind::Max {
                    let position = args[2][from] as usize;
                    args[1][(sample * l + position) * c + channel] += args[0][from];
                    continue;
                }
                for position in out * stride..out * stride + window {
                    args[1][(sample * l + position) * c + channel] += args[0][from] / window as f64;
                }
            }
        }
    }
}
