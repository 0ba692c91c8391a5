//! Keys: what is made, what is read, what is refused, and what is never shown.

use crypto_bigint::{BoxedUint, ConcatenatingMul};
use zeroize::Zeroizing;

use super::{key, key_text};
use crate::paillier::PaillierError;
use crate::paillier::key::{PrivateKey, PublicKey, Sizes, generate};

const SMALL: Sizes = Sizes::SmallForTests;

fn refused(text: &str, sizes: Sizes) -> String {
    PrivateKey::from_text(text, sizes).map(|_| ()).expect_err("refused").to_string()
}

#[test]
fn a6b_new_keys_have_exact_lengths_and_fitting_primes() {
    for bits in [512, 640, 512, 768] {
        let key = generate(bits, SMALL).expect("random numbers");
        assert_eq!((key.public().bits(), key.p().bits(), key.q().bits()), (bits, bits / 2, bits / 2));
        assert_eq!((key.p().as_words()[0] & 3, key.q().as_words()[0] & 3), (3, 3));
        assert!(key.p() != key.q());
        assert!(key.p().concatenating_mul(key.q()) == *key.public().n());
        let text = key.to_text();
        assert!(PrivateKey::from_text(&text, SMALL).is_ok_and(|read| read.p() == key.p() && read.q() == key.q()));
        assert_eq!(PublicKey::from_text(&key.public().to_text(), SMALL).as_ref(), Ok(key.public()));
    }
}

#[test]
fn a6b_small_keys_are_refused_outside_of_tests() {
    for bits in [512, 1024, 1920] {
        let error = generate(bits, Sizes::Real).map(|_| ()).expect_err("too small").to_string();
        let expected = "expected 2048 to 8192 bits, a multiple of 128, got";
        assert_eq!(error, format!("not a Paillier key: {expected} {bits} bits"));
    }
    for bits in [2049, 8320, 0] {
        assert!(generate(bits, Sizes::Real).is_err(), "{bits}");
    }
    assert!(refused(key_text(1024), Sizes::Real).contains("got 1024 bits"));
    assert!(PublicKey::new(key(1024).public().n().clone(), Sizes::Real).is_err());
    assert!(PrivateKey::from_text(key_text(2048), Sizes::Real).is_ok());
    assert!(key(2048).public().warning().is_some_and(|text| text.contains("2048 bits is weaker than 3072")));
    assert!(key(3072).public().warning().is_none());
}

#[test]
fn a6b_key_texts_are_read_strictly() {
    let good = key_text(512);
    let line = |name: &str| good.lines().find(|line| line.starts_with(name)).expect("a line").to_owned();
    let (n, p, q) = (line("n ="), line("p ="), line("q ="));
    let with = |from: &str, to: &str| good.replacen(from, to, 1);
    let upper = format!("{}{}", &p[..5], p[5..].to_uppercase());
    let cases = [
        (String::new(), "line 1: expected `kind = ...`, the file ends"),
        (with("private", "public"), "line 1: expected kind = \"nightloom paillier private key\""),
        (with("version = 1", "version = 2"), "line 2: expected version = 1"),
        (with("bits = 512", "bits = 0512"), "line 3: expected a number of bits"),
        (with("bits = 512", "bits = many"), "line 3: expected a number of bits"),
        (with("bits = 512", "bits = 640"), "line 4: n has 128 digits, expected 160"),
        (
            with("bits = 512", "bits = 256"),
            "not a Paillier key: expected 512 to 8192 bits, a multiple of 128, got 256 bits",
        ),
        (with(&p, &q[..q.len() - 9]), "line 5: expected `p = ...`"),
        (with(&p, &p[..p.len() - 1]), "line 5: p is not in quotation marks"),
        (with(&p, &format!("{}\"", &p[..p.len() - 2])), "line 5: p has 63 digits, expected 64"),
        (with(&p, &upper), "line 5: p holds something else than digits 0 to 9 and a to f"),
        (
            with(&p, &p.replacen('"', "\" ", 1).replacen(&p[p.len() - 2..], "\"", 1)),
            "line 5: p holds something else than digits 0 to 9 and a to f",
        ),
        (with(&p, &format!("p = \"0{}", &p[6..])), "line 5: p has"),
        (with(&p, &p.replacen("p = ", "p=", 1)), "line 5: expected `p = ...`"),
        (format!("{good}\n"), "line 7: expected the end of the file"),
        (format!("{good}r = 1\n"), "line 7: expected the end of the file"),
        (good.trim_end().to_owned(), "line 7: the last line has no end: the file was cut off"),
        (good[..good.len() / 2].to_owned(), "line "),
        (with(&n, &n.replacen("n =", "m =", 1)), "line 4: expected `n = ...`"),
        (format!(" {good}"), "line 1: expected `kind = ...`"),
    ];
    for (text, expected) in cases {
        let error = refused(&text, SMALL);
        assert!(error.starts_with(expected), "{error}; expected {expected}");
        for secret in [&p, &q] {
            assert!(!error.contains(&secret[8..24]), "a secret is in {error}");
        }
    }
}

