//! CPU: register tiles over panels of `b`.
//!
//! A tile is `R` rows by `W` vectors of sums that stay in registers while k runs. `b` is read where it stands if its rows
//! are whole panels and few, else from a packed copy; `a` is packed too when the product is large, because rows far
//! apart fall on the same places of a cache. Bias, activation and mask are applied before a tile is stored.

use rayon::prelude::*;

use super::dot::{Dot, dots};
use super::pack::{A_ROWS, PANEL, pack_a, pack_b, packed_a_len, packed_b_len};
use super::{Batch, Matmul, MatmulSpec, amx};
use crate::backend::CpuContext;
use crate::backend::simd::{Simd, Vector};
use crate::ops::activation::{Activation, InPlace, MaskInPlace};
use crate::ops::kernel::{Args, Tile};

/// Rows that one task computes: about eight of the largest register tiles, in an even number of tasks, so that two
/// threads get about the same share; whole blocks of packed rows. A rule of the shape alone, so that the split is the same
/// for any number of threads.
const fn task_rows(m: usize) -> usize {
    let tasks = m.div_ceil(8 * A_ROWS).next_multiple_of(2);
    m.div_ceil(tasks).next_multiple_of(A_ROWS)
}

/// Terms of a sum that are added before the next panel's turn: `K_BLOCK` rows of a panel stay in the first-level cache.
const K_BLOCK: usize = 384;

/// `b` of at most so many words is read where it stands: it stays in the first-level cache.
const DIRECT_MAX: usize = 16 << 10;

/// `b` of more words leaves the second-level cache before it is read again.
const L2_WORDS: usize = 128 << 10;

/// Whether `b` needs no packing.
const fn direct(spec: &MatmulSpec) -> bool {
    !spec.b_transposed && spec.n.is_multiple_of(PANEL) && spec.k * spec.n <= DIRECT_MAX
}

/// Whether `a` is packed.
const fn packs_a(spec: &MatmulSpec) -> bool {
    spec.k >= 256 && spec.n >= 128 && spec.m >= A_ROWS
}

/// Words of working memory a member: packed `b`, packed `a`, partial sums.
pub(super) fn scratch_len(kernel: &Matmul) -> usize {
    let spec = kernel.spec();
    let (chunks, _) = kernel.k_chunks();
    let partial = if chunks > 1 { chunks * spec.m * spec.n } else { 0 };
    (packed_b_words(spec) + packed_a_words(spec) + partial).max(amx::scratch_len(spec))
}

fn packed_b_words(spec: &MatmulSpec) -> usize {
    if direct(spec) { 0 } else { packed_b_len(spec.k, spec.n) }
}

fn packed_a_words(spec: &MatmulSpec) -> usize {
    if packs_a(spec) { packed_a_len(spec.m, spec.k) } else { 0 }
}

/// Words that the tiles of a batch share: `b`, if it is a layer's weights and needs packing.
pub(super) fn prepared_len(kernel: &Matmul) -> usize {
    let spec = kernel.spec();
    if spec.batch == Batch::M && dots(spec).is_none() { packed_b_words(spec) } else { 0 }
}

pub(super) fn prepare(kernel: &Matmul, ctx: &CpuContext, args: &Args<'_>, prepared: &mut [f32]) {
    pack_b(kernel.spec(), ctx, args.f32(1), prepared);
}

/// Four of the largest register tiles share what they read of `b` if it is beyond the first-level cache, eight if it is
/// beyond the second-level one.
pub(super) const fn tile_rows_least(spec: &MatmulSpec) -> usize {
    let read_by_all = match spec.batch {
        Batch::K => spec.m * spec.n,
        Batch::None | Batch::M => spec.k * spec.n,
    };
    if read_by_all <= DIRECT_MAX {
        1
    } else if read_by_all <= L2_WORDS {
        4 * A_ROWS
    } else {
        8 * A_ROWS
    }
}

/// Words that a tile of `rows` rows needs.
pub(super) fn tile_scratch(kernel: &Matmul, rows: usize) -> usize {
    let spec = kernel.spec().of_rows(rows);
    let own_b = if spec.batch == Batch::K { packed_b_words(&spec) } else { 0 };
    own_b + packed_a_words(&spec)
}

