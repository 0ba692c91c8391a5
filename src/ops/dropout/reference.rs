//! The oracle.

use super::{Dropout, counter_bits, schedule};

pub(super) fn dropout(kernel: &Dropout, args: &mut [Vec<f64>], step: u32) {
    let seed = args[1][0] as u32;
    let count = schedule::row_f64(&args[2], step)[schedule::COUNT] as u32;
    let rate = f64::from(kernel.spec.rate);
    for i in 0..kernel.spec.len {
        let bits = counter_bits(seed, kernel.spec.stream, count, i as u32);
        let dropped = f64::from(bits) < (rate * 4_294_967_296.0).floor();
        args[3][i] = if dropped { 0.0 } else { args[0][i] / (1.0 - rate) };
    }
}
