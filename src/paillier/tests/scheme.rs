//! What the scheme promises: it is its own inverse, it adds, it hides, `paillier-rs` agrees, and it refuses what is no
//! ciphertext.

use super::{Dice, key, scheme};
use crate::paillier::PaillierError;
use crate::paillier::decrypt::Decryptor;
use crate::paillier::encrypt::{Encryptor, Obfuscation};
use crate::paillier::kernel::Kernel;
use crate::paillier::key::PrivateKey;
use crate::paillier::numbers::Numbers;
use crate::paillier::public::{Ciphertexts, Factors, Scheme};
use crate::paillier::selftest::prove;

const BOTH: [Obfuscation; 2] = [Obfuscation::ShortExponent, Obfuscation::Classic];

fn encrypt(scheme: &Scheme, plaintexts: &Numbers) -> Ciphertexts {
    let encryptor = Encryptor::new(scheme, Obfuscation::ShortExponent).expect("random numbers");
    encryptor.encrypt(plaintexts).expect("below n")
}

fn decrypt(scheme: &Scheme, key: &PrivateKey, ciphertexts: &Ciphertexts) -> Numbers {
    Decryptor::new(scheme, key).expect("the same key").decrypt(ciphertexts).expect("ours")
}

#[test]
fn a6b_every_kernel_and_paillier_rs_open_each_others_ciphertexts() {
    for kernel in Kernel::all() {
        for bits in [512, 1024, 2048] {
            prove(kernel, &key(bits)).unwrap_or_else(|error| panic!("{bits} bits: {error}"));
        }
    }
}

#[test]
fn a6b_the_fastest_kernel_agrees_with_paillier_rs_at_the_default_size() {
    let kernel = crate::paillier::selftest::proven(3072).expect("it agrees");
    assert_eq!(kernel.name, Kernel::from_env().expect("a kernel").name);
}

#[test]
fn a4_kernels_open_each_others_ciphertexts_for_batches_of_every_length() {
    let key = key(512);
    for kernel in Kernel::all() {
        for other in Kernel::all() {
            let (scheme, second) = (scheme(&key, kernel), scheme(&key, other));
            for obfuscation in BOTH {
                let encryptor = Encryptor::new(&scheme, obfuscation).expect("random numbers");
                for len in [0, 1, 7, 8, 9, 129] {
                    let values: Vec<i64> = (0..len).map(|i| i * i - 50).collect();
                    let plaintexts = scheme.of_signed(&values);
                    let bytes = scheme.to_bytes(&encryptor.encrypt(&plaintexts).expect("below n")).expect("ours");
                    let read = second.from_bytes(&bytes).expect("ciphertexts");
                    assert_eq!(read.len(), values.len());
                    assert!(decrypt(&second, &key, &read) == plaintexts, "{kernel:?} to {other:?}, {len}");
                }
            }
        }
    }
}

#[test]
fn a5_sums_and_multiples_are_those_of_the_plaintexts_with_negatives_and_zero() {
    let key = key(512);
    let mut dice = Dice(77);
    for kernel in Kernel::all() {
        let scheme = scheme(&key, kernel);
        for _ in 0..6 {
            let mut values = |small: u32| -> Vec<i64> { (0..19).map(|_| dice.word() as i64 >> small).collect() };
            let (x, y, mut factors, addends) = (values(34), values(34), values(40), values(3));
            (factors[0], factors[1], factors[2]) = (0, -1, 1);
            let mut sum = encrypt(&scheme, &scheme.of_signed(&x));
            scheme.add(&mut sum, &encrypt(&scheme, &scheme.of_signed(&y))).expect("as many");
            scheme.multiply(&mut sum, &Factors::from_i64s(&factors)).expect("as many");
            scheme.add_plain(&mut sum, &scheme.of_signed(&addends)).expect("as many");
            let expected: Vec<i64> = (0..x.len()).map(|i| (x[i] + y[i]) * factors[i] + addends[i]).collect();
            assert!(decrypt(&scheme, &key, &sum) == scheme.of_signed(&expected), "{kernel:?}");
        }
    }
}

#[test]
fn a5_sums_wrap_at_n() {
    let key = key(512);
    let scheme = scheme(&key, Kernel::all()[0]);
    // n - 1 twice is n - 2; n - 1 and 1 is 0; the product of -1 and -1 is 1.
    let mut sum = encrypt(&scheme, &scheme.of_signed(&[-1, -1, -1]));
    scheme.add(&mut sum, &encrypt(&scheme, &scheme.of_signed(&[-1, 1, 0]))).expect("as many");
    assert!(decrypt(&scheme, &key, &sum) == scheme.of_signed(&[-2, 0, -1]));
    scheme.multiply(&mut sum, &Factors::from_i64s(&[-1, -1, i64::MIN])).expect("as many");
    let mut expected = scheme.of_signed(&[2, 0, 0]);
    expected.get_mut(2)[0] = 1 << 63;
    assert!(decrypt(&scheme, &key, &sum) == expected);
}

