//! The gradients of the weights and the bias: products of transformed x and dy, summed over all tiles.

use std::ops::Range;

use super::input::{Layout, Row};
use super::points::{collect, weigh};
use super::{BLOCK, CELL, POINTS, Sizes};
use crate::backend::simd::{Simd, SimdLevel, Vector};

/// Adds some images' products to `sums` ([`Sizes::sums_len`] words, zeros at first). `strip` holds
/// [`Sizes::gradient_strip_len`] words.
pub fn add_gradient(level: SimdLevel, sizes: &Sizes, x: &[f32], dy: &[f32], sums: &mut [f32], strip: &mut [f32]) {
    let (sums, totals) = sums[..sizes.sums_len()].split_at_mut(sizes.sums_len() - sizes.columns());
    let sizes = sizes.folded();
    let (x_strip, dy_strip) = strip.split_at_mut(sizes.gradient_tiles().0 * sizes.blocks() * CELL);
    level.run(Gradient { sizes, x, dy, sums, totals, x_strip, dy_strip });
}

/// The gradients of the weights and, unless `db` is empty, of the bias, from the sums over all images; they are added
/// to what `dw` and `db` hold if `adds`.
pub fn finish_gradient(level: SimdLevel, sizes: &Sizes, sums: &[f32], dw: &mut [f32], db: &mut [f32], adds: bool) {
    let (sums, totals) = sums[..sizes.sums_len()].split_at(sizes.sums_len() - sizes.columns());
    level.run(Back { sizes: *sizes, sums, dw, adds });
    for (value, total) in db.iter_mut().zip(totals) {
        *value = if adds { *value + total } else { *total };
    }
}

struct Gradient<'a> {
    sizes: Sizes,
    x: &'a [f32],
    dy: &'a [f32],
    /// [kh, point, c_in, c_out], channels padded.
    sums: &'a mut [f32],
    /// Sums of dy.
    totals: &'a mut [f32],
    x_strip: &'a mut [f32],
    dy_strip: &'a mut [f32],
}

impl Simd for Gradient<'_> {
    type Out = ();

    #[inline(always)]
    fn run<V: Vector>(mut self) {
        match self.sizes.tile() {
            2 => self.strips::<V, 2>(),
            3 => self.strips::<V, 3>(),
            4 => self.strips::<V, 4>(),
            5 => self.strips::<V, 5>(),
            _ => self.strips::<V, 6>(),
        }
    }
}

impl Gradient<'_> {
    #[inline(always)]
    fn strips<V: Vector, const M: usize>(&mut self) {
        let height = self.sizes.h_out();
        let step = self.sizes.gradient_rows();
        for image in 0..self.sizes.n {
            for first in (0..height).step_by(step) {
                let rows = first..height.min(first + step);
                self.transform::<V, M>(image, rows.clone());
                self.multiply::<V>(&rows);
            }
        }
    }

    #[inline(always)]
    fn transform<V: Vector, const M: usize>(&mut self, image: usize, rows: Range<usize>) {
        let Sizes { h, w, c_in, c_out, kh, pad_h, pad_w, .. } = self.sizes;
        let (tiles, width) = (self.sizes.tiles(), self.sizes.w_out());
        let (x_tiles, dy_tiles) = self.sizes.gradient_tiles();
        for k in 0..rows.len() + kh - 1 {
            // Rows outside of the image are never multiplied.
            if let Some(row) = (rows.start + k).checked_sub(pad_h).filter(|row| *row < h) {
                let start = (image * h + row) * w * c_in;
                let row = Row { words: self.x, start, width: w, channels: c_in };
                let out = &mut self.x_strip[k * tiles * BLOCK..];
                row.spread::<V, M>(pad_w, tiles, out, Layout::by_point(x_tiles));
            }
        }
        for (k, row) in rows.enumerate() {
            let start = (image * self.sizes.h_out() + row) * width * c_out;
            let row = Row { words: self.dy, start, width, channels: c_out };
            let out = &mut self.dy_strip[k * tiles * BLOCK..];
            row.evaluate::<V, M>(tiles, out, Layout::by_point(dy_tiles), self.totals);
        }
    }

    /// Adds the products of a strip.
    #[inline(always)]
    fn multiply<V: Vector>(&mut self, rows: &Range<usize>) {
        let Sizes { h, kh, pad_h, .. } = self.sizes;
        let tiles = self.sizes.tiles();
        for k in 0..kh {
            let from = rows.start.max(pad_h.saturating_sub(k));
            let to = rows.end.min((h + pad_h).saturating_sub(k));
            if from >= to {
                continue;
            }
            let range = (from - rows.start) * tiles..(to - rows.start) * tiles;
            for point in 0..POINTS {
                self.matrix::<V>(k, point, range.clone());
            }
        }
    }

    /// One kernel row and point: [c_in, c_out] sums.
    #[inline(always)]
    fn matrix<V: Vector>(&mut self, k: usize, point: usize, tiles: Range<usize>) {
        let panels = self.sizes.columns() / BLOCK;
        for channel in (0..self.sizes.c_in).step_by(BLOCK) {
            let rows = BLOCK.min(self.sizes.c_in - channel);
            let mut panel = 0;
            while panel < panels {
                let place = Place { k, point, channel, column: panel * BLOCK };
                let two = V::LANES == BLOCK && panel + 2 <= panels;
                // As many sums as the level's registers hold.
                match (V::LANES == BLOCK, two) {
                    (true, true) => self.rows::<V, 2, 8>(place, rows, tiles.clone()),
                    (true, false) if rows > 8 => self.rows::<V, 1, 16>(place, rows, tiles.clone()),
                    (true, false) => self.rows::<V, 1, 8>(place, rows, tiles.clone()),
                    (false, _) => self.rows::<V, 2, 4>(place, rows, tiles.clone()),
                }
                panel += if two { 2 } else { 1 };
            }
        }
    }

    /// `rows` channels of a block, `R` at a time, by `W` vectors of columns.
    #[inline(always)]
    fn rows<V: Vector, const W: usize, const R: usize>(&mut self, at: Place, rows: usize, tiles: Range<usize>) {
        let (x_tiles, dy_tiles) = self.sizes.gradient_tiles();
        let columns = self.sizes.columns();
        let channels = self.sizes.blocks() * BLOCK;
        let shift = at.k * self.sizes.tiles();
        let x = &self.x_strip[at.channel * POINTS * x_tiles + (at.point * x_tiles + shift + tiles.start) * BLOCK..];
        let dy: [&[f32]; W] = std::array::from_fn(|w| {
            let column = at.column + w * V::LANES;
            let block = column / BLOCK * POINTS * dy_tiles;
            &self.dy_strip[(block + at.point * dy_tiles + tiles.start) * BLOCK + column % BLOCK..]
        });
        for row in (0..rows).step_by(R) {
            let start = ((at.k * POINTS + at.point) * channels + at.channel + row) * columns + at.column;
            let out = &mut self.sums[start..start + (R - 1) * columns + W * V::LANES];
            let mut sums = [[V::splat(0.0); W]; R];
            for (r, sums) in sums.iter_mut().enumerate() {
                for (w, sum) in sums.iter_mut().enumerate() {
                    *sum = V::load(&out[r * columns + w * V::LANES..]);
                }
            }
            let sums = add_products(&x[row..], &dy, tiles.len(), sums);
            for (r, sums) in sums.iter().enumerate() {
                for (w, sum) in sums.iter().enumerate() {
                    sum.store(&mut out[r * columns + w * V::LANES..]);
                }
            }
        }
    }
}

