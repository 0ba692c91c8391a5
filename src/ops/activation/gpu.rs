//! GPU: one invocation a value.

use super::{ActivateSpec, SHADER};
use crate::ops::kernel::{Bind, Dispatch, reads, writes};

pub(super) fn forward(spec: &ActivateSpec) -> Vec<Dispatch> {
    vec![dispatch(spec, "forward", vec![reads(0), writes(1)])]
}

pub(super) fn backward(spec: &ActivateSpec) -> Vec<Dispatch> {
    vec![dispatch(spec, "backward", vec![reads(0), reads(1), writes(2)])]
}

fn dispatch(spec: &ActivateSpec, entry: &'static str, binds: Vec<Bind>) -> Dispatch {
    let values = spec.fleet * spec.len;
    Dispatch {
        shader: SHADER,
        entry,
        constants: vec![],
        binds,
        params: vec![values as u32, spec.activation.code()],
        groups: values.div_ceil(256),
    }
}