/// The rows of a tile.
pub(super) fn tile(kernel: &Matmul, ctx: &CpuContext, args: &mut Args<'_>, tile: Tile) {
    let spec = kernel.spec().of_rows(tile.rows);
    // Only sums over the batch go on from tile to tile.
    let adds = tile.adds && spec.batch == Batch::K;
    let Operands { a, b, c, scratch, bias, saved, sums } = Operands::take(kernel, args);
    if let Some(sums) = sums {
        ctx.simd.run(ColumnSums { b, n: spec.n, adds, sums });
    }
    if let Some(dots) = dots(&spec) {
        ctx.simd.run(Dot { dots, spec: &spec, a, b, bias, saved, adds, c });
        return;
    }
    let (own_b, packed_a) = scratch.split_at_mut(tile_scratch(kernel, tile.rows) - packed_a_words(&spec));
    let columns = if direct(&spec) {
        Columns { words: b, panel_stride: PANEL, k_stride: spec.n }
    } else if spec.batch == Batch::K {
        let own_b = &mut own_b[..packed_b_len(spec.k, spec.n)];
        pack_b(&spec, ctx, b, own_b);
        Columns::packed(own_b, spec.k)
    } else {
        Columns::packed(args.prepared(), spec.k)
    };
    let rows = rows_of(&spec, ctx, a, packed_a, false);
    ctx.simd.run(Product { spec: &spec, rows, columns, bias, saved, adds, first: 0, terms: (0, spec.k), out: c });
}

/// The whole product.
pub(super) fn matmul(kernel: &Matmul, ctx: &CpuContext, args: &mut Args<'_>) {
    let spec = *kernel.spec();
    let MatmulSpec { m, k, n, .. } = spec;
    let (chunks, chunk_len) = kernel.k_chunks();
    let Operands { a, b, c, scratch, bias, saved, sums } = Operands::take(kernel, args);
    if let Some(sums) = sums {
        ctx.simd.run(ColumnSums { b, n, adds: false, sums });
    }
    if let Some(dots) = dots(&spec) {
        ctx.simd.run(Dot { dots, spec: &spec, a, b, bias, saved, adds: false, c });
        return;
    }
    let split = ctx.worth_splitting(2.0 * m as f64 * (k * n) as f64);
    if let Some(unit) = ctx.amx.filter(|_| amx::fits(&spec)) {
        let product = amx::Product { spec: &spec, unit, simd: ctx.simd, split, a, b, bias, saved };
        if product.run(scratch, c) {
            return;
        }
    }
    let (packed_b, rest) = scratch.split_at_mut(packed_b_words(&spec));
    let (packed_a, partials) = rest.split_at_mut(packed_a_words(&spec));
    let columns = if direct(&spec) {
        Columns { words: b, panel_stride: PANEL, k_stride: n }
    } else {
        pack_b(&spec, ctx, b, packed_b);
        Columns::packed(packed_b, k)
    };
    let rows = rows_of(&spec, ctx, a, packed_a, split);
    let product = |first: usize, terms, bias, spec: &MatmulSpec, out: &mut [f32]| {
        let saved = if saved.is_empty() { saved } else { &saved[first * n..][..out.len()] };
        ctx.simd.run(Product { spec, rows, columns, bias, saved, adds: false, first, terms, out });
    };
    if chunks == 1 {
        let rows_each = task_rows(m);
        let task = |(t, out): (usize, &mut [f32])| product(t * rows_each, (0, k), bias, &spec, out);
        if split {
            c.par_chunks_mut(rows_each * n).enumerate().for_each(task);
        } else {
            c.chunks_mut(rows_each * n).enumerate().for_each(task);
        }
        return;
    }
    let plain = MatmulSpec { activation: Activation::None, mask: Activation::None, ..spec };
    let partials = &mut partials[..chunks * m * n];
    let task = |(s, out): (usize, &mut [f32])| {
        product(0, (s * chunk_len, k.min((s + 1) * chunk_len)), &[], &plain, out);
    };
    if split {
        partials.par_chunks_mut(m * n).enumerate().for_each(task);
    } else {
        partials.chunks_mut(m * n).enumerate().for_each(task);
    }
    ctx.simd.run(Chunks { spec: &spec, partials, bias, saved, out: c });
}

/// A kernel's arguments; those that it lacks are empty.
struct Operands<'a> {
    a: &'a [f32],
    b: &'a [f32],
    c: &'a mut [f32],
    scratch: &'a mut [f32],
    bias: &'a [f32],
    saved: &'a [f32],
    sums: Option<&'a mut [f32]>,
}

