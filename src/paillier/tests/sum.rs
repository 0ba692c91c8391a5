//! Sums straight from the wire are those of batches that were read and added.

use super::{key, scheme};
use crate::paillier::PaillierError;
use crate::paillier::decrypt::Decryptor;
use crate::paillier::encrypt::{Encryptor, Obfuscation};
use crate::paillier::kernel::Kernel;
use crate::paillier::public::Scheme;
use crate::paillier::sum::Sum;

/// A party's bytes.
fn bytes(scheme: &Scheme, values: &[i64]) -> Vec<u8> {
    let encryptor = Encryptor::new(scheme, Obfuscation::ShortExponent).expect("random numbers");
    scheme.to_bytes(&encryptor.encrypt(&scheme.of_signed(values)).expect("below n")).expect("ours")
}

#[test]
fn a5_a_sum_from_the_wire_is_the_sum_of_what_was_read_and_added() {
    let key = key(512);
    for kernel in Kernel::all() {
        let scheme = scheme(&key, kernel);
        for len in [1, 8, 13] {
            let values: Vec<i64> = (0..len).map(|i| 1000 - 300 * i).collect();
            let party = bytes(&scheme, &values);
            for parties in [0i64, 1, 2, 5, 70] {
                let mut sum = Sum::new(&scheme, values.len());
                let mut added = scheme.ones(values.len());
                for _ in 0..parties {
                    sum.read(&scheme, &party).expect("ciphertexts");
                    sum.add(&scheme);
                    scheme.add(&mut added, &scheme.from_bytes(&party).expect("ciphertexts")).expect("as many");
                }
                assert_eq!(sum.parties(), parties as u64);
                let found = scheme.to_bytes(&sum.finish(&scheme)).expect("ours");
                assert_eq!(found, scheme.to_bytes(&added).expect("ours"), "{kernel:?}, {parties} parties, {len}");
                let opened = Decryptor::new(&scheme, &key).expect("the same key").decrypt(&added).expect("ours");
                let expected: Vec<i64> = values.iter().map(|v| v * parties).collect();
                assert!(opened == scheme.of_signed(&expected), "{kernel:?}, {parties} parties, {len}");
            }
        }
    }
}

#[test]
fn a12_a_bad_batch_leaves_the_sum_as_it_was() {
    let key = key(512);
    let size = key.public().ciphertext_bytes();
    for kernel in Kernel::all() {
        let scheme = scheme(&key, kernel);
        let values: Vec<i64> = (0..300).collect();
        let good = bytes(&scheme, &values);
        let mut n = vec![0; size / 2];
        n.extend_from_slice(&key.public().n().to_be_bytes());
        let n_inverse = "it has a factor in common with n";
        let faults = [(vec![0; size], "it is zero"), (vec![0xFF; size], "it is not below n^2"), (n, n_inverse)];
        let mut sum = Sum::new(&scheme, values.len());
        sum.read(&scheme, &good).expect("ciphertexts");
        sum.add(&scheme);
        for (fault, reason) in faults {
            // The later one is in an earlier lane.
            for (first, second) in [(3, 290), (131, 136), (299, 299)] {
                let mut bad = good.clone();
                for place in [first, second] {
                    bad[place * size..(place + 1) * size].copy_from_slice(&fault);
                }
                let expected = Err(PaillierError::Ciphertext { index: first, reason });
                assert_eq!(sum.read(&scheme, &bad), expected, "{kernel:?}");
                assert_eq!(scheme.check_bytes(&bad), expected, "{kernel:?}");
            }
        }
        let error = sum.read(&scheme, &good[size..]).expect_err("one is missing");
        assert_eq!(error.to_string(), "ciphertexts to add: expected 300, got 299");
        assert!(sum.read(&scheme, &good[1..]).is_err());
        assert_eq!(scheme.check_bytes(&good), Ok(()));
        sum.read(&scheme, &good).expect("ciphertexts");
        sum.add(&scheme);
        let sum = sum.finish(&scheme);
        let opened = Decryptor::new(&scheme, &key).expect("the same key").decrypt(&sum).expect("ours");
        let expected: Vec<i64> = values.iter().map(|v| v * 2).collect();
        assert!(opened == scheme.of_signed(&expected), "{kernel:?}");
    }
}
