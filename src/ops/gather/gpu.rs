//! GPU: one invocation a word.

use super::{GatherSpec, SHADER};
use crate::ops::kernel::{Dispatch, reads, writes};

pub(super) fn gather(spec: &GatherSpec) -> Vec<Dispatch> {
    let GatherSpec { fleet, rows, width, n, steps, .. } = *spec;
    let words = fleet * n * width;
    vec![Dispatch {
        shader: SHADER,
        entry: "gather",
        constants: vec![],
        binds: vec![reads(0), reads(1), writes(2)],
        params: [words, rows, width, n, steps].map(|word| word as u32).to_vec(),
        groups: words.div_ceil(256),
    }]
}
