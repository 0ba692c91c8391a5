//! CPU.

use super::{EXPONENT, FIRST, GOOD, JudgeSpec, PATIENCE, POWERS, SKIPPED, scale_of};
use crate::backend::simd::{Simd, Vector};
use crate::backend::{CpuContext, half};
use crate::ops::kernel::{Args, FloatsMut};
use crate::ops::schedule;

pub(super) fn round(ctx: &CpuContext, args: &mut Args<'_>) {
    let x = args.f32(0);
    match args.floats_mut(1) {
        FloatsMut::Full(y) => y.copy_from_slice(x),
        FloatsMut::Half(y) => half::narrow(ctx.simd, x, y),
    }
}

pub(super) fn scale(ctx: &CpuContext, args: &mut Args<'_>) {
    let (x, factor, y) = (args.f32(0), scale_of(args.f32(1)), args.f32_mut(2));
    ctx.simd.run(Times { x, factor, y });
}

/// `y = x * factor`.
struct Times<'a> {
    x: &'a [f32],
    factor: f32,
    y: &'a mut [f32],
}

impl Simd for Times<'_> {
    type Out = ();
    #[inline(always)]
    fn run<V: Vector>(self) {
        self.y.iter_mut().zip(self.x).for_each(|(y, x)| *y = x * self.factor);
    }
}

pub(super) fn judge(spec: &JudgeSpec, args: &mut Args<'_>, step: u32) {
    let (norm, row) = (args.f32(0)[0], schedule::row(args.f32(1), step));
    let (state, factor) = (args.f32_mut(2), &mut args.f32_mut(3)[0]);
    *factor = 0.0;
    if row[schedule::ACTIVE] == 0.0 {
        return;
    }
    let (lowest, highest) = ((POWERS.start() - FIRST) as f32, (POWERS.end() - FIRST) as f32);
    if !norm.is_finite() {
        state[EXPONENT] = (state[EXPONENT] - 1.0).max(lowest);
        state[GOOD] = 0.0;
        state[SKIPPED] += 1.0;
        return;
    }
    let back = 1.0 / scale_of(state);
    *factor = back * spec.clip.map_or(1.0, |clip| (clip as f32 / (norm.sqrt() * back + 1e-6)).min(1.0));
    state[GOOD] += 1.0;
    if state[GOOD] >= PATIENCE {
        state[EXPONENT] = (state[EXPONENT] + 1.0).min(highest);
        state[GOOD] = 0.0;
    }
}
