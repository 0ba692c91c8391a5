//! Ciphertexts as bytes, and what is checked of those that come from others (A13).

use crypto_bigint::{BoxedUint, ConcatenatingMul, Gcd, NonZero, Resize};
use rayon::prelude::*;

use super::error::PaillierError;
use super::kernel::Scratch;
use super::lanes::{LANES, Word, Words, add, carry, put, take};
use super::public::{Ciphertexts, NO_UNIT, Scheme};

/// Groups of a task.
const GROUPS: usize = 16;

impl Scheme {
    /// The ciphertexts one after another, each as [`PublicKey::ciphertext_bytes`](super::key::PublicKey::ciphertext_bytes)
    /// bytes, the highest first.
    ///
    /// # Errors
    /// If they belong to another key.
    pub fn to_bytes(&self, ciphertexts: &Ciphertexts) -> Result<Vec<u8>, PaillierError> {
        self.check_ours(ciphertexts)?;
        let size = self.key().ciphertext_bytes();
        let words = self.ring().words();
        let mut bytes = vec![0; size * ciphertexts.len()];
        let groups = bytes.par_chunks_mut(size * LANES).zip(ciphertexts.words().par_chunks(words));
        groups.for_each_init(
            || (Scratch::new(self.ring()), Words::zero(words), Words::zero(words)),
            |(scratch, group, columns), (bytes, words)| {
                group.copy_from_slice(words);
                self.join(group, columns, scratch);
                let mut number = vec![0; size / 8];
                for (lane, bytes) in bytes.chunks_mut(size).enumerate() {
                    take(lane, columns, &mut number);
                    for (to, from) in bytes.as_chunks_mut().0.iter_mut().zip(number.iter().rev()) {
                        *to = from.to_be_bytes();
                    }
                }
            },
        );
        Ok(bytes)
    }

    /// Reads what [`Self::to_bytes`] wrote, and checks that each is one: 0 < c < n^2, and no common factor with n (one
    /// division for all of them).
    ///
    /// # Errors
    /// A length that is no multiple of a ciphertext's, or the first ciphertext that is none.
    pub fn from_bytes(&self, bytes: &[u8]) -> Result<Ciphertexts, PaillierError> {
        let mut ciphertexts = self.ones(self.count(bytes)?);
        self.read(bytes, ciphertexts.words_mut())?;
        let (ring, kernel) = (self.ring(), self.kernel());
        ciphertexts.words_mut().par_chunks_mut(ring.words()).for_each_init(
            || Scratch::new(ring),
            // c / R times R^3 / R.
            |scratch, group| kernel.multiply(ring, group, ring.power(2), scratch),
        );
        Ok(ciphertexts)
    }

    /// Checks what [`Self::to_bytes`] wrote, and keeps nothing of it.
    ///
    /// # Errors
    /// As [`Self::from_bytes`].
    pub fn check_bytes(&self, bytes: &[u8]) -> Result<(), PaillierError> {
        let mut words = vec![Word::splat(0); self.count(bytes)?.div_ceil(LANES) * self.ring().words()];
        self.read(bytes, &mut words)
    }

    /// How many ciphertexts so many bytes are.
    pub(crate) fn count(&self, bytes: &[u8]) -> Result<usize, PaillierError> {
        let size = self.key().ciphertext_bytes();
        if !bytes.len().is_multiple_of(size) {
            return Err(PaillierError::shape("bytes of ciphertexts", format!("a multiple of {size}"), bytes.len()));
        }
        Ok(bytes.len() / size)
    }

    /// Reads and checks ciphertexts c as c / R; what does not fill the last group are ones, over R.
    pub(super) fn read(&self, bytes: &[u8], words: &mut [Word]) -> Result<(), PaillierError> {
        let (size, group_words) = (self.key().ciphertext_bytes(), self.ring().words());
        let tasks = words.par_chunks_mut(group_words * GROUPS).zip(bytes.par_chunks(size * LANES * GROUPS));
        let done = tasks.enumerate().map(|(task, (words, bytes))| {
            let mut reader = Reader::new(self);
            let mut product = self.ring().power(0).to_vec();
            let groups = words.chunks_mut(group_words).zip(bytes.chunks(size * LANES));
            for (group, (words, bytes)) in groups.enumerate() {
                reader.read(bytes, words).map_err(|(lane, reason)| PaillierError::Ciphertext {
                    index: (task * GROUPS + group) * LANES + lane,
                    reason,
                })?;
                self.kernel().multiply_low(self.ring(), &mut product, words, &mut reader.scratch);
            }
            Ok(product)
        });
        // The first fault in the order of the bytes, whichever task was first.
        let products: Vec<Result<Vec<Word>, PaillierError>> = done.collect();
        let products = products.into_iter().collect::<Result<Vec<_>, _>>()?;
        if self.is_unit(&self.lanes(products.iter().map(Vec::as_slice))) {
            return Ok(());
        }
        let groups: Vec<&[Word]> = words.chunks(group_words).collect();
        Err(PaillierError::Ciphertext { index: self.first_without_inverse(&groups), reason: NO_UNIT })
    }