/// The first bit may be wrong in any digit: n = p q fails, or primality.
#[test]
fn a6b_a_flipped_digit_is_found_wherever_it_is() {
    let good = key_text(512);
    let digits: Vec<usize> = good.match_indices('"').map(|(at, _)| at).collect();
    for pair in digits.chunks(2).skip(1) {
        for at in [pair[0] + 1, pair[0] + 2, usize::midpoint(pair[0], pair[1]), pair[1] - 1] {
            let digit = u8::from_str_radix(&good[at..=at], 16).expect("a digit");
            let text = format!("{}{:x}{}", &good[..at], digit ^ 4, &good[at + 1..]);
            refused(&text, SMALL);
        }
    }
}

#[test]
fn a6b_numbers_that_make_no_key_are_refused() {
    let (good, other) = (key(512), key(1024));
    let number = |x: &BoxedUint| Zeroizing::new(x.clone());
    let plus = |x: &BoxedUint, add: u64| Zeroizing::new(x.wrapping_add(BoxedUint::from(add)));
    let refused = |p, q| PrivateKey::new(p, q, SMALL).map(|_| ()).expect_err("no key").to_string();
    let (p, q) = (good.p(), good.q());
    assert_eq!(refused(number(p), number(p)), "not a Paillier key: p and q are equal");
    assert_eq!(
        refused(number(p), number(other.p())),
        "not a Paillier key: p and q have 256 and 512 bits, expected as many"
    );
    assert_eq!(refused(plus(p, 2), number(q)), "not a Paillier key: p is not 3 modulo 4");
    assert_eq!(refused(number(p), plus(q, 4)), "not a Paillier key: q is not prime");
    // The next prime of the right kind is no secret beside p.
    let near = (1..10_000).map(|i| plus(p, 4 * i)).find(|x| crypto_primes::is_prime(crypto_primes::Flavor::Any, &**x));
    let near = near.expect("there is another prime");
    assert!(refused(number(p), near).ends_with("p and q are so close to each other that n is easily factored"));

    let public = |n: BoxedUint| PublicKey::new(n, SMALL).map(|_| ()).expect_err("no key").to_string();
    let n = good.public().n();
    assert_eq!(public(n.wrapping_add(BoxedUint::from(1u64))), "not a Paillier key: n is even");
    assert!(public(n.wrapping_add(BoxedUint::from(2u64))).starts_with("not a Paillier key: n "));
    assert_eq!(public(other.p().concatenating_mul(other.p())), "not a Paillier key: n is a square");
    let prime = (1..10_000)
        .map(|i| n.wrapping_add(BoxedUint::from(4u64 * i)))
        .find(|x| crypto_primes::is_prime(crypto_primes::Flavor::Any, x));
    assert_eq!(public(prime.expect("a prime")), "not a Paillier key: n is prime");
    let shorter = (0..64u64).map(|i| n.wrapping_sub(BoxedUint::from(4 * i))).find(|x| {
        let limb = crypto_bigint::NonZero::new(crypto_bigint::Limb(3)).expect("three");
        x.rem_limb(limb).0 == 0
    });
    assert_eq!(public(shorter.expect("a multiple of three")), "not a Paillier key: n has the small factor 3");
}

#[test]
fn a6b_errors_of_keys_are_compared_by_text_only() {
    // A private key has no Debug: results are reduced to () before they are looked at. This compiles only so.
    let error: PaillierError = PrivateKey::from_text("", SMALL).map(|_| ()).expect_err("empty");
    assert!(matches!(error, PaillierError::Text { line: 1, .. }));
}
