//! Decryption, modulo p^2 and q^2 apart.
//!
//! A ciphertext c to the power of p - 1 is 1 + x p modulo p^2, and as a pair to the base p that is (1, x): nothing has to
//! be divided. The plaintext is x / (-q) modulo p; the Chinese remainder theorem joins it with its twin modulo q.

use crypto_bigint::{BoxedUint, NonZero, Odd};
use rayon::prelude::*;
use zeroize::Zeroizing;

use super::error::PaillierError;
use super::kernel::{Kernel, Scratch};
use super::key::PrivateKey;
use super::lanes::{LANES, Word, Words, add, carry, subtract, subtract_once, take};
use super::numbers::Numbers;
use super::power::power_secret;
use super::public::{Ciphertexts, Scheme, canonical};
use super::ring::Ring;

/// What is known modulo the square of one prime.
struct Side {
    ring: Ring,
    /// The prime less one.
    exponent: Zeroizing<Vec<u64>>,
    bits: usize,
    /// R^(i + 2), and R^(i + 2) n, modulo the prime's square: what piece i of c0 and of c1 is multiplied by.
    pieces: [Vec<Words>; 2],
    /// -1 / (the other prime), times R: makes x the plaintext.
    finish: Words,
}

/// Decrypts for one key.
pub struct Decryptor<'a> {
    scheme: &'a Scheme,
    sides: [Side; 2],
    /// 1 / p modulo q, times R.
    join: Words,
    /// 2 q, in all lanes.
    twice: Words,
}

struct Work {
    scratch: Scratch,
    piece: Words,
    power: Words,
}

impl Side {
    fn new(prime: &BoxedUint, other: &BoxedUint, outer: &Ring) -> Option<Self> {
        let ring = Ring::new(prime)?;
        let mut exponent = Zeroizing::new(prime.as_words().to_vec());
        // Primes are odd.
        exponent[0] -= 1;
        let odd = Odd::new(prime.clone()).into_option()?;
        let inverse = Zeroizing::new(other.rem(odd.as_nz_ref()).invert_odd_mod(&odd).into_option()?);
        let negative = Zeroizing::new(prime.wrapping_sub(&*inverse));
        let count = outer.limbs().div_ceil(ring.limbs());
        let n = outer.number();
        let mut factor = Zeroizing::new(ring.times(ring.radix(), ring.radix()));
        let mut pieces = [Vec::new(), Vec::new()];
        for _ in 0..count {
            pieces[0].push(ring.splat(&factor));
            pieces[1].push(ring.splat(&Zeroizing::new(ring.times(&factor, n))));
            *factor = ring.times(&factor, ring.radix());
        }
        let mut finish = ring.splat(&Zeroizing::new(ring.times(&negative, ring.radix())));
        finish[ring.limbs()..].fill(Word::splat(0));
        Some(Self { bits: prime.bits() as usize, ring, exponent, pieces, finish })
    }

    fn work(&self) -> Work {
        let size = self.ring.words();
        Work { scratch: Scratch::new(&self.ring), piece: Words::zero(size), power: Words::zero(size) }
    }

    /// The plaintexts modulo the prime, of a pair to the base n, into the upper half of `work.power`.
    fn decrypt(&self, kernel: &Kernel, pair: &[Word], work: &mut Work) {
        let (ring, h) = (&self.ring, self.ring.limbs());
        work.power.fill(Word::splat(0));
        for (half, pieces) in pair.chunks(pair.len() / 2).zip(&self.pieces) {
            for (limbs, factor) in half.chunks(h).zip(pieces) {
                work.piece.fill(Word::splat(0));
                work.piece[..limbs.len()].copy_from_slice(limbs);
                kernel.multiply(ring, &mut work.piece, factor, &mut work.scratch);
                add(&mut work.power, &work.piece);
                let (low, high) = work.power.split_at_mut(h);
                carry(low);
                carry(high);
            }
        }
        power_secret(kernel, ring, &mut work.power, [&self.exponent; LANES], self.bits, &mut work.scratch);
        kernel.reduce(ring, &mut work.power, &mut work.scratch);
        canonical(ring, &mut work.power);
        work.power[..h].fill(Word::splat(0));
        kernel.multiply(ring, &mut work.power, &self.finish, &mut work.scratch);
        subtract_once(&mut work.power[h..], ring.m());
    }
}

