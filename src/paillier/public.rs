//! What everybody can do with a public key: check ciphertexts, add them, multiply them by numbers in the clear.

use crypto_bigint::{BoxedUint, NonZero, Odd};
use rayon::prelude::*;

use super::error::{PaillierError, hex};
use super::kernel::{Kernel, Scratch};
use super::key::PublicKey;
use super::lanes::{LANES, Word, Words, add, carry, put, subtract_once, take};
use super::numbers::Numbers;
use super::power::power_secret;
use super::ring::Ring;

/// Ciphertexts of one key, in the form that is added fast: pairs in Montgomery's form, eight numbers side by side. What
/// does not fill the last group are ones.
#[derive(Clone)]
pub struct Ciphertexts {
    fingerprint: [u8; 32],
    len: usize,
    words: Vec<Word>,
}

impl Ciphertexts {
    /// How many.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The fingerprint of the key that they belong to.
    pub fn fingerprint(&self) -> &[u8; 32] {
        &self.fingerprint
    }

    pub(super) fn words(&self) -> &[Word] {
        &self.words
    }

    pub(super) fn words_mut(&mut self) -> &mut [Word] {
        &mut self.words
    }
}

/// Whole numbers that ciphertexts are multiplied by.
pub struct Factors {
    magnitudes: Numbers,
    negative: Option<Vec<bool>>,
    bits: usize,
}

impl Factors {
    /// Factors that are not negative, below 2^bits: the time to multiply depends on `bits` alone.
    pub fn new(magnitudes: Numbers, bits: usize) -> Self {
        Self { magnitudes, negative: None, bits }
    }

    /// Signed factors; that they can be negative costs an inversion, whether one is or not.
    pub fn from_i64s(values: &[i64]) -> Self {
        let magnitudes: Vec<u64> = values.iter().map(|v| v.unsigned_abs()).collect();
        let negative = values.iter().map(|v| *v < 0).collect();
        Self { magnitudes: Numbers::from_u64s(&magnitudes), negative: Some(negative), bits: 64 }
    }
}

/// A public key that is ready for work with a kernel.
pub struct Scheme {
    key: PublicKey,
    fingerprint: [u8; 32],
    ring: Ring,
    square: Vec<u64>,
    kernel: &'static Kernel,
}

impl Scheme {
    /// Prepares a key.
    ///
    /// # Errors
    /// Never for a key that was checked.
    pub fn new(key: PublicKey, kernel: &'static Kernel) -> Result<Self, PaillierError> {
        let ring = Ring::new(key.n()).ok_or_else(|| PaillierError::key("n is even"))?;
        let square = ring.square().as_words().to_vec();
        Ok(Self { fingerprint: key.fingerprint(), key, ring, square, kernel })
    }

    /// The key.
    pub fn key(&self) -> &PublicKey {
        &self.key
    }

