//! What opens a completed sum (A6): a private key that every party has, or shares of one that several must join.

use super::AllianceError;
use crate::paillier::decrypt::Decryptor;
use crate::paillier::numbers::Numbers;
use crate::paillier::public::Ciphertexts;

/// Opens completed sums. A key of shares gives its share of each sum to the others, and opens once it has enough.
pub trait Opener {
    /// This party's share of a sum's decryption, as many bytes as the sum's ciphertexts have; none where the party opens
    /// sums by itself.
    ///
    /// # Errors
    /// If the sum belongs to another key.
    fn share(&self, sum: &Ciphertexts) -> Result<Option<Vec<u8>>, AllianceError>;

    /// The sum's plaintexts, from the parties' shares with their places in the plan: as many as the plan needs, none
    /// where the party opens sums by itself.
    ///
    /// # Errors
    /// If the shares do not open the sum.
    fn open(&self, sum: &Ciphertexts, shares: &[(u16, &[u8])]) -> Result<Numbers, AllianceError>;
}

/// Mode `shared_key`: every party has the private key.
pub struct SharedKey<'a>(pub Decryptor<'a>);

impl Opener for SharedKey<'_> {
    fn share(&self, _: &Ciphertexts) -> Result<Option<Vec<u8>>, AllianceError> {
        Ok(None)
    }

    fn open(&self, sum: &Ciphertexts, _: &[(u16, &[u8])]) -> Result<Numbers, AllianceError> {
        Ok(self.0.decrypt(sum)?)
    }
}
