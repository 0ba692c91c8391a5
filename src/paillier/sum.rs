//! The sum of many parties' ciphertexts, straight from the wire (A5).
//!
//! A ciphertext from the wire becomes a pair as c / R by one reduction (`wire`); to bring it into
//! Montgomery's form would take a product more. The sum multiplies by c / R instead and counts: after k parties it lacks
//! R^2k, which one product puts right at the end. A party costs nine squares of half a number (two to enter, two for the
//! check, five for the product), where reading and adding cost fourteen.

use rayon::prelude::*;

use super::error::PaillierError;
use super::kernel::Scratch;
use super::lanes::Word;
use super::power::power_public;
use super::public::{Ciphertexts, Scheme};

/// A sum that parties' batches are added to, one after the other. Its memory does not grow with their number: it holds
/// itself and one batch.
pub struct Sum<'a> {
    scheme: &'a Scheme,
    ciphertexts: Ciphertexts,
    batch: Vec<Word>,
    parties: u64,
}

impl<'a> Sum<'a> {
    /// A sum of nothing, for batches of so many ciphertexts.
    pub fn new(scheme: &'a Scheme, len: usize) -> Self {
        let ciphertexts = scheme.ones(len);
        let batch = ciphertexts.words().to_vec();
        Self { scheme, ciphertexts, batch, parties: 0 }
    }

    /// How many batches were added.
    pub fn parties(&self) -> u64 {
        self.parties
    }

    /// Checks a party's ciphertexts as [`Scheme::from_bytes`] does and adds them, each to its partner.
    ///
    /// # Errors
    /// If they are too few or too many, or the first that is none. The sum is then what it was.
    pub fn add(&mut self, bytes: &[u8]) -> Result<(), PaillierError> {
        let (expected, len) = (self.ciphertexts.len(), self.scheme.count(bytes)?);
        if len != expected {
            return Err(PaillierError::shape("ciphertexts to add", expected, len));
        }
        self.scheme.read(bytes, &mut self.batch)?;
        let (ring, kernel) = (self.scheme.ring(), self.scheme.kernel());
        let groups = self.ciphertexts.words_mut().par_chunks_mut(ring.words());
        groups
            .zip(self.batch.par_chunks(ring.words()))
            .for_each_init(|| Scratch::new(ring), |scratch, (sum, x)| kernel.multiply(ring, sum, x, scratch));
        self.parties += 1;
        Ok(())
    }

    /// The sum of all batches.
    pub fn finish(mut self) -> Ciphertexts {
        let (ring, kernel) = (self.scheme.ring(), self.scheme.kernel());
        // R^2 to the power of k, in Montgomery's form: R^(2k + 1).
        let mut missing = ring.power(2).to_vec();
        power_public(kernel, ring, &mut missing, &[self.parties], &mut Scratch::new(ring));
        self.ciphertexts
            .words_mut()
            .par_chunks_mut(ring.words())
            .for_each_init(|| Scratch::new(ring), |scratch, sum| kernel.multiply(ring, sum, &missing, scratch));
        self.ciphertexts
    }
}
