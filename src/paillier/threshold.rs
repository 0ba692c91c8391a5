//! A private key in shares: any t of n parties open a ciphertext together, fewer cannot (Shoup; Damgard, Jurik).
//!
//! A trusted dealer knows p and q. With m = (p - 1)/2 (q - 1)/2, the squares modulo n^2 have order n m, and for d = 0
//! modulo m, d = 1 modulo n,
//!
//! ```text
//! c^(2 d) = (1 + n)^(2 M) = 1 + 2 M n        modulo n^2
//! ```
//!
//! for every encryption c of M. The dealer draws a polynomial f of degree t - 1 modulo n m with f(0) = d, gives party i
//! the share f(i) and forgets the rest. As nobody else may know m, shares are joined without dividing: with Delta = n!,
//! the numbers Delta j / (j - i) multiplied over the others' indices j are whole. A part is c^(2 Delta f(i)); the parts of t
//! parties, each to the power of its number, multiply to 1 + 2 Delta^2 M n.
//!
//! n m has no factor up to the number of parties (`can_be_shared`), so that differences of indices have inverses modulo
//! it: t - 1 shares fit every d equally well.
//!
//! The primes need not be safe ones: that serves proofs that a part is right, and there are none here. A wrong part is
//! found, since the product is then not 1 modulo n, but not whose it is.

use crypto_bigint::{BoxedUint, ConcatenatingMul, NonZero, Odd, Resize};
use rayon::prelude::*;
use zeroize::Zeroizing;

use super::error::PaillierError;
use super::kernel::Scratch;
use super::key::{KeyShare, PrivateKey, Quorum, can_be_shared};
use super::lanes::{LANES, Word, Words, subtract_once, take};
use super::numbers::Numbers;
use super::power::{power_public, power_secret};
use super::public::{Ciphertexts, Scheme, canonical};
use super::random;

/// Cuts a private key into shares, the first for index 1.
///
/// # Errors
/// If p - 1 or q - 1 has small odd factors (see [`generate_to_share`](super::key::generate_to_share)), or the operating
/// system gives no random numbers.
pub fn deal(key: &PrivateKey, quorum: Quorum) -> Result<Vec<KeyShare>, PaillierError> {
    can_be_shared(key)?;
    let none = || PaillierError::key("p and q are not prime");
    let n = key.public().n();
    // Primes are odd: half of one less is the shifted one.
    let m = Zeroizing::new(Zeroizing::new(key.p().shr(1)).concatenating_mul(&*Zeroizing::new(key.q().shr(1))));
    let modulus = Zeroizing::new(NonZero::new(n.concatenating_mul(&*m)).into_option().ok_or_else(none)?);
    let odd = Odd::new(n.clone()).into_option().ok_or_else(none)?;
    let rest = Zeroizing::new(m.rem(odd.as_nz_ref()));
    let inverse = Zeroizing::new((&*rest).resize(n.bits_precision()));
    let inverse = Zeroizing::new(inverse.invert_odd_mod(&odd).into_option().ok_or_else(none)?);
    let width = modulus.bits_precision();
    let secret = Zeroizing::new(m.concatenating_mul(&*inverse));
    let mut polynomial = vec![Zeroizing::new((&*secret).resize(width))];
    for _ in 1..quorum.threshold() {
        let mut words = Zeroizing::new(vec![0; modulus.bits().div_ceil(64) as usize]);
        random::below(&modulus, &mut words)?;
        polynomial.push(Zeroizing::new(BoxedUint::from_words_with_precision(words.iter().copied(), width)));
    }
    let share = |index: u32| {
        let x = BoxedUint::from(u64::from(index));
        let mut value = Zeroizing::new(BoxedUint::zero_with_precision(width));
        for coefficient in polynomial.iter().rev() {
            let product = Zeroizing::new(value.concatenating_mul(&x));
            let sum = Zeroizing::new(product.wrapping_add(&**coefficient));
            let rest = Zeroizing::new(sum.rem(&modulus));
            // A new one: what is assigned to is not overwritten before.
            value = Zeroizing::new((&*rest).resize(width));
        }
        KeyShare::new(key.public().clone(), quorum, index, value)
    };
    (1..=quorum.parties()).map(share).collect()
}

