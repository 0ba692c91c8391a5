//! Shares of a key: any t of n open, fewer do not, and what is no share is refused.

use super::{key, scheme};
use crate::paillier::PaillierError;
use crate::paillier::encrypt::{Encryptor, Obfuscation};
use crate::paillier::kernel::Kernel;
use crate::paillier::key::{KeyShare, PrivateKey, Quorum, Sizes, generate_to_share};
use crate::paillier::numbers::Numbers;
use crate::paillier::public::{Ciphertexts, Scheme};
use crate::paillier::threshold::{Opener, combine, deal};

const SMALL: Sizes = Sizes::SmallForTests;

fn fresh() -> PrivateKey {
    generate_to_share(512, SMALL).expect("random numbers")
}

fn quorum(threshold: u32, parties: u32) -> Quorum {
    Quorum::new(threshold, parties).expect("in bounds")
}

fn encrypt(scheme: &Scheme, values: &[i64]) -> Ciphertexts {
    let encryptor = Encryptor::new(scheme, Obfuscation::ShortExponent).expect("random numbers");
    encryptor.encrypt(&scheme.of_signed(values)).expect("below n")
}

/// All shares' parts, once over the wire.
fn parts(scheme: &Scheme, shares: &[KeyShare], ciphertexts: &Ciphertexts) -> Vec<(u32, Ciphertexts)> {
    let part = |share: &KeyShare| {
        let part = Opener::new(scheme, share).expect("the same key").open(ciphertexts).expect("ours");
        (share.index(), scheme.from_bytes(&scheme.to_bytes(&part).expect("ours")).expect("ciphertexts"))
    };
    shares.iter().map(part).collect()
}

fn join(
    scheme: &Scheme,
    quorum: Quorum,
    all: &[(u32, Ciphertexts)],
    places: &[usize],
) -> Result<Numbers, PaillierError> {
    let chosen: Vec<(u32, &Ciphertexts)> = places.iter().map(|place| (all[*place].0, &all[*place].1)).collect();
    combine(scheme, quorum, &chosen)
}

/// Every choice of `count` of `all` places.
fn choices(all: usize, count: usize) -> Vec<Vec<usize>> {
    let sets = 0u32..1 << all;
    let of = |set: u32| (0..all).filter(|place| set >> place & 1 == 1).collect::<Vec<_>>();
    sets.filter(|set| set.count_ones() as usize == count).map(of).collect()
}

#[test]
fn a6_any_t_shares_open_and_fewer_do_not() {
    let key = fresh();
    let values = [0, 1, -1, 77, i64::MAX, i64::MIN, -5, 9, 10];
    for kernel in Kernel::all() {
        let scheme = scheme(&key, kernel);
        let expected = scheme.of_signed(&values);
        let ciphertexts = encrypt(&scheme, &values);
        for (t, n) in [(2, 2), (2, 3), (3, 3), (2, 5), (3, 5), (5, 5)] {
            let shares = deal(&key, quorum(t, n)).expect("random numbers");
            assert_eq!(shares.iter().map(KeyShare::index).collect::<Vec<_>>(), (1..=n).collect::<Vec<_>>());
            let all = parts(&scheme, &shares, &ciphertexts);
            for places in choices(n as usize, t as usize) {
                let found = join(&scheme, quorum(t, n), &all, &places);
                assert!(found.is_ok_and(|found| found == expected), "{kernel:?}, {t} of {n}: {places:?}");
                let error = join(&scheme, quorum(t, n), &all, &places[1..]).map(|_| ()).expect_err("one too few");
                let too_few = PaillierError::shape("parts of a decryption", t, t - 1);
                assert_eq!(error, too_few);
            }
            // Who pretends that one share less is enough finds nothing.
            if t > 2 {
                let places: Vec<usize> = (0..t as usize - 1).collect();
                let error = join(&scheme, quorum(t - 1, n), &all, &places).map(|_| ()).expect_err("one too few");
                assert_eq!(error, PaillierError::Parts { index: 0 });
            }
        }
    }
}

