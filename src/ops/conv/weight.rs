//! CPU: the gradients of w and of the bias.
//!
//! dw is [kernel row, taps and channels of x, channels of y]. A register tile of it runs over *lines*, the rows of dy of
//! each sample, some at a time, so that all tiles find these lines in the nearest caches.

use std::ops::Range;

use rayon::prelude::*;

use super::columns::{Columns, Mixed, panel_width};
use super::transformed;
use super::{ConvBackwardWeight, ConvShape, ConvSpec};
use crate::backend::CpuContext;
use crate::backend::simd::{Simd, Vector};
use crate::ops::kernel::{Args, Tile};

/// The fewest positions of dy of a chunk with partial sums of its own, and the most chunks.
const CHUNK_POSITIONS_MIN: usize = 1792;
const CHUNKS_MAX: usize = 32;

/// Words of x and dy that all tiles pass over before the next lines.
const BLOCK_WORDS: usize = 6144;

/// How many chunks the batch is cut into, and the samples of each: a rule of the shape alone.
pub(super) fn chunks(shape: &ConvShape) -> (usize, usize) {
    let n = shape.spec.n;
    let len = n.div_ceil(CHUNKS_MAX).max(CHUNK_POSITIONS_MIN.div_ceil(shape.out[0] * shape.out[1]));
    (n.div_ceil(len), len)
}

/// All samples. Each chunk sums into a place of its own, then these are added in order.
pub(super) fn whole(kernel: &ConvBackwardWeight, ctx: &CpuContext, args: &mut Args<'_>) {
    let shape = &kernel.shape;
    if let Some(sizes) = transformed::gradient_sizes_at(ctx.simd, shape) {
        transformed::backward_weight(kernel, &sizes, ctx, args, Tile::whole(shape.spec.n));
        return;
    }
    let (chunks, chunk_len) = chunks(shape);
    let (x, dy) = (args.f32(0), args.f32(1));
    let dw = args.f32_mut(2);
    let db = if kernel.bias { args.f32_mut(4) } else { &mut [] };
    let (w_len, len) = (dw.len(), dw.len() + shape.spec.c_out);
    let sum = |(s, out): (usize, &mut [f32])| {
        let range = s * chunk_len..shape.spec.n.min((s + 1) * chunk_len);
        out.fill(0.0);
        let (dw, db) = out.split_at_mut(w_len);
        let db = if kernel.bias { db } else { &mut [] };
        ctx.simd.run(Samples { shape, x, dy, range, dw, db });
    };
    let partials = &mut args.f32_mut(3)[..chunks * len];
    if ctx.worth_splitting(shape.member_flops()) {
        partials.par_chunks_mut(len).enumerate().for_each(sum);
    } else {
        partials.chunks_mut(len).enumerate().for_each(sum);
    }
    dw.fill(0.0);
    db.fill(0.0);
    for partial in partials.chunks_exact(len) {
        dw.iter_mut().zip(partial).for_each(|(total, value)| *total += value);
        db.iter_mut().zip(&partial[w_len..]).for_each(|(total, value)| *total += value);
    }
}

/// The samples of a tile of the batch, straight into the sums.
pub(super) fn tile(kernel: &ConvBackwardWeight, ctx: &CpuContext, args: &mut Args<'_>, tile: Tile) {
    if let Some(sizes) = transformed::gradient_sizes_at(ctx.simd, &kernel.shape) {
        transformed::backward_weight(kernel, &sizes, ctx, args, tile);
        return;
    }
    let (x, dy) = (args.f32(0), args.f32(1));
    let dw = args.f32_mut(2);
    let db = if kernel.bias { args.f32_mut(4) } else { &mut [] };
    if !tile.adds {
        dw.fill(0.0);
        db.fill(0.0);
    }
    ctx.simd.run(Samples { shape: &kernel.shape, x, dy, range: 0..tile.rows, dw, db });
}

/// Adds the products of samples in `range` to `dw`, and their rows of dy to `db` unless it is empty.
struct Samples<'a> {
    shape: &'a ConvShape,
    x: &'a [f32],
    dy: &'a [f32],
    range: Range<usize>,
    dw: &'a mut [f32],
    db: &'a mut [f32],
}

/// Where a tile begins: the first kernel row, the row within it (taps and channels of x), the channel of y.
#[derive(Clone, Copy)]
struct Corner {
    kernel_row: usize,
    row: usize,
    column: usize,
}

