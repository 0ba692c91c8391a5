//! GPU: one invocation a value, or a member.

use super::{JudgeSpec, RoundSpec, SHADER, ScaleSpec};
use crate::ops::kernel::{Bind, Dispatch, reads, writes};

fn dispatch(entry: &'static str, binds: Vec<Bind>, values: usize, lanes: usize, rest: Vec<u32>) -> Dispatch {
    let params = [vec![values as u32], rest].concat();
    Dispatch { shader: SHADER, entry, constants: vec![], binds, params, groups: values.div_ceil(lanes) }
}

pub(super) fn round(spec: &RoundSpec) -> Vec<Dispatch> {
    // The second binding is never read.
    vec![dispatch(
        "copy_values",
        vec![reads(0), reads(0), writes(1)],
        spec.fleet * spec.len,
        256,
        vec![spec.len as u32],
    )]
}

pub(super) fn scale(spec: &ScaleSpec) -> Vec<Dispatch> {
    let len = spec.rows * spec.width;
    vec![dispatch("scale", vec![reads(0), reads(1), writes(2)], spec.fleet * len, 256, vec![len as u32])]
}

pub(super) fn judge(spec: &JudgeSpec) -> Vec<Dispatch> {
    let clip = (spec.clip.unwrap_or(0.0) as f32).to_bits();
    let rest = vec![0, spec.steps as u32, u32::from(spec.clip.is_some()), clip];
    vec![dispatch("judge", vec![reads(0), reads(1), writes(2), writes(3)], spec.fleet, 64, rest)]
}