#[test]
fn a4_equal_plaintexts_get_different_ciphertexts_in_every_lane() {
    let key = key(512);
    for kernel in Kernel::all() {
        let scheme = scheme(&key, kernel);
        for obfuscation in BOTH {
            let encryptor = Encryptor::new(&scheme, obfuscation).expect("random numbers");
            let zeros = Numbers::zero(40, 1);
            let bytes = scheme.to_bytes(&encryptor.encrypt(&zeros).expect("below n")).expect("ours");
            let mut all: Vec<&[u8]> = bytes.chunks(key.public().ciphertext_bytes()).collect();
            all.sort_unstable();
            all.dedup();
            assert_eq!(all.len(), 40, "{kernel:?} {obfuscation:?}");
        }
    }
}

#[test]
fn a13_what_is_no_ciphertext_is_refused_and_named() {
    let key = key(512);
    let size = key.public().ciphertext_bytes();
    let number = |x: &crypto_bigint::BoxedUint| {
        let bytes = x.to_be_bytes();
        let mut out = vec![0; size.saturating_sub(bytes.len())];
        out.extend_from_slice(&bytes[bytes.len().saturating_sub(size)..]);
        out
    };
    for kernel in Kernel::all() {
        let scheme = scheme(&key, kernel);
        let good = scheme.to_bytes(&encrypt(&scheme, &Numbers::zero(21, 1))).expect("ours");
        let n = key.public().n();
        let square = crypto_bigint::ConcatenatingMul::concatenating_mul(n, n);
        let one = crypto_bigint::BoxedUint::one_with_precision(square.bits_precision());
        let p = key.p().clone();
        let bad = [
            (vec![0; size], "it is zero"),
            (number(&square), "it is not below n^2"),
            (number(&square.wrapping_add(&one)), "it is not below n^2"),
            (vec![0xFF; size], "it is not below n^2"),
            (number(n), "it has a factor in common with n"),
            (number(&p), "it has a factor in common with n"),
            (
                number(&square.wrapping_sub(crypto_bigint::Resize::resize(n, square.bits_precision()))),
                "it has a factor in common with n",
            ),
        ];
        for (bytes, reason) in bad {
            for index in [0, 7, 8, 20] {
                let mut all = good.clone();
                all[index * size..(index + 1) * size].copy_from_slice(&bytes);
                let error = scheme.from_bytes(&all).map(|_| ()).expect_err(reason);
                assert_eq!(error, PaillierError::Ciphertext { index, reason }, "{kernel:?}");
            }
        }
        // n^2 - 1 is a unit: the encryption of nothing, but well formed.
        assert!(scheme.from_bytes(&number(&square.wrapping_sub(&one))).is_ok());
        let error = scheme.from_bytes(&good[1..]).map(|_| ()).expect_err("a byte is missing");
        assert_eq!(
            error.to_string(),
            format!("bytes of ciphertexts: expected a multiple of 128, got {}", 21 * 128 - 1)
        );
    }
}

#[test]
fn a13_batches_that_do_not_fit_are_refused() {
    let (first, second) = (key(512), key(1024));
    let kernel = Kernel::all()[0];
    let (scheme, other) = (scheme(&first, kernel), scheme(&second, kernel));
    let mut sum = encrypt(&scheme, &Numbers::zero(3, 1));
    let shorter = encrypt(&scheme, &Numbers::zero(2, 1));
    let error = scheme.add(&mut sum, &shorter).expect_err("two to three").to_string();
    assert_eq!(error, "ciphertexts to add: expected 3, got 2");
    let theirs = encrypt(&other, &Numbers::zero(3, 1));
    let error = scheme.add(&mut sum, &theirs).expect_err("another key").to_string();
    let expected =
        format!("expected {}, got {}", first.public().fingerprint_text(), second.public().fingerprint_text());
    assert_eq!(error, format!("key of the ciphertexts: {expected}"));
    assert!(Decryptor::new(&scheme, &second).is_err());
    assert!(Decryptor::new(&scheme, &first).expect("the same key").decrypt(&theirs).is_err());
    let error = scheme.multiply(&mut sum, &Factors::new(Numbers::from_u64s(&[1, 8, 2]), 3)).expect_err("8 has 4 bits");
    assert_eq!(error.to_string(), "bits of a factor: expected 3, got more in factor 1");
}

#[test]
fn a4_plaintexts_that_are_not_below_n_are_refused() {
    let key = key(512);
    let scheme = scheme(&key, Kernel::all()[0]);
    let encryptor = Encryptor::new(&scheme, Obfuscation::ShortExponent).expect("random numbers");
    let mut plaintexts = scheme.of_signed(&[1, -1, 2]);
    assert!(encryptor.encrypt(&plaintexts).is_ok());
    plaintexts.get_mut(1).copy_from_slice(key.public().n().as_words());
    let error = encryptor.encrypt(&plaintexts).map(|_| ()).expect_err("n itself");
    assert_eq!(error.to_string(), "plaintext 1 is not below n");
    let wide = Numbers::zero(1, 100);
    assert!(encryptor.encrypt(&wide).is_ok(), "a wide zero is below n");
    let mut sum = encrypt(&scheme, &Numbers::zero(3, 1));
    assert_eq!(scheme.add_plain(&mut sum, &plaintexts), Err(PaillierError::Plaintext { index: 1 }));
}
