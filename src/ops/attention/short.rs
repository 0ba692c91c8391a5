//! CPU, samples of a few positions: as many heads as a register has lanes are worked on together.
//!
//! The products of two rows of a head fill registers, one register a head; the sums of their lanes are a register of
//! scores, one lane a head, so that softmax and its slope need no loops over keys that are shorter than a register. The
//! sums over keys take their factors out of memory, head by head.

use super::AttentionSpec;
use super::cpu_backward::Inputs;
use super::head::Head;
use crate::backend::simd::{Simd, SimdLevel, Vector};
use crate::ops::math;

/// The most positions of a sample. The sum of exponentials is at most this, which [`math::ln_to_16`] relies on.
const POSITIONS: usize = 8;
/// The most lanes of a register.
const LANES: usize = 16;
/// A masked score; its exponential is 0.
const MASKED: f32 = -1e9;

/// Whether samples are so short, and heads whole registers.
pub(super) const fn fits(spec: &AttentionSpec) -> bool {
    spec.l <= POSITIONS && spec.head().is_multiple_of(8)
}

/// The level whose registers a head fills.
pub(super) fn level(spec: &AttentionSpec, simd: SimdLevel) -> SimdLevel {
    if spec.head().is_multiple_of(16) { simd } else { simd.min(SimdLevel::Avx2) }
}

/// Heads that are worked on together.
struct Group<'a> {
    spec: &'a AttentionSpec,
    /// Lanes that have no head repeat the first.
    heads: [Head<'a>; LANES],
    /// How many of them there are.
    count: usize,
    /// How many positions each attends to.
    lengths: [f32; LANES],
}

impl<'a> Group<'a> {
    /// Up to `lanes` heads from head `first` on, of `all`.
    #[inline(always)]
    fn new(spec: &'a AttentionSpec, simd: SimdLevel, lengths: &[u32], lanes: usize, first: usize, all: usize) -> Self {
        let mut group =
            Self { spec, heads: [Head::new(simd, spec, lengths, first); LANES], count: 0, lengths: [1.0; LANES] };
        for lane in 0..lanes.min(all - first) {
            group.heads[lane] = Head::new(simd, spec, lengths, first + lane);
            group.lengths[lane] = group.heads[lane].length as f32;
            group.count = lane + 1;
        }
        group
    }

    /// The positions that some head may attend to from position `i`.
    #[inline(always)]
    const fn keys(&self, i: usize) -> usize {
        if self.spec.causal { i + 1 } else { self.spec.l }
    }

    /// Every head's score of position `i` for position `j`.
    #[inline(always)]
    fn scores<V: Vector>(&self, qkv: &[f32], i: usize, j: usize) -> V {
        let mut rows = [V::splat(0.0); LANES];
        for (row, head) in rows[..V::LANES].iter_mut().zip(&self.heads) {
            *row = products(&qkv[head.at(0, i)..], &qkv[head.at(1, j)..], head.sizes.head);
        }
        let scores = V::sums(&rows[..V::LANES]).mul(V::splat(self.spec.scale()));
        V::splat(j as f32).if_less(V::load(&self.lengths), scores, V::splat(MASKED))
    }

    /// Every head's product of `dy` at position `i` with a row of `of`.
    #[inline(always)]
    fn along_dy<V: Vector>(&self, inputs: &Inputs<'_>, i: usize, of: Of) -> V {
        let mut rows = [V::splat(0.0); LANES];
        for (row, head) in rows[..V::LANES].iter_mut().zip(&self.heads) {
            let other = match of {
                Of::Output => &inputs.y[head.out(i)..],
                Of::Value(j) => &inputs.qkv[head.at(2, j)..],
            };
            *row = products(&inputs.dy[head.out(i)..], other, head.sizes.head);
        }
        V::sums(&rows[..V::LANES])
    }
}

/// What `dy` is multiplied by.
#[derive(Clone, Copy)]
enum Of {
    /// The output at the same position.
    Output,
    /// The value at a position.
    Value(usize),
}

/// A register of sums of products of two rows.
#[inline(always)]
fn products<V: Vector>(a: &[f32], b: &[f32], len: usize) -> V {
    let (a, b) = (&a[..len], &b[..len]);
    let mut sum = V::load(a).mul(V::load(b));
    for at in (V::LANES..len).step_by(V::LANES) {
        sum = V::load(&a[at..]).mul_add(V::load(&b[at..]), sum);
    }
    sum
}

/// The outputs of `rows` samples.
pub(super) struct Forward<'a> {
    pub(super) simd: SimdLevel,
    pub(super) spec: &'a AttentionSpec,
    pub(super) rows: usize,
    pub(super) qkv: &'a [f32],
    pub(super) lengths: &'a [u32],
    pub(super) y: &'a mut [f32],
    pub(super) lse: &'a mut [f32],
}

impl Simd for Forward<'_> {
    type Out = ();

    #[inline(always)]
    fn run<V: Vector>(mut self) {
        let all = self.rows * self.spec.heads;
        for first in (0..all).step_by(V::LANES) {
            let group = Group::new(self.spec, self.simd, self.lengths, V::LANES, first, all);
            for i in 0..self.spec.l {
                self.position::<V>(&group, i);
            }
        }
    }
}

