//! CPU: packed panels of `b`, register tiles of `c`.

use rayon::prelude::*;

use super::{Matmul, MatmulSpec};
use crate::backend::CpuContext;
use crate::backend::simd::{Simd, Vector};
use crate::ops::activation::Activation;
use crate::ops::kernel::Args;

/// Columns of a packed panel: two AVX-512 registers, four of AVX2.
pub const PANEL: usize = 32;

/// Rows that one task computes. Fixed, so that the split is the same for any number of threads.
const TASK_ROWS: usize = 96;

/// Words of `b` packed in panels, the last one padded with zeros.
pub(super) const fn packed_len(k: usize, n: usize) -> usize {
    n.div_ceil(PANEL) * PANEL * k
}

pub(super) fn matmul(kernel: &Matmul, ctx: &CpuContext, args: &mut Args<'_>) {
    let spec = *kernel.spec();
    let MatmulSpec { m, k, n, .. } = spec;
    let (chunks, chunk_len) = kernel.k_chunks();
    let a = args.f32(0);
    let b = args.f32(1);
    let c = args.f32_mut(2);
    let (partials, packed) = args.f32_mut(3).split_at_mut(if chunks > 1 { chunks * m * n } else { 0 });
    let packed = &mut packed[..packed_len(k, n)];
    let bias = if spec.bias { args.f32(4) } else { &[] };
    let split = ctx.worth_splitting(2.0 * m as f64 * (k * n) as f64);

    if split && k * n > 1 << 16 {
        packed.par_chunks_mut(PANEL * k).enumerate().for_each(|(p, panel)| pack(&spec, b, p, panel));
    } else {
        packed.chunks_mut(PANEL * k).enumerate().for_each(|(p, panel)| pack(&spec, b, p, panel));
    }
    let packed = &*packed;
    let rows = |first: usize, from: usize, to: usize, out: &mut [f32], bias, activation| {
        ctx.simd.run(Rows { spec: &spec, a, packed, bias, activation, first, from, to, out });
    };
    if chunks == 1 {
        let task = |(t, out): (usize, &mut [f32])| rows(t * TASK_ROWS, 0, k, out, bias, spec.activation);
        if split {
            c.par_chunks_mut(TASK_ROWS * n).enumerate().for_each(task);
        } else {
            c.chunks_mut(TASK_ROWS * n).enumerate().for_each(task);
        }
        return;
    }
    let task = |(s, out): (usize, &mut [f32])| {
        rows(0, s * chunk_len, k.min((s + 1) * chunk_len), out, &[], Activation::None);
    };
    if split {
        partials.par_chunks_mut(m * n).enumerate().for_each(task);
    } else {
        partials.chunks_mut(m * n).enumerate().for_each(task);
    }
    sum_chunks(partials, bias, spec.activation, n, c);
}

/// Copies columns `p * PANEL ..` of `b` so that each k holds its `PANEL` values side by side.
fn pack(spec: &MatmulSpec, b: &[f32], p: usize, panel: &mut [f32]) {
    let MatmulSpec { k, n, .. } = *spec;
    let first = p * PANEL;
    let width = PANEL.min(n - first);
    if spec.b_transposed {
        if width < PANEL {
            panel.fill(0.0);
        }
        for j in 0..width {
            let column = &b[(first + j) * k..][..k];
            for (row, value) in panel.chunks_exact_mut(PANEL).zip(column) {
                row[j] = *value;
            }
        }
        return;
    }
    for (row, source) in panel.chunks_exact_mut(PANEL).zip(b.chunks_exact(n)) {
        row[..width].copy_from_slice(&source[first..first + width]);
        row[width..].fill(0.0);
    }
}

/// Adds the partial sums in order.
fn sum_chunks(partials: &[f32], bias: &[f32], activation: Activation, n: usize, c: &mut [f32]) {
    let len = c.len();
    c.copy_from_slice(&partials[..len]);
    for partial in partials[len..].chunks_exact(len) {
        for (sum, value) in c.iter_mut().zip(partial) {
            *sum += value;
        }
    }
    if !bias.is_empty() {
        for row in c.chunks_exact_mut(n) {
            for (value, b) in row.iter_mut().zip(bias) {
                *value += b;
            }
        }
    }
    if activation != Activation::None {
        for value in c.iter_mut() {
            *value = activation.apply(*value);
        }
    }
}

