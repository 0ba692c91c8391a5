//! Powers of a group of numbers.

use super::kernel::{Kernel, Scratch};
use super::lanes::{LANES, Word, Words};
use super::ring::Ring;

/// Bits of a window.
const WINDOW: usize = 5;
/// Entries of a table.
const ENTRIES: usize = 1 << WINDOW;

/// `WINDOW` bits of a number, from bit `WINDOW * window` on.
pub(super) fn digit(words: &[u64], window: usize, bits: usize) -> u64 {
    let bit = window * bits;
    let (at, shift) = (bit / 64, bit % 64);
    let word = |i: usize| u128::from(words.get(i).copied().unwrap_or(0));
    ((word(at) | word(at + 1) << 64) >> shift) as u64 & ((1 << bits) - 1)
}

/// x^0 R, x^1 R, ..., limb after limb, each limb of all entries in a row.
fn table(kernel: &Kernel, ring: &Ring, x: &[Word], scratch: &mut Scratch) -> Words {
    let mut table = Words::zero(ring.words() * ENTRIES);
    let mut power = Words::zero(ring.words());
    power.copy_from_slice(ring.power(0));
    for entry in 0..ENTRIES {
        for (limb, word) in power.iter().enumerate() {
            table[limb * ENTRIES + entry] = *word;
        }
        kernel.multiply(ring, &mut power, x, scratch);
    }
    table
}

/// x = x^e in Montgomery's form, where everybody may know e: the time depends on it.
pub fn power_public(kernel: &Kernel, ring: &Ring, x: &mut [Word], exponent: &[u64], scratch: &mut Scratch) {
    let table = table(kernel, ring, x, scratch);
    let mut entry = Words::zero(ring.words());
    x.copy_from_slice(ring.power(0));
    let bits = 64 * exponent.len();
    let windows = bits.div_ceil(WINDOW);
    let first = (0..windows).rev().find(|w| digit(exponent, *w, WINDOW) != 0);
    for window in (0..first.map_or(0, |w| w + 1)).rev() {
        for _ in 0..WINDOW {
            kernel.square(ring, x, scratch);
        }
        let digit = digit(exponent, window, WINDOW) as usize;
        for (limb, word) in entry.iter_mut().enumerate() {
            *word = table[limb * ENTRIES + digit];
        }
        kernel.multiply(ring, x, &entry, scratch);
    }
}

/// x = x^e in Montgomery's form for secret exponents of at most `bits` bits, one a lane: the time and the memory touched
/// depend on `bits` alone. Every window squares five times, reads the whole table and multiplies once.
pub fn power_secret(
    kernel: &Kernel,
    ring: &Ring,
    x: &mut [Word],
    exponents: [&[u64]; LANES],
    bits: usize,
    scratch: &mut Scratch,
) {
    let table = table(kernel, ring, x, scratch);
    let mut entry = Words::zero(ring.words());
    x.copy_from_slice(ring.power(0));
    for window in (0..bits.div_ceil(WINDOW)).rev() {
        for _ in 0..WINDOW {
            kernel.square(ring, x, scratch);
        }
        let index = Word(exponents.map(|words| digit(words, window, WINDOW)));
        kernel.select(&table, &index, &mut entry);
        kernel.multiply(ring, x, &entry, scratch);
    }
}
