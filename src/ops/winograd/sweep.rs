//! The convolution itself: transform a strip of x, multiply at the points, transform back.

use super::input::{Layout, Row};
use super::points::collect;
use super::{BLOCK, CELL, POINTS, SPARE_TILES, Sizes};
use crate::backend::simd::{Simd, SimdLevel, Vector};
use crate::ops::activation::{Activation, InPlace, MaskInPlace};

/// Above this many products at a point the weights outgrow the nearest cache, and a register tile holds six tiles at
/// half of the points instead of three at all.
const SHALLOW: usize = 48;

/// What happens to a sum before it is stored.
#[derive(Debug, Clone, Copy)]
pub enum Finish<'a> {
    /// Bias (or nothing, if empty) and activation.
    Activate(&'a [f32], Activation),
    /// The gradient in front of an activation: the slope where the activation saved these values, laid out as y.
    Slope(&'a [f32], Activation),
}

/// y from x and packed weights, for as many images as `sizes` says. `strip` holds [`Sizes::strip_len`] words.
pub fn sweep(
    level: SimdLevel,
    sizes: &Sizes,
    x: &[f32],
    packed: &[f32],
    finish: Finish<'_>,
    y: &mut [f32],
    strip: &mut [f32],
) {
    let sizes = sizes.folded();
    let strip = &mut strip[..sizes.strip_len()];
    level.run(Sweep { sizes, x, packed, finish, y, strip });
}

struct Sweep<'a> {
    sizes: Sizes,
    x: &'a [f32],
    packed: &'a [f32],
    finish: Finish<'a>,
    y: &'a mut [f32],
    strip: &'a mut [f32],
}

impl Simd for Sweep<'_> {
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

/// Some rows of y of one image.
#[derive(Debug, Clone, Copy)]
struct Strip {
    image: usize,
    first: usize,
    rows: usize,
}

impl Sweep<'_> {
    #[inline(always)]
    fn strips<V: Vector, const M: usize>(&mut self) {
        let height = self.sizes.h_out();
        let step = self.sizes.strip_rows();
        for image in 0..self.sizes.n {
            for first in (0..height).step_by(step) {
                let strip = Strip { image, first, rows: step.min(height - first) };
                self.transform::<V, M>(strip);
                match (V::LANES, self.sizes.depth() > SHALLOW) {
                    (BLOCK, true) => self.multiply::<V, M, 6, 4>(strip),
                    (BLOCK, false) => self.multiply::<V, M, 3, 8>(strip),
                    _ => self.multiply::<V, M, 3, 4>(strip),
                }
                self.finish_strip::<V>(strip);
            }
        }
    }

    /// The rows of x that a strip reads, zeros for those outside of the image.
    #[inline(always)]
    fn transform<V: Vector, const M: usize>(&mut self, strip: Strip) {
        let Sizes { h, w, c_in, kh, pad_h, pad_w, .. } = self.sizes;
        let tiles = self.sizes.tiles();
        let layout = self.layout();
        for k in 0..strip.rows + kh - 1 {
            let out = &mut self.strip[k * tiles * CELL..];
            match (strip.first + k).checked_sub(pad_h).filter(|row| *row < h) {
                Some(row) => {
                    let start = (strip.image * h + row) * w * c_in;
                    let row = Row { words: self.x, start, width: w, channels: c_in };
                    row.spread::<V, M>(pad_w, tiles, out, layout);
                }
                None => {
                    for block in 0..self.sizes.blocks() {
                        out[block * layout.block..][..tiles * CELL].fill(0.0);
                    }
                }
            }
        }
    }

    const fn layout(&self) -> Layout {
        let s = &self.sizes;
        Layout::by_tile((s.strip_rows() + s.kh - 1) * s.tiles() + SPARE_TILES)
    }

    /// All columns of a strip's tiles, `T` tiles at `P` points at a time.
    #[inline(always)]
    fn multiply<V: Vector, const M: usize, const T: usize, const P: usize>(&mut self, strip: Strip) {
        let row_tiles = self.sizes.tiles();
        let tiles = strip.rows * row_tiles;
        for column in (0..self.sizes.c_out).step_by(V::LANES) {
            let panel = &self.packed[column / BLOCK * self.sizes.depth() * CELL..];
            let weights = &panel[column % BLOCK..];
            let target = Target::new(self, strip, column);
            for first in (0..tiles).step_by(T) {
                let rows = (strip.first + first / row_tiles, strip.first + (first + T - 1) / row_tiles);
                let low = self.products::<V, T, P>(first, rows, weights, 0);
                // With all points in `low` this is not read.
                let high = if P == POINTS { low } else { self.products::<V, T, P>(first, rows, weights, P) };
                for (t, (low, high)) in low.iter().zip(&high).enumerate() {
                    let mut points = [V::splat(0.0); POINTS];
                    for (p, point) in points.iter_mut().enumerate() {
                        *point = if p < P { low[p % P] } else { high[p % P] };
                    }
                    if first + t < tiles {
                        target.store(&collect::<V, M>(&points), first + t, self.finish, self.y);
                    }
                }
            }
        }
    }

    /// The sums over the kernel's rows and the channels of x, for tiles `first .. first + T` and points
    /// `from .. from + P`. Every sum is taken in order, whatever `T` and `P` are.
    #[inline(always)]
    fn products<V: Vector, const T: usize, const P: usize>(
        &self,
        first: usize,
        (row, last_row): (usize, usize),
        weights: &[f32],
        from: usize,
    ) -> [[V; P]; T] {
        let Sizes { h, c_in, kh, pad_h, .. } = self.sizes;
        let layout = self.layout();
        let mut sums = [[V::splat(0.0); P]; T];
        for k in 0..kh {
            // Rows of zeros add nothing.
            if last_row + k < pad_h || row + k >= h + pad_h {
                continue;
            }
            let tile = first + k * self.sizes.tiles();
            for block in 0..self.sizes.blocks() {
                let lanes = BLOCK.min(c_in - block * BLOCK);
                let x = &self.strip[block * layout.block + tile * CELL + from * BLOCK..];
                let weights = &weights[(k * c_in + block * BLOCK) * CELL + from * BLOCK..];
                sums = add_products(x, weights, lanes, sums);
            }
        }
        sums
    }

    /// What costs more than a comparison.
    #[inline(always)]
    fn finish_strip<V: Vector>(&mut self, strip: Strip) {
        let row = self.sizes.w_out() * self.sizes.c_out;
        let first = (strip.image * self.sizes.h_out() + strip.first) * row;
        let y = &mut self.y[first..first + strip.rows * row];
        match self.finish {
            Finish::Activate(_, Activation::None | Activation::Relu)
            | Finish::Slope(_, Activation::None | Activation::Relu) => {}
            Finish::Activate(_, activation) => InPlace { values: y, activation }.run::<V>(),
            Finish::Slope(saved, activation) => {
                let saved = &saved[first..first + y.len()];
                MaskInPlace { values: y, saved, activation }.run::<V>();
            }
        }
    }
}