impl<'a> Operands<'a> {
    fn take(kernel: &Matmul, args: &mut Args<'a>) -> Self {
        let places = kernel.places();
        Self {
            a: args.f32(0),
            b: args.f32(1),
            c: args.f32_mut(2),
            scratch: args.f32_mut(3),
            bias: places.bias.map_or(&[], |i| args.f32(i)),
            saved: places.saved.map_or(&[], |i| args.f32(i)),
            sums: places.sums.map(|i| args.f32_mut(i)),
        }
    }
}

/// Where `a[i, k]` stands: blocks of `block` rows, one after the other, each with strides of its own.
#[derive(Clone, Copy)]
struct RowsOf<'a> {
    words: &'a [f32],
    block: usize,
    block_stride: usize,
    row_stride: usize,
    k_stride: usize,
}

fn rows_of<'a>(spec: &MatmulSpec, ctx: &CpuContext, a: &'a [f32], packed: &'a mut [f32], split: bool) -> RowsOf<'a> {
    let MatmulSpec { m, k, .. } = *spec;
    if packs_a(spec) {
        pack_a(spec, ctx, a, &mut packed[..packed_a_len(m, k)], split);
        return RowsOf { words: packed, block: A_ROWS, block_stride: A_ROWS * k, row_stride: 1, k_stride: A_ROWS };
    }
    let (row_stride, k_stride) = if spec.a_transposed { (1, m) } else { (k, 1) };
    RowsOf { words: a, block: 1, block_stride: row_stride, row_stride, k_stride }
}

/// Where `b[k, j]` stands: panels of `PANEL` columns.
#[derive(Clone, Copy)]
struct Columns<'a> {
    words: &'a [f32],
    panel_stride: usize,
    k_stride: usize,
}

impl<'a> Columns<'a> {
    const fn packed(words: &'a [f32], k: usize) -> Self {
        Self { words, panel_stride: PANEL * k, k_stride: PANEL }
    }
}

/// Rows `first ..` of the product over the terms from `terms.0` to `terms.1`, written to `out` (whole rows).
struct Product<'a> {
    spec: &'a MatmulSpec,
    rows: RowsOf<'a>,
    columns: Columns<'a>,
    bias: &'a [f32],
    saved: &'a [f32],
    /// Whether `out` holds sums to be added to.
    adds: bool,
    first: usize,
    terms: (usize, usize),
    out: &'a mut [f32],
}

impl Simd for Product<'_> {
    type Out = ();

    #[inline(always)]
    fn run<V: Vector>(mut self) {
        let n = self.spec.n;
        let rows = self.out.len() / n;
        let (mut from, end) = self.terms;
        while from < end {
            let to = if end - from <= K_BLOCK + K_BLOCK / 2 { end } else { from + K_BLOCK };
            let mut column = 0;
            while column < n {
                // Two panels at a time with AVX-512, so that a tile is 12 x 32; one with eight lanes: 6 x 16.
                let two = V::LANES == 16 && n - column > PANEL;
                let mut i = 0;
                while i < rows {
                    let left = rows - i;
                    i += match two || V::LANES == 8 {
                        true if left >= 12 && V::LANES == 16 => self.tile::<V, 2, 12>(i, column, (from, to)),
                        true if left >= 6 => self.tile::<V, 2, 6>(i, column, (from, to)),
                        true if left >= 4 => self.tile::<V, 2, 4>(i, column, (from, to)),
                        true => self.tile::<V, 2, 1>(i, column, (from, to)),
                        false if left >= 12 => self.tile::<V, 1, 12>(i, column, (from, to)),
                        false if left >= 4 => self.tile::<V, 1, 4>(i, column, (from, to)),
                        false => self.tile::<V, 1, 1>(i, column, (from, to)),
                    };
                }
                column += if two { 2 * PANEL } else { PANEL };
            }
            from = to;
        }
        finish::<V>(self.out, self.saved, self.spec);
    }
}

