//! CPU: one pass over the parameters, split into tiles.

use rayon::prelude::*;

use super::{AdamSpec, SgdSpec};
use crate::backend::CpuContext;
use crate::backend::simd::{Simd, Vector};
use crate::ops::kernel::Args;
use crate::ops::schedule::{self, ACTIVE, CORRECTION_1, CORRECTION_2, RATE};

/// Parameters that one task updates.
const TILE: usize = 16_384;

/// What the gradient is multiplied by; `last` gives the last argument. 0 if the step is to be left out.
fn scale(clip: Option<f64>, scaled: bool, last: impl Fn() -> f32) -> f32 {
    if scaled {
        return last();
    }
    clip.map_or(1.0, |clip| (clip as f32 / (last().sqrt() + 1e-6)).min(1.0))
}

pub(super) fn adam(spec: &AdamSpec, ctx: &CpuContext, args: &mut Args<'_>, step: u32) {
    let row = schedule::row(args.f32(4), step);
    if row[ACTIVE] == 0.0 {
        return;
    }
    let scale = scale(spec.clip, spec.scaled, || args.f32(5)[0]);
    if spec.scaled && scale == 0.0 {
        return;
    }
    let rule = AdamRule {
        scale,
        keep: (1.0 - f64::from(row[RATE]) * spec.weight_decay) as f32,
        rate: row[RATE],
        correction1: row[CORRECTION_1],
        correction2: row[CORRECTION_2],
        beta1: (spec.beta1 as f32, (1.0 - spec.beta1) as f32),
        beta2: (spec.beta2 as f32, (1.0 - spec.beta2) as f32),
        epsilon: spec.epsilon as f32,
    };
    let (p, g, m, v) = (args.f32_mut(0), args.f32(1), args.f32_mut(2), args.f32_mut(3));
    let tile = |(((p, g), m), v): (((_, _), _), _)| ctx.simd.run(AdamTile { rule, p, g, m, v });
    if ctx.worth_splitting(15.0 * g.len() as f64) {
        let pairs = p.par_chunks_mut(TILE).zip(g.par_chunks(TILE));
        pairs.zip(m.par_chunks_mut(TILE)).zip(v.par_chunks_mut(TILE)).for_each(tile);
    } else {
        tile((((p, g), m), v));
    }
}

/// The step's numbers. The betas are pairs of beta and 1 - beta, the latter rounded but once.
#[derive(Clone, Copy)]
struct AdamRule {
    scale: f32,
    keep: f32,
    rate: f32,
    correction1: f32,
    correction2: f32,
    beta1: (f32, f32),
    beta2: (f32, f32),
    epsilon: f32,
}

struct AdamTile<'a> {
    rule: AdamRule,
    p: &'a mut [f32],
    g: &'a [f32],
    m: &'a mut [f32],
    v: &'a mut [f32],
}

impl Simd for AdamTile<'_> {
    type Out = ();

    #[inline(always)]
    fn run<V: Vector>(self) {
        let rule = self.rule;
        for (((p, g), m), v) in self.p.iter_mut().zip(self.g).zip(self.m.iter_mut()).zip(self.v.iter_mut()) {
            let g = g * rule.scale;
            *m = rule.beta1.0 * *m + rule.beta1.1 * g;
            *v = rule.beta2.0 * *v + rule.beta2.1 * g * g;
            let size = (*v * rule.correction2).sqrt() + rule.epsilon;
            *p = *p * rule.keep - rule.rate * (*m * rule.correction1) / size;
        }
    }
}

pub(super) fn sgd(spec: &SgdSpec, ctx: &CpuContext, args: &mut Args<'_>, step: u32) {
    let row = schedule::row(args.f32(3), step);
    if row[ACTIVE] == 0.0 {
        return;
    }
    let scale = scale(spec.clip, spec.scaled, || args.f32(4)[0]);
    if spec.scaled && scale == 0.0 {
        return;
    }
    let rule = SgdRule {
        scale,
        rate: row[RATE],
        decay: spec.weight_decay as f32,
        momentum: spec.momentum as f32,
        nesterov: spec.nesterov,
    };
    let (p, g, m) = (args.f32_mut(0), args.f32(1), args.f32_mut(2));
    let tile = |((p, g), m): ((&mut [f32], &[f32]), &mut [f32])| ctx.simd.run(SgdTile { rule, p, g, m });
    if ctx.worth_splitting(8.0 * g.len() as f64) {
        p.par_chunks_mut(TILE).zip(g.par_chunks(TILE)).zip(m.par_chunks_mut(TILE)).for_each(tile);
    } else {
        tile(((p, g), m));
    }
}

/// The step's numbers.
#[derive(Clone, Copy)]
struct SgdRule {
    scale: f32,
    rate: f32,
    decay: f32,
    momentum: f32,
    nesterov: bool,
}

struct SgdTile<'a> {
    rule: SgdRule,
    p: &'a mut [f32],
    g: &'a [f32],
    m: &'a mut [f32],
}

impl Simd for SgdTile<'_> {
    type Out = ();

    #[inline(always)]
    fn run<V: Vector>(self) {
        let rule = self.rule;
        for ((p, g), m) in self.p.iter_mut().zip(self.g).zip(self.m.iter_mut()) {
            let d = g * rule.scale + rule.decay * *p;
            *m = rule.momentum * *m + d;
            let direction = if rule.nesterov { d + rule.momentum * *m } else { *m };
            *p -= rule.rate * direction;
        }
    }
}