    /// The product of some groups, lane by lane, modulo n but for powers of R.
    fn lanes<'a>(&self, groups: impl Iterator<Item = &'a [Word]>) -> Vec<BoxedUint> {
        let (ring, mut scratch) = (self.ring(), Scratch::new(self.ring()));
        let mut product = ring.power(0).to_vec();
        for group in groups {
            self.kernel().multiply_low(ring, &mut product, group, &mut scratch);
        }
        let width = self.plaintext_width() + 1;
        let mut words = vec![0; width];
        let number = |lane| {
            take(lane, &product[..ring.limbs()], &mut words);
            BoxedUint::from_words_with_precision(words.iter().copied(), 64 * width as u32)
        };
        (0..LANES).map(number).collect()
    }

    /// Whether the product of some numbers has no factor in common with n: one greatest common divisor for all.
    fn is_unit(&self, numbers: &[BoxedUint]) -> bool {
        let n = self.key().n();
        let Some(modulus) = NonZero::new(n.clone()).into_option() else { return false };
        let one = BoxedUint::one_with_precision(n.bits_precision());
        let product = numbers
            .iter()
            .fold(one, |product, x| product.concatenating_mul(x).rem_vartime(&modulus).resize(n.bits_precision()));
        bool::from(n.gcd_vartime(&product).is_one())
    }

    /// The first ciphertext that has a factor in common with n. A product has one if a factor has one, so the first group
    /// of a lane is found by halving.
    fn first_without_inverse(&self, groups: &[&[Word]]) -> usize {
        let unit = |lane: usize, len: usize| {
            let mut lanes = self.lanes(groups[..len].iter().copied());
            self.is_unit(&[lanes.swap_remove(lane)])
        };
        let first = |lane: usize| {
            let (mut good, mut bad) = (0, groups.len());
            while bad - good > 1 {
                let middle = usize::midpoint(good, bad);
                *(if unit(lane, middle) { &mut good } else { &mut bad }) = middle;
            }
            good * LANES + lane
        };
        (0..LANES).filter(|lane| !unit(*lane, groups.len())).map(first).min().unwrap_or(0)
    }
}

/// Room for reading groups.
struct Reader<'a> {
    scheme: &'a Scheme,
    scratch: Scratch,
    number: Vec<u64>,
    limbs: Vec<Word>,
}

impl<'a> Reader<'a> {
    fn new(scheme: &'a Scheme) -> Self {
        let number = vec![0; scheme.key().ciphertext_bytes() / 8];
        let limbs = vec![Word::splat(0); scheme.ring().words()];
        Self { scheme, scratch: Scratch::new(scheme.ring()), number, limbs }
    }

    /// Reads a group as c / R; says which lane is out of bounds.
    ///
    /// With c = x0 + x1 R, the reduction of x0 gives x0 / R, and x1 < n^2 / R < n / 2^10 is small enough to be added to
    /// its lower half as it is.
    fn read(&mut self, bytes: &[u8], out: &mut [Word]) -> Result<(), (usize, &'static str)> {
        let ring = self.scheme.ring();
        let h = ring.limbs();
        // An empty lane's number is one.
        self.limbs.fill(Word::splat(0));
        self.limbs[0] = Word::splat(1);
        let size = self.number.len() * 8;
        // n^2 has no more words than a ciphertext.
        let limit = &self.scheme.square()[..self.number.len()];
        for (lane, bytes) in bytes.chunks(size).enumerate() {
            for (to, from) in self.number.iter_mut().rev().zip(bytes.as_chunks().0) {
                *to = u64::from_be_bytes(*from);
            }
            if self.number.iter().all(|word| *word == 0) {
                return Err((lane, "it is zero"));
            }
            if self.number.iter().rev().ge(limit.iter().rev()) {
                return Err((lane, "it is not below n^2"));
            }
            put(lane, &self.number, &mut self.limbs);
        }
        out.fill(Word::splat(0));
        out[..h].copy_from_slice(&self.limbs[..h]);
        self.scheme.kernel().reduce(ring, out, &mut self.scratch);
        add(&mut out[..h], &self.limbs[h..]);
        carry(&mut out[..h]);
        Ok(())
    }
}
