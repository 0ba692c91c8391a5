//! The oracle.

use super::{Conv, ConvBackwardData, ConvBackwardWeight, ConvShape, ConvSpec};
use crate::ops::activation::Activation;

/// Calls `each(x's row, w's tap, y's row)` for every product of positions that the sums hold.
fn every_pair(shape: &ConvShape, mut each: impl FnMut(usize, usize, usize)) {
    let ConvSpec { n, size: [h, w], kernel: [kh, kw], stride, padding, dilation, .. } = shape.spec;
    let [h_out, w_out] = shape.out;
    let mut position = |sample: usize, [i, j]: [usize; 2], [a, b]: [usize; 2]| {
        let (row, column) = (i * stride[0] + a * dilation[0], j * stride[1] + b * dilation[1]);
        if row >= padding[0] && row - padding[0] < h && column >= padding[1] && column - padding[1] < w {
            let from = (sample * h + row - padding[0]) * w + column - padding[1];
            each(from, a * kw + b, (sample * h_out + i) * w_out + j);
        }
    };
    for sample in 0..n {
        for out in 0..h_out * w_out {
            for tap in 0..kh * kw {
                position(sample, [out / w_out, out % w_out], [tap / kw, tap % kw]);
            }
        }
    }
}

pub(super) fn forward(kernel: &Conv, args: &mut [Vec<f64>]) {
    let ConvSpec { c_in, c_out, .. } = kernel.shape.spec;
    let mut y = vec![0.0; kernel.shape.y_len()];
    if kernel.bias {
        y.chunks_mut(c_out).for_each(|row| row.copy_from_slice(&args[4]));
    }
    every_pair(&kernel.shape, |from, k, to| {
        for i in 0..c_in {
            for o in 0..c_out {
                y[to * c_out + o] += args[1][(k * c_in + i) * c_out + o] * args[0][from * c_in + i];
            }
        }
    });
    args[2] = y.into_iter().map(|sum| kernel.activation.reference(sum)).collect();
}

pub(super) fn backward_data(kernel: &ConvBackwardData, args: &mut [Vec<f64>]) {
    let ConvSpec { c_in, c_out, .. } = kernel.shape.spec;
    let mut dx = vec![0.0; kernel.shape.x_len()];
    every_pair(&kernel.shape, |from, k, to| {
        for i in 0..c_in {
            for o in 0..c_out {
                dx[from * c_in + i] += args[1][(k * c_in + i) * c_out + o] * args[0][to * c_out + o];
            }
        }
    });
    if kernel.mask != Activation::None {
        dx.iter_mut().zip(&args[4]).for_each(|(dx, saved)| *dx *= kernel.mask.reference_slope(*saved));
    }
    args[2] = dx;
}

pub(super) fn backward_weight(kernel: &ConvBackwardWeight, args: &mut [Vec<f64>]) {
    let ConvSpec { c_in, c_out, .. } = kernel.shape.spec;
    let mut dw = vec![0.0; kernel.shape.w_len()];
    every_pair(&kernel.shape, |from, k, to| {
        for i in 0..c_in {
            for o in 0..c_out {
                dw[(k * c_in + i) * c_out + o] += args[0][from * c_in + i] * args[1][to * c_out + o];
            }
        }
    });
    args[2] = dw;
    if kernel.bias {
        let mut db = vec![0.0; c_out];
        for row in args[1].chunks(c_out) {
            db.iter_mut().zip(row).for_each(|(sum, dy)| *sum += dy);
        }
        args[4] = db;
    }
}
