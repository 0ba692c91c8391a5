//! CPU: a task a piece of rows, then the pieces in order.

use rayon::prelude::*;

use super::{BLOCK_ROWS, Covariance, CovarianceSpec};
use crate::backend::CpuContext;
use crate::backend::simd::{Simd, Vector};
use crate::ops::kernel::Args;

/// Columns that are centred at a time.
const STRIP: usize = 64;

/// Columns of the register tile on its narrow side.
const TILE: usize = 4;

/// Centred values of a block's rows in 64 columns; 0 beyond the last column.
type Strip = [[f32; STRIP]; BLOCK_ROWS];

pub(super) fn covariance(kernel: &Covariance, ctx: &CpuContext, args: &mut Args<'_>) {
    let CovarianceSpec { n, d, .. } = *kernel.spec();
    let (pieces, rows) = kernel.pieces();
    let x = args.f32(0);
    let (mean, cov) = (args.f32_mut(1), args.f32_mut(2));
    let (sums, products) = args.f32_mut(3)[..pieces * d * (d + 1)].split_at_mut(pieces * d);
    let parallel = ctx.worth_splitting(kernel_flops(n, d));
    mean.copy_from_slice(&x[..d]);
    // Once from the first row on, once more from what that gives: the first leaves rounding of the first row's size.
    for _ in 0..2 {
        let from = &*mean;
        let add = |(x, sums): (&[f32], &mut [f32])| ctx.simd.run(Sums { from, x, to: sums });
        if parallel {
            x.par_chunks(rows * d).zip(sums.par_chunks_mut(d)).for_each(add);
        } else {
            x.chunks(rows * d).zip(sums.chunks_mut(d)).for_each(add);
        }
        shift(mean, sums, n);
    }
    let mean = &*mean;
    let multiply = |(x, products): (&[f32], &mut [f32])| ctx.simd.run(Products { mean, x, to: products });
    if parallel {
        x.par_chunks(rows * d).zip(products.par_chunks_mut(d * d)).for_each(multiply);
    } else {
        x.chunks(rows * d).zip(products.chunks_mut(d * d)).for_each(multiply);
    }
    finish(n, d, products, cov);
}

/// Moves `mean` by the mean of what the pieces summed from it on.
fn shift(mean: &mut [f32], sums: &mut [f32], n: usize) {
    let (total, rest) = sums.split_at_mut(mean.len());
    for piece in rest.chunks_exact(mean.len()) {
        total.iter_mut().zip(piece).for_each(|(sum, value)| *sum += value);
    }
    mean.iter_mut().zip(total).for_each(|(mean, sum)| *mean += *sum / n as f32);
}

fn kernel_flops(n: usize, d: usize) -> f64 {
    n as f64 * (d * (d + 1)) as f64
}

/// Adds the pieces in order, divides, and mirrors the upper triangle.
fn finish(n: usize, d: usize, products: &mut [f32], cov: &mut [f32]) {
    let (total, rest) = products.split_at_mut(d * d);
    for piece in rest.chunks_exact(d * d) {
        total.iter_mut().zip(piece).for_each(|(sum, value)| *sum += value);
    }
    for i in 0..d {
        for j in i..d {
            let value = total[i * d + j] / (n - 1) as f32;
            cov[i * d + j] = value;
            cov[j * d + i] = value;
        }
    }
}

/// A piece's sums of columns, counted from `from`.
struct Sums<'a> {
    from: &'a [f32],
    x: &'a [f32],
    to: &'a mut [f32],
}

impl Simd for Sums<'_> {
    type Out = ();

    #[inline(always)]
    fn run<V: Vector>(self) {
        let d = self.from.len();
        self.to.fill(0.0);
        for block in self.x.chunks(BLOCK_ROWS * d) {
            let columns = self.to.chunks_mut(STRIP).zip(self.from.chunks(STRIP)).enumerate();
            for (s, (sums, from)) in columns {
                let mut part = [0.0; STRIP];
                for row in block.chunks_exact(d) {
                    let row = &row[s * STRIP..][..sums.len()];
                    for ((part, value), from) in part.iter_mut().zip(row).zip(from) {
                        *part += value - from;
                    }
                }
                sums.iter_mut().zip(&part).for_each(|(sum, part)| *sum += part);
            }
        }
    }
}

