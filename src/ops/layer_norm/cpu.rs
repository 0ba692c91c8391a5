//! CPU: row by row, chunks of rows a task.

use rayon::prelude::*;

use super::{CHUNK_ROWS, LayerNormSpec};
use crate::backend::CpuContext;
use crate::backend::simd::{Simd, Vector};
use crate::ops::fold;
use crate::ops::kernel::{Args, Tile};

pub(super) fn forward(spec: &LayerNormSpec, ctx: &CpuContext, args: &mut Args<'_>) {
    let LayerNormSpec { c, epsilon, residual, .. } = *spec;
    let (x, gamma, beta) = (args.f32(0), args.f32(1), args.f32(2));
    let (y, mean, rstd) = (args.f32_mut(3), args.f32_mut(4), args.f32_mut(5));
    let (b, s): (&[f32], &mut [f32]) = if residual { (args.f32(6), args.f32_mut(7)) } else { (&[], &mut []) };
    let len = CHUNK_ROWS * c;
    let task = |k: usize, y: &mut [f32], mean: &mut [f32], rstd: &mut [f32], s: &mut [f32]| {
        let at = k * len..k * len + y.len();
        let b = if residual { &b[at.clone()] } else { b };
        ctx.simd.run(Forward { c, epsilon, gamma, beta, x: &x[at], b, s, y, mean, rstd });
    };
    if !ctx.worth_splitting(10.0 * x.len() as f64) {
        task(0, y, mean, rstd, s);
        return;
    }
    let rows = y.par_chunks_mut(len).zip(mean.par_chunks_mut(CHUNK_ROWS)).zip(rstd.par_chunks_mut(CHUNK_ROWS));
    if residual {
        rows.zip(s.par_chunks_mut(len)).enumerate().for_each(|(k, (((y, mean), rstd), s))| task(k, y, mean, rstd, s));
    } else {
        rows.enumerate().for_each(|(k, ((y, mean), rstd))| task(k, y, mean, rstd, &mut []));
    }
}

/// All rows: the sums of each chunk, then their totals in order.
pub(super) fn backward(spec: &LayerNormSpec, ctx: &CpuContext, args: &mut Args<'_>) {
    let c = spec.c;
    let inputs = Inputs::new(spec, args);
    let (dx, dgamma, dbeta, sums) = (args.f32_mut(5), args.f32_mut(6), args.f32_mut(7), args.f32_mut(8));
    let sums = &mut sums[..spec.scratch_len()];
    let task = |(k, (dx, sums)): (usize, (&mut [f32], &mut [f32]))| {
        sums.fill(0.0);
        let (dgamma, dbeta) = sums.split_at_mut(c);
        ctx.simd.run(Backward { inputs: &inputs, first: k * CHUNK_ROWS, dx, dgamma, dbeta });
    };
    if ctx.worth_splitting(14.0 * dx.len() as f64) {
        dx.par_chunks_mut(CHUNK_ROWS * c).zip(sums.par_chunks_mut(2 * c)).enumerate().for_each(task);
    } else {
        dx.chunks_mut(CHUNK_ROWS * c).zip(sums.chunks_mut(2 * c)).enumerate().for_each(task);
    }
    dgamma.fill(0.0);
    dbeta.fill(0.0);
    for chunk in sums.chunks_exact(2 * c) {
        dgamma.iter_mut().zip(chunk).for_each(|(sum, part)| *sum += part);
        dbeta.iter_mut().zip(&chunk[c..]).for_each(|(sum, part)| *sum += part);
    }
}

/// A tile's rows, added to the sums of the tiles before.
pub(super) fn backward_tile(spec: &LayerNormSpec, ctx: &CpuContext, args: &mut Args<'_>, tile: Tile) {
    let inputs = Inputs::new(spec, args);
    let (dx, dgamma, dbeta) = (args.f32_mut(5), args.f32_mut(6), args.f32_mut(7));
    if !tile.adds {
        dgamma.fill(0.0);
        dbeta.fill(0.0);
    }
    ctx.simd.run(Backward { inputs: &inputs, first: 0, dx, dgamma, dbeta });
}

struct Forward<'a> {
    c: usize,
    epsilon: f32,
    gamma: &'a [f32],
    beta: &'a [f32],
    x: &'a [f32],
    /// Empty if there is no sum.
    b: &'a [f32],
    s: &'a mut [f32],
    y: &'a mut [f32],
    mean: &'a mut [f32],
    rstd: &'a mut [f32],
}