#[test]
fn a6_shares_of_2_to_16_parties_open() {
    let key = fresh();
    let scheme = scheme(&key, Kernel::all()[0]);
    let expected = scheme.of_signed(&[-3, 4]);
    let ciphertexts = encrypt(&scheme, &[-3, 4]);
    for n in 2..=16u32 {
        let t = (n / 2 + 1).max(2);
        let shares = deal(&key, quorum(t, n)).expect("random numbers");
        let all = parts(&scheme, &shares, &ciphertexts);
        let (first, last): (Vec<usize>, Vec<usize>) =
            ((0..t as usize).collect(), ((n - t) as usize..n as usize).collect());
        let spread: Vec<usize> = (0..n as usize).step_by(2).chain((1..n as usize).step_by(2)).collect();
        for places in [first, last.into_iter().rev().collect(), spread] {
            let found = join(&scheme, quorum(t, n), &all, &places);
            assert!(found.is_ok_and(|found| found == expected), "{t} of {n}: {places:?}");
        }
    }
}

#[test]
fn a6_shares_open_sums_at_2048_bits() {
    let key = generate_to_share(2048, Sizes::Real).expect("random numbers");
    let scheme = scheme(&key, Kernel::all()[0]);
    let mut sum = encrypt(&scheme, &[40, -1]);
    scheme.add(&mut sum, &encrypt(&scheme, &[2, -2])).expect("as many");
    let all = parts(&scheme, &deal(&key, quorum(2, 3)).expect("random numbers"), &sum);
    let found = join(&scheme, quorum(2, 3), &all, &[2, 0]).expect("two parts");
    assert!(found == scheme.of_signed(&[42, -3]));
}

#[test]
fn a6_parts_that_do_not_belong_together_are_refused() {
    let key = fresh();
    let scheme = scheme(&key, Kernel::all()[0]);
    let quorum = quorum(2, 3);
    let values: Vec<i64> = (0..11).collect();
    let ciphertexts = encrypt(&scheme, &values);
    let (first, second) = (deal(&key, quorum).expect("random"), deal(&key, quorum).expect("random"));
    let (ours, theirs) = (parts(&scheme, &first, &ciphertexts), parts(&scheme, &second, &ciphertexts));
    let refused = |parts: &[(u32, &Ciphertexts)]| combine(&scheme, quorum, parts).map(|_| ()).expect_err("refused");
    assert_eq!(refused(&[(1, &ours[0].1), (2, &theirs[1].1)]), PaillierError::Parts { index: 0 }, "two dealings");
    assert_eq!(refused(&[(1, &ours[0].1), (2, &ours[2].1)]), PaillierError::Parts { index: 0 }, "a wrong index");
    // One ciphertext of the sum is another.
    let mut other = scheme.to_bytes(&ciphertexts).expect("ours");
    let size = key.public().ciphertext_bytes();
    let last = encrypt(&scheme, &[10]);
    other[10 * size..].copy_from_slice(&scheme.to_bytes(&last).expect("ours"));
    let other = parts(&scheme, &first, &scheme.from_bytes(&other).expect("ciphertexts"));
    assert_eq!(refused(&[(1, &ours[0].1), (2, &other[1].1)]), PaillierError::Parts { index: 10 });
    let text = |parts: &[(u32, &Ciphertexts)]| refused(parts).to_string();
    assert_eq!(text(&[]), "parts of a decryption: expected 2, got 0");
    assert_eq!(text(&[(1, &ours[0].1), (1, &ours[0].1)]), "parts: expected one a share, got two of share 1");
    assert_eq!(text(&[(1, &ours[0].1), (4, &ours[1].1)]), "index of a part: expected 1 to 3, got 4");
    assert_eq!(text(&[(1, &ours[0].1), (0, &ours[1].1)]), "index of a part: expected 1 to 3, got 0");
    assert_eq!(text(&[(1, &ours[0].1), (2, &last)]), "ciphertexts of a part: expected 11, got 1");
    assert!(Opener::new(&scheme, &deal(&fresh(), quorum).expect("random")[0]).is_err(), "another key");
}

