//! Plain Rust, lane after lane: sums of columns in 128 bits.
//!
//! The limbs of 52 bits leave room for 2^24 products in a column, so carries are taken once a column. With the pairs of
//! [`Ring`] this is nearly twice as fast as crypto-bigint's constant-time power (58 to 33 powers a second modulo 4096
//! bits on a Zen 4 core), so that is not used here.
//!
//! Constant-time: all loops are counted by the number of limbs; the look-ups read every entry and keep one by a mask
//! that [`std::hint::black_box`] hides from the optimiser. It rests on the machine's 64-bit multiplication taking the
//! same time for all operands, as it does on x86-64 and on AArch64.

use zeroize::Zeroize;

use super::{Kernel, Scratch};
use crate::paillier::lanes::{LANES, LIMB_BITS, LIMB_MAX, Word};
use crate::paillier::ring::Ring;

pub(super) static KERNEL: Kernel =
    Kernel { name: "portable", fixed_window: 5, multiply, square, multiply_low, reduce, product, select, pick };

/// Most limbs of a half: moduli of 8192 bits.
const MOST: usize = 160;

fn gather(lane: usize, from: &[Word], out: &mut [u64]) {
    for (out, word) in out.iter_mut().zip(from) {
        *out = word.0[lane];
    }
}

fn scatter(lane: usize, from: &[u64], out: &mut [Word]) {
    for (out, limb) in out.iter_mut().zip(from) {
        out.0[lane] = *limb;
    }
}

#[inline(always)]
fn times(x: u64, y: u64) -> u128 {
    u128::from(x) * u128::from(y)
}

/// Sum of x[i] y[last - i].
#[inline(always)]
fn dot(x: &[u64], y: &[u64]) -> u128 {
    let (x4, x1) = x.as_chunks::<4>();
    let (y1, y4) = y.as_rchunks::<4>();
    let (mut even, mut odd) = (0, 0);
    for (x, y) in x4.iter().zip(y4.iter().rev()) {
        even += times(x[0], y[3]) + times(x[2], y[1]);
        odd += times(x[1], y[2]) + times(x[3], y[0]);
    }
    for (x, y) in x1.iter().zip(y1.iter().rev()) {
        even += times(*x, *y);
    }
    even + odd
}

/// Sum of x[i] y[k - i].
#[inline(always)]
fn column(x: &[u64], y: &[u64], k: usize) -> u128 {
    let from = (k + 1).saturating_sub(y.len());
    let to = x.len().min(k + 1);
    dot(&x[from..to], &y[k + 1 - to..k + 1 - from])
}

/// The square's column: products of different limbs once, doubled.
#[inline(always)]
fn square_column(x: &[u64], k: usize) -> u128 {
    let from = (k + 1).saturating_sub(x.len());
    let to = k.div_ceil(2);
    let mut sum = 2 * dot(&x[from..to], &x[k + 1 - to..k + 1 - from]);
    if k.is_multiple_of(2) {
        sum += times(x[k / 2], x[k / 2]);
    }
    sum
}

/// Montgomery's reduction of columns that `at` gives: writes the quotient and the rest.
#[inline(always)]
fn montgomery(ring: &Ring, at: impl Fn(usize) -> u128, quotient: &mut [u64], rest: &mut [u64]) {
    let h = ring.limbs();
    let m = &ring.m()[..h];
    let mut sum = 0u128;
    for k in 0..h {
        sum += at(k) + dot(&quotient[..k], &m[1..=k]);
        quotient[k] = (sum as u64).wrapping_mul(ring.inverse()) & LIMB_MAX;
        sum += times(quotient[k], m[0]);
        sum >>= LIMB_BITS;
    }
    for k in h..2 * h {
        sum += at(k) + column(&quotient[..h], m, k);
        rest[k - h] = sum as u64 & LIMB_MAX;
        sum >>= LIMB_BITS;
    }
}

struct Lane {
    x: [u64; 2 * MOST],
    y: [u64; 2 * MOST],
    quotient: [u64; MOST],
    unused: [u64; MOST],
}

fn each(ring: &Ring, x: &mut [Word], y: Option<&[Word]>, one: impl Fn(&Ring, &mut Lane)) {
    let h = ring.limbs();
    assert!(h <= MOST);
    let mut lane = Lane { x: [0; 2 * MOST], y: [0; 2 * MOST], quotient: [0; MOST], unused: [0; MOST] };
    for i in 0..LANES {
        gather(i, x, &mut lane.x[..2 * h]);
        if let Some(y) = y {
            gather(i, y, &mut lane.y[..2 * h]);
        }
        one(ring, &mut lane);
        scatter(i, &lane.x[..2 * h], x);
    }
    lane.x.zeroize();
    lane.y.zeroize();
    lane.quotient.zeroize();
    lane.unused.zeroize();
}

