//! Known answers: `tests/golden/paillier.py` made them with Python's integers.

use serde::Deserialize;

use super::{key, scheme};
use crate::paillier::decrypt::Decryptor;
use crate::paillier::kernel::Kernel;
use crate::paillier::numbers::Numbers;
use crate::paillier::public::{Factors, Scheme};

#[derive(Deserialize)]
struct Case {
    bits: u32,
    plain: Vec<String>,
    cipher: Vec<String>,
    sums_with_next: Vec<String>,
    factors: Vec<i64>,
    multiplied: Vec<String>,
    addends: Vec<String>,
    added: Vec<String>,
}

fn bytes(texts: &[String]) -> Vec<u8> {
    let digits: String = texts.concat();
    (0..digits.len() / 2)
        .map(|i| u8::from_str_radix(&digits[2 * i..2 * i + 2], 16).expect("hexadecimal digits"))
        .collect()
}

fn numbers(scheme: &Scheme, texts: &[String]) -> Numbers {
    let mut out = Numbers::zero(texts.len(), scheme.plaintext_width());
    for (i, text) in texts.iter().enumerate() {
        for (word, digits) in out.get_mut(i).iter_mut().zip(text.as_bytes().rchunks(16)) {
            let digits = std::str::from_utf8(digits).expect("text");
            *word = u64::from_str_radix(digits, 16).expect("hexadecimal digits");
        }
    }
    out
}

#[test]
fn a6b_known_answers() {
    let cases: Vec<Case> = serde_json::from_str(include_str!("../../../tests/golden/paillier.json")).expect("JSON");
    for kernel in Kernel::all() {
        for case in &cases {
            let key = key(case.bits);
            let scheme = scheme(&key, kernel);
            let read = |texts: &[String]| scheme.from_bytes(&bytes(texts)).expect("ciphertexts");
            let ciphertexts = read(&case.cipher);
            assert!(scheme.to_bytes(&ciphertexts).expect("ours") == bytes(&case.cipher));
            let decryptor = Decryptor::new(&scheme, &key).expect("the same key");
            assert!(decryptor.decrypt(&ciphertexts).expect("ours") == numbers(&scheme, &case.plain), "{kernel:?}");

            let mut next = case.cipher.clone();
            next.rotate_left(1);
            let mut sum = ciphertexts.clone();
            scheme.add(&mut sum, &read(&next)).expect("as many");
            assert!(scheme.to_bytes(&sum).expect("ours") == bytes(&case.sums_with_next), "{kernel:?}: sums");

            let mut multiplied = ciphertexts.clone();
            scheme.multiply(&mut multiplied, &Factors::from_i64s(&case.factors)).expect("as many");
            assert!(scheme.to_bytes(&multiplied).expect("ours") == bytes(&case.multiplied), "{kernel:?}: multiples");

            let mut added = ciphertexts.clone();
            scheme.add_plain(&mut added, &numbers(&scheme, &case.addends)).expect("as many");
            assert!(scheme.to_bytes(&added).expect("ours") == bytes(&case.added), "{kernel:?}: sums with plaintexts");
        }
    }
}