impl Simd for Samples<'_> {
    type Out = ();

    #[inline(always)]
    fn run<V: Vector>(mut self) {
        let ConvSpec { size: [_, w], c_in, c_out, stride, .. } = self.shape.spec;
        let [h_out, w_out] = self.shape.out;
        let all = self.range.start * h_out..self.range.end * h_out;
        // Lines of x overlap from one line of dy to the next unless the stride is the kernel's height or more.
        let line = stride[0] * w * c_in + w_out * c_out;
        let block = (BLOCK_WORDS / line).max(1);
        for first in all.clone().step_by(block) {
            let lines = first..all.end.min(first + block);
            if !self.db.is_empty() {
                self.add_rows::<V>(lines.clone());
            }
            let mut column = 0;
            while column < c_out {
                let width = panel_width(V::LANES, c_out - column);
                // A constant condition: the other level's tiles are not even compiled.
                if const { V::LANES == 16 } {
                    match width {
                        32 => self.panel16::<[V; 2]>(&lines, column),
                        24 => self.panel16::<Mixed<V>>(&lines, column),
                        16 => self.panel16::<[V; 1]>(&lines, column),
                        _ => self.panel16::<[V::Half; 1]>(&lines, column),
                    }
                } else {
                    match width {
                        16 => self.panel8::<[V; 2]>(&lines, column),
                        _ => self.panel8::<[V; 1]>(&lines, column),
                    }
                }
                column += width;
            }
        }
    }
}