impl<'a> Decryptor<'a> {
    /// Prepares a key; `scheme` must have its public part.
    ///
    /// # Errors
    /// If the keys differ.
    pub fn new(scheme: &'a Scheme, key: &PrivateKey) -> Result<Self, PaillierError> {
        if scheme.key() != key.public() {
            let text = |key: &super::key::PublicKey| key.fingerprint_text();
            return Err(PaillierError::shape("key to decrypt with", text(scheme.key()), text(key.public())));
        }
        Self::prepare(scheme, key).ok_or_else(|| PaillierError::key("p and q are not prime"))
    }

    fn prepare(scheme: &'a Scheme, key: &PrivateKey) -> Option<Self> {
        let (p, q) = (key.p(), key.q());
        let sides = [Side::new(p, q, scheme.ring())?, Side::new(q, p, scheme.ring())?];
        let ring = &sides[1].ring;
        let odd = Odd::new(q.clone()).into_option()?;
        let inverse = Zeroizing::new(p.rem(odd.as_nz_ref()).invert_odd_mod(&odd).into_option()?);
        let modulus = NonZero::new(q.clone()).into_option()?;
        let inverse = Zeroizing::new(ring.times(&inverse, ring.radix()).rem(&modulus));
        let join = ring.splat(&inverse);
        let twice: Zeroizing<Vec<u64>> = Zeroizing::new(ring.m().iter().map(|limb| 2 * limb).collect());
        let twice = Words::splat(&twice);
        Some(Self { scheme, sides, join, twice })
    }

    /// Decrypts a batch. The time depends on the number of ciphertexts alone.
    ///
    /// # Errors
    /// If they belong to another key.
    pub fn decrypt(&self, ciphertexts: &Ciphertexts) -> Result<Numbers, PaillierError> {
        self.scheme.check_ours(ciphertexts)?;
        let (ring, kernel) = (self.scheme.ring(), self.scheme.kernel());
        let width = self.scheme.plaintext_width();
        let mut out = Numbers::zero(ciphertexts.len(), width);
        let groups = out.groups_mut(LANES).zip(ciphertexts.words().par_chunks(ring.words()));
        groups.for_each_init(
            || (Scratch::new(ring), Words::zero(ring.words()), self.sides[0].work(), self.sides[1].work()),
            |(scratch, pair, first, second), (out, words)| {
                pair.copy_from_slice(words);
                kernel.reduce(ring, pair, scratch);
                self.sides[0].decrypt(kernel, pair, first);
                self.sides[1].decrypt(kernel, pair, second);
                let number = self.join(kernel, first, second);
                for (lane, out) in out.chunks_mut(width).enumerate() {
                    take(lane, &number, out);
                }
            },
        );
        Ok(out)
    }

    /// m = mp + p ((mq - mp) / p modulo q)
    fn join(&self, kernel: &Kernel, first: &Work, second: &mut Work) -> Words {
        let ring = &self.sides[1].ring;
        let h = ring.limbs();
        let mp = &first.power[h..];
        let (low, difference) = second.power.split_at_mut(h);
        low.fill(Word::splat(0));
        // p has as many bits as q: mp < p < 2 q.
        add(difference, &self.twice);
        carry(difference);
        subtract(difference, mp);
        kernel.multiply(ring, &mut second.power, &self.join, &mut second.scratch);
        subtract_once(&mut second.power[h..], ring.m());
        let mut number = Words::zero(2 * h);
        kernel.product(&second.power[h..], self.sides[0].ring.m_words(), &mut number);
        add(&mut number, mp);
        carry(&mut number);
        number
    }
}