    /// The kernel.
    pub fn kernel(&self) -> &'static Kernel {
        self.kernel
    }

    /// The words of n^2, least first.
    pub(super) fn square(&self) -> &[u64] {
        &self.square
    }

    pub(super) fn ring(&self) -> &Ring {
        &self.ring
    }

    /// So many ciphertexts, all 1 (an encryption of zero that hides nothing): where a sum begins.
    pub fn ones(&self, len: usize) -> Ciphertexts {
        let words = self.ring.power(0).repeat(len.div_ceil(LANES));
        Ciphertexts { fingerprint: self.fingerprint, len, words }
    }

    /// Words of the widest plaintext.
    pub fn plaintext_width(&self) -> usize {
        self.key.bits().div_ceil(64) as usize
    }

    pub(super) fn check_plaintexts(&self, plaintexts: &Numbers) -> Result<(), PaillierError> {
        match plaintexts.first_not_below(self.key.n()) {
            Some(index) => Err(PaillierError::Plaintext { index }),
            None => Ok(()),
        }
    }

    pub(super) fn check_ours(&self, ciphertexts: &Ciphertexts) -> Result<(), PaillierError> {
        if ciphertexts.fingerprint == self.fingerprint {
            return Ok(());
        }
        let (ours, theirs) = (hex(&self.fingerprint), hex(&ciphertexts.fingerprint));
        Err(PaillierError::shape("key of the ciphertexts", ours, theirs))
    }

    fn check_len(&self, what: &'static str, ciphertexts: &Ciphertexts, len: usize) -> Result<(), PaillierError> {
        self.check_ours(ciphertexts)?;
        if ciphertexts.len == len { Ok(()) } else { Err(PaillierError::shape(what, ciphertexts.len, len)) }
    }

    /// sum = sum + ciphertexts, each with its partner: products modulo n^2.
    ///
    /// # Errors
    /// If the batches have different keys or lengths.
    pub fn add(&self, sum: &mut Ciphertexts, ciphertexts: &Ciphertexts) -> Result<(), PaillierError> {
        self.check_ours(ciphertexts)?;
        self.check_len("ciphertexts to add", sum, ciphertexts.len)?;
        let size = self.ring.words();
        let groups = sum.words.par_chunks_mut(size).zip(ciphertexts.words.par_chunks(size));
        groups.for_each_init(
            || Scratch::new(&self.ring),
            |scratch, (x, y)| self.kernel.multiply(&self.ring, x, y, scratch),
        );
        Ok(())
    }

    /// Adds plaintexts: products with 1 + m n.
    ///
    /// # Errors
    /// If the lengths differ or a plaintext is not below n.
    pub fn add_plain(&self, sum: &mut Ciphertexts, plaintexts: &Numbers) -> Result<(), PaillierError> {
        self.check_len("plaintexts to add", sum, plaintexts.len())?;
        self.check_plaintexts(plaintexts)?;
        let size = self.ring.words();
        sum.words.par_chunks_mut(size).enumerate().for_each_init(
            || (Scratch::new(&self.ring), Words::zero(size)),
            |(scratch, factor), (group, x)| {
                self.of_plaintexts(plaintexts, group, factor);
                self.kernel.multiply(&self.ring, x, factor, scratch);
                self.kernel.multiply(&self.ring, x, self.ring.power(1), scratch);
            },
        );
        Ok(())
    }

    /// 1 + m n for the plaintexts of a group, as it is.
    pub(super) fn of_plaintexts(&self, plaintexts: &Numbers, group: usize, out: &mut [Word]) {
        let (ones, halves) = out.split_at_mut(self.ring.limbs());
        ones.fill(Word::splat(0));
        ones[0] = Word::splat(1);
        for lane in 0..LANES {
            put(lane, plaintexts.get(group * LANES + lane), halves);
        }
    }

    /// Multiplies each ciphertext's content by its factor.
    ///
    /// # Errors
    /// If the lengths differ or a factor has more bits than said.
    pub fn multiply(&self, ciphertexts: &mut Ciphertexts, factors: &Factors) -> Result<(), PaillierError> {
        self.check_len("factors", ciphertexts, factors.magnitudes.len())?;
        let limit = BoxedUint::one_with_precision(factors.bits as u32 + 64).shl(factors.bits as u32);
        if let Some(index) = factors.magnitudes.first_not_below(&limit) {
            return Err(PaillierError::shape("bits of a factor", factors.bits, format!("more in factor {index}")));
        }
        if let Some(negative) = &factors.negative {
            self.invert_where(ciphertexts, negative)?;
        }
        let size = self.ring.words();
        ciphertexts.words.par_chunks_mut(size).enumerate().for_each_init(
            || Scratch::new(&self.ring),
            |scratch, (group, x)| {
                let mut exponents: [&[u64]; LANES] = [&[]; LANES];
                for (lane, exponent) in exponents.iter_mut().enumerate() {
                    *exponent = factors.magnitudes.get(group * LANES + lane);
                }
                power_secret(self.kernel, &self.ring, x, exponents, factors.bits, scratch);
            },
        );
        Ok(())
    }

    /// Puts the inverse in the place of each marked ciphertext; all are inverted, whatever is marked. One inversion for
    /// each lane: the inverse of a product gives those of its factors.
    pub(super) fn invert_where(&self, ciphertexts: &mut Ciphertexts, negative: &[bool]) -> Result<(), PaillierError> {
        let size = self.ring.words();
        let mut scratch = Scratch::new(&self.ring);
        let mut products = Vec::with_capacity(ciphertexts.words.len());
        let mut product = self.ring.power(0).to_vec();
        for x in ciphertexts.words.chunks(size) {
            products.extend_from_slice(&product);
            self.kernel.multiply(&self.ring, &mut product, x, &mut scratch);
        }
        let mut inverse = self.invert_group(product)?;
        let groups = ciphertexts.words.chunks_mut(size).zip(products.chunks_mut(size)).enumerate();
        for (group, (x, before)) in groups.rev() {
            self.kernel.multiply(&self.ring, before, &inverse, &mut scratch);
            self.kernel.multiply(&self.ring, &mut inverse, x, &mut scratch);
            for lane in 0..LANES {
                let marked = negative.get(group * LANES + lane).copied().unwrap_or(false);
                let mask = std::hint::black_box(u64::from(marked).wrapping_neg());
                for (x, inverse) in x.iter_mut().zip(before.iter()) {
                    x.0[lane] ^= (x.0[lane] ^ inverse.0[lane]) & mask;
                }
            }
        }
        Ok(())
    }

    /// Inverses of a group in Montgomery's form.
    fn invert_group(&self, group: Vec<Word>) -> Result<Words, PaillierError> {
        let no_unit = || PaillierError::Ciphertext { index: 0, reason: NO_UNIT };
        let modulus = Odd::new(self.ring.square().as_ref().clone()).into_option().ok_or_else(no_unit)?;
        let n = NonZero::new(self.ring.number().clone()).into_option().ok_or_else(no_unit)?;
        let mut out = Words::zero(self.ring.words());
        let (low, high) = out.split_at_mut(self.ring.limbs());
        for (lane, number) in self.integers(group).into_iter().enumerate() {
            let inverse = number.invert_odd_mod_vartime(&modulus).into_option().ok_or_else(no_unit)?;
            let (second, first) = inverse.div_rem_vartime(&n);
            put(lane, first.as_words(), low);
            put(lane, second.as_words(), high);
        }
        self.kernel.multiply(&self.ring, &mut out, self.ring.power(1), &mut Scratch::new(&self.ring));
        Ok(out)
    }

    /// The numbers below n^2 that a group in Montgomery's form stands for.
    fn integers(&self, mut group: Vec<Word>) -> Vec<BoxedUint> {
        let mut scratch = Scratch::new(&self.ring);
        let mut columns = Words::zero(self.ring.words());
        self.join(&mut group, &mut columns, &mut scratch);
        let width = self.square.len();
        let mut words = vec![0; width];
        (0..LANES)
            .map(|lane| {
                take(lane, &columns, &mut words);
                BoxedUint::from_words_with_precision(words.iter().copied(), 64 * width as u32)
            })
            .collect()
    }

    /// The limbs of the numbers below n^2 that a group in Montgomery's form stands for.
    pub(super) fn join(&self, group: &mut [Word], columns: &mut [Word], scratch: &mut Scratch) {
        self.kernel.reduce(&self.ring, group, scratch);
        canonical(&self.ring, group);
        let (low, high) = group.split_at(self.ring.limbs());
        columns.fill(Word::splat(0));
        self.kernel.product(high, self.ring.m_words(), columns);
        add(columns, low);
        carry(columns);
    }

    /// Plaintexts of signed numbers: n - |v| for a negative v.
    pub fn of_signed(&self, values: &[i64]) -> Numbers {
        let mut out = Numbers::zero(values.len(), self.plaintext_width());
        for (i, value) in values.iter().enumerate() {
            let sign = (*value >> 63) as u64;
            let mut borrow = 0u64;
            let mut magnitude = value.unsigned_abs();
            for (to, n) in out.get_mut(i).iter_mut().zip(self.key.n().as_words()) {
                let (rest, first) = n.wrapping_sub(borrow).overflowing_sub(magnitude);
                borrow = u64::from(first) | u64::from(*n < borrow);
                *to = (rest & sign) | (magnitude & !sign);
                magnitude = 0;
            }
        }
        out
    }
}

pub(super) const NO_UNIT: &str = "it has a factor in common with n";

/// The pair's only form with both halves below m.
pub(super) fn canonical(ring: &Ring, pair: &mut [Word]) {
    let (low, high) = pair.split_at_mut(ring.limbs());
    // Both halves are below 2 m, or below 2 m + 1 after the carry.
    let over = subtract_once(low, ring.m());
    add(&mut high[..1], &[over]);
    carry(high);
    subtract_once(high, ring.m());
    subtract_once(high, ring.m());
}
