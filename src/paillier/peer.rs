//! `paillier-rs`, an independent implementation that our kernels have to agree with.
//!
//! Only this file knows it. Its own keys are of no use (its generator returns primes that are too short), so its public
//! fields are filled from ours; subtraction and negative factors are left alone, because they panic. It is slow, and its
//! time depends on secrets: it is never used for more than a self-test.

use crypto_bigint::{BoxedUint, ConcatenatingMul, Gcd, NonZero, Odd};
use num_bigint::{BigInt, Sign};
use paillier_rs::{PrivKey, PubKey};

use super::key::PrivateKey;

/// A key in the other implementation.
pub struct Peer(PrivKey);

fn to_peer(x: &BoxedUint) -> BigInt {
    BigInt::from_bytes_be(Sign::Plus, &x.to_be_bytes())
}

impl Peer {
    /// The same key. None if its numbers have no inverse, which no checked key shows.
    pub fn new(key: &PrivateKey) -> Option<Self> {
        let one = BoxedUint::one_with_precision(key.p().bits_precision());
        let (p1, q1) = (key.p().wrapping_sub(&one), key.q().wrapping_sub(&one));
        let product = p1.concatenating_mul(&q1);
        let lambda = product.div_rem(&NonZero::new(p1.gcd(&q1)).into_option()?).0;
        let n = key.public().n();
        let modulus = Odd::new(n.clone()).into_option()?;
        let mu = lambda.rem(modulus.as_nz_ref()).invert_odd_mod(&modulus).into_option()?;
        let n = to_peer(n);
        let pk = PubKey { g: &n + 1, nn: &n * &n, n };
        Some(Self(PrivKey { lambda: to_peer(&lambda), mu: to_peer(&mu), pk }))
    }

    /// Its encryption of a plaintext, as bytes with the highest first; None if it refuses.
    pub fn encrypt(&self, plaintext: &[u8], size: usize) -> Option<Vec<u8>> {
        let c = self.0.pk.encrypt(&BigInt::from_bytes_be(Sign::Plus, plaintext))?;
        Some(padded(&c, size))
    }

    /// Its decryption, as bytes with the highest first.
    pub fn decrypt(&self, ciphertext: &[u8], size: usize) -> Option<Vec<u8>> {
        let m = self.0.decrypt(&BigInt::from_bytes_be(Sign::Plus, ciphertext))?;
        Some(padded(&m, size))
    }

    /// Its sum of two ciphertexts.
    pub fn add(&self, x: &[u8], y: &[u8], size: usize) -> Option<Vec<u8>> {
        let number = |bytes: &[u8]| BigInt::from_bytes_be(Sign::Plus, bytes);
        Some(padded(&self.0.pk.add(&number(x), &number(y))?, size))
    }
}

fn padded(x: &BigInt, size: usize) -> Vec<u8> {
    let (_, bytes) = x.to_bytes_be();
    let mut out = vec![0; size.saturating_sub(bytes.len())];
    out.extend_from_slice(&bytes);
    out
}
