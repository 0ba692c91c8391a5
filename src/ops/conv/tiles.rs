//! A sweep by register tiles: one position of several samples, times some channels.

use super::columns::{Columns, Mixed, panel_width};
use super::sweep::Sweep;
use crate::backend::simd::{Simd, Vector};

/// Height, width and channels of a sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Size {
    pub h: usize,
    pub w: usize,
    pub c: usize,
}

impl Size {
    pub const fn len(self) -> usize {
        self.h * self.w * self.c
    }
}

/// What is done to a sum before it is stored.
#[derive(Clone, Copy)]
pub(super) enum Epilogue<'a> {
    None,
    Relu,
    /// Kept where this tensor, laid out as the destination, is above 0.
    WherePositive(&'a [f32]),
}

/// A sweep over some samples.
pub(super) struct Batch<'a> {
    pub sweep: &'a Sweep,
    pub src: &'a [f32],
    pub src_size: Size,
    /// As many samples.
    pub dst: &'a mut [f32],
    pub dst_size: Size,
    /// Packed as [`super::pack::Panels`] or [`super::pack::Rows`] do it.
    pub weights: &'a [f32],
    /// Where the sums start: a value for each packed column.
    pub start: &'a [f32],
    pub epilogue: Epilogue<'a>,
}

/// [`Batch`] by register tiles.
pub(super) struct Tiles<'a>(pub Batch<'a>);

/// A panel of weights: the first of its columns and where it begins.
#[derive(Clone, Copy)]
struct Panel {
    column: usize,
    at: usize,
}

impl Simd for Tiles<'_> {
    type Out = ();

    #[inline(always)]
    fn run<V: Vector>(mut self) {
        let samples = self.0.dst.len() / self.0.dst_size.len();
        let depth = self.0.sweep.taps() * self.0.src_size.c;
        let c_dst = self.0.dst_size.c;
        let mut sample = 0;
        while sample < samples {
            let rows = tile_rows(V::LANES, samples - sample);
            let mut panel = Panel { column: 0, at: 0 };
            while panel.column < c_dst {
                let width = panel_width(V::LANES, c_dst - panel.column);
                // A constant condition: the other level's tiles are not even compiled.
                if const { V::LANES == 16 } {
                    match width {
                        32 => self.panel16::<[V; 2]>(rows, sample, panel),
                        24 => self.panel16::<Mixed<V>>(rows, sample, panel),
                        16 => self.panel16::<[V; 1]>(rows, sample, panel),
                        _ => self.panel16::<[V::Half; 1]>(rows, sample, panel),
                    }
                } else {
                    match width {
                        16 => self.panel8::<[V; 2]>(rows, sample, panel),
                        _ => self.panel8::<[V; 1]>(rows, sample, panel),
                    }
                }
                panel = Panel { column: panel.column + width, at: panel.at + depth * width };
            }
            sample += rows;
        }
    }
}

/// How many of `left` samples a tile holds: with two vectors of columns, these and one factor the sums must fit the
/// level's registers, 32 with vectors of 16 lanes, else 16.
const fn tile_rows(lanes: usize, left: usize) -> usize {
    match (lanes, left) {
        (16, 12..) => 12,
        (16, 8..) => 8,
        (16, 4..) => 4,
        (16, _) => 1,
        (_, 6..) => 6,
        (_, 2..) => 2,
        _ => 1,
    }
}

