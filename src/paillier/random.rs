//! Random numbers, all from the operating system.

use crypto_bigint::BoxedUint;
use rand::TryRng;
use rand::rngs::SysRng;
use zeroize::{Zeroize, Zeroizing};

use super::error::PaillierError;

/// Fills words with random bits.
///
/// # Errors
/// If the operating system gives none.
pub fn fill(words: &mut [u64]) -> Result<(), PaillierError> {
    let mut bytes = Zeroizing::new(vec![0u8; words.len() * 8]);
    SysRng.try_fill_bytes(&mut bytes).map_err(|e| PaillierError::Random(e.to_string()))?;
    for (word, bytes) in words.iter_mut().zip(bytes.as_chunks().0) {
        *word = u64::from_le_bytes(*bytes);
    }
    Ok(())
}

/// Fills words with a number in [1, n), each equally likely. How many tries that takes says nothing about the one kept.
///
/// # Errors
/// If the operating system gives no random numbers.
pub fn below(n: &BoxedUint, out: &mut [u64]) -> Result<(), PaillierError> {
    let bits = n.bits() as usize;
    let spare = (out.len() * 64).saturating_sub(bits) as u32;
    loop {
        fill(out)?;
        if let Some(last) = out.last_mut() {
            *last >>= spare;
        }
        let mut tried = BoxedUint::from_words(out.iter().copied());
        let fits = bool::from(tried.is_nonzero()) && tried < *n;
        tried.zeroize();
        if fits {
            return Ok(());
        }
    }
}
