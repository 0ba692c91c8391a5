//! Many small numbers in one plaintext (A4), so that a sum of ciphertexts is a weighted sum of all of them.
//!
//! ```text
//!  highest                                             lowest
//!  0 | canary | value k | ... | value 2 | value 1 | weight
//! ```
//!
//! A value v of b bits is written as w (v + 2^(b-1)), w being its party's weight: never negative, so nothing is borrowed
//! from the next slot (two's complement goes wrong from three parties on). The weights of all parties add up to W at
//! most, so the largest sum of a slot is W (2^b - 1) < 2^(b + g) with g = ceil(log2 W): with g guard bits no carry can
//! cross into the next slot, whatever the values are. That is decided when the layout is made, not when sums overflow.
//!
//! The weight slot and the canary both hold w, at the two ends. Their sums must be the announced sum of weights: a party
//! that is missing or counted twice changes both, a carry that got through in spite of all changes the canary alone, and a
//! sum that wrapped around n leaves bits above it.

use super::error::PaillierError;
use super::numbers::Numbers;

/// Bits above the canary's sum that must stay zero.
const SPARE_BITS: u32 = 7;
/// Bits of a value, fewest and most.
const VALUE_BITS: std::ops::RangeInclusive<u32> = 2..=24;
/// Largest sum of weights: a slot's sum must fit into 64 bits.
const WEIGHTS_MOST: u64 = 1 << 39;

/// What a layout is made from.
#[derive(Debug, Clone, Copy)]
pub struct LayoutSpec {
    /// Bits of n.
    pub key_bits: u32,
    /// Bits of a value, with its sign: 2 to 24.
    pub value_bits: u32,
    /// The most that the weights of all parties can add up to.
    pub weights_most: u64,
}

/// Where everything is in a plaintext.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    key_bits: u32,
    value_bits: u32,
    guard_bits: u32,
    weights_most: u64,
    slots: usize,
}

impl LayoutSpec {
    /// Computes the layout.
    ///
    /// # Errors
    /// If a size is out of bounds, or not even one value fits.
    pub fn check(self) -> Result<Layout, PaillierError> {
        let Self { key_bits, value_bits, weights_most } = self;
        if !VALUE_BITS.contains(&value_bits) {
            let expected = format!("{} to {}", VALUE_BITS.start(), VALUE_BITS.end());
            return Err(PaillierError::shape("bits of a packed value", expected, value_bits));
        }
        if !(1..=WEIGHTS_MOST).contains(&weights_most) {
            return Err(PaillierError::shape("sum of weights", format!("1 to {WEIGHTS_MOST}"), weights_most));
        }
        let guard_bits = (weights_most - 1).checked_ilog2().map_or(0, |log| log + 1);
        let mut layout = Layout { key_bits, value_bits, guard_bits, weights_most, slots: 0 };
        // All of it stays below 2^(bits of n - 1), so below n.
        let room = key_bits.saturating_sub(1 + layout.weight_bits() + layout.canary_bits());
        layout.slots = (room / layout.slot_bits()) as usize;
        if layout.slots == 0 {
            return Err(PaillierError::shape("bits of the key for packing", "room for one value", key_bits));
        }
        Ok(layout)
    }
}

impl Layout {
    /// Values in a plaintext.
    pub fn slots(&self) -> usize {
        self.slots
    }

    /// Plaintexts for so many values.
    pub fn plaintexts(&self, values: usize) -> usize {
        values.div_ceil(self.slots)
    }

    /// Bits of a value's slot.
    pub fn slot_bits(&self) -> u32 {
        self.value_bits + self.guard_bits
    }

    /// The sum of weights may be 2^guard_bits itself.
    fn weight_bits(&self) -> u32 {
        self.guard_bits + 1
    }

    fn canary_bits(&self) -> u32 {
        self.weight_bits() + SPARE_BITS
    }

    fn slot_at(&self, slot: usize) -> usize {
        self.weight_bits() as usize + slot * self.slot_bits() as usize
    }

    fn canary_at(&self) -> usize {
        self.slot_at(self.slots)
    }

    /// Packs a party's values; the last plaintext's empty slots hold zeros.
    ///
    /// # Errors
    /// If a value has too many bits, or the weight is zero or more than all weights together.
    pub fn pack(&self, values: &[i32], weight: u64) -> Result<Numbers, PaillierError> {
        if !(1..=self.weights_most).contains(&weight) {
            return Err(PaillierError::shape("weight of a party", format!("1 to {}", self.weights_most), weight));
        }
        let half = 1i64 << (self.value_bits - 1);
        if let Some(place) = values.iter().position(|v| !(-half..half).contains(&i64::from(*v))) {
            let expected = format!("{} to {}", -half, half - 1);
            return Err(PaillierError::shape("packed value", expected, format!("another one at place {place}")));
        }
        let mut out = Numbers::zero(self.plaintexts(values.len()), self.key_bits.div_ceil(64) as usize);
        for (index, values) in values.chunks(self.slots).enumerate() {
            let words = out.get_mut(index);
            put(words, 0, weight);
            put(words, self.canary_at(), weight);
            for slot in 0..self.slots {
                let value = i64::from(values.get(slot).copied().unwrap_or(0)) + half;
                put(words, self.slot_at(slot), value as u64 * weight);
            }
        }
        Ok(out)
    }

    /// The weighted sums of `len` values, from the decrypted sum of the parties' plaintexts.
    ///
    /// # Errors
    /// If the plaintexts are too few or too many, or weight slot or canary do not hold the announced sum of weights.
    pub fn unpack(&self, sums: &Numbers, len: usize, weights: u64) -> Result<Vec<i64>, PaillierError> {
        if sums.len() != self.plaintexts(len) {
            return Err(PaillierError::shape("packed plaintexts", self.plaintexts(len), sums.len()));
        }
        let half = 1i64 << (self.value_bits - 1);
        let mut out = Vec::with_capacity(len);
        for index in 0..sums.len() {
            let words = sums.get(index);
            let found = bits(words, 0, self.weight_bits());
            if found != weights {
                let got = format!("{found} in plaintext {index}: a party is missing or counted twice");
                return Err(PaillierError::shape("sum of the weights", weights, got));
            }
            if bits(words, self.canary_at(), 64) != weights || !zero_from(words, self.canary_at() + 64) {
                let got = format!("another one in plaintext {index}: a sum overflowed");
                return Err(PaillierError::shape("canary", weights, got));
            }
            for slot in 0..self.slots.min(len - out.len()) {
                out.push(bits(words, self.slot_at(slot), self.slot_bits()) as i64 - half * weights as i64);
            }
        }
        Ok(out)
    }
}

/// Adds a number at a bit, where there are zeros.
fn put(words: &mut [u64], bit: usize, value: u64) {
    let both = u128::from(value) << (bit % 64);
    words[bit / 64] |= both as u64;
    if let Some(next) = words.get_mut(bit / 64 + 1) {
        *next |= (both >> 64) as u64;
    }
}

/// At most 64 bits from a bit on; zeros behind the end.
fn bits(words: &[u64], bit: usize, count: u32) -> u64 {
    let word = |i: usize| u128::from(words.get(i).copied().unwrap_or(0));
    let both = (word(bit / 64) | word(bit / 64 + 1) << 64) >> (bit % 64);
    (both as u64) & (u64::MAX >> (64 - count))
}

fn zero_from(words: &[u64], bit: usize) -> bool {
    (0..words.len().saturating_sub(bit / 64)).all(|i| bits(words, bit + 64 * i, 64) == 0)
}
