//! Weights at the points: panels of [`BLOCK`] columns, each [kh, c_in, point, column].

use super::points::{evaluate, weigh};
use super::{BLOCK, CELL, Sizes};
use crate::backend::simd::{Simd, SimdLevel, Vector};

/// Transforms weights [kh, kw, c_in, c_out] for the convolution itself. `packed` holds [`Sizes::packed_len`] words.
pub fn pack(level: SimdLevel, sizes: &Sizes, w: &[f32], packed: &mut [f32]) {
    level.run(Pack { sizes: *sizes, w, turned: false, packed });
}

/// Transforms weights [kh, kw, c_in, c_out] for the gradient of x; `packed` holds as many words as `sizes.turned()` says.
pub fn pack_turned(level: SimdLevel, sizes: &Sizes, w: &[f32], packed: &mut [f32]) {
    level.run(Pack { sizes: sizes.turned(), w, turned: true, packed });
}

struct Pack<'a> {
    /// Of the convolution that will read the packed weights.
    sizes: Sizes,
    w: &'a [f32],
    turned: bool,
    packed: &'a mut [f32],
}

impl Simd for Pack<'_> {
    type Out = ();

    #[inline(always)]
    fn run<V: Vector>(mut self) {
        match self.sizes.kw {
            3 => self.cells::<V, 3>(),
            4 => self.cells::<V, 4>(),
            5 => self.cells::<V, 5>(),
            6 => self.cells::<V, 6>(),
            _ => self.cells::<V, 7>(),
        }
    }
}

impl Pack<'_> {
    #[inline(always)]
    fn cells<V: Vector, const R: usize>(&mut self) {
        let Sizes { c_in, c_out, kh, .. } = self.sizes;
        let depth = kh * c_in;
        for column in (0..c_out).step_by(V::LANES) {
            let lanes = V::LANES.min(c_out - column);
            let panel = column / BLOCK * depth;
            for row in 0..kh {
                for channel in 0..c_in {
                    let mut taps = [V::splat(0.0); R];
                    for (k, tap) in taps.iter_mut().enumerate() {
                        *tap = if self.turned {
                            self.turned_lanes(row, R - 1 - k, channel, column, lanes)
                        } else {
                            let at = ((row * R + k) * c_in + channel) * c_out + column;
                            V::load_part(&self.w[at..at + lanes])
                        };
                    }
                    let cell = &mut self.packed[(panel + row * c_in + channel) * CELL..][..CELL];
                    for (p, value) in weigh(&evaluate(&taps)).iter().enumerate() {
                        value.store(&mut cell[p * BLOCK + column % BLOCK..]);
                    }
                }
            }
        }
    }

    /// Turned weights lie across: a lane's neighbour is `c_in` words away.
    #[inline(always)]
    fn turned_lanes<V: Vector>(&self, row: usize, tap: usize, channel: usize, column: usize, lanes: usize) -> V {
        let Sizes { c_in, c_out, kh, kw, .. } = self.sizes;
        let first = ((kh - 1 - row) * kw + tap) * c_out + column;
        let mut values = [0.0; BLOCK];
        for (lane, value) in values.iter_mut().enumerate().take(lanes) {
            *value = self.w[(first + lane) * c_in + channel];
        }
        V::load(&values)
    }
}
