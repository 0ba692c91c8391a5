//! CPU: products with a single column, which a panel would be padded for.

use super::MatmulSpec;
use super::cpu::{finish_all, load_rows, store_rows};
use crate::backend::simd::{Simd, Vector};

/// How products with a single column are summed without padding it to a panel.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Dots {
    /// Each sum runs along a row of `a`.
    AlongRows,
    /// All sums grow together, row of `a` by row.
    AcrossRows,
}

/// The way, if there is only one column.
pub(super) const fn dots(spec: &MatmulSpec) -> Option<Dots> {
    match (spec.n, spec.a_transposed) {
        (1, false) => Some(Dots::AlongRows),
        (1, true) => Some(Dots::AcrossRows),
        _ => None,
    }
}

/// `c[i] = sum_k a[i, k] * b[k]`.
pub(super) struct Dot<'a> {
    pub dots: Dots,
    pub spec: &'a MatmulSpec,
    pub a: &'a [f32],
    pub b: &'a [f32],
    pub bias: &'a [f32],
    pub saved: &'a [f32],
    pub adds: bool,
    pub c: &'a mut [f32],
}

impl Simd for Dot<'_> {
    type Out = ();

    #[inline(always)]
    fn run<V: Vector>(self) {
        let MatmulSpec { m, k, .. } = *self.spec;
        let start = self.bias.first().copied().unwrap_or(0.0);
        match self.dots {
            Dots::AlongRows => {
                for (c, row) in self.c.iter_mut().zip(self.a.chunks_exact(k)) {
                    let before = if self.adds { *c } else { start };
                    *c = before + along::<V>(row, self.b);
                }
            }
            Dots::AcrossRows => {
                let mut i = 0;
                while i < m {
                    let left = m - i;
                    let columns = &self.a[i..];
                    let c = &mut self.c[i..];
                    let start = if self.adds { None } else { Some(start) };
                    i += if left >= 4 * V::LANES {
                        across::<V, 4>(columns, m, self.b, start, c)
                    } else {
                        across::<V, 1>(columns, m, self.b, start, c)
                    };
                }
            }
        }
        finish_all::<V>(self.c, self.saved, self.spec);
    }
}

/// The sum of `x[q] * y[q]`.
#[inline(always)]
fn along<V: Vector>(x: &[f32], y: &[f32]) -> f32 {
    let mut parts = [V::splat(0.0); 2];
    let mut q = 0;
    while q + 2 * V::LANES <= x.len() {
        parts[0] = V::load(&x[q..]).mul_add(V::load(&y[q..]), parts[0]);
        parts[1] = V::load(&x[q + V::LANES..]).mul_add(V::load(&y[q + V::LANES..]), parts[1]);
        q += 2 * V::LANES;
    }
    while q < x.len() {
        let end = (q + V::LANES).min(x.len());
        parts[0] = V::load_part(&x[q..end]).mul_add(V::load_part(&y[q..end]), parts[0]);
        q = end;
    }
    parts[0].add(parts[1]).sum()
}

/// Up to `W` vectors of sums: `c[i] = start + sum_q a[q * stride + i] * b[q]`, or `c[i] +=` that. Returns how many sums.
#[inline(always)]
fn across<V: Vector, const W: usize>(a: &[f32], stride: usize, b: &[f32], start: Option<f32>, c: &mut [f32]) -> usize {
    let width = (W * V::LANES).min(c.len());
    let c = &mut c[..width];
    let mut sums = [[V::splat(start.unwrap_or(0.0)); W]; 1];
    if start.is_none() {
        load_rows(c, 0, width, &mut sums);
    }
    for (q, factor) in b.iter().enumerate() {
        let mut row = [[V::splat(0.0); W]; 1];
        load_rows(&a[q * stride..], 0, width, &mut row);
        for w in 0..W {
            sums[0][w] = row[0][w].mul_add(V::splat(*factor), sums[0][w]);
        }
    }
    store_rows(&sums, c, 0, width);
    width
}
