//! A kernel proves itself on this machine before it is used: `paillier-rs` opens what it encrypted, and it opens what
//! `paillier-rs` encrypted.

use std::sync::Mutex;

use super::decrypt::Decryptor;
use super::encrypt::{Encryptor, Obfuscation};
use super::error::PaillierError;
use super::kernel::Kernel;
use super::key::{PrivateKey, Sizes};
use super::lanes::LANES;
use super::numbers::Numbers;
use super::peer::Peer;
use super::public::Scheme;

/// Keys that everybody knows, of the sizes that are used.
const KEYS: [(u32, &str); 2] = [(2048, include_str!("fixtures/2048.key")), (3072, include_str!("fixtures/3072.key"))];

/// Kernels and sizes that passed in this process.
static PASSED: Mutex<Vec<(&str, u32)>> = Mutex::new(Vec::new());

/// The kernel to use for keys of so many bits: the fastest that is there and not switched off, after its proof. Once a
/// process for each size.
///
/// # Errors
/// If the kernel fails its proof, or `NIGHTLOOM_PAILLIER_OFF` names none.
pub fn proven(bits: u32) -> Result<&'static Kernel, PaillierError> {
    let kernel = Kernel::from_env()?;
    let (size, text) = KEYS[usize::from(bits > KEYS[0].0)];
    let mut passed = PASSED.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if !passed.contains(&(kernel.name, size)) {
        prove(kernel, &PrivateKey::from_text(text, Sizes::Real)?)?;
        passed.push((kernel.name, size));
    }
    Ok(kernel)
}

/// Compares a kernel with `paillier-rs` by a key.
///
/// # Errors
/// What differs.
pub fn prove(kernel: &'static Kernel, key: &PrivateKey) -> Result<(), PaillierError> {
    let failed = |reason: &str| PaillierError::SelfTest { kernel: kernel.name, reason: reason.into() };
    let peer = Peer::new(key).ok_or_else(|| failed("paillier-rs does not take the key"))?;
    let scheme = Scheme::new(key.public().clone(), kernel)?;
    let decryptor = Decryptor::new(&scheme, key)?;
    let plaintexts = plaintexts(&scheme);
    let size = key.public().ciphertext_bytes();

    // Its sum of all our ciphertexts holds what every lane did, for one of its slow decryptions.
    for obfuscation in [Obfuscation::ShortExponent, Obfuscation::Classic] {
        let ciphertexts = Encryptor::new(&scheme, obfuscation)?.encrypt(&plaintexts)?;
        let bytes = scheme.to_bytes(&ciphertexts)?;
        let sum = sum(&peer, &bytes, size).ok_or_else(|| failed("paillier-rs refuses a ciphertext"))?;
        if peer.decrypt(&sum, size) != Some(sum_in_the_clear(&plaintexts, size)) {
            return Err(failed("paillier-rs does not open what it encrypted"));
        }
        if decryptor.decrypt(&ciphertexts)? != plaintexts {
            return Err(failed("it does not open what it encrypted"));
        }
    }

    let (theirs, expected) = multiples(&peer, &scheme).ok_or_else(|| failed("paillier-rs does not encrypt"))?;
    if decryptor.decrypt(&scheme.from_bytes(&theirs)?)? != expected {
        return Err(failed("it does not open what paillier-rs encrypted"));
    }
    Ok(())
}

/// A different plaintext a lane, with 0, 1 and n - 1 among them; their sum is below n.
fn plaintexts(scheme: &Scheme) -> Numbers {
    let mut out = scheme.of_signed(&[0, 1, -1, 2, 0x0123_4567_89AB_CDEF, 0, 5, 1 << 52]);
    // All limbs of one lane are in use, far below n.
    let wide = out.get_mut(5);
    let len = wide.len();
    wide[..len - 1].fill(0xA5A5_5A5A_F00F_0FF0);
    out
}

fn bytes_of(words: &[u64], size: usize) -> Vec<u8> {
    let mut bytes = vec![0; size.saturating_sub(8 * words.len())];
    bytes.extend(words.iter().rev().flat_map(|word| word.to_be_bytes()));
    bytes
}

/// The sum of the plaintexts but for the wrap: -1 and 1 take each other away.
fn sum_in_the_clear(plaintexts: &Numbers, size: usize) -> Vec<u8> {
    let mut sum = plaintexts.get(5).to_vec();
    for index in [3, 4, 6, 7] {
        let mut carry = plaintexts.get(index)[0];
        for word in &mut sum {
            let (next, over) = word.overflowing_add(carry);
            (*word, carry) = (next, u64::from(over));
        }
    }
    bytes_of(&sum, size)
}

fn sum(peer: &Peer, ciphertexts: &[u8], size: usize) -> Option<Vec<u8>> {
    let mut all = ciphertexts.chunks(size);
    let first = all.next()?.to_vec();
    all.try_fold(first, |sum, next| peer.add(&sum, next, size))
}

/// One encryption of theirs, and its sums with itself: m, 2 m, 3 m, ...
fn multiples(peer: &Peer, scheme: &Scheme) -> Option<(Vec<u8>, Numbers)> {
    const PLAINTEXT: u64 = 0x00FE_DCBA_9876_5432;
    let size = scheme.key().ciphertext_bytes();
    let one = peer.encrypt(&PLAINTEXT.to_be_bytes(), size)?;
    let mut bytes = one.clone();
    let mut last = one.clone();
    let mut expected = Numbers::zero(LANES, scheme.plaintext_width());
    expected.get_mut(0)[0] = PLAINTEXT;
    for lane in 1..LANES {
        last = peer.add(&last, &one, size)?;
        bytes.extend_from_slice(&last);
        expected.get_mut(lane)[0] = PLAINTEXT * (lane as u64 + 1);
    }
    Some((bytes, expected))
}
