//! Centres as the register tile wants them.

use std::marker::PhantomData;

use rayon::prelude::*;

use super::forms::{Form, inverse_length};
use super::{DistanceSpec, Metric};
use crate::backend::CpuContext;
use crate::backend::simd::{Simd, Vector};

/// The widest panel.
const WIDTH_MAX: usize = 64;

/// Centres of a panel: four AVX-512 registers, or two of eight lanes.
pub(super) const fn width<V: Vector>() -> usize {
    if V::LANES == 16 { WIDTH_MAX } else { 2 * V::LANES }
}

/// Words of working memory: the origin, a scale for each centre, and the panels at any width.
pub(super) const fn scratch_len(k: usize, d: usize) -> usize {
    Centres::scratch_len(k, d) + k.div_ceil(WIDTH_MAX) * WIDTH_MAX * (d + 1)
}

/// Centres, and how they and rows are scaled and moved.
#[derive(Clone, Copy)]
pub(super) struct Centres<'a> {
    /// The centres as they came.
    pub c: &'a [f32],
    /// What each is scaled by.
    pub scales: &'a [f32],
    /// What is taken off every scaled row and centre.
    pub origin: &'a [f32],
}

impl<'a> Centres<'a> {
    /// Words that [`Centres::place`] needs.
    pub(super) const fn scratch_len(k: usize, d: usize) -> usize {
        d + k
    }

    /// Puts scales and origin for the form `F` into `scratch`.
    pub(super) fn place<F: Form>(
        spec: &DistanceSpec,
        ctx: &CpuContext,
        c: &'a [f32],
        scratch: &'a mut [f32],
    ) -> Centres<'a> {
        let DistanceSpec { k, d, metric, .. } = *spec;
        let (origin, rest) = scratch.split_at_mut(d);
        let scales = &mut rest[..k];
        ctx.simd.run(Scale { cosine: metric == Metric::Cosine, c, d, scales });
        set_origin(c, scales, F::PRODUCT, origin);
        Centres { c, scales, origin }
    }

    /// What is added to the score of a centre with that scale. A zero vector has cosine distance 1 to everything, a
    /// squared distance of 2 by the scaled form: at the middle of the sphere it has 1 already.
    #[inline(always)]
    pub(super) fn start_of(scale: f32) -> f32 {
        if scale == 0.0 { 1.0 } else { 0.0 }
    }
}

/// Centres, packed.
#[derive(Clone, Copy)]
pub(super) struct Panels<'a> {
    pub centres: Centres<'a>,
    /// For each panel where its centres' scores start, then their values, dimension by dimension.
    pub words: &'a [f32],
}

impl<'a> Panels<'a> {
    /// Packs `c` for the form `F` into `scratch`.
    pub(super) fn pack<F: Form>(
        spec: &DistanceSpec,
        ctx: &CpuContext,
        c: &'a [f32],
        scratch: &'a mut [f32],
    ) -> Panels<'a> {
        let DistanceSpec { k, d, .. } = *spec;
        let (head, rest) = scratch.split_at_mut(Centres::scratch_len(k, d));
        let centres = Centres::place::<F>(spec, ctx, c, head);
        let Centres { scales, origin, .. } = centres;
        let width = ctx.simd.run(Width);
        let words = &mut rest[..k.div_ceil(width) * width * (d + 1)];
        let pack = |(p, panel): (usize, &mut [f32])| {
            let first = p * width;
            let (c, scales) = (&c[first * d..], &scales[first..]);
            ctx.simd.run(Pack { form: PhantomData::<F>, c, scales, origin, panel });
        };
        if ctx.worth_splitting((k * d) as f64) {
            words.par_chunks_mut(width * (d + 1)).enumerate().for_each(pack);
        } else {
            words.chunks_mut(width * (d + 1)).enumerate().for_each(pack);
        }
        Panels { centres, words }
    }
}

/// Asks for the level's panel width.
struct Width;

impl Simd for Width {
    type Out = usize;

    #[inline(always)]
    fn run<V: Vector>(self) -> usize {
        width::<V>()
    }
}

struct Scale<'a> {
    cosine: bool,
    c: &'a [f32],
    d: usize,
    scales: &'a mut [f32],
}

impl Simd for Scale<'_> {
    type Out = ();

    #[inline(always)]
    fn run<V: Vector>(self) {
        for (scale, centre) in self.scales.iter_mut().zip(self.c.chunks_exact(self.d)) {
            *scale = if self.cosine { inverse_length::<V>(centre) } else { 1.0 };
        }
    }
}

/// The mean of the scaled centres, or 0 where nothing is moved.
fn set_origin(c: &[f32], scales: &[f32], moved: bool, origin: &mut [f32]) {
    origin.fill(0.0);
    if !moved {
        return;
    }
    let share = 1.0 / scales.len() as f32;
    for (centre, scale) in c.chunks_exact(origin.len()).zip(scales) {
        for (mean, value) in origin.iter_mut().zip(centre) {
            *mean += value * scale * share;
        }
    }
}

/// Packs the next centres of `c`, as many as a panel holds.
struct Pack<'a, F> {
    form: PhantomData<F>,
    c: &'a [f32],
    scales: &'a [f32],
    origin: &'a [f32],
    panel: &'a mut [f32],
}

impl<F: Form> Simd for Pack<'_, F> {
    type Out = ();

    #[inline(always)]
    fn run<V: Vector>(self) {
        let Self { c, scales, origin, panel, .. } = self;
        let width = width::<V>();
        panel.fill(0.0);
        let (starts, values) = panel.split_at_mut(width);
        // Places without a centre start so high that they never win.
        starts.fill(f32::MAX);
        let centres = c.chunks_exact(origin.len()).zip(scales).zip(starts);
        for (j, ((centre, scale), start)) in centres.enumerate() {
            let mut square = 0.0;
            for ((row, value), from) in values.chunks_exact_mut(width).zip(centre).zip(origin) {
                let moved = value * scale - from;
                square += moved * moved;
                row[j] = if F::PRODUCT { -2.0 * moved } else { moved };
            }
            let zero = Centres::start_of(*scale);
            *start = if F::PRODUCT { square + zero } else { zero };
        }
    }
}