/// Opens ciphertexts as far as one share can.
pub struct Opener<'a> {
    scheme: &'a Scheme,
    /// 2 Delta times the share.
    exponent: Zeroizing<Vec<u64>>,
    bits: usize,
}

impl<'a> Opener<'a> {
    /// Prepares a share; `scheme` must have its public key.
    ///
    /// # Errors
    /// If the keys differ.
    pub fn new(scheme: &'a Scheme, share: &KeyShare) -> Result<Self, PaillierError> {
        if scheme.key() != share.public() {
            let (ours, theirs) = (scheme.key().fingerprint_text(), share.public().fingerprint_text());
            return Err(PaillierError::shape("key to open with", ours, theirs));
        }
        let delta = 2 * u128::from(share.quorum().delta());
        let factor = BoxedUint::from(delta);
        let exponent = Zeroizing::new(share.value().concatenating_mul(&factor));
        let bits = 2 * scheme.key().bits() as usize + (128 - delta.leading_zeros()) as usize;
        Ok(Self { scheme, exponent: Zeroizing::new(exponent.as_words().to_vec()), bits })
    }

    /// The share's part of a decryption. The time depends on the number of ciphertexts and parties alone.
    ///
    /// # Errors
    /// If they belong to another key.
    pub fn open(&self, ciphertexts: &Ciphertexts) -> Result<Ciphertexts, PaillierError> {
        self.scheme.check_ours(ciphertexts)?;
        let (ring, kernel) = (self.scheme.ring(), self.scheme.kernel());
        let mut parts = ciphertexts.clone();
        parts.words_mut().par_chunks_mut(ring.words()).for_each_init(
            || Scratch::new(ring),
            |scratch, group| power_secret(kernel, ring, group, [&self.exponent; LANES], self.bits, scratch),
        );
        Ok(parts)
    }
}

/// Joins the parts of so many shares as the quorum wants (the first ones, if there are more) and decrypts.
///
/// # Errors
/// If they are too few, two have the same index, one has another key or length, or they do not fit together.
pub fn combine(scheme: &Scheme, quorum: Quorum, parts: &[(u32, &Ciphertexts)]) -> Result<Numbers, PaillierError> {
    let parts = chosen(scheme, quorum, parts)?;
    let len = parts[0].1.len();
    let mut positive = scheme.ones(len);
    let mut negative = scheme.ones(len);
    let indices: Vec<u32> = parts.iter().map(|(index, _)| *index).collect();
    for (index, part) in &parts {
        let exponent = lagrange(quorum, &indices, *index);
        let words = [exponent.unsigned_abs() as u64, (exponent.unsigned_abs() >> 64) as u64];
        let product = if exponent < 0 { &mut negative } else { &mut positive };
        multiply_power(scheme, product, part, &words);
    }
    scheme.invert_where(&mut negative, &vec![true; len.next_multiple_of(LANES)])?;
    scheme.add(&mut positive, &negative)?;
    finish(scheme, quorum, &mut positive)
}