/// Adds the products of `lanes` channels. The sums come and go by value: behind a reference they would live in memory.
#[inline(always)]
#[expect(clippy::needless_range_loop, reason = "loops with numbers stay in registers")]
fn add_products<V: Vector, const T: usize, const P: usize>(
    x: &[f32],
    weights: &[f32],
    lanes: usize,
    mut sums: [[V; P]; T],
) -> [[V; P]; T] {
    // One check for all lets the reads below go without.
    assert!(lanes <= BLOCK && x.len() >= (T - 1) * CELL + (P - 1) * BLOCK + lanes, "a register tile lies in its strip");
    assert!(weights.len() + CELL >= lanes * CELL + (P - 1) * BLOCK + V::LANES, "the weights of all channels are there");
    for lane in 0..lanes {
        for p in 0..P {
            let at = lane * CELL + p * BLOCK;
            // SAFETY: lane < lanes and p < P: the second assertion.
            let factors = V::load(unsafe { weights.get_unchecked(at..at + V::LANES) });
            for t in 0..T {
                // SAFETY: t < T, p < P and lane < lanes: the first assertion.
                let value = V::splat(unsafe { *x.get_unchecked(t * CELL + p * BLOCK + lane) });
                sums[t][p] = value.mul_add(factors, sums[t][p]);
            }
        }
    }
    sums
}

/// Where a strip's outputs of some columns go.
struct Target<V> {
    bias: V,
    /// The word of the first output.
    start: usize,
    row_tiles: usize,
    /// Positions of a row.
    width: usize,
    c_out: usize,
    /// Columns that are stored.
    lanes: usize,
}

impl<V: Vector> Target<V> {
    #[inline(always)]
    fn new(sweep: &Sweep<'_>, strip: Strip, column: usize) -> Self {
        let (width, c_out) = (sweep.sizes.w_out(), sweep.sizes.c_out);
        let lanes = V::LANES.min(c_out - column);
        let bias = match sweep.finish {
            Finish::Activate(bias, _) if !bias.is_empty() => V::load_part(&bias[column..column + lanes]),
            _ => V::splat(0.0),
        };
        let row = strip.image * sweep.sizes.h_out() + strip.first;
        Self { bias, start: row * width * c_out + column, row_tiles: sweep.sizes.tiles(), width, c_out, lanes }
    }

    /// Stores the outputs of a tile of the strip.
    #[inline(always)]
    fn store<const M: usize>(&self, outputs: &[V; M], tile: usize, finish: Finish<'_>, y: &mut [f32]) {
        let (row, place) = (tile / self.row_tiles, tile % self.row_tiles * M);
        let count = M.min(self.width - place);
        let first = self.start + (row * self.width + place) * self.c_out;
        let end = first + (count - 1) * self.c_out + self.lanes;
        let y = &mut y[first..end];
        let zero = V::splat(0.0);
        match finish {
            // Not `max`, which would turn NaN into 0.
            Finish::Activate(_, Activation::Relu) => {
                for (i, output) in outputs.iter().enumerate() {
                    if i < count {
                        let sum = output.add(self.bias);
                        // SAFETY: i < count.
                        unsafe { self.put(sum.if_less(zero, zero, sum), y, i) };
                    }
                }
            }
            Finish::Slope(saved, Activation::Relu) => {
                let saved = &saved[first..end];
                for (i, output) in outputs.iter().enumerate() {
                    if i < count {
                        let at = i * self.c_out;
                        // SAFETY: i < count, and `saved` is as long as y.
                        unsafe {
                            let saved = V::load_part(saved.get_unchecked(at..at + self.lanes));
                            self.put(zero.if_less(saved, *output, zero), y, i);
                        }
                    }
                }
            }
            _ => {
                for (i, output) in outputs.iter().enumerate() {
                    if i < count {
                        // SAFETY: i < count.
                        unsafe { self.put(output.add(self.bias), y, i) };
                    }
                }
            }
        }
    }

    /// Stores the columns of a tile's output `i`.
    ///
    /// # Safety
    /// `y` holds so many outputs and one.
    #[inline(always)]
    unsafe fn put(&self, value: V, y: &mut [f32], i: usize) {
        let at = i * self.c_out;
        debug_assert!(at + self.lanes <= y.len(), "an output lies in y");
        // SAFETY: the caller's promise.
        value.store_part(unsafe { y.get_unchecked_mut(at..at + self.lanes) });
    }
}