impl Tiles<'_> {
    #[inline(always)]
    fn panel16<C: Columns>(&mut self, rows: usize, sample: usize, panel: Panel) {
        match rows {
            12 => self.samples::<C, 12>(sample, panel),
            8 => self.samples::<C, 8>(sample, panel),
            4 => self.samples::<C, 4>(sample, panel),
            _ => self.samples::<C, 1>(sample, panel),
        }
    }

    #[inline(always)]
    fn panel8<C: Columns>(&mut self, rows: usize, sample: usize, panel: Panel) {
        match rows {
            6 => self.samples::<C, 6>(sample, panel),
            2 => self.samples::<C, 2>(sample, panel),
            _ => self.samples::<C, 1>(sample, panel),
        }
    }

    /// All positions of `R` samples.
    #[inline(always)]
    fn samples<C: Columns, const R: usize>(&mut self, sample: usize, panel: Panel) {
        // Copies: behind references they would be read again after every store.
        let Batch { sweep: &Sweep { down, across, .. }, src_size, dst_size, epilogue, .. } = self.0;
        let depth = self.0.sweep.taps() * src_size.c;
        let weights = &self.0.weights[panel.at..][..depth * C::WIDTH];
        let start = C::load(&self.0.start[panel.column..]);
        let src = &self.0.src[sample * src_size.len()..][..R * src_size.len()];
        let target = Target {
            sample: dst_size.len(),
            first: sample * dst_size.len() + panel.column,
            stored: C::WIDTH.min(dst_size.c - panel.column),
            epilogue,
        };
        let dst = &mut *self.0.dst;
        for i in 0..down.count {
            let (top, first_line, last_line) = down.window(i, src_size.h);
            for j in 0..across.count {
                let (left, from, to) = across.window(j, src_size.w);
                // Neighbouring taps that are neighbours in the source too are one stretch.
                let (stretches, len) = if across.tap_step == 1 {
                    (1.min(to - from), (to - from) * src_size.c)
                } else {
                    (to - from, src_size.c)
                };
                let mut sums = [start; R];
                for line in first_line..last_line {
                    let source_line = (top + (line * down.tap_step) as isize) * src_size.w as isize;
                    for tap in from..from + stretches {
                        let position = source_line + left + (tap * across.tap_step) as isize;
                        let row = (line * across.taps + tap) * src_size.c;
                        let stretch = Stretch { at: position as usize * src_size.c, row, len };
                        sums = multiply::<C, R>(src, weights, stretch, sums);
                    }
                }
                let row = down.dst_first + i * down.dst_step;
                let position = row * dst_size.w + across.dst_first + j * across.dst_step;
                target.store::<C, R>(dst, position * dst_size.c, sums);
            }
        }
    }
}

/// Where a tile's sums go.
#[derive(Clone, Copy)]
struct Target<'a> {
    /// Words of a sample.
    sample: usize,
    /// The first word of the panel in the first sample.
    first: usize,
    /// How many of the columns exist.
    stored: usize,
    epilogue: Epilogue<'a>,
}

#[expect(clippy::needless_range_loop, reason = "a closure would not be compiled for the level that a tile runs at")]
impl Target<'_> {
    /// Stores one position, `at` words into each of `R` samples.
    #[inline(always)]
    fn store<C: Columns, const R: usize>(self, dst: &mut [f32], at: usize, mut sums: [C; R]) {
        let Self { sample, first, stored, epilogue } = self;
        let (first, len) = (first + at, (R - 1) * sample + stored);
        match epilogue {
            Epilogue::None => {}
            Epilogue::Relu => {
                for r in 0..R {
                    sums[r] = sums[r].relu();
                }
            }
            Epilogue::WherePositive(saved) => {
                let saved = &saved[first..first + len];
                for r in 0..R {
                    let saved = &saved[r * sample..][..stored];
                    let saved = if stored == C::WIDTH { C::load(saved) } else { C::load_part(saved) };
                    sums[r] = sums[r].where_positive(saved);
                }
            }
        }
        let dst = &mut dst[first..first + len];
        if stored == C::WIDTH {
            for r in 0..R {
                sums[r].store(&mut dst[r * sample..]);
            }
        } else {
            for r in 0..R {
                sums[r].store_part(&mut dst[r * sample..][..stored]);
            }
        }
    }
}

/// A stretch of `len` words of each sample from `at` on, and the row of the weights that belongs to the first.
#[derive(Clone, Copy)]
struct Stretch {
    at: usize,
    row: usize,
    len: usize,
}

/// Adds to `sums[r]` the products of sample r's stretch with the weights, in order. The sums come and go by value: behind
/// a reference they would live in memory.
#[inline(always)]
#[expect(clippy::needless_range_loop, reason = "a closure would not be compiled for the level that a tile runs at")]
fn multiply<C: Columns, const R: usize>(src: &[f32], weights: &[f32], stretch: Stretch, mut sums: [C; R]) -> [C; R] {
    let Stretch { at, row, len } = stretch;
    let sample = src.len() / R;
    // One check for the whole tile lets the reads below go without.
    assert!(at + len <= sample && (row + len) * C::WIDTH <= weights.len(), "a window ends within its sample");
    for q in 0..len {
        // SAFETY: q < len, so the assertion above bounds the row of `WIDTH` weights.
        let columns = C::load(unsafe { weights.get_unchecked((row + q) * C::WIDTH..(row + q + 1) * C::WIDTH) });
        for r in 0..R {
            // SAFETY: r < R and q < len, so the assertion above bounds at + q within sample r.
            let factor = unsafe { *src.get_unchecked(r * sample + at + q) };
            sums[r] = sums[r].add_scaled(factor, columns);
        }
    }
    sums
}