impl Forward<'_> {
    #[inline(always)]
    fn position<V: Vector>(&mut self, group: &Group<'_>, i: usize) {
        let keys = group.keys(i);
        let mut scores = [V::splat(MASKED); POSITIONS];
        let mut largest = V::splat(MASKED);
        for (j, score) in scores[..keys].iter_mut().enumerate() {
            *score = group.scores(self.qkv, i, j);
            largest = largest.max(*score);
        }
        let mut sum = V::splat(0.0);
        for score in &mut scores[..keys] {
            *score = math::exp(score.sub(largest));
            sum = sum.add(*score);
        }
        let factor = V::splat(1.0).div(sum);
        let mut shares = [0.0; POSITIONS * LANES];
        for (score, share) in scores[..keys].iter().zip(shares.chunks_exact_mut(LANES)) {
            score.mul(factor).store(share);
        }
        let mut lse = [0.0; LANES];
        largest.add(math::ln_to_16(sum)).store(&mut lse);
        for lane in 0..group.count {
            let head = &group.heads[lane];
            self.lse[head.lse() + i] = lse[lane];
            let y = &mut self.y[head.out(i)..][..head.sizes.head];
            for at in (0..y.len()).step_by(V::LANES) {
                let mut sum = V::splat(0.0);
                for j in 0..head.keys(i) {
                    let value = V::load(&self.qkv[head.at(2, j) + at..]);
                    sum = V::splat(shares[j * LANES + lane]).mul_add(value, sum);
                }
                sum.store(&mut y[at..]);
            }
        }
    }
}

/// The gradients of `rows` samples.
pub(super) struct Backward<'a> {
    pub(super) simd: SimdLevel,
    pub(super) spec: &'a AttentionSpec,
    pub(super) rows: usize,
    pub(super) inputs: Inputs<'a>,
    pub(super) dqkv: &'a mut [f32],
}

/// For each pair of positions and each head, a word.
type Pairs = [f32; POSITIONS * POSITIONS * LANES];

impl Simd for Backward<'_> {
    type Out = ();

    #[inline(always)]
    fn run<V: Vector>(mut self) {
        let all = self.rows * self.spec.heads;
        let (mut shares, mut slopes): (Pairs, Pairs) = ([0.0; _], [0.0; _]);
        for first in (0..all).step_by(V::LANES) {
            let group = Group::new(self.spec, self.simd, self.inputs.lengths, V::LANES, first, all);
            for i in 0..self.spec.l {
                self.slopes::<V>(&group, i, &mut shares, &mut slopes);
            }
            for lane in 0..group.count {
                self.of_queries::<V>(&group.heads[lane], &slopes[lane..]);
                self.of_keys::<V>(&group.heads[lane], &shares[lane..], &slopes[lane..]);
            }
        }
    }
}

impl Backward<'_> {
    /// The shares of position `i`, and the gradients of its scores before scaling, times the scale.
    #[inline(always)]
    fn slopes<V: Vector>(&self, group: &Group<'_>, i: usize, shares: &mut Pairs, slopes: &mut Pairs) {
        let mut lse = [0.0; LANES];
        for (lse, head) in lse.iter_mut().zip(&group.heads) {
            *lse = self.inputs.lse[head.lse() + i];
        }
        let (lse, scale) = (V::load(&lse), V::splat(self.spec.scale()));
        let delta: V = group.along_dy(&self.inputs, i, Of::Output);
        for j in 0..group.keys(i) {
            let share = math::exp(group.scores::<V>(self.inputs.qkv, i, j).sub(lse));
            let slope: V = group.along_dy(&self.inputs, i, Of::Value(j));
            let at = (i * POSITIONS + j) * LANES;
            share.store(&mut shares[at..]);
            share.mul(slope.sub(delta)).mul(scale).store(&mut slopes[at..]);
        }
    }

    /// `slopes` begins at the head's lane.
    #[inline(always)]
    fn of_queries<V: Vector>(&mut self, head: &Head<'_>, slopes: &[f32]) {
        for i in 0..self.spec.l {
            for at in (0..head.sizes.head).step_by(V::LANES) {
                let mut sum = V::splat(0.0);
                for j in 0..head.keys(i) {
                    let key = V::load(&self.inputs.qkv[head.at(1, j) + at..]);
                    sum = V::splat(slopes[(i * POSITIONS + j) * LANES]).mul_add(key, sum);
                }
                sum.store(&mut self.dqkv[head.at(0, i) + at..]);
            }
        }
    }

    /// Keys and values; `shares` and `slopes` begin at the head's lane.
    #[inline(always)]
    fn of_keys<V: Vector>(&mut self, head: &Head<'_>, shares: &[f32], slopes: &[f32]) {
        for j in 0..self.spec.l {
            // Positions that attend to j: none if it is beyond the sample's length.
            let first = if j >= head.length {
                self.spec.l
            } else if self.spec.causal {
                j
            } else {
                0
            };
            for at in (0..head.sizes.head).step_by(V::LANES) {
                let (mut key, mut value) = (V::splat(0.0), V::splat(0.0));
                for i in first..self.spec.l {
                    let pair = (i * POSITIONS + j) * LANES;
                    let query = V::load(&self.inputs.qkv[head.at(0, i) + at..]);
                    key = V::splat(slopes[pair]).mul_add(query, key);
                    value = V::splat(shares[pair]).mul_add(V::load(&self.inputs.dy[head.out(i) + at..]), value);
                }
                key.store(&mut self.dqkv[head.at(1, j) + at..]);
                value.store(&mut self.dqkv[head.at(2, j) + at..]);
            }
        }
    }
}
