//! One head of one sample on the CPU: where its values stand, and how they are brought into place.

use super::AttentionSpec;
use super::product::padded;
use crate::backend::simd::SimdLevel;

/// Queries that are worked on together.
pub(super) const BLOCK: usize = 24;

/// Sizes of a head's working memory.
#[derive(Clone, Copy)]
pub(super) struct Sizes {
    /// Values of a head, and the same padded.
    pub(super) head: usize,
    pub(super) head_padded: usize,
    /// Positions, padded.
    pub(super) keys_padded: usize,
    /// Queries of a block.
    pub(super) block: usize,
}

impl Sizes {
    pub(super) const fn new(spec: &AttentionSpec) -> Self {
        let head = spec.head();
        let block = if spec.l < BLOCK { spec.l } else { BLOCK };
        Self { head, head_padded: padded(head), keys_padded: padded(spec.l), block }
    }

    /// A [head, positions] matrix.
    pub(super) const fn across(&self) -> usize {
        self.head * self.keys_padded
    }

    /// A [positions, head] matrix.
    pub(super) const fn along(&self, spec: &AttentionSpec) -> usize {
        spec.l * self.head_padded
    }

    /// A block's scores.
    pub(super) const fn scores(&self) -> usize {
        self.block * self.keys_padded
    }

    /// A block's rows of a [positions, head] matrix.
    pub(super) const fn rows(&self) -> usize {
        self.block * self.head_padded
    }
}

/// A head of a sample.
#[derive(Clone, Copy)]
pub(super) struct Head<'a> {
    pub(super) simd: SimdLevel,
    pub(super) spec: &'a AttentionSpec,
    pub(super) sizes: Sizes,
    sample: usize,
    /// Which of the sample's heads.
    number: usize,
    /// Positions that may be attended to.
    pub(super) length: usize,
}

impl<'a> Head<'a> {
    /// Head `number` of a batch, sample after sample. `lengths` is empty if samples have none.
    #[inline(always)]
    pub(super) fn new(simd: SimdLevel, spec: &'a AttentionSpec, lengths: &[u32], number: usize) -> Self {
        let (sample, number) = (number / spec.heads, number % spec.heads);
        let length = lengths.get(sample).map_or(spec.l, |&length| (length as usize).clamp(1, spec.l));
        Self { simd, spec, sizes: Sizes::new(spec), sample, number, length }
    }

    /// The place of the head's query (part 0), key (1) or value (2) at position `i`; rows are [`Head::stride`] apart.
    pub(super) const fn at(&self, part: usize, i: usize) -> usize {
        let AttentionSpec { l, d, .. } = *self.spec;
        ((self.sample * l + i) * 3 + part) * d + self.number * self.sizes.head
    }

    /// From a position's query to the next one's.
    pub(super) const fn stride(&self) -> usize {
        3 * self.spec.d
    }

    /// The place of the head's output at position `i`; rows are d apart.
    pub(super) const fn out(&self, i: usize) -> usize {
        (self.sample * self.spec.l + i) * self.spec.d + self.number * self.sizes.head
    }

    /// The place of the head's `lse`.
    pub(super) const fn lse(&self) -> usize {
        (self.sample * self.spec.heads + self.number) * self.spec.l
    }

    /// How many positions position `i` attends to.
    pub(super) fn keys(&self, i: usize) -> usize {
        if self.spec.causal { self.length.min(i + 1) } else { self.length }
    }

    /// Copies rows of a head out of `from`, where they start at `at` and are `stride` apart, times `scale`; the padding
    /// becomes 0.
    #[inline(always)]
    pub(super) fn along(&self, from: &[f32], (at, stride): (usize, usize), rows: usize, scale: f32, to: &mut [f32]) {
        let Sizes { head, head_padded, .. } = self.sizes;
        for (i, to) in to.chunks_exact_mut(head_padded).take(rows).enumerate() {
            let from = &from[at + i * stride..][..head];
            for (to, from) in to.iter_mut().zip(from) {
                *to = scale * from;
            }
            to[head..].fill(0.0);
        }
    }

    /// Copies rows of a head transposed: `to` is [head, positions padded]. The padding keeps what it held: scores that come of it are
    /// overwritten.
    #[inline(always)]
    fn across(&self, from: &[f32], (at, stride): (usize, usize), rows: usize, scale: f32, to: &mut [f32]) {
        let Sizes { head, keys_padded, .. } = self.sizes;
        for j in 0..rows {
            let from = &from[at + j * stride..][..head];
            for (to, from) in to.chunks_exact_mut(keys_padded).zip(from) {
                to[j] = scale * from;
            }
        }
    }

    /// The keys, scaled and transposed.
    #[inline(always)]
    pub(super) fn keys_across(&self, qkv: &[f32], to: &mut [f32]) {
        self.across(qkv, (self.at(1, 0), self.stride()), self.length, self.spec.scale(), to);
    }

    /// The values, transposed.
    #[inline(always)]
    pub(super) fn values_across(&self, qkv: &[f32], to: &mut [f32]) {
        self.across(qkv, (self.at(2, 0), self.stride()), self.length, 1.0, to);
    }

    /// Copies rows of a padded matrix back, times `scale`.
    #[inline(always)]
    pub(super) fn back(&self, from: &[f32], scale: f32, to: &mut [f32], (at, stride): (usize, usize), rows: usize) {
        let Sizes { head, head_padded, .. } = self.sizes;
        for (i, from) in from.chunks_exact(head_padded).take(rows).enumerate() {
            for (to, from) in to[at + i * stride..][..head].iter_mut().zip(from) {
                *to = scale * from;
            }
        }
    }
}
