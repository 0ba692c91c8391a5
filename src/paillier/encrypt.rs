//! Encryption: (1 + m n) times an obfuscator.

use crypto_bigint::BoxedUint;
use rayon::prelude::*;
use zeroize::Zeroizing;

use super::error::PaillierError;
use super::fixed_base::FixedBase;
use super::kernel::Scratch;
use super::lanes::{LANES, Words, put};
use super::numbers::Numbers;
use super::power::power_public;
use super::public::{Ciphertexts, Scheme};
use super::random;

/// Groups of a task.
const GROUPS: usize = 16;

/// What hides a plaintext.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Obfuscation {
    /// h^a, for h = (-y^2)^n and a random a of half as many bits as n (Damgard, Jurik, Nielsen): the encryption is then
    /// as hard to open as it is to tell such a power from any other, the usual assumption.
    #[default]
    ShortExponent,
    /// r^n for a random r below n, as Paillier wrote it.
    Classic,
}

/// Encrypts for one key.
pub struct Encryptor<'a> {
    scheme: &'a Scheme,
    base: Option<FixedBase>,
}

impl<'a> Encryptor<'a> {
    /// Prepares encryption; short exponents need a table, which is some megabytes large.
    ///
    /// # Errors
    /// If the operating system gives no random numbers.
    pub fn new(scheme: &'a Scheme, obfuscation: Obfuscation) -> Result<Self, PaillierError> {
        let base = match obfuscation {
            Obfuscation::Classic => None,
            Obfuscation::ShortExponent => Some(fixed_base(scheme)?),
        };
        Ok(Self { scheme, base })
    }

    /// Bytes of the table.
    pub fn table_bytes(&self) -> usize {
        self.base.as_ref().map_or(0, FixedBase::bytes)
    }

    /// Encrypts a batch. The time depends on the number of plaintexts alone.
    ///
    /// # Errors
    /// If a plaintext is not below n, or the operating system gives no random numbers.
    pub fn encrypt(&self, plaintexts: &Numbers) -> Result<Ciphertexts, PaillierError> {
        self.scheme.check_plaintexts(plaintexts)?;
        let mut out = self.scheme.ones(plaintexts.len());
        let size = self.scheme.ring().words();
        out.words_mut().par_chunks_mut(size * GROUPS).enumerate().try_for_each(|(task, words)| {
            let mut obfuscators = self.obfuscators(words.len() / size)?;
            let (ring, kernel) = (self.scheme.ring(), self.scheme.kernel());
            let (mut scratch, mut factor) = (Scratch::new(ring), Words::zero(size));
            for (i, (out, obfuscator)) in words.chunks_mut(size).zip(&mut obfuscators).enumerate() {
                self.scheme.of_plaintexts(plaintexts, task * GROUPS + i, &mut factor);
                kernel.multiply(ring, obfuscator, &factor, &mut scratch);
                out.copy_from_slice(obfuscator);
            }
            Ok(())
        })?;
        Ok(out)
    }

    /// Obfuscators for so many groups, times R^2: their products with plain factors are in Montgomery's form.
    fn obfuscators(&self, groups: usize) -> Result<Vec<Words>, PaillierError> {
        let ring = self.scheme.ring();
        let mut out = vec![Words::zero(ring.words()); groups];
        match &self.base {
            Some(base) => self.short(base, &mut out)?,
            None => self.classic(&mut out)?,
        }
        Ok(out)
    }

    fn short(&self, base: &FixedBase, out: &mut [Words]) -> Result<(), PaillierError> {
        let width = short_bits(self.scheme).div_ceil(64);
        let mut random = Zeroizing::new(vec![0; width * LANES * out.len()]);
        random::fill(&mut random)?;
        let mut numbers = random.chunks(width);
        let mut exponents = Vec::with_capacity(out.len());
        for _ in 0..out.len() {
            exponents.push([(); LANES].map(|()| numbers.next().unwrap_or(&[])));
        }
        base.powers(self.scheme.kernel(), self.scheme.ring(), &exponents, out);
        Ok(())
    }

    fn classic(&self, out: &mut [Words]) -> Result<(), PaillierError> {
        let (ring, kernel, n) = (self.scheme.ring(), self.scheme.kernel(), self.scheme.key().n());
        let mut scratch = Scratch::new(ring);
        let mut random = Zeroizing::new(vec![0; self.scheme.plaintext_width()]);
        for out in out {
            for lane in 0..LANES {
                random::below(n, &mut random)?;
                put(lane, &random, &mut out[..ring.limbs()]);
            }
            kernel.multiply(ring, out, ring.power(1), &mut scratch);
            power_public(kernel, ring, out, n.as_words(), &mut scratch);
            kernel.multiply(ring, out, ring.power(1), &mut scratch);
        }
        Ok(())
    }
}

/// Bits of a short exponent.
fn short_bits(scheme: &Scheme) -> usize {
    (scheme.key().bits() / 2) as usize
}

/// The table for h = (-y^2)^n, for a random y.
fn fixed_base(scheme: &Scheme) -> Result<FixedBase, PaillierError> {
    let (ring, kernel, n) = (scheme.ring(), scheme.kernel(), scheme.key().n());
    let mut y = Zeroizing::new(vec![0; scheme.plaintext_width()]);
    random::below(n, &mut y)?;
    let y = Zeroizing::new(BoxedUint::from_words_with_precision(y.iter().copied(), n.bits_precision()));
    // n^2 - y^2 is -y^2 modulo n, and its n-th power modulo n^2 depends on nothing else.
    let squared = Zeroizing::new(ring.times(&y, &y));
    let negative = Zeroizing::new(ring.square().wrapping_sub(&*squared));
    let mut h = ring.splat(&negative);
    let mut scratch = Scratch::new(ring);
    kernel.multiply(ring, &mut h, ring.power(1), &mut scratch);
    power_public(kernel, ring, &mut h, n.as_words(), &mut scratch);
    Ok(FixedBase::new(kernel, ring, &h, ring.power(1), short_bits(scheme)))
}
