//! The oracle.

use super::{AdamSpec, SgdSpec};
use crate::ops::schedule::{self, ACTIVE, CORRECTION_1, CORRECTION_2, RATE};

/// What the gradient is multiplied by; `norm` is the sum of squares, if there is a clip.
fn scale(clip: Option<f64>, norm: Option<&Vec<f64>>) -> f64 {
    match (clip, norm) {
        (Some(clip), Some(norm)) => (clip / (norm[0].sqrt() + 1e-6)).min(1.0),
        _ => 1.0,
    }
}

pub(super) fn adam(spec: &AdamSpec, args: &mut [Vec<f64>], step: u32) {
    let row = schedule::row_f64(&args[4], step).to_vec();
    if row[ACTIVE] == 0.0 {
        return;
    }
    let scale = scale(spec.clip, args.get(5));
    for i in 0..spec.len {
        let g = args[1][i] * scale;
        let m = spec.beta1 * args[2][i] + (1.0 - spec.beta1) * g;
        let v = spec.beta2 * args[3][i] + (1.0 - spec.beta2) * g * g;
        let decayed = args[0][i] * (1.0 - row[RATE] * spec.weight_decay);
        args[0][i] = decayed - row[RATE] * (m * row[CORRECTION_1]) / ((v * row[CORRECTION_2]).sqrt() + spec.epsilon);
        args[2][i] = m;
        args[3][i] = v;
    }
}

pub(super) fn sgd(spec: &SgdSpec, args: &mut [Vec<f64>], step: u32) {
    let row = schedule::row_f64(&args[3], step).to_vec();
    if row[ACTIVE] == 0.0 {
        return;
    }
    let scale = scale(spec.clip, args.get(4));
    for i in 0..spec.len {
        let d = args[1][i] * scale + spec.weight_decay * args[0][i];
        let m = spec.momentum * args[2][i] + d;
        let direction = if spec.nesterov { d + spec.momentum * m } else { m };
        args[0][i] -= row[RATE] * direction;
        args[2][i] = m;
    }
}
