//! A share of a private key.

use crypto_bigint::{BoxedUint, ConcatenatingSquare};
use zeroize::Zeroizing;

use super::{PaillierError, PublicKey};

/// The most parties that a key is shared among.
pub const PARTIES_MOST: u32 = 16;

/// How many of how many parties open a ciphertext.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quorum {
    threshold: u32,
    parties: u32,
}

impl Quorum {
    /// Any `threshold` of `parties`.
    ///
    /// # Errors
    /// Fewer than two or more than [`PARTIES_MOST`] parties, or a threshold that is not from 2 to all of them.
    pub fn new(threshold: u32, parties: u32) -> Result<Self, PaillierError> {
        if !(2..=PARTIES_MOST).contains(&parties) {
            return Err(PaillierError::shape("parties of a shared key", format!("2 to {PARTIES_MOST}"), parties));
        }
        if !(2..=parties).contains(&threshold) {
            return Err(PaillierError::shape("threshold of a shared key", format!("2 to {parties}"), threshold));
        }
        Ok(Self { threshold, parties })
    }

    /// How many must join.
    pub fn threshold(&self) -> u32 {
        self.threshold
    }

    /// How many there are.
    pub fn parties(&self) -> u32 {
        self.parties
    }

    /// Delta: the factorial of the number of parties.
    pub(in crate::paillier) fn delta(&self) -> u64 {
        (1..=u64::from(self.parties)).product()
    }
}

/// One party's share. It cannot be printed, and it is overwritten when it is dropped.
pub struct KeyShare {
    public: PublicKey,
    quorum: Quorum,
    index: u32,
    value: Zeroizing<BoxedUint>,
}

impl KeyShare {
    /// Checks a share's numbers.
    ///
    /// # Errors
    /// An index that is not from 1 to the number of parties, or a share that is zero or not below n^2.
    pub(in crate::paillier) fn new(
        public: PublicKey,
        quorum: Quorum,
        index: u32,
        value: Zeroizing<BoxedUint>,
    ) -> Result<Self, PaillierError> {
        if !(1..=quorum.parties).contains(&index) {
            return Err(PaillierError::shape("index of a key share", format!("1 to {}", quorum.parties), index));
        }
        if !bool::from(value.is_nonzero()) || *value >= public.n().concatenating_square() {
            return Err(PaillierError::key("a share that is zero or not below n^2"));
        }
        Ok(Self { public, quorum, index, value })
    }

    /// The public key.
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    /// How many of how many must join.
    pub fn quorum(&self) -> Quorum {
        self.quorum
    }

    /// Which of the parties' shares it is, from 1.
    pub fn index(&self) -> u32 {
        self.index
    }

    pub(in crate::paillier) fn value(&self) -> &BoxedUint {
        &self.value
    }
}
