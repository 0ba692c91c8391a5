//! The numbers modulo m^2, for an odd m, and why they are written to the base m.
//!
//! All of Paillier happens modulo the square of a number: n^2 for whoever encrypts, p^2 and q^2 for whoever decrypts. A
//! number modulo m^2 is kept as a pair (x0, x1) for x0 + x1 m, both halves below 2 m. Then
//!
//! ```text
//! (x0 + x1 m) (y0 + y1 m) = x0 y0 + (x0 y1 + x1 y0) m      modulo m^2
//! ```
//!
//! because x1 y1 m^2 is zero. With R = 2^(52 h) for h limbs, Montgomery's reduction finds q and r with
//! x0 y0 + q m = r R, that is x0 y0 = r R - q m; so
//!
//! ```text
//! x y / R = r + ((x0 y1 + x1 y0 - q) / R) m                modulo m^2
//! ```
//!
//! and the bracket is reduced modulo m alone. That takes three products and two reductions of h limbs, 5 h^2 multiply-adds
//! of limbs, where a number of 2 h limbs would need 8 h^2; a square needs 3.5 h^2.
//!
//! Bounds: R > 2^10 m, and halves may be as large as 2^4 m. Then r < (2^8 m^2 + R m) / R < 2 m, and as the multiple of m
//! that keeps the bracket positive is below 2 R, the second half is below (2^9 m^2 + 2 R + R m) / R < 2 m. So sums of a
//! few results may be multiplied as they are. A factor x = (x0, 0) may have any x0 < R if y is below 2 m: then both halves
//! of the result stay below 4 m.

use crypto_bigint::{BoxedUint, ConcatenatingMul, Integer, NonZero, Resize};
use zeroize::Zeroizing;

use super::lanes::{BLOCK, LIMB_BITS, LIMB_MAX, Word, Words, to_limbs};

/// An odd modulus m, ready for work modulo m^2. Everything in it is overwritten when it is dropped.
pub struct Ring {
    limbs: usize,
    m: Zeroizing<Vec<u64>>,
    /// -1/m modulo 2^52.
    inverse: u64,
    /// A multiple of m above R, written so that every limb but the highest is at least 2^52 - 1: q can be subtracted limb
    /// by limb without a borrow.
    raise: Zeroizing<Vec<u64>>,
    /// R^1, R^2, R^3 modulo m^2: as factors they multiply by 1, R, R^2.
    powers: [Words; 3],
    m_words: Words,
    /// R modulo m^2.
    radix: Zeroizing<BoxedUint>,
    number: Zeroizing<BoxedUint>,
    square: Zeroizing<NonZero<BoxedUint>>,
}

impl Ring {
    /// Prepares the odd number m > 1.
    pub fn new(m: &BoxedUint) -> Option<Self> {
        let bits = m.bits() as usize;
        if bits < 2 || !bool::from(m.is_odd()) {
            return None;
        }
        let limbs = (bits + 10).div_ceil(LIMB_BITS).next_multiple_of(BLOCK);
        let width = (2 * limbs * LIMB_BITS).next_multiple_of(64) as u32 + 64;
        let number = Zeroizing::new(m.resize(width / 2));
        let square = Zeroizing::new(NonZero::new(number.concatenating_mul(&*number)).into_option()?);
        let r = BoxedUint::one_with_precision(width).shl((limbs * LIMB_BITS) as u32);
        let mut ring = Self {
            limbs,
            m: Zeroizing::new(limbs_of(&number, limbs)),
            inverse: negative_inverse(number.as_words()[0]),
            raise: Zeroizing::new(raise(&number, limbs, bits, width)),
            powers: [Words::zero(0), Words::zero(0), Words::zero(0)],
            m_words: Words::splat(&Zeroizing::new(limbs_of(&number, limbs))),
            radix: Zeroizing::new(r.rem(&*square)),
            number,
            square,
        };
        let r1 = ring.radix.clone();
        let r2 = Zeroizing::new(ring.times(&r1, &r1));
        let r3 = Zeroizing::new(ring.times(&r2, &r1));
        ring.powers = [ring.splat(&r1), ring.splat(&r2), ring.splat(&r3)];
        Some(ring)
    }

    /// Limbs of a half.
    pub fn limbs(&self) -> usize {
        self.limbs
    }

    /// Words of a pair.
    pub fn words(&self) -> usize {
        2 * self.limbs
    }

    /// The limbs of m.
    pub fn m(&self) -> &[u64] {
        &self.m
    }

    pub(super) fn inverse(&self) -> u64 {
        self.inverse
    }

    pub(super) fn raise(&self) -> &[u64] {
        &self.raise
    }

    /// m in all lanes.
    pub(super) fn m_words(&self) -> &[Word] {
        &self.m_words
    }

    /// R modulo m^2.
    pub(super) fn radix(&self) -> &BoxedUint {
        &self.radix
    }

    /// m as a number.
    pub fn number(&self) -> &BoxedUint {
        &self.number
    }

    /// m^2 as a number.
    pub fn square(&self) -> &NonZero<BoxedUint> {
        &self.square
    }

    /// The factor that multiplies by R^k, for k = 0, 1, 2 (Montgomery's form of it, the same in all lanes).
    pub fn power(&self, k: usize) -> &[Word] {
        &self.powers[k]
    }

    /// x y modulo m^2, for preparations.
    pub fn times(&self, x: &BoxedUint, y: &BoxedUint) -> BoxedUint {
        x.concatenating_mul(y).rem(&*self.square)
    }

    /// The pair of a number below m^2 in all lanes, as it is (not in Montgomery's form).
    pub fn splat(&self, x: &BoxedUint) -> Words {
        let m = NonZero::new((*self.number).clone()).expect("m is odd");
        let (high, low) = x.div_rem(&m);
        let (high, low) = (Zeroizing::new(high), Zeroizing::new(low));
        let mut limbs = Zeroizing::new(limbs_of(&low, self.limbs));
        limbs.extend_from_slice(&Zeroizing::new(limbs_of(&high, self.limbs)));
        Words::splat(&limbs)
    }
}

fn limbs_of(x: &BoxedUint, limbs: usize) -> Vec<u64> {
    let mut out = vec![0; limbs];
    to_limbs(x.as_words(), &mut out);
    out
}

/// -1/x modulo 2^52, by Newton's iteration: each step doubles the right bits, beginning with three.
fn negative_inverse(x: u64) -> u64 {
    let mut y = x;
    for _ in 0..5 {
        y = y.wrapping_mul(2u64.wrapping_sub(x.wrapping_mul(y)));
    }
    y.wrapping_neg() & LIMB_MAX
}

fn raise(m: &BoxedUint, limbs: usize, bits: usize, width: u32) -> Vec<u64> {
    // 2^(bits - 1) <= m, so this multiple is in [R, 2 R).
    let shifted = Zeroizing::new(m.resize(width).shl((limbs * LIMB_BITS + 1 - bits) as u32));
    let mut raise = limbs_of(&shifted, limbs + 1);
    raise[0] += 1 << LIMB_BITS;
    for limb in &mut raise[1..limbs] {
        *limb += LIMB_MAX;
    }
    raise[limbs] -= 1;
    raise
}