impl Samples<'_> {
    /// Adds the rows of dy to `db`, four sums side by side.
    #[inline(always)]
    fn add_rows<V: Vector>(&mut self, lines: Range<usize>) {
        let c_out = self.shape.spec.c_out;
        let line = self.shape.out[1] * c_out;
        let dy = &self.dy[lines.start * line..lines.end * line];
        let quads = dy.chunks_exact(4 * c_out);
        let rest = quads.remainder();
        for first in (0..c_out).step_by(V::LANES) {
            let part = first..c_out.min(first + V::LANES);
            let mut sums = [V::splat(0.0); 4];
            for quad in quads.clone() {
                for (q, sum) in sums.iter_mut().enumerate() {
                    *sum = sum.add(load(&quad[q * c_out..][part.clone()]));
                }
            }
            for row in rest.chunks_exact(c_out) {
                sums[0] = sums[0].add(load(&row[part.clone()]));
            }
            let sum = sums[0].add(sums[1]).add(sums[2].add(sums[3]));
            let db = &mut self.db[part.clone()];
            sum.add(V::load_part(db)).store_part(db);
        }
    }

    /// The rows that lie side by side in x: those of a kernel row, or of one tap if there is a dilation.
    const fn group(&self) -> usize {
        let ConvSpec { c_in, kernel, dilation, .. } = self.shape.spec;
        if dilation[1] == 1 { kernel[1] * c_in } else { c_in }
    }

    /// All rows of a panel of columns, with 32 registers.
    #[inline(always)]
    fn panel16<C: Columns>(&mut self, lines: &Range<usize>, column: usize) {
        let (kernel_rows, group) = (self.shape.spec.kernel[0], self.group());
        // A single channel of x has kernel rows so short that all of them fit the registers.
        let stacked = group == self.rows_of_kernel_row()
            && match (kernel_rows, group) {
                (5, 5) if C::WIDTH <= 16 => {
                    self.tile::<C, 5, 5>(lines, Corner { kernel_row: 0, row: 0, column }, false);
                    true
                }
                (3, 3) => {
                    self.tile::<C, 3, 3>(lines, Corner { kernel_row: 0, row: 0, column }, false);
                    true
                }
                _ => false,
            };
        // Plain loops: a closure around the tiles would not be compiled for the SIMD level.
        for kernel_row in 0..kernel_rows {
            for first in (0..self.rows_of_kernel_row()).step_by(group) {
                let (mut row, end) = (first, first + group);
                while row < end {
                    let corner = Corner { kernel_row, row, column };
                    row += match end - row {
                        12.. => self.tile::<C, 1, 12>(lines, corner, stacked),
                        8.. => self.tile::<C, 1, 8>(lines, corner, stacked),
                        5.. => self.tile::<C, 1, 5>(lines, corner, stacked),
                        3.. => self.tile::<C, 1, 3>(lines, corner, stacked),
                        _ => self.tile::<C, 1, 1>(lines, corner, stacked),
                    };
                }
            }
        }
    }

    /// All rows of a panel of columns, with 16 registers.
    #[inline(always)]
    fn panel8<C: Columns>(&mut self, lines: &Range<usize>, column: usize) {
        let group = self.group();
        for kernel_row in 0..self.shape.spec.kernel[0] {
            for first in (0..self.rows_of_kernel_row()).step_by(group) {
                let (mut row, end) = (first, first + group);
                while row < end {
                    let corner = Corner { kernel_row, row, column };
                    row += match end - row {
                        6.. => self.tile::<C, 1, 6>(lines, corner, false),
                        5.. => self.tile::<C, 1, 5>(lines, corner, false),
                        2.. => self.tile::<C, 1, 2>(lines, corner, false),
                        _ => self.tile::<C, 1, 1>(lines, corner, false),
                    };
                }
            }
        }
    }

    const fn rows_of_kernel_row(&self) -> usize {
        self.shape.spec.kernel[1] * self.shape.spec.c_in
    }

    /// `S` kernel rows times `R` rows of each, from `corner` on. Returns `R`.
    #[inline(always)]
    #[expect(clippy::needless_range_loop, reason = "a closure would not be compiled for the level that a tile runs at")]
    fn tile<C: Columns, const S: usize, const R: usize>(
        &mut self,
        lines: &Range<usize>,
        corner: Corner,
        cut_only: bool,
    ) -> usize {
        let ConvSpec { size: [h, w], c_in, c_out, stride, padding, dilation, .. } = self.shape.spec;
        let [h_out, w_out] = self.shape.out;
        let Corner { kernel_row, row, column } = corner;
        let (first_tap, last_tap) = (row / c_in, (row + R - 1) / c_in);
        let whole = self.reading(first_tap).start..self.reading(last_tap).end;
        let any = self.reading(last_tap).start..self.reading(first_tap).end;
        // Positions of which some rows read beyond the line: these before and these behind `whole`.
        let left = any.start..whole.start.min(any.end);
        let right = whole.end.max(whole.start).max(any.start)..any.end;
        let taps = Taps {
            origin: ((first_tap * dilation[1]) as isize - padding[1] as isize) * c_in as isize + (row % c_in) as isize,
            advance: stride[1] * c_in,
            line: w * c_in,
            next: dilation[0] * w * c_in,
        };
        let mut sums = [[C::splat(0.0); R]; S];
        for line in lines.clone() {
            let top = (line % h_out * stride[0]) as isize - padding[0] as isize;
            let first = top + (kernel_row * dilation[0]) as isize;
            let last = first + ((S - 1) * dilation[0]) as isize;
            if first < 0 || last >= h as isize || cut_only && self.is_within(top) {
                continue;
            }
            let x = &self.x[(line / h_out * h + first as usize) * w * c_in..][..(S - 1) * taps.next + taps.line];
            let dy = Dy { rows: &self.dy[line * w_out * c_out + column..], advance: c_out };
            if !whole.is_empty() {
                sums = taps.products(x, dy, whole.clone(), sums);
            }
            let edges = left.len();
            for edge in 0..edges + right.len() {
                let out = if edge < edges { left.start + edge } else { right.start + edge - edges };
                sums = taps.clipped(x, dy, out, sums);
            }
        }
        let rows = self.rows_of_kernel_row();
        for s in 0..S {
            for r in 0..R {
                let at = ((kernel_row + s) * rows + row + r) * c_out;
                add_to(sums[s][r], &mut self.dw[at + column..at + c_out]);
            }
        }
        R
    }

    /// Whether all kernel rows of the window that begins at x's line `top` lie in x.
    #[inline(always)]
    const fn is_within(&self, top: isize) -> bool {
        let ConvSpec { size, kernel, dilation, .. } = self.shape.spec;
        top >= 0 && top + (((kernel[0] - 1) * dilation[0]) as isize) < size[0] as isize
    }

    /// The positions across dy for which tap `k` of a kernel row reads within x.
    #[inline(always)]
    fn reading(&self, k: usize) -> Range<usize> {
        let ConvSpec { size, stride, padding, dilation, .. } = self.shape.spec;
        let offset = k * dilation[1];
        let first = padding[1].saturating_sub(offset).div_ceil(stride[1]);
        let end = (size[1] + padding[1]).saturating_sub(offset).div_ceil(stride[1]).min(self.shape.out[1]);
        first.min(end)..end
    }
}

