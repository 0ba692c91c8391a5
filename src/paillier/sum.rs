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
pub struct Sum {
    ciphertexts: Ciphertexts,
    batch: Vec<Word>,
    waits: bool,
    parties: u64,
}

impl Sum {
    /// A sum of nothing, for batches of so many ciphertexts. All its methods must get the same scheme.
    pub fn new(scheme: &Scheme, len: usize) -> Self {
        let ciphertexts = scheme.ones(len);
        let batch = ciphertexts.words().to_vec();
        Self { ciphertexts, batch, waits: false, parties: 0 }
    }

    /// How many batches were added.
    pub fn parties(&self) -> u64 {
        self.parties
    }

    /// Checks a party's ciphertexts as [`Scheme::from_bytes`] does and keeps them for [`Sum::add`]: what happens between
    /// the two may fail and leave the sum as it was.
    ///
    /// # Errors
    /// If they are too few or too many, or the first that is none.
    pub fn read(&mut self, scheme: &Scheme, bytes: &[u8]) -> Result<(), PaillierError> {
        self.waits = false;
        let (expected, len) = (self.ciphertexts.len(), scheme.count(bytes)?);
        if len != expected {
            return Err(PaillierError::shape("ciphertexts to add", expected, len));
        }
        scheme.read(bytes, &mut self.batch)?;
        self.waits = true;
        Ok(())
    }

    /// Adds what [`Sum::read`] has checked, each ciphertext to its partner; without such there is nothing to add.
    pub fn add(&mut self, scheme: &Scheme) {
        if !std::mem::take(&mut self.waits) {
            return;
        }
        let (ring, kernel) = (scheme.ring(), scheme.kernel());
        let groups = self.ciphertexts.words_mut().par_chunks_mut(ring.words());
        groups
            .zip(self.batch.par_chunks(ring.words()))
            .for_each_init(|| Scratch::new(ring), |scratch, (sum, x)| kernel.multiply(ring, sum, x, scratch));
        self.parties += 1;
    }

    /// The sum of all batches.
    pub fn finish(mut self, scheme: &Scheme) -> Ciphertexts {
        let (ring, kernel) = (scheme.ring(), scheme.kernel());
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
