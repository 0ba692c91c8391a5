//! The oracle.

use super::{PoolBackward, PoolKind, PoolShape, PoolSpec};
use crate::ops::activation::Activation;

/// Calls `each(word of y, words of x under its window)`, row by row.
fn every_window(shape: &PoolShape, mut each: impl FnMut(usize, &[usize])) {
    let PoolSpec { n, size: [h, w], c, window, stride, .. } = shape.spec;
    let [h_out, w_out] = shape.out;
    for to in 0..n * h_out * w_out * c {
        let (channel, position, sample) = (to % c, to / c % (h_out * w_out), to / c / (h_out * w_out));
        let (top, left) = (position / w_out * stride[0], position % w_out * stride[1]);
        let under = |place: usize| {
            let (i, j) = (top + place / window[1], left + place % window[1]);
            ((sample * h + i) * w + j) * c + channel
        };
        each(to, &(0..window[0] * window[1]).map(under).collect::<Vec<_>>());
    }
}

pub(super) fn forward(shape: &PoolShape, args: &mut [Vec<f64>]) {
    let PoolSpec { kind, size: [h, w], c, .. } = shape.spec;
    let x = args[0].clone();
    every_window(shape, |to, words| {
        if kind == PoolKind::Average {
            args[1][to] = words.iter().map(|&word| x[word]).sum::<f64>() / words.len() as f64;
            return;
        }
        let best = words.iter().copied().reduce(|best, word| if x[word] > x[best] { word } else { best });
        let best = best.expect("a window holds a position");
        args[1][to] = x[best];
        args[2][to] = (best / c % (h * w)) as f64;
    });
}

pub(super) fn backward(kernel: &PoolBackward, args: &mut [Vec<f64>]) {
    let PoolSpec { kind, size: [h, w], c, .. } = kernel.shape.spec;
    let dy = args[0].clone();
    let mut dx = vec![0.0; kernel.shape.x_len()];
    every_window(&kernel.shape, |from, words| {
        for &word in words {
            if kind == PoolKind::Average {
                dx[word] += dy[from] / words.len() as f64;
            } else if args[2][from] as usize == word / c % (h * w) {
                dx[word] += dy[from];
            }
        }
    });
    if kernel.mask != Activation::None {
        let saved = &args[kernel.saved()];
        dx.iter_mut().zip(saved).for_each(|(dx, saved)| *dx *= kernel.mask.reference_slope(*saved));
    }
    args[1] = dx;
}