#[expect(clippy::needless_range_loop, reason = "loops with numbers stay in registers, see `multiply`")]
impl Product<'_> {
    /// `R` rows from `i` on by `W` vectors from `column` on; every sum runs over k in order, whatever `R` is. Returns `R`.
    #[inline(always)]
    fn tile<V: Vector, const W: usize, const R: usize>(
        &mut self,
        i: usize,
        column: usize,
        (from, to): (usize, usize),
    ) -> usize {
        let (n, rows) = (self.spec.n, self.rows);
        let last = to == self.terms.1;
        let row = self.first + i;
        // Rows are packed for large products alone; the others are spared the division.
        let (block, within) = if rows.block == 1 { (row, 0) } else { (row / rows.block, row % rows.block) };
        let a = &rows.words[block * rows.block_stride + within * rows.row_stride + from * rows.k_stride..];
        // One check for the whole tile lets the reads below go without.
        let mut columns = [std::ptr::null(); W];
        let depth = (to - from - 1) * self.columns.k_stride + V::LANES;
        for (w, start) in columns.iter_mut().enumerate() {
            let at = column + w * V::LANES;
            let at = at / PANEL * self.columns.panel_stride + at % PANEL + from * self.columns.k_stride;
            *start = self.columns.words[at..at + depth].as_ptr();
        }
        let width = (W * V::LANES).min(n - column);
        let start = i * n + column;
        assert!(self.out.len() >= start + (R - 1) * n + width, "the rows end within the result");
        let mut sums = [[V::splat(0.0); W]; R];
        if self.adds || from > self.terms.0 {
            load_rows(&self.out[start..], n, width, &mut sums);
        } else if !self.bias.is_empty() {
            load_rows(&self.bias[column..], 0, width, &mut sums);
        }
        let strides = (rows.row_stride, rows.k_stride, self.columns.k_stride);
        sums = multiply::<V, W, R>(a, strides, &columns, to - from, sums);
        if last && self.spec.mask == Activation::Relu {
            let mut saved = [[V::splat(0.0); W]; R];
            load_rows(&self.saved[start..], n, width, &mut saved);
            let zero = V::splat(0.0);
            for r in 0..R {
                for w in 0..W {
                    sums[r][w] = zero.if_less(saved[r][w], sums[r][w], zero);
                }
            }
        }
        if last && self.spec.activation == Activation::Relu {
            let zero = V::splat(0.0);
            for r in 0..R {
                for w in 0..W {
                    sums[r][w] = sums[r][w].if_less(zero, zero, sums[r][w]);
                }
            }
        }
        store_rows(&sums, &mut self.out[start..], n, width);
        R
    }
}

/// Adds to `sums[r]` the products of row r's factors with `len` rows of the columns, in order. The sums come and go by
/// value: behind a reference they would live in memory. Loops over tiles are written with numbers, since closures would
/// not be compiled for the level that the tile runs at.
#[inline(always)]
#[expect(clippy::needless_range_loop, reason = "as in `Product`")]
fn multiply<V: Vector, const W: usize, const R: usize>(
    a: &[f32],
    (row_stride, a_stride, b_stride): (usize, usize, usize),
    columns: &[*const f32; W],
    len: usize,
    mut sums: [[V; W]; R],
) -> [[V; W]; R] {
    // One check for the whole tile lets the reads below go without.
    assert!(a.len() > (R - 1) * row_stride + (len - 1) * a_stride, "the rows end within `a`");
    let a = a.as_ptr();
    for q in 0..len {
        let mut b = [V::splat(0.0); W];
        for w in 0..W {
            // SAFETY: q < len, and the caller's columns hold `V::LANES` values `b_stride` apart.
            b[w] = V::load(unsafe { std::slice::from_raw_parts(columns[w].add(q * b_stride), V::LANES) });
        }
        for r in 0..R {
            // SAFETY: r <= R - 1 and q < len, so the assertion above bounds the index.
            let factor = V::splat(unsafe { *a.add(r * row_stride + q * a_stride) });
            for w in 0..W {
                sums[r][w] = factor.mul_add(b[w], sums[r][w]);
            }
        }
    }
    sums
}

/// Loads rows of `width` values, `stride` apart; lanes beyond are zeros.
#[inline(always)]
#[expect(clippy::needless_range_loop, reason = "as in `Product`")]
pub(super) fn load_rows<V: Vector, const W: usize, const R: usize>(
    from: &[f32],
    stride: usize,
    width: usize,
    rows: &mut [[V; W]; R],
) {
    assert!(from.len() >= (R - 1) * stride + width && width <= W * V::LANES, "the rows are there");
    let start = from.as_ptr();
    if width == W * V::LANES {
        for r in 0..R {
            for w in 0..W {
                // SAFETY: the assertion above bounds the last row's last value.
                rows[r][w] =
                    V::load(unsafe { std::slice::from_raw_parts(start.add(r * stride + w * V::LANES), V::LANES) });
            }
        }
        return;
    }
    for r in 0..R {
        for w in 0..W {
            let len = width.saturating_sub(w * V::LANES).min(V::LANES);
            // SAFETY: as above.
            rows[r][w] = V::load_part(unsafe {
                std::slice::from_raw_parts(start.add(r * stride + (w * V::LANES).min(width)), len)
            });
        }
    }
}