/// Which sums: kernel row, point, first channel of x and of y.
#[derive(Debug, Clone, Copy)]
struct Place {
    k: usize,
    point: usize,
    channel: usize,
    column: usize,
}

/// Adds the products of `count` tiles: `R` channels of x by `W` vectors of dy.
#[inline(always)]
#[expect(clippy::needless_range_loop, reason = "loops with numbers stay in registers")]
fn add_products<V: Vector, const W: usize, const R: usize>(
    x: &[f32],
    dy: &[&[f32]; W],
    count: usize,
    mut sums: [[V; W]; R],
) -> [[V; W]; R] {
    // One check for all lets the reads below go without.
    assert!(count > 0 && x.len() >= (count - 1) * BLOCK + R, "the tiles of x are there");
    assert!(dy.iter().all(|dy| dy.len() >= (count - 1) * BLOCK + V::LANES), "the tiles of dy are there");
    for tile in 0..count {
        let at = tile * BLOCK;
        let mut columns = [V::splat(0.0); W];
        for w in 0..W {
            // SAFETY: tile < count: the second assertion.
            columns[w] = V::load(unsafe { dy[w].get_unchecked(at..at + V::LANES) });
        }
        for r in 0..R {
            // SAFETY: tile < count and r < R: the first assertion.
            let factor = V::splat(unsafe { *x.get_unchecked(at + r) });
            for w in 0..W {
                sums[r][w] = factor.mul_add(columns[w], sums[r][w]);
            }
        }
    }
    sums
}

/// G^T: from the points back to the taps.
struct Back<'a> {
    sizes: Sizes,
    sums: &'a [f32],
    dw: &'a mut [f32],
    adds: bool,
}

impl Simd for Back<'_> {
    type Out = ();

    #[inline(always)]
    fn run<V: Vector>(mut self) {
        match self.sizes.kw {
            3 => self.taps::<V, 3>(),
            4 => self.taps::<V, 4>(),
            5 => self.taps::<V, 5>(),
            6 => self.taps::<V, 6>(),
            _ => self.taps::<V, 7>(),
        }
    }
}

impl Back<'_> {
    #[inline(always)]
    fn taps<V: Vector, const R: usize>(&mut self) {
        let Sizes { c_in, c_out, kh, .. } = self.sizes;
        let (channels, columns) = (self.sizes.blocks() * BLOCK, self.sizes.columns());
        for row in 0..kh {
            for channel in 0..c_in {
                for column in (0..c_out).step_by(V::LANES) {
                    let mut points = [V::splat(0.0); POINTS];
                    for (p, point) in points.iter_mut().enumerate() {
                        *point = V::load(&self.sums[((row * POINTS + p) * channels + channel) * columns + column..]);
                    }
                    let taps = collect::<V, R>(&weigh(&points));
                    for (k, tap) in taps.iter().enumerate() {
                        let at = ((row * R + k) * c_in + channel) * c_out + column;
                        let out = &mut self.dw[at..at + V::LANES.min(c_out - column)];
                        let value = if self.adds { tap.add(V::load_part(out)) } else { *tap };
                        value.store_part(out);
                    }
                }
            }
        }
    }
}
