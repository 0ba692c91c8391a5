//! The oracle.

use super::{Dropout, counter_bits, schedule};

pub(super) fn dropout(kernel: &Dropout, args: &mut [Vec<f64>], step: u32) {
    let seed = args[1][0] as u32;
    let count = schedule::row_f64(&args[2], step)[schedule::COUNT] as u32;
    let rate = f64::from(kernel.spec.rate);
    let [x, _, _, y] = args else { unreachable!("four arguments") };
    for (i, (x, y)) in (0_u32..).zip(x.iter().zip(y)) {
        let bits = counter_bits(seed, kernel.spec.stream, count, i);
        let dropped = f64::from(bits) < (rate * 4_294_967_296.0).floor();
        *y = if dropped { 0.0 } else { x / (1.0 - rate) };
    }
}
