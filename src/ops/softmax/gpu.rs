//! GPU: an invocation a short row, a workgroup a long one. The fleet's rows stand one after the other.

use super::{SHADER, SoftmaxSpec};
use crate::ops::kernel::{Bind, Dispatch, reads, writes};

/// Rows of at most so many values are short.
const NARROW: usize = 32;

pub(super) fn forward(spec: &SoftmaxSpec) -> Vec<Dispatch> {
    let entry = if spec.c <= NARROW { "forward_narrow" } else { "forward_wide" };
    vec![dispatch(spec, entry, vec![reads(0), writes(1)])]
}

pub(super) fn backward(spec: &SoftmaxSpec) -> Vec<Dispatch> {
    let entry = if spec.c <= NARROW { "backward_narrow" } else { "backward_wide" };
    vec![dispatch(spec, entry, vec![reads(0), reads(1), writes(2)])]
}

fn dispatch(spec: &SoftmaxSpec, entry: &'static str, binds: Vec<Bind>) -> Dispatch {
    let rows = spec.fleet * spec.rows;
    let groups = if spec.c <= NARROW { rows.div_ceil(256) } else { rows };
    Dispatch { shader: SHADER, entry, constants: vec![], binds, params: vec![rows as u32, spec.c as u32], groups }
}
