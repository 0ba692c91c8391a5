//! Powers of one number that is known long before: all powers of all windows are in a table, and a power is a product of
//! one entry a window, without a square.

use rayon::prelude::*;

use super::kernel::{Kernel, Scratch};
use super::lanes::{LANES, Word, Words};
use super::power::digit;
use super::ring::Ring;

/// Groups that take their entries while a window's table is in the cache.
const GROUPS: usize = 16;

/// The table of a base.
pub struct FixedBase {
    window: usize,
    /// A window: limb after limb, the limbs of all entries in a row.
    windows: Vec<Words>,
}

impl FixedBase {
    /// Powers of `base` (Montgomery's form, the same in all lanes) for exponents of `bits` bits. The first window's
    /// entries are multiplied by `scale`, and so are all powers.
    pub fn new(kernel: &Kernel, ring: &Ring, base: &[Word], scale: &[Word], bits: usize) -> Self {
        let window = kernel.fixed_window;
        let count = bits.div_ceil(window);
        let mut scratch = Scratch::new(ring);
        let mut power = Words::zero(ring.words());
        power.copy_from_slice(base);
        let mut blocks = Vec::new();
        for block in 0..count.div_ceil(LANES) {
            let mut bases = Words::zero(ring.words());
            for lane in 0..LANES {
                for (to, from) in bases.iter_mut().zip(power.iter()) {
                    to.0[lane] = from.0[lane];
                }
                for _ in 0..window {
                    kernel.square(ring, &mut power, &mut scratch);
                }
            }
            blocks.push((block, bases));
        }
        let windows = blocks.par_iter().flat_map_iter(|(block, bases)| {
            let first = (*block == 0).then_some(scale);
            entries(kernel, ring, bases, first, window)
        });
        let mut windows: Vec<Words> = windows.collect();
        windows.truncate(count);
        Self { window, windows }
    }

    /// Bytes of the table.
    pub fn bytes(&self) -> usize {
        self.windows.iter().map(|words| words.len() * size_of::<Word>()).sum()
    }

    /// The powers for secret exponents, a group after the other: each group of `out` becomes the base to its exponents,
    /// times the scale. The time and the memory touched do not depend on the exponents: every window's table is read as a
    /// whole.
    pub fn powers(&self, kernel: &Kernel, ring: &Ring, exponents: &[[&[u64]; LANES]], out: &mut [Words]) {
        let mut scratch = Scratch::new(ring);
        let mut entry = Words::zero(ring.words());
        for (exponents, out) in exponents.chunks(GROUPS).zip(out.chunks_mut(GROUPS)) {
            for (window, table) in self.windows.iter().enumerate() {
                for (exponents, out) in exponents.iter().zip(out.iter_mut()) {
                    let index = Word(exponents.map(|words| digit(words, window, self.window)));
                    if window == 0 {
                        kernel.pick(table, &index, out);
                    } else {
                        kernel.pick(table, &index, &mut entry);
                        kernel.multiply(ring, out, &entry, &mut scratch);
                    }
                }
            }
        }
    }
}

/// The tables of eight windows, each lane's base one window.
fn entries(kernel: &Kernel, ring: &Ring, bases: &[Word], scale: Option<&[Word]>, window: usize) -> Vec<Words> {
    let words = (1 << window) / LANES;
    let mut scratch = Scratch::new(ring);
    let mut tables = vec![Words::zero(ring.words() * words); LANES];
    let mut power = Words::zero(ring.words());
    power.copy_from_slice(ring.power(0));
    if let Some(scale) = scale {
        for (word, scale) in power.iter_mut().zip(scale) {
            word.0[0] = scale.0[0];
        }
    }
    for entry in 0..1 << window {
        for (lane, table) in tables.iter_mut().enumerate() {
            for (limb, word) in power.iter().enumerate() {
                table[limb * words + entry / LANES].0[entry % LANES] = word.0[lane];
            }
        }
        kernel.multiply(ring, &mut power, bases, &mut scratch);
    }
    tables
}