fn finish(
    ring: &Ring,
    lane: &mut Lane,
    low: impl Fn(&[u64], &[u64], usize) -> u128,
    high: impl Fn(&[u64], &[u64], usize) -> u128,
) {
    let h = ring.limbs();
    let mut out = [0; 2 * MOST];
    let (x, y) = (&lane.x[..2 * h], &lane.y[..2 * h]);
    montgomery(ring, |k| low(x, y, k), &mut lane.quotient, &mut out[..h]);
    let (q, raise) = (&lane.quotient[..h], ring.raise());
    let bracket = |k: usize| high(x, y, k) + if k < h { u128::from(raise[k] - q[k]) } else { 0 };
    montgomery(ring, bracket, &mut lane.unused, &mut out[h..2 * h]);
    lane.x = out;
    out.zeroize();
}

fn multiply(ring: &Ring, x: &mut [Word], y: &[Word], _: &mut Scratch) {
    let h = ring.limbs();
    each(ring, x, Some(y), |ring, lane| {
        finish(
            ring,
            lane,
            |x, y, k| column(&x[..h], &y[..h], k),
            |x, y, k| column(&x[..h], &y[h..], k) + column(&x[h..], &y[..h], k),
        );
    });
}

fn square(ring: &Ring, x: &mut [Word], _: &mut Scratch) {
    let h = ring.limbs();
    each(ring, x, None, |ring, lane| {
        finish(ring, lane, |x, _, k| square_column(&x[..h], k), |x, _, k| 2 * column(&x[..h], &x[h..], k));
    });
}

fn multiply_low(ring: &Ring, x: &mut [Word], y: &[Word], _: &mut Scratch) {
    let h = ring.limbs();
    each(ring, x, Some(y), |ring, lane| {
        let mut out = [0; MOST];
        let (a, b) = (&lane.x[..h], &lane.y[..h]);
        montgomery(ring, |k| column(a, b, k), &mut lane.quotient, &mut out[..h]);
        lane.x[..h].copy_from_slice(&out[..h]);
        out.zeroize();
    });
}

fn reduce(ring: &Ring, x: &mut [Word], _: &mut Scratch) {
    let h = ring.limbs();
    let at = |x: &[u64], k: usize| if k < h { u128::from(x[k]) } else { 0 };
    each(ring, x, None, |ring, lane| finish(ring, lane, |x, _, k| at(&x[..h], k), |x, _, k| at(&x[h..], k)));
}

fn product(x: &[Word], y: &[Word], columns: &mut [Word]) {
    let h = x.len();
    let (mut a, mut b) = ([0; MOST], [0; MOST]);
    for lane in 0..LANES {
        gather(lane, x, &mut a[..h]);
        gather(lane, y, &mut b[..h]);
        let mut sum = 0;
        for (k, out) in columns.iter_mut().enumerate() {
            if k < 2 * h - 1 {
                sum += column(&a[..h], &b[..h], k);
            }
            out.0[lane] += sum as u64 & LIMB_MAX;
            sum >>= LIMB_BITS;
        }
    }
    a.zeroize();
    b.zeroize();
}

fn select(table: &[Word], index: &Word, out: &mut [Word]) {
    let entries = table.len() / out.len();
    for (limb, out) in table.chunks_exact(entries).zip(out) {
        let mut found = Word::splat(0);
        for (entry, value) in limb.iter().enumerate() {
            for lane in 0..LANES {
                found.0[lane] |= value.0[lane] & equal(index.0[lane], entry as u64);
            }
        }
        *out = found;
    }
}

fn pick(table: &[Word], index: &Word, out: &mut [Word]) {
    let words = table.len() / out.len();
    for (limb, out) in table.chunks_exact(words).zip(out) {
        let mut found = Word::splat(0);
        for (entry, value) in limb.iter().flat_map(|word| word.0).enumerate() {
            for lane in 0..LANES {
                found.0[lane] |= value & equal(index.0[lane], entry as u64);
            }
        }
        *out = found;
    }
}

/// All ones where x = y, zero elsewhere; both below 2^63.
fn equal(x: u64, y: u64) -> u64 {
    std::hint::black_box(((x ^ y).wrapping_sub(1) as i64 >> 63) as u64)
}
