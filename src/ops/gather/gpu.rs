//! GPU: one invocation a word. Where values are held as f16, they are taken as values, else as words.

use super::{GatherSpec, SHADER};
use crate::ops::kernel::{DType, Dispatch, Target, reads, writes};

pub(super) fn gather(spec: &GatherSpec, on: &Target<'_>) -> Vec<Dispatch> {
    let GatherSpec { fleet, rows, width, n, steps, dtype } = *spec;
    let words = fleet * n * width;
    let values = dtype == DType::F32 && (on.is_half(0) || on.is_half(2));
    let bare = |bind: crate::ops::Bind| if dtype == DType::U32 { bind.bare() } else { bind };
    vec![Dispatch {
        shader: SHADER,
        entry: if values { "gather_values" } else { "gather" },
        constants: vec![],
        binds: vec![bare(reads(0)), reads(1), bare(writes(2))],
        params: [words, rows, width, n, steps].map(|word| word as u32).to_vec(),
        groups: words.div_ceil(256),
    }]
}
