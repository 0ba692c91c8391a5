//! What makes numbers a key.

use crypto_bigint::{BoxedUint, CheckedSub, ConcatenatingMul, Gcd, Limb, NonZero};
use crypto_primes::{Flavor, is_prime};
use zeroize::Zeroizing;

use super::{BITS_LEAST, BITS_MOST, BITS_STEP, PARTIES_MOST, PaillierError, PrivateKey, Sizes};

/// Primes up to here are looked for as factors.
const SMALL: u64 = 2000;

/// Fewest bits of a key in tests.
const BITS_LEAST_IN_TESTS: u32 = 512;

/// Refuses sizes that no key has.
pub(super) fn size(bits: u32, sizes: Sizes) -> Result<(), PaillierError> {
    let least = if sizes == Sizes::Real { BITS_LEAST } else { BITS_LEAST_IN_TESTS };
    if (least..=BITS_MOST).contains(&bits) && bits.is_multiple_of(BITS_STEP) {
        return Ok(());
    }
    Err(PaillierError::key(format!("expected {least} to {BITS_MOST} bits, a multiple of {BITS_STEP}, got {bits} bits")))
}

pub(super) fn modulus(n: &BoxedUint, sizes: Sizes) -> Result<(), PaillierError> {
    size(n.bits(), sizes)?;
    if n.as_words()[0] & 1 == 0 {
        return Err(PaillierError::key("n is even"));
    }
    if let Some(factor) = small_factor(n) {
        return Err(PaillierError::key(format!("n has the small factor {factor}")));
    }
    if n.as_words()[0] & 3 != 1 {
        return Err(PaillierError::key("n is not 1 modulo 4, as a product of two primes that are 3 modulo 4 would be"));
    }
    let root = n.floor_sqrt();
    if root.concatenating_mul(&root) == *n {
        return Err(PaillierError::key("n is a square"));
    }
    if is_prime(Flavor::Any, n) {
        return Err(PaillierError::key("n is prime"));
    }
    Ok(())
}

pub(super) fn primes(p: &BoxedUint, q: &BoxedUint) -> Result<(), PaillierError> {
    let bits = p.bits();
    if q.bits() != bits {
        return Err(PaillierError::key(format!("p and q have {bits} and {} bits, expected as many", q.bits())));
    }
    if p == q {
        return Err(PaillierError::key("p and q are equal"));
    }
    for (name, prime) in [("p", p), ("q", q)] {
        if prime.as_words()[0] & 3 != 3 {
            return Err(PaillierError::key(format!("{name} is not 3 modulo 4")));
        }
        if small_factor(prime).is_some() || !is_prime(Flavor::Any, prime) {
            return Err(PaillierError::key(format!("{name} is not prime")));
        }
    }
    if too_close(p, q, bits) {
        return Err(PaillierError::key("p and q are so close to each other that n is easily factored"));
    }
    let one = BoxedUint::one_with_precision(p.bits_precision());
    let (p1, q1) = (Zeroizing::new(p.wrapping_sub(&one)), Zeroizing::new(q.wrapping_sub(&one)));
    if Zeroizing::new(p1.gcd(&q1)).as_words()[0] != 2 || Zeroizing::new(p1.gcd(&q1)).bits() != 2 {
        return Err(PaillierError::key("p - 1 and q - 1 have a common factor beside 2"));
    }
    Ok(())
}

/// FIPS 186-5 wants the primes to differ in their first hundred bits.
fn too_close(p: &BoxedUint, q: &BoxedUint, bits: u32) -> bool {
    let larger = Zeroizing::new(if p > q { p.clone() } else { q.clone() });
    let smaller = if p > q { q } else { p };
    let apart = larger.checked_sub(smaller).map(|d| Zeroizing::new(d).bits()).unwrap_or(0);
    apart <= bits.saturating_sub(100)
}

/// Whether no odd number up to the number of parties divides the prime less one: then the differences of the shares'
/// indices can be divided by, and fewer shares than the threshold say nothing at all.
pub(super) fn fits_shares(prime: &BoxedUint) -> bool {
    let leaves_one = |d: u64| NonZero::new(Limb(d)).into_option().is_none_or(|limb| prime.rem_limb(limb) == Limb(1));
    !(3..=u64::from(PARTIES_MOST)).step_by(2).any(leaves_one)
}

/// Refuses a key that cannot be cut into shares.
pub(in crate::paillier) fn can_be_shared(key: &PrivateKey) -> Result<(), PaillierError> {
    if fits_shares(key.p()) && fits_shares(key.q()) {
        return Ok(());
    }
    let reason = format!("p - 1 or q - 1 has an odd factor up to {PARTIES_MOST}, so that it cannot be cut into shares");
    Err(PaillierError::key(reason))
}

fn small_factor(x: &BoxedUint) -> Option<u64> {
    let odd = (3..SMALL).step_by(2).filter(|d| (3..*d).step_by(2).take_while(|f| f * f <= *d).all(|f| d % f != 0));
    odd.into_iter().find(|d| NonZero::new(Limb(*d)).into_option().is_some_and(|limb| x.rem_limb(limb) == Limb(0)))
}
