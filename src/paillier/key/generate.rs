//! New keys.

use crypto_bigint::BoxedUint;
use crypto_primes::hazmat::{SetBits, SmallFactorsSieveFactory};
use crypto_primes::{Flavor, is_prime, sieve_and_find};
use rand::rand_core::UnwrapErr;
use rand::rngs::SysRng;
use zeroize::Zeroizing;

use super::check::{fits_shares, primes, size};
use super::{PaillierError, PrivateKey, Sizes};
use crate::paillier::random::fill;

/// Makes a key whose n has exactly `bits` bits. Its primes are found among the operating system's random numbers with
/// their two highest bits set.
///
/// # Errors
/// A size that keys cannot have, or no random numbers.
pub fn generate(bits: u32, sizes: Sizes) -> Result<PrivateKey, PaillierError> {
    search(bits, sizes, |_| true)
}

/// As [`generate`], a key that can be cut into shares.
///
/// # Errors
/// As [`generate`].
pub fn generate_to_share(bits: u32, sizes: Sizes) -> Result<PrivateKey, PaillierError> {
    search(bits, sizes, fits_shares)
}

fn search(bits: u32, sizes: Sizes, fits: fn(&BoxedUint) -> bool) -> Result<PrivateKey, PaillierError> {
    size(bits, sizes)?;
    loop {
        let (p, q) = (prime(bits / 2, fits)?, prime(bits / 2, fits)?);
        // Primes that do not fit together are as rare as they are useless: take others.
        if primes(&p, &q).is_ok() {
            return PrivateKey::new(p, q, sizes);
        }
    }
}

/// A random prime that is 3 modulo 4, with its two highest bits set.
fn prime(bits: u32, more: fn(&BoxedUint) -> bool) -> Result<Zeroizing<BoxedUint>, PaillierError> {
    // The search cannot report that there are no random numbers; so ask for some first.
    fill(&mut [0])?;
    let failed = |e: crypto_primes::Error| PaillierError::Random(e.to_string());
    let sieve = SmallFactorsSieveFactory::<BoxedUint>::new(Flavor::Any, bits, SetBits::TwoMsb).map_err(failed)?;
    let fits =
        |_: &mut UnwrapErr<SysRng>, x: &BoxedUint| x.as_words()[0] & 3 == 3 && more(x) && is_prime(Flavor::Any, x);
    let found = sieve_and_find(&mut UnwrapErr(SysRng), sieve, fits).map_err(failed)?;
    found.map(Zeroizing::new).ok_or_else(|| PaillierError::Random("no prime was found".into()))
}
