//! The crate `kzen-paillier` on GMP, one ciphertext at a time.

#[path = "../../rust/src/lib.rs"]
#[allow(dead_code, reason = "what the other peers need besides")]
mod peer;

use kzen_paillier::{Add, BigInt, Decrypt, DecryptionKey, Encrypt, EncryptionKey, KeyGeneration, Paillier, RawCiphertext, RawPlaintext};
use peer::{Timed, serve};

fn encrypt(key: &EncryptionKey, plaintext: &BigInt) -> RawCiphertext<'static> {
    RawCiphertext::from(BigInt::from(Paillier::encrypt(key, RawPlaintext::from(plaintext.clone()))))
}

fn decrypt(key: &DecryptionKey, ciphertext: &RawCiphertext<'static>) -> BigInt {
    Paillier::decrypt(key, ciphertext.clone()).into()
}

fn make(work: &str, threads: usize) -> Option<Timed> {
    let (what, bits) = work.rsplit_once('-')?;
    let (public, private) = Paillier::keypair_with_modulus_size(bits.parse().ok()?).keys();
    let plaintext = &public.n - BigInt::from(123_456_789);
    let mut sum = encrypt(&public, &plaintext);
    let ciphertext = encrypt(&public, &plaintext);
    assert_eq!(decrypt(&private, &ciphertext), plaintext);
    let call: Box<dyn FnMut()> = match what {
        _ if threads != 1 => return None,
        "encrypt" => Box::new(move || drop(encrypt(&public, &plaintext))),
        "decrypt" => Box::new(move || drop(decrypt(&private, &ciphertext))),
        "add" => Box::new(move || sum = Paillier::add(&public, sum.clone(), ciphertext.clone())),
        _ => return None,
    };
    Some(Timed { call, sample_seconds: 0.02 })
}

fn main() {
    serve("kzen-paillier", "0.4.3", "GMP", make);
}
