//! GPU: one invocation a word.

use super::{KeepBestSpec, SHADER};
use crate::ops::kernel::{Dispatch, reads, writes};

pub(super) fn keep_best(spec: &KeepBestSpec) -> Vec<Dispatch> {
    let words = spec.fleet * spec.len;
    vec![Dispatch {
        shader: SHADER,
        entry: "keep_best",
        constants: vec![],
        binds: vec![reads(0), reads(1), writes(2)],
        params: vec![words as u32, spec.len as u32],
        groups: words.div_ceil(256),
    }]
}