impl Simd for Forward<'_> {
    type Out = ();

    #[inline(always)]
    fn run<V: Vector>(self) {
        let c = self.c;
        let factor = 1.0 / c as f32;
        for (r, y) in self.y.chunks_exact_mut(c).enumerate() {
            let at = r * c..(r + 1) * c;
            let x = if self.b.is_empty() {
                &self.x[at]
            } else {
                let sum = &mut self.s[at.clone()];
                for ((s, a), b) in sum.iter_mut().zip(&self.x[at.clone()]).zip(&self.b[at]) {
                    *s = a + b;
                }
                &*sum
            };
            let mean = fold::sum::<V>(x) * factor;
            let rstd = 1.0 / (squared_distances::<V>(x, mean) * factor + self.epsilon).sqrt();
            for ((y, x), (gamma, beta)) in y.iter_mut().zip(x).zip(self.gamma.iter().zip(self.beta)) {
                *y = (x - mean) * rstd * gamma + beta;
            }
            self.mean[r] = mean;
            self.rstd[r] = rstd;
        }
    }
}

/// The sum of `(x - mean)^2`.
#[inline(always)]
fn squared_distances<V: Vector>(x: &[f32], mean: f32) -> f32 {
    let centre = V::splat(mean);
    let mut sum = V::splat(0.0);
    let blocks = x.chunks_exact(V::LANES);
    let rest: f32 = blocks.remainder().iter().map(|x| (x - mean) * (x - mean)).sum();
    for block in blocks {
        let distance = V::load(block).sub(centre);
        sum = distance.mul_add(distance, sum);
    }
    sum.sum() + rest
}

/// What backward tasks read.
struct Inputs<'a> {
    c: usize,
    x: &'a [f32],
    dy: &'a [f32],
    gamma: &'a [f32],
    mean: &'a [f32],
    rstd: &'a [f32],
    /// Empty if s has no gradient of its own.
    ds: &'a [f32],
}

impl<'a> Inputs<'a> {
    fn new(spec: &LayerNormSpec, args: &Args<'a>) -> Self {
        Self {
            c: spec.c,
            x: args.f32(0),
            dy: args.f32(1),
            gamma: args.f32(2),
            mean: args.f32(3),
            rstd: args.f32(4),
            ds: if spec.residual { args.f32(9) } else { &[] },
        }
    }
}

/// Rows `first ..`, as many as `dx` has; the sums are added to.
struct Backward<'a> {
    inputs: &'a Inputs<'a>,
    first: usize,
    dx: &'a mut [f32],
    dgamma: &'a mut [f32],
    dbeta: &'a mut [f32],
}

impl Simd for Backward<'_> {
    type Out = ();

    #[inline(always)]
    fn run<V: Vector>(self) {
        let Inputs { c, x, dy, gamma, mean, rstd, ds } = *self.inputs;
        let factor = 1.0 / c as f32;
        for (r, dx) in self.dx.chunks_exact_mut(c).enumerate() {
            let row = self.first + r;
            let at = row * c..(row + 1) * c;
            let (x, dy, mean, rstd) = (&x[at.clone()], &dy[at.clone()], mean[row], rstd[row]);
            let sums = self.dgamma.iter_mut().zip(self.dbeta.iter_mut());
            // dx holds xhat until the row's means are known.
            for (((x, dy), xhat), (dgamma, dbeta)) in x.iter().zip(dy).zip(dx.iter_mut()).zip(sums) {
                *xhat = (x - mean) * rstd;
                *dgamma += dy * *xhat;
                *dbeta += dy;
            }
            let (sum, product) = gradient_sums::<V>(dy, gamma, dx);
            let (shift, slope) = (sum * factor, product * factor);
            for ((dx, dy), gamma) in dx.iter_mut().zip(dy).zip(gamma) {
                *dx = rstd * (dy * gamma - shift - *dx * slope);
            }
            if !ds.is_empty() {
                dx.iter_mut().zip(&ds[at]).for_each(|(dx, ds)| *dx += ds);
            }
        }
    }
}

/// The sums of `dy * gamma` and of `dy * gamma * xhat`.
#[inline(always)]
fn gradient_sums<V: Vector>(dy: &[f32], gamma: &[f32], xhat: &[f32]) -> (f32, f32) {
    let (mut sum, mut product) = (V::splat(0.0), V::splat(0.0));
    let whole = dy.len() / V::LANES * V::LANES;
    for at in (0..whole).step_by(V::LANES) {
        let g = V::load(&dy[at..]).mul(V::load(&gamma[at..]));
        sum = sum.add(g);
        product = g.mul_add(V::load(&xhat[at..]), product);
    }
    let mut rest = (0.0, 0.0);
    for ((dy, gamma), xhat) in dy[whole..].iter().zip(&gamma[whole..]).zip(&xhat[whole..]) {
        rest.0 += dy * gamma;
        rest.1 += dy * gamma * xhat;
    }
    (sum.sum() + rest.0, product.sum() + rest.1)
}