/// A piece's products of columns, the upper triangle and what shares a register with it.
struct Products<'a> {
    mean: &'a [f32],
    x: &'a [f32],
    to: &'a mut [f32],
}

impl Simd for Products<'_> {
    type Out = ();

    #[expect(clippy::large_stack_arrays, reason = "64 KiB that every task owns: a kernel does not allocate")]
    #[inline(always)]
    fn run<V: Vector>(self) {
        let Self { mean, x, to: products } = self;
        let d = mean.len();
        products.fill(0.0);
        let mut strips = [[[0.0; STRIP]; BLOCK_ROWS]; 2];
        let [of_i, of_j] = &mut strips;
        for block in x.chunks(BLOCK_ROWS * d) {
            let rows = block.len() / d;
            for first_i in (0..d).step_by(STRIP) {
                centre(block, mean, first_i, of_i);
                for first_j in (first_i..d).step_by(STRIP) {
                    let beside = if first_j == first_i {
                        &*of_i
                    } else {
                        centre(block, mean, first_j, of_j);
                        &*of_j
                    };
                    multiply::<V>(&of_i[..rows], &beside[..rows], d, (first_i, first_j), products);
                }
            }
        }
    }
}

#[inline(always)]
fn centre(block: &[f32], mean: &[f32], first: usize, strip: &mut Strip) {
    let width = STRIP.min(mean.len() - first);
    for (row, to) in block.chunks_exact(mean.len()).zip(strip.iter_mut()) {
        to[width..].fill(0.0);
        for ((to, value), mean) in to.iter_mut().zip(&row[first..][..width]).zip(&mean[first..]) {
            *to = value - mean;
        }
    }
}

/// Adds the products of the columns from `i0` and from `j0` on to the cells on and above the diagonal.
#[inline(always)]
fn multiply<V: Vector>(
    of_i: &[[f32; STRIP]],
    of_j: &[[f32; STRIP]],
    d: usize,
    (i0, j0): (usize, usize),
    products: &mut [f32],
) {
    let (height, width) = (STRIP.min(d - i0), STRIP.min(d - j0));
    for i in (0..height).step_by(TILE) {
        // On the diagonal, registers left of the tile's first column have nothing above it.
        let mut j = if i0 == j0 { i / V::LANES * V::LANES } else { 0 };
        while j < width {
            let registers = (width - j).div_ceil(V::LANES);
            let to = (&mut *products, d, i0 + i, j0 + j);
            j += V::LANES
                * match registers {
                    1 => tile::<V, 1>(of_i, of_j, i, j, to),
                    2 => tile::<V, 2>(of_i, of_j, i, j, to),
                    3 if V::LANES == 16 => tile::<V, 3>(of_i, of_j, i, j, to),
                    _ if V::LANES == 16 => tile::<V, 4>(of_i, of_j, i, j, to),
                    _ => tile::<V, 2>(of_i, of_j, i, j, to),
                };
        }
    }
}

/// Four columns against `W` registers of columns; returns `W`.
#[inline(always)]
fn tile<V: Vector, const W: usize>(
    of_i: &[[f32; STRIP]],
    of_j: &[[f32; STRIP]],
    i: usize,
    j: usize,
    (products, d, row, column): (&mut [f32], usize, usize, usize),
) -> usize {
    let mut sums = [[V::splat(0.0); W]; TILE];
    for (own, beside) in of_i.iter().zip(of_j) {
        let (own, beside) = (&own[i..][..TILE], &beside[j..][..W * V::LANES]);
        let columns: [V; W] = std::array::from_fn(|w| V::load(&beside[w * V::LANES..]));
        for (sums, own) in sums.iter_mut().zip(own) {
            let own = V::splat(*own);
            for (sum, column) in sums.iter_mut().zip(&columns) {
                *sum = own.mul_add(*column, *sum);
            }
        }
    }
    let width = (W * V::LANES).min(d - column);
    for (r, sums) in sums.iter().enumerate().take(d - row) {
        let mut all = [0.0; STRIP];
        for (w, sum) in sums.iter().enumerate() {
            sum.store(&mut all[w * V::LANES..]);
        }
        let cells = &mut products[(row + r) * d + column..][..width];
        cells.iter_mut().zip(&all).for_each(|(cell, sum)| *cell += sum);
    }
    W
}
