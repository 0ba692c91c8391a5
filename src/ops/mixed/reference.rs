//! The oracle.

use super::{EXPONENT, FIRST, GOOD, JudgeSpec, PATIENCE, POWERS, SKIPPED, power};
use crate::ops::schedule;

pub(super) fn round(args: &mut [Vec<f64>]) {
    let [x, y, ..] = args else { return };
    y.clone_from(x);
}

pub(super) fn scale(args: &mut [Vec<f64>]) {
    let scale = 2.0_f64.powi(power(args[1][EXPONENT]));
    args[2] = args[0].iter().map(|x| x * scale).collect();
}

pub(super) fn judge(spec: &JudgeSpec, args: &mut [Vec<f64>], step: u32) {
    args[3][0] = 0.0;
    if schedule::row_f64(&args[1], step)[schedule::ACTIVE] == 0.0 {
        return;
    }
    let norm = args[0][0];
    let state = &mut args[2];
    let scale = 2.0_f64.powi(power(state[EXPONENT]));
    let (lowest, highest) = (f64::from(POWERS.start() - FIRST), f64::from(POWERS.end() - FIRST));
    if !norm.is_finite() {
        state[EXPONENT] = (state[EXPONENT] - 1.0).max(lowest);
        state[GOOD] = 0.0;
        state[SKIPPED] += 1.0;
        return;
    }
    state[GOOD] += 1.0;
    if state[GOOD] >= f64::from(PATIENCE) {
        state[EXPONENT] = (state[EXPONENT] + 1.0).min(highest);
        state[GOOD] = 0.0;
    }
    let shortened = spec.clip.map_or(1.0, |clip| (clip / (norm.sqrt() / scale + 1e-6)).min(1.0));
    args[3][0] = shortened / scale;
}