/// As many parts as are needed, checked.
fn chosen<'a>(
    scheme: &Scheme,
    quorum: Quorum,
    parts: &[(u32, &'a Ciphertexts)],
) -> Result<Vec<(u32, &'a Ciphertexts)>, PaillierError> {
    let mut seen = [false; PARTIES];
    for (index, part) in parts {
        scheme.check_ours(part)?;
        if !(1..=quorum.parties()).contains(index) {
            return Err(PaillierError::shape("index of a part", format!("1 to {}", quorum.parties()), index));
        }
        if std::mem::replace(&mut seen[*index as usize - 1], true) {
            return Err(PaillierError::shape("parts", "one a share", format!("two of share {index}")));
        }
        if part.len() != parts[0].1.len() {
            return Err(PaillierError::shape("ciphertexts of a part", parts[0].1.len(), part.len()));
        }
    }
    if parts.len() < quorum.threshold() as usize {
        return Err(PaillierError::shape("parts of a decryption", quorum.threshold(), parts.len()));
    }
    Ok(parts[..quorum.threshold() as usize].to_vec())
}

const PARTIES: usize = super::key::PARTIES_MOST as usize;

/// Delta times the product of j / (j - i) over the other indices j: a whole number, below 2^88.
fn lagrange(quorum: Quorum, indices: &[u32], index: u32) -> i128 {
    let others = indices.iter().filter(|j| **j != index);
    let (mut above, mut below) = (i128::from(quorum.delta()), 1);
    for j in others {
        above *= i128::from(*j);
        below *= i128::from(*j) - i128::from(index);
    }
    above / below
}

/// product = product * part^exponent
fn multiply_power(scheme: &Scheme, product: &mut Ciphertexts, part: &Ciphertexts, exponent: &[u64]) {
    let (ring, kernel) = (scheme.ring(), scheme.kernel());
    let groups = product.words_mut().par_chunks_mut(ring.words()).zip(part.words().par_chunks(ring.words()));
    groups.for_each_init(
        || (Scratch::new(ring), vec![Word::splat(0); ring.words()]),
        |(scratch, power), (product, part)| {
            power.copy_from_slice(part);
            power_public(kernel, ring, power, exponent, scratch);
            kernel.multiply(ring, product, power, scratch);
        },
    );
}

/// The plaintexts M of 1 + 2 Delta^2 M n.
fn finish(scheme: &Scheme, quorum: Quorum, opened: &mut Ciphertexts) -> Result<Numbers, PaillierError> {
    let (ring, kernel, width) = (scheme.ring(), scheme.kernel(), scheme.plaintext_width());
    let factor = divisor(scheme, quorum).ok_or_else(|| PaillierError::key("n has a small factor"))?;
    let mut out = Numbers::zero(opened.len(), width);
    let groups = out.groups_mut(LANES).zip(opened.words_mut().par_chunks_mut(ring.words())).enumerate();
    let faults = groups.map_init(
        || Scratch::new(ring),
        |scratch, (group, (out, pair))| {
            kernel.reduce(ring, pair, scratch);
            canonical(ring, pair);
            let (low, _) = pair.split_at_mut(ring.limbs());
            let one = |lane: usize| low.iter().enumerate().all(|(limb, word)| word.0[lane] == u64::from(limb == 0));
            if let Some(lane) = (0..LANES).find(|lane| !one(*lane)) {
                return Some(group * LANES + lane);
            }
            low.fill(Word::splat(0));
            kernel.multiply(ring, pair, &factor, scratch);
            let plaintexts = &mut pair[ring.limbs()..];
            subtract_once(plaintexts, ring.m());
            for (lane, out) in out.chunks_mut(width).enumerate() {
                take(lane, plaintexts, out);
            }
            None
        },
    );
    match faults.flatten().min() {
        Some(index) => Err(PaillierError::Parts { index }),
        None => Ok(out),
    }
}

/// 1 / (2 Delta^2) modulo n, times R: what makes 2 Delta^2 M the plaintext.
fn divisor(scheme: &Scheme, quorum: Quorum) -> Option<Words> {
    let (ring, n) = (scheme.ring(), scheme.key().n());
    let odd = Odd::new(n.clone()).into_option()?;
    let delta = u128::from(quorum.delta());
    let twice = BoxedUint::from(2 * delta * delta).resize(n.bits_precision());
    let inverse = twice.invert_odd_mod(&odd).into_option()?;
    let mut factor = ring.splat(&ring.times(&inverse, ring.radix()));
    factor[ring.limbs()..].fill(Word::splat(0));
    Some(factor)
}
