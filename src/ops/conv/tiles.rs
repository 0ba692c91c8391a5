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
                match (V::LANES == 16, width) {
                    (true, 32) => self.panel16::<[V; 2]>(rows, sample, panel),
                    (true, 24) => self.panel16::<Mixed<V>>(rows, sample, panel),
                    (true, 16) => self.panel16::<[V; 1]>(rows, sample, panel),
                    (true, _) => self.panel16::<[V::Half; 1]>(rows, sample, panel),
                    (false, 16) => self.panel8::<[V; 2]>(rows, sample, panel),
                    (false, _) => self.panel8::<[V; 1]>(rows, sample, panel),
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

impl Target<'_> {
    /// Stores one position, `at` words into each of `R` samples.
    #[inline(always)]
    fn store<C: Columns, const R: usize>(self, dst: &mut [f32], at: usize, sums: [C; R]) {
        let Self { sample, first, stored, epilogue } = self;
        let first = first + at;
        let dst = &mut dst[first..first + (R - 1) * sample + stored];
        match epilogue {
            Epilogue::None => {
                for (r, sum) in sums.into_iter().enumerate() {
                    sum.store(&mut dst[r * sample..][..stored]);
                }
            }
            Epilogue::Relu => {
                for (r, sum) in sums.into_iter().enumerate() {
                    sum.relu().store(&mut dst[r * sample..][..stored]);
                }
            }
            Epilogue::WherePositive(saved) => {
                let saved = &saved[first..first + (R - 1) * sample + stored];
                for (r, sum) in sums.into_iter().enumerate() {
                    let saved = &saved[r * sample..][..stored];
                    let saved = if stored == C::WIDTH { C::load(saved) } else { C::load_part(saved) };
                    sum.where_positive(saved).store(&mut dst[r * sample..][..stored]);
                }
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
fn multiply<C: Columns, const R: usize>(src: &[f32], weights: &[f32], stretch: Stretch, mut sums: [C; R]) -> [C; R] {
    let Stretch { at, row, len } = stretch;
    let sample = src.len() / R;
    // One check for the whole tile lets the reads below go without.
    assert!(at + len <= sample && sample * R <= src.len(), "a window ends within its sample");
    let weights = &weights[row * C::WIDTH..][..len * C::WIDTH];
    let src = &src[at..];
    for (q, columns) in weights.chunks_exact(C::WIDTH).enumerate() {
        let columns = C::load(columns);
        for (r, sum) in sums.iter_mut().enumerate() {
            // SAFETY: r < R and q < len, so the assertion above bounds the index: at + r * sample + q < src.len().
            let factor = unsafe { *src.get_unchecked(r * sample + q) };
            *sum = sum.add_scaled(factor, columns);
        }
    }
    sums
}
