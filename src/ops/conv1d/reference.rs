//! The oracle.

use super::{Conv1d, Conv1dShape, Conv1dSpec};

/// Calls `each(x's row, w's tap, y's row)` for every product of positions that the sums hold.
fn every_pair(shape: &Conv1dShape, mut each: impl FnMut(usize, usize, usize)) {
    let Conv1dSpec { n, l, kernel, stride, padding, dilation, .. } = shape.spec;
    for sample in 0..n {
        for out in 0..shape.l_out {
            for k in 0..kernel {
                let at = out * stride + k * dilation;
                if at >= padding && at - padding < l {
                    each(sample * l + at - padding, k, sample * shape.l_out + out);
                }
            }
        }
    }
}

pub(super) fn forward(kernel: &Conv1d, args: &mut [Vec<f64>]) {
    let Conv1dSpec { n, c_in, c_out, .. } = kernel.shape.spec;
    let mut y = vec![0.0; n * kernel.shape.l_out * c_out];
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

pub(super) fn backward_data(shape: &Conv1dShape, args: &mut [Vec<f64>]) {
    let Conv1dSpec { n, l, c_in, c_out, .. } = shape.spec;
    let mut dx = vec![0.0; n * l * c_in];
    every_pair(shape, |from, k, to| {
        for i in 0..c_in {
            for o in 0..c_out {
                dx[from * c_in + i] += args[1][(k * c_in + i) * c_out + o] * args[0][to * c_out + o];
            }
        }
    });
    args[2] = dx;
}

pub(super) fn backward_weight(shape: &Conv1dShape, args: &mut [Vec<f64>]) {
    let Conv1dSpec { c_in, c_out, kernel, .. } = shape.spec;
    let mut dw = vec![0.0; kernel * c_in * c_out];
    every_pair(shape, |from, k, to| {
        for i in 0..c_in {
            for o in 0..c_out {
                dw[(k * c_in + i) * c_out + o] += args[0][from * c_in + i] * args[1][to * c_out + o];
            }
        }
    });
    args[2] = dw;
}
