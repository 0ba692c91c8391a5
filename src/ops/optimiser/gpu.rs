//! GPU: one invocation a parameter.

use super::{AdamSpec, SHADER, SgdSpec};
use crate::ops::kernel::{Bind, Dispatch, reads, writes};

fn dispatch(entry: &'static str, fleet: usize, len: usize, binds: Vec<Bind>, rest: Vec<u32>) -> Dispatch {
    let values = fleet * len;
    let params = [vec![values as u32, len as u32], rest].concat();
    Dispatch { shader: SHADER, entry, constants: vec![], binds, params, groups: values.div_ceil(256) }
}

/// Without a clip the binding of `norm` repeats `g`: read and never used.
fn norm(clip: Option<f64>, arg: usize) -> Bind {
    if clip.is_some() { reads(arg) } else { reads(1) }
}

fn bits(value: f64) -> u32 {
    (value as f32).to_bits()
}

pub(super) fn adam(spec: &AdamSpec) -> Vec<Dispatch> {
    let binds = vec![writes(0), reads(1), writes(2), reads(4), norm(spec.clip, 5), writes(3)];
    let rest = vec![
        spec.steps as u32,
        u32::from(spec.clip.is_some()),
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
    let binds = vec![writes(0), reads(1), writes(2), reads(3), norm(spec.clip, 4)];
    let rest = vec![
        spec.steps as u32,
        u32::from(spec.clip.is_some()) | u32::from(spec.nesterov) << 1,
        bits(spec.clip.unwrap_or(0.0)),
        bits(spec.weight_decay),
        bits(spec.momentum),
    ];
    vec![dispatch("sgd", spec.fleet, spec.len, binds, rest)]
}