/// The places of dy at which a tile looks: neighbouring positions are `advance` words apart.
#[derive(Clone, Copy)]
struct Dy<'a> {
    rows: &'a [f32],
    advance: usize,
}

impl Dy<'_> {
    /// The tile's columns at position `out`. Lanes beyond the row read the next one: their sums are never stored.
    #[inline(always)]
    fn columns<C: Columns>(self, out: usize) -> C {
        let row = &self.rows[out * self.advance..];
        if row.len() >= C::WIDTH { C::load(row) } else { C::load_part(row) }
    }
}

/// The body for each `$s` below `$count`, at most 5, as straight code.
macro_rules! kernel_rows {
    (@ $count:expr, $s:ident, $body:block, $($number:literal)*) => {
        $(if $number < $count {
            let $s = $number;
            $body
        })*
    };
    ($count:expr, |$s:ident| $body:block) => {
        kernel_rows!(@ $count, $s, $body, 0 1 2 3 4);
    };
}

/// The words of x that a tile's rows read.
#[derive(Clone, Copy)]
struct Taps {
    /// The first row's word of a line for the first position of dy, negative where that lies in the padding.
    origin: isize,
    /// From one position of dy to the next.
    advance: usize,
    /// Words of a line.
    line: usize,
    /// From one kernel row to the next.
    next: usize,
}

impl Taps {
    /// Adds the products at positions whose words all lie within their lines. The sums come and go by value: behind a
    /// reference they would live in memory.
    #[inline(always)]
    #[expect(clippy::needless_range_loop, reason = "a closure would not be compiled for the level that it runs at")]
    fn products<C: Columns, const S: usize, const R: usize>(
        self,
        x: &[f32],
        dy: Dy<'_>,
        positions: Range<usize>,
        mut sums: [[C; R]; S],
    ) -> [[C; R]; S] {
        let first = (self.origin + (positions.start * self.advance) as isize) as usize;
        let count = positions.len();
        // One check lets the reads below go without.
        assert!((S - 1) * self.next + first + (count - 1) * self.advance + R <= x.len(), "taps lie within their lines");
        let x = &x[first..];
        for q in 0..count {
            let columns: C = dy.columns(positions.start + q);
            let at = q * self.advance;
            // Written out: sums in a loop of loops would live in memory.
            kernel_rows!(S, |s| {
                for r in 0..R {
                    // SAFETY: s < S, q < count and r < R, so the assertion above bounds the index.
                    let factor = unsafe { *x.get_unchecked(s * self.next + at + r) };
                    sums[s][r] = sums[s][r].add_scaled(factor, columns);
                }
            });
        }
        sums
    }

    /// Adds the products at one position, zeros where a line ends.
    #[inline(always)]
    #[expect(clippy::needless_range_loop, reason = "a closure would not be compiled for the level that it runs at")]
    fn clipped<C: Columns, const S: usize, const R: usize>(
        self,
        x: &[f32],
        dy: Dy<'_>,
        out: usize,
        mut sums: [[C; R]; S],
    ) -> [[C; R]; S] {
        let columns: C = dy.columns(out);
        let at = self.origin + (out * self.advance) as isize;
        kernel_rows!(S, |s| {
            let line = &x[s * self.next..][..self.line];
            for r in 0..R {
                let place = at + r as isize;
                let factor = if place < 0 || place as usize >= self.line { 0.0 } else { line[place as usize] };
                sums[s][r] = sums[s][r].add_scaled(factor, columns);
            }
        });
        sums
    }
}

#[inline(always)]
fn load<V: Vector>(values: &[f32]) -> V {
    if values.len() == V::LANES { V::load(values) } else { V::load_part(values) }
}

/// Adds as many of the sums as `to` holds.
#[inline(always)]
fn add_to<C: Columns>(sums: C, to: &mut [f32]) {
    let len = to.len().min(C::WIDTH);
    let to = &mut to[..len];
    if len == C::WIDTH {
        C::load(to).add(sums).store(to);
    } else {
        C::load_part(to).add(sums).store_part(to);
    }
}
