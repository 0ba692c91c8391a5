//! Rows of x or dy, tile by tile, to the points.

use std::ops::Range;

use super::points::{evaluate, spread};
use super::{BLOCK, POINTS};
use crate::backend::simd::Vector;

/// Where a transformed value lies: words from one tile, point and block of channels to the next.
#[derive(Debug, Clone, Copy)]
pub(super) struct Layout {
    pub tile: usize,
    pub point: usize,
    pub block: usize,
}

impl Layout {
    /// A tile's points side by side, `tiles` of them in a block.
    pub(super) const fn by_tile(tiles: usize) -> Self {
        Self { tile: POINTS * BLOCK, point: BLOCK, block: tiles * POINTS * BLOCK }
    }

    /// A point's tiles side by side.
    pub(super) const fn by_point(tiles: usize) -> Self {
        Self { tile: BLOCK, point: tiles * BLOCK, block: tiles * POINTS * BLOCK }
    }
}

/// One row of positions.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row<'a> {
    /// All rows, channels last.
    pub words: &'a [f32],
    /// Where this one begins.
    pub start: usize,
    /// Its positions.
    pub width: usize,
    pub channels: usize,
}

impl Row<'_> {
    /// B^T of the eight positions of each tile: `M` apart, the first one's first `pad` before the row.
    #[inline(always)]
    pub(super) fn spread<V: Vector, const M: usize>(&self, pad: usize, tiles: usize, out: &mut [f32], at: Layout) {
        let whole = self.whole_tiles::<V, POINTS>(M, pad, tiles);
        for channel in (0..self.channels).step_by(V::LANES) {
            for tile in (0..whole.start).chain(whole.end..tiles) {
                let x: [V; POINTS] = self.clipped((tile * M) as isize - pad as isize, channel);
                store(&spread(&x), out, tile, channel, at);
            }
            for tile in whole.clone() {
                // SAFETY: a whole tile, a channel below `channels`.
                let x: [V; POINTS] = unsafe { self.window(tile * M - pad, channel) };
                store(&spread(&x), out, tile, channel, at);
            }
        }
    }

    /// A of the `M` positions of each tile, zeros beyond the last one. The sum of all positions is added to `totals`.
    #[inline(always)]
    pub(super) fn evaluate<V: Vector, const M: usize>(
        &self,
        tiles: usize,
        out: &mut [f32],
        at: Layout,
        totals: &mut [f32],
    ) {
        let whole = self.whole_tiles::<V, M>(M, 0, tiles);
        for channel in (0..self.channels).step_by(V::LANES) {
            let mut total = V::load(&totals[channel..]);
            for tile in 0..tiles {
                let dy: [V; M] = if tile < whole.end {
                    // SAFETY: a whole tile, a channel below `channels`.
                    unsafe { self.window(tile * M, channel) }
                } else {
                    self.clipped((tile * M) as isize, channel)
                };
                let points = evaluate(&dy);
                // The polynomial at 1 is the sum of its coefficients.
                total = total.add(points[1]);
                store(&points, out, tile, channel, at);
            }
            total.store(&mut totals[channel..]);
        }
    }

    /// The tiles, `step` apart, whose `N` positions lie in the row and may be read as whole registers.
    #[inline(always)]
    fn whole_tiles<V: Vector, const N: usize>(&self, step: usize, pad: usize, tiles: usize) -> Range<usize> {
        let first = pad.div_ceil(step);
        // The last register of a row's last position reads beyond it.
        let beyond = self.channels.next_multiple_of(V::LANES) - self.channels;
        let inside = self.start + self.width * self.channels + beyond <= self.words.len();
        let width = if inside { self.width } else { self.width.saturating_sub(beyond.div_ceil(self.channels)) };
        let end = (width + pad + step).saturating_sub(N) / step;
        first.min(tiles)..end.clamp(first.min(tiles), tiles)
    }

    /// Positions `first .. first + N` at some channels.
    ///
    /// # Safety
    /// The tile at `first` is one of [`Row::whole_tiles`], `channel` a multiple of the lanes below `channels`.
    #[inline(always)]
    unsafe fn window<V: Vector, const N: usize>(&self, first: usize, channel: usize) -> [V; N] {
        let start = self.start + first * self.channels + channel;
        let mut values = [V::splat(0.0); N];
        for (i, value) in values.iter_mut().enumerate() {
            let at = start + i * self.channels;
            debug_assert!(at + V::LANES <= self.words.len(), "a register of x lies in it");
            // SAFETY: the caller's promise.
            *value = V::load(unsafe { self.words.get_unchecked(at..at + V::LANES) });
        }
        values
    }

    /// As [`Row::window`] for any `first`; positions outside of the row are 0.
    #[inline(always)]
    fn clipped<V: Vector, const N: usize>(&self, first: isize, channel: usize) -> [V; N] {
        let mut values = [V::splat(0.0); N];
        let last = self.width - 1;
        for (i, value) in values.iter_mut().enumerate() {
            let position = first + i as isize;
            let near = position.clamp(0, last as isize);
            let at = self.start + near as usize * self.channels + channel;
            let from = &self.words[at..];
            // Lanes beyond the row's channels hold what follows them and are not used.
            let x = if from.len() >= V::LANES { V::load(from) } else { V::load_part(from) };
            let outside = V::splat(f32::from(u8::from(near != position)));
            *value = V::splat(0.0).if_less(outside, V::splat(0.0), x);
        }
        values
    }
}

#[inline(always)]
fn store<V: Vector>(points: &[V; POINTS], out: &mut [f32], tile: usize, channel: usize, at: Layout) {
    let start = tile * at.tile + channel / BLOCK * at.block + channel % BLOCK;
    let out = &mut out[start..start + (POINTS - 1) * at.point + V::LANES];
    for (p, value) in points.iter().enumerate() {
        let place = p * at.point;
        // SAFETY: p < POINTS, so the slice above ends at the last `place + LANES`.
        value.store(unsafe { out.get_unchecked_mut(place..place + V::LANES) });
    }
}
