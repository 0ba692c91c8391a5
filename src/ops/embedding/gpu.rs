//! GPU: one invocation a word of the output.

use super::{EmbeddingSpec, SHADER};
use crate::ops::kernel::{Dispatch, reads, writes};

fn dispatch(spec: &EmbeddingSpec, entry: &'static str, words: usize) -> Vec<Dispatch> {
    vec![Dispatch {
        shader: SHADER,
        entry,
        constants: vec![],
        binds: vec![reads(0), reads(1), writes(2)],
        params: [words, spec.vocab, spec.d, spec.n].map(|word| word as u32).to_vec(),
        groups: words.div_ceil(256),
    }]
}

pub(super) fn forward(spec: &EmbeddingSpec) -> Vec<Dispatch> {
    dispatch(spec, "forward", spec.fleet * spec.n * spec.d)
}

pub(super) fn backward(spec: &EmbeddingSpec) -> Vec<Dispatch> {
    dispatch(spec, "backward", spec.fleet * spec.vocab * spec.d)
}