#[test]
fn a6_keys_and_quorums_that_cannot_be_shared_are_refused() {
    // 3 divides p - 1 or q - 1 of this one.
    let error = deal(&key(512), quorum(2, 3)).map(|_| ()).expect_err("small factors").to_string();
    assert!(
        error.ends_with("p - 1 or q - 1 has an odd factor up to 16, so that it cannot be cut into shares"),
        "{error}"
    );
    let refused = |t, n| Quorum::new(t, n).expect_err("refused").to_string();
    assert_eq!(refused(1, 3), "threshold of a shared key: expected 2 to 3, got 1");
    assert_eq!(refused(4, 3), "threshold of a shared key: expected 2 to 3, got 4");
    assert_eq!(refused(2, 1), "parties of a shared key: expected 2 to 16, got 1");
    assert_eq!(refused(2, 17), "parties of a shared key: expected 2 to 16, got 17");
}

#[test]
fn a6b_shares_are_read_strictly() {
    let key = fresh();
    let shares = deal(&key, quorum(2, 3)).expect("random numbers");
    let good = shares[1].to_text();
    let read = KeyShare::from_text(&good, SMALL).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!((read.index(), read.quorum(), read.public()), (2, quorum(2, 3), key.public()));
    assert_eq!(*read.to_text(), *good);
    let refused = |text: &str| KeyShare::from_text(text, SMALL).map(|_| ()).expect_err("refused").to_string();
    let secret = good.lines().find_map(|line| line.strip_prefix("share = \"")).expect("a line").to_owned();
    // Every digit of every line counts.
    for (at, letter) in good.char_indices() {
        if letter.is_ascii_hexdigit() {
            let other = if letter == '1' { '2' } else { '1' };
            let error = refused(&format!("{}{other}{}", &good[..at], &good[at + 1..]));
            assert!(!error.contains(&secret[8..24]), "a secret is in {error}");
        }
    }
    for end in 0..good.len() {
        refused(&good[..end]);
    }
    refused(&format!("{}\n", *good));
    refused(&format!("{}x = 1\n", *good));
    assert!(KeyShare::from_text(&good, Sizes::Real).is_err(), "too small outside of tests");
    assert!(KeyShare::from_text(&key.to_text(), SMALL).is_err(), "a private key");
    assert!(PrivateKey::from_text(&good, SMALL).is_err(), "a share");
}

/// With a right check line, the numbers themselves are refused.
#[test]
fn a6b_shares_with_wrong_numbers_are_refused() {
    use sha2::{Digest, Sha256};
    let key = fresh();
    let good = deal(&key, quorum(2, 3)).expect("random numbers").remove(0).to_text();
    let with = |from: &str, to: &str| {
        let body: String = good.replacen(from, to, 1).lines().take(8).flat_map(|line| [line, "\n"]).collect();
        let digest: Vec<String> = Sha256::digest(body.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
        let digest = digest.concat();
        let text = format!("{body}check = \"{digest}\"\n");
        KeyShare::from_text(&text, SMALL).map(|_| ()).map_err(|error| error.to_string())
    };
    assert_eq!(with("", ""), Ok(()));
    let error = |from: &str, to: &str| with(from, to).expect_err("refused");
    assert_eq!(error("index = 1", "index = 4"), "index of a key share: expected 1 to 3, got 4");
    assert_eq!(error("index = 1", "index = 0"), "index of a key share: expected 1 to 3, got 0");
    assert_eq!(error("index = 1", "index = -1"), "line 7: index is not a number");
    assert_eq!(error("index = 1", "index = 01"), "line 7: index is not a number");
    assert_eq!(error("threshold = 2", "threshold = 4"), "threshold of a shared key: expected 2 to 3, got 4");
    assert_eq!(error("parties = 3", "parties = 99"), "parties of a shared key: expected 2 to 16, got 99");
    let line = good.lines().nth(7).expect("the share").to_owned();
    let zero = format!("share = \"{}\"", "0".repeat(256));
    let large = format!("share = \"{}\"", "f".repeat(256));
    for bad in [zero, large] {
        assert_eq!(error(&line, &bad), "not a Paillier key: a share that is zero or not below n^2");
    }
}
