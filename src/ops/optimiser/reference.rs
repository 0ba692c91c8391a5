//! The oracle.

use super::{AdamSpec, SgdSpec};
use crate::ops::schedule::{self, ACTIVE, CORRECTION_1, CORRECTION_2, RATE};

/// What the gradient is multiplied by; `last` is the sum of squares if there is a clip, the factor if it is scaled.
fn scale(clip: Option<f64>, scaled: bool, last: Option<&Vec<f64>>) -> f64 {
    match (clip, last) {
        (None, Some(factor)) if scaled => factor[0],
        (Some(clip), Some(norm)) => (clip / (norm[0].sqrt() + 1e-6)).min(1.0),
        _ => 1.0,
    }
}

pub(super) fn adam(spec: &AdamSpec, args: &mut [Vec<f64>], step: u32) {
    let row = schedule::row_f64(&args[4], step).to_vec();
    if row[ACTIVE] == 0.0 {
        return;
    }
    let scale = scale(spec.clip, spec.scaled, args.get(5));
    if spec.scaled && scale == 0.0 {
        return;
    }
    let [p, g, m, v, ..] = args else { return };
    for (((p, g), m), v) in p.iter_mut().zip(&*g).zip(m).zip(v) {
        let g = g * scale;
        *m = spec.beta1 * *m + (1.0 - spec.beta1) * g;
        *v = spec.beta2 * *v + (1.0 - spec.beta2) * g * g;
        *p *= 1.0 - row[RATE] * spec.weight_decay;
        *p -= row[RATE] * (*m * row[CORRECTION_1]) / ((*v * row[CORRECTION_2]).sqrt() + spec.epsilon);
    }
}

pub(super) fn sgd(spec: &SgdSpec, args: &mut [Vec<f64>], step: u32) {
    let row = schedule::row_f64(&args[3], step).to_vec();
    if row[ACTIVE] == 0.0 {
        return;
    }
    let scale = scale(spec.clip, spec.scaled, args.get(4));
    if spec.scaled && scale == 0.0 {
        return;
    }
    let [p, g, m, ..] = args else { return };
    for ((p, g), m) in p.iter_mut().zip(&*g).zip(m) {
        let d = g * scale + spec.weight_decay * *p;
        *m = spec.momentum * *m + d;
        let direction = if spec.nesterov { d + spec.momentum * *m } else { *m };
        *p -= row[RATE] * direction;
    }
}
