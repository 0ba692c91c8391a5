//! Keys: n = p q and g = n + 1.

mod check;
mod file;
mod generate;
mod share;
mod text;

use crypto_bigint::{BoxedUint, ConcatenatingMul};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::error::{PaillierError, hex};

pub(super) use check::can_be_shared;
pub use file::KeyFile;
pub(crate) use file::refuse_if_shared;
pub use generate::{generate, generate_to_share};
pub use share::{KeyShare, PARTIES_MOST, Quorum};

/// Bits of n where nothing else is asked for.
pub const BITS_DEFAULT: u32 = 3072;
/// Fewest bits of n.
pub const BITS_LEAST: u32 = 2048;
/// Most bits of n.
pub const BITS_MOST: u32 = 8192;
/// Bits of n are a multiple of this.
pub const BITS_STEP: u32 = 128;

/// Which sizes of keys are let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sizes {
    /// From [`BITS_LEAST`] to [`BITS_MOST`].
    Real,
    /// From 512 bits: quick to test with, and no protection at all.
    SmallForTests,
}

/// What encrypts and adds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey {
    n: BoxedUint,
}

/// What decrypts. It cannot be printed, and it is overwritten when it is dropped.
pub struct PrivateKey {
    p: Zeroizing<BoxedUint>,
    q: Zeroizing<BoxedUint>,
    public: PublicKey,
}

impl PublicKey {
    /// Checks n: its size, that it is odd, has no small factor, is neither prime nor a square, and is 1 modulo 4.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn new(n: BoxedUint, sizes: Sizes) -> Result<Self, PaillierError> {
        check::modulus(&n, sizes)?;
        Ok(Self { n })
    }

    /// The modulus.
    pub fn n(&self) -> &BoxedUint {
        &self.n
    }

    /// Bits of n.
    pub fn bits(&self) -> u32 {
        self.n.bits()
    }

    /// Bytes of a ciphertext.
    pub fn ciphertext_bytes(&self) -> usize {
        self.bits() as usize / 4
    }

    /// SHA-256 of n's bytes, highest first.
    pub fn fingerprint(&self) -> [u8; 32] {
        Sha256::digest(self.n.to_be_bytes_trimmed_vartime()).into()
    }

    /// The fingerprint in hexadecimal digits.
    pub fn fingerprint_text(&self) -> String {
        hex(&self.fingerprint())
    }

    /// What should be said of the key's size, if anything.
    pub fn warning(&self) -> Option<String> {
        let bits = self.bits();
        (bits < BITS_DEFAULT).then(|| {
            format!("a key of {bits} bits is weaker than {BITS_DEFAULT} bits, which are advised for data that stays secret beyond 2030")
        })
    }
}

impl PrivateKey {
    /// Checks two primes: equal exact length, different and far apart, both 3 modulo 4, prime, and (p - 1, q - 1) with
    /// no common factor but 2, so that obfuscators reach all they can.
    ///
    /// # Errors
    /// What is wrong with them, without the numbers.
    pub fn new(p: Zeroizing<BoxedUint>, q: Zeroizing<BoxedUint>, sizes: Sizes) -> Result<Self, PaillierError> {
        check::primes(&p, &q)?;
        let public = PublicKey::new(p.concatenating_mul(&*q), sizes)?;
        Ok(Self { p, q, public })
    }

    /// The first prime.
    pub fn p(&self) -> &BoxedUint {
        &self.p
    }

    /// The second prime.
    pub fn q(&self) -> &BoxedUint {
        &self.q
    }

    /// Its public part.
    pub fn public(&self) -> &PublicKey {
        &self.public
    }
}