/// Stores rows of `width` values, `stride` apart.
#[inline(always)]
#[expect(clippy::needless_range_loop, reason = "as in `Product`")]
pub(super) fn store_rows<V: Vector, const W: usize, const R: usize>(
    rows: &[[V; W]; R],
    to: &mut [f32],
    stride: usize,
    width: usize,
) {
    assert!(to.len() >= (R - 1) * stride + width && width <= W * V::LANES, "the rows are there");
    let start = to.as_mut_ptr();
    if width == W * V::LANES {
        for r in 0..R {
            for w in 0..W {
                // SAFETY: the assertion above bounds the last row's last value.
                rows[r][w]
                    .store(unsafe { std::slice::from_raw_parts_mut(start.add(r * stride + w * V::LANES), V::LANES) });
            }
        }
        return;
    }
    for r in 0..R {
        for w in 0..W {
            let len = width.saturating_sub(w * V::LANES).min(V::LANES);
            // SAFETY: as above.
            rows[r][w].store_part(unsafe {
                std::slice::from_raw_parts_mut(start.add(r * stride + (w * V::LANES).min(width)), len)
            });
        }
    }
}

/// The slopes and activations that are not applied in registers.
#[inline(always)]
fn finish<V: Vector>(out: &mut [f32], saved: &[f32], spec: &MatmulSpec) {
    if spec.mask != Activation::Relu {
        MaskInPlace { values: out, saved, activation: spec.mask }.run::<V>();
    }
    if spec.activation != Activation::Relu {
        InPlace { values: out, activation: spec.activation }.run::<V>();
    }
}

/// The same for sums that are in memory: slopes and activations of every kind.
#[inline(always)]
pub(super) fn finish_all<V: Vector>(out: &mut [f32], saved: &[f32], spec: &MatmulSpec) {
    MaskInPlace { values: out, saved, activation: spec.mask }.run::<V>();
    InPlace { values: out, activation: spec.activation }.run::<V>();
}

/// Adds partial products in order, then bias, mask and activation.
struct Chunks<'a> {
    spec: &'a MatmulSpec,
    partials: &'a [f32],
    bias: &'a [f32],
    saved: &'a [f32],
    out: &'a mut [f32],
}

impl Simd for Chunks<'_> {
    type Out = ();

    #[inline(always)]
    fn run<V: Vector>(self) {
        let len = self.out.len();
        self.out.copy_from_slice(&self.partials[..len]);
        for partial in self.partials[len..].chunks_exact(len) {
            self.out.iter_mut().zip(partial).for_each(|(sum, value)| *sum += value);
        }
        if !self.bias.is_empty() {
            for row in self.out.chunks_exact_mut(self.spec.n) {
                row.iter_mut().zip(self.bias).for_each(|(value, b)| *value += b);
            }
        }
        finish_all::<V>(self.out, self.saved, self.spec);
    }
}

/// `sums[j] = sum_k b[k, j]`, or that added.
struct ColumnSums<'a> {
    b: &'a [f32],
    n: usize,
    adds: bool,
    sums: &'a mut [f32],
}

impl Simd for ColumnSums<'_> {
    type Out = ();

    #[inline(always)]
    fn run<V: Vector>(self) {
        let n = self.n;
        let mut column = 0;
        while column < n {
            let width = V::LANES.min(n - column);
            let load = |row: &[f32]| if width == V::LANES { V::load(row) } else { V::load_part(&row[..width]) };
            // Four sums, so that one addition need not wait for the one before.
            let mut parts = [V::splat(0.0); 4];
            let mut quads = self.b.chunks_exact(4 * n);
            for quad in &mut quads {
                for (r, part) in parts.iter_mut().enumerate() {
                    *part = part.add(load(&quad[r * n + column..]));
                }
            }
            for row in quads.remainder().chunks_exact(n) {
                parts[0] = parts[0].add(load(&row[column..]));
            }
            let mut sum = parts[0].add(parts[1]).add(parts[2].add(parts[3]));
            let out = &mut self.sums[column..column + width];
            if self.adds {
                sum = sum.add(V::load_part(out));
            }
            sum.store_part(out);
            column += width;
        }
    }
}
