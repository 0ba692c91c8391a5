//! Eight numbers side by side: limb after limb, the limbs of eight numbers in one word.
//!
//! Limbs have 52 bits in 64, so that hundreds of products can be added to one another before a carry is taken: that is
//! what AVX-512 IFMA multiplies, and it serves the portable kernel too.

use zeroize::{Zeroize, ZeroizeOnDrop};

/// Numbers in a group.
pub const LANES: usize = 8;
/// Bits of a limb.
pub const LIMB_BITS: usize = 52;
/// The largest limb.
pub const LIMB_MAX: u64 = (1 << LIMB_BITS) - 1;
/// Limbs come in multiples of this: the kernels hold so many in registers.
pub const BLOCK: usize = 10;

/// One limb of eight numbers.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
pub struct Word(pub [u64; LANES]);

impl Word {
    /// The same limb in all lanes.
    pub const fn splat(limb: u64) -> Self {
        Self([limb; LANES])
    }
}

impl Zeroize for Word {
    fn zeroize(&mut self) {
        self.0.zeroize();
    }
}

/// Words that are overwritten with zeros when they are dropped.
#[derive(Clone)]
pub struct Words(Vec<Word>);

impl Words {
    /// So many words of zeros.
    pub fn zero(len: usize) -> Self {
        Self(vec![Word::splat(0); len])
    }

    /// The same number in all lanes.
    pub fn splat(limbs: &[u64]) -> Self {
        Self(limbs.iter().map(|limb| Word::splat(*limb)).collect())
    }
}

impl std::ops::Deref for Words {
    type Target = [Word];
    fn deref(&self) -> &[Word] {
        &self.0
    }
}

impl std::ops::DerefMut for Words {
    fn deref_mut(&mut self) -> &mut [Word] {
        &mut self.0
    }
}

impl Drop for Words {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl ZeroizeOnDrop for Words {}

/// Limb `index` of a number given as 64-bit words, least first. Words beyond the end are zero.
fn limb(words: &[u64], index: usize) -> u64 {
    let bit = index * LIMB_BITS;
    let (at, shift) = (bit / 64, bit % 64);
    let word = |i: usize| words.get(i).copied().unwrap_or(0);
    let both = u128::from(word(at)) | u128::from(word(at + 1)) << 64;
    (both >> shift) as u64 & LIMB_MAX
}

/// The limbs of a number given as 64-bit words; what does not fit is cut off.
pub fn to_limbs(words: &[u64], limbs: &mut [u64]) {
    for (i, out) in limbs.iter_mut().enumerate() {
        *out = limb(words, i);
    }
}

/// Puts a number, given as 64-bit words, into one lane; what does not fit is cut off.
pub fn put(lane: usize, words: &[u64], out: &mut [Word]) {
    for (i, word) in out.iter_mut().enumerate() {
        word.0[lane] = limb(words, i);
    }
}

/// Takes a number of normalised limbs from one lane as 64-bit words.
pub fn take(lane: usize, from: &[Word], words: &mut [u64]) {
    words.fill(0);
    for (i, word) in from.iter().enumerate() {
        let bit = i * LIMB_BITS;
        let (at, shift) = (bit / 64, bit % 64);
        let both = u128::from(word.0[lane]) << shift;
        if let Some(low) = words.get_mut(at) {
            *low |= both as u64;
        }
        if let Some(high) = words.get_mut(at + 1) {
            *high |= (both >> 64) as u64;
        }
    }
}

/// Takes the carries of columns: afterwards every limb but the last is below 2^52, and the value is the same.
pub fn carry(columns: &mut [Word]) {
    let mut over = [0u64; LANES];
    let last = columns.len().saturating_sub(1);
    for (i, column) in columns.iter_mut().enumerate() {
        for (limb, over) in column.0.iter_mut().zip(&mut over) {
            let sum = *limb + *over;
            *over = sum >> LIMB_BITS;
            *limb = if i == last { sum } else { sum & LIMB_MAX };
        }
    }
}

/// x - m in the lanes where x >= m, x elsewhere; the same work for every value. Says where it subtracted, as 0 or 1.
pub fn subtract_once(x: &mut [Word], m: &[u64]) -> Word {
    let mut borrow = [0u64; LANES];
    for (word, m) in x.iter().zip(m) {
        for (limb, borrow) in word.0.iter().zip(&mut borrow) {
            *borrow = limb.wrapping_sub(*m).wrapping_sub(*borrow) >> 63;
        }
    }
    // 0 where x < m, all ones elsewhere.
    let keep = borrow.map(|b| b.wrapping_sub(1));
    let mut borrow = [0u64; LANES];
    for (word, m) in x.iter_mut().zip(m) {
        for ((limb, borrow), keep) in word.0.iter_mut().zip(&mut borrow).zip(&keep) {
            let rest = limb.wrapping_sub(*m & keep).wrapping_sub(*borrow);
            *borrow = rest >> 63;
            *limb = rest & LIMB_MAX;
        }
    }
    Word(keep.map(|k| k & 1))
}

/// x + y, without taking carries.
pub fn add(x: &mut [Word], y: &[Word]) {
    for (x, y) in x.iter_mut().zip(y) {
        for (x, y) in x.0.iter_mut().zip(&y.0) {
            *x += y;
        }
    }
}

/// x - y, where x >= y in every lane.
pub fn subtract(x: &mut [Word], y: &[Word]) {
    let mut borrow = [0u64; LANES];
    for (x, y) in x.iter_mut().zip(y) {
        for ((x, y), borrow) in x.0.iter_mut().zip(&y.0).zip(&mut borrow) {
            let rest = x.wrapping_sub(*y).wrapping_sub(*borrow);
            *borrow = rest >> 63;
            *x = rest & LIMB_MAX;
        }
    }
}
