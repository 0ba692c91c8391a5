//! GPU: one invocation a parameter.

use super::{AdamSpec, SHADER, SgdSpec};
use crate::ops::kernel::{Bind, Dispatch, reads, writes};

fn dispatch(entry: &'static str, fleet: usize, len: usize, binds: Vec<Bind>, rest: Vec<u32>) -> Dispatch {
    let values = fleet * len;
    let params = [vec![values as u32, len as u32], rest].concat();
    Dispatch { shader: SHADER, entry, constants: vec![], binds, params, groups: values.div_ceil(256) }
}

/// Without a clip or a factor the binding of `norm` repeats `g`: read and never used.
fn norm(clip: Option<f64>, scaled: bool, arg: usize) -> Bind {
    if clip.is_some() || scaled { reads(arg) } else { reads(1) }
}

fn flags(clip: Option<f64>, nesterov: bool, scaled: bool) -> u32 {
    u32::from(clip.is_some()) | u32::from(nesterov) << 1 | u32::from(scaled) << 2
}

fn bits(value: f64) -> u32 {
    (value as f32).to_bits()
}

pub(super) fn adam(spec: &AdamSpec) -> Vec<Dispatch> {
    let binds = vec![writes(0), reads(1), writes(2), reads(4), norm(spec.clip, spec.scaled, 5), writes(3)];
    let rest = vec![
        spec.steps as u32,
        flags(spec.clip, false, spec.scaled),
        bits(spec.clip.unwrap_or(0.0)),
        bits(spec.weight_decay),
        bits(spec.beta1),
        bits(1.0 - spec.beta1),
        bits(spec.beta2),
        bits(1.0 - spec.beta2),
        bits(spec.epsilon),
    ];
    vec![dispatch("adam", spec.fleet, spec.len, binds, rest)]
}

pub(super) fn sgd(spec: &SgdSpec) -> Vec<Dispatch> {
    let binds = vec![writes(0), reads(1), writes(2), reads(3), norm(spec.clip, spec.scaled, 4)];
    let rest = vec![
        spec.steps as u32,
        flags(spec.clip, spec.nesterov, spec.scaled),
        bits(spec.clip.unwrap_or(0.0)),
        bits(spec.weight_decay),
        bits(spec.momentum),
    ];
    vec![dispatch("sgd", spec.fleet, spec.len, binds, rest)]
}