/// Rows `first ..` of the product over k from `from` to `to`, written to `out` (whole rows).
struct Rows<'a> {
    spec: &'a MatmulSpec,
    a: &'a [f32],
    packed: &'a [f32],
    bias: &'a [f32],
    activation: Activation,
    first: usize,
    from: usize,
    to: usize,
    out: &'a mut [f32],
}

impl Simd for Rows<'_> {
    type Out = ();

    #[inline(always)]
    fn run<V: Vector>(self) {
        let MatmulSpec { m, k, n, .. } = *self.spec;
        let (row_stride, k_stride) = if self.spec.a_transposed { (1, m) } else { (k, 1) };
        let rows = self.out.len() / n;
        for p in 0..n.div_ceil(PANEL) {
            let panel = &self.packed[p * PANEL * k..][self.from * PANEL..self.to * PANEL];
            let mut i = 0;
            while i < rows {
                let a = &self.a[(self.first + i) * row_stride + self.from * k_stride..];
                let strides = (row_stride, k_stride);
                let left = rows - i;
                let out = &mut self.out[i * n..];
                let done = if V::LANES == 16 && left >= 12 {
                    tile::<V, 2, 12>(a, strides, panel, out, n, p)
                } else if V::LANES == 16 && left >= 6 {
                    tile::<V, 2, 6>(a, strides, panel, out, n, p)
                } else if V::LANES == 16 && left >= 2 {
                    tile::<V, 2, 2>(a, strides, panel, out, n, p)
                } else if V::LANES == 16 {
                    tile::<V, 2, 1>(a, strides, panel, out, n, p)
                } else if left >= 3 {
                    tile::<V, 4, 3>(a, strides, panel, out, n, p)
                } else {
                    tile::<V, 4, 1>(a, strides, panel, out, n, p)
                };
                i += done;
            }
        }
        epilogue(self.out, self.bias, self.activation, n);
    }
}

/// `R` rows by one panel of `W` vectors; every sum runs over k in order, whatever `R` is. Returns `R`.
#[inline(always)]
fn tile<V: Vector, const W: usize, const R: usize>(
    a: &[f32],
    (row_stride, k_stride): (usize, usize),
    panel: &[f32],
    out: &mut [f32],
    n: usize,
    p: usize,
) -> usize {
    let mut sums = [[V::splat(0.0); W]; R];
    let steps = panel.len() / PANEL;
    // One check for the whole tile lets the reads below go without.
    assert!(a.len() > (R - 1) * row_stride + steps.saturating_sub(1) * k_stride);
    for (q, b) in panel.chunks_exact(PANEL).enumerate() {
        let mut columns = [V::splat(0.0); W];
        for (w, column) in columns.iter_mut().enumerate() {
            *column = V::load(&b[w * V::LANES..]);
        }
        for (r, row) in sums.iter_mut().enumerate() {
            // SAFETY: r <= R - 1 and q <= steps - 1, so the assertion above bounds the index.
            let factor = V::splat(unsafe { *a.get_unchecked(r * row_stride + q * k_stride) });
            for (sum, column) in row.iter_mut().zip(&columns) {
                *sum = factor.mul_add(*column, *sum);
            }
        }
    }
    let first = p * PANEL;
    for (r, row) in sums.iter().enumerate() {
        let target = &mut out[r * n + first..(r + 1) * n];
        for (w, sum) in row.iter().enumerate() {
            let start = w * V::LANES;
            if start + V::LANES <= target.len() {
                sum.store(&mut target[start..]);
            } else if start < target.len() {
                sum.store_part(&mut target[start..]);
            }
        }
    }
    R
}

#[inline(always)]
fn epilogue(out: &mut [f32], bias: &[f32], activation: Activation, n: usize) {
    if !bias.is_empty() {
        for row in out.chunks_exact_mut(n) {
            for (value, b) in row.iter_mut().zip(bias) {
                *value += b;
            }
        }
    }
    match activation {
        Activation::None => {}
        Activation::Relu => out.iter_mut().for_each(|v| *v = Activation::Relu.apply(*v)),
        Activation::Gelu => out.iter_mut().for_each(|v| *v = Activation::Gelu.apply(*v)),
        Activation::Tanh => out.iter_mut().for_each(|v| *v = Activation::Tanh.apply(*v)),
        Activation::Sigmoid => out.iter_mut().for_each(|v| *v = Activation::Sigmoid.apply(*v)),
    }
}
