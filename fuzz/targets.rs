//! What each fuzz target does with its input. It says whether the input was accepted; what must hold of accepted ones is
//! asserted, and nothing may panic on any.

use std::path::Path;

use nightloom::alliance::wire::{Message, Terms};
use nightloom::alliance::{Plan, RawPlan};
use nightloom::artifact::{ArtifactError, Journal};
use nightloom::paillier::kernel::Kernel;
use nightloom::paillier::key::{KeyShare, PrivateKey, PublicKey, Sizes};
use nightloom::paillier::public::Scheme;
use sha2::{Digest, Sha256};

const KEY: &str = include_str!("../src/paillier/fixtures/512.key");

/// The longest record of the journals.
const RECORD_MAX: usize = 1 << 16;

/// A message as it comes, and with the SHA-256 that it should have: what is read is written the same way.
pub fn message(data: &[u8]) -> bool {
    // As it comes, it is hardly ever accepted.
    let _ = Message::decode(data);
    let sealed = [data, Sha256::digest(data).as_slice()].concat();
    let Ok(message) = Message::decode(&sealed) else { return false };
    assert_eq!(message.encode(), sealed);
    true
}

/// A plan's text, with a starting model of zeros.
pub fn plan(data: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(data) else { return false };
    let Ok(raw) = serde_json::from_str::<RawPlan>(text) else { return false };
    let Ok(plan) = raw.check() else { return false };
    // A model of any size may be asked for; only small ones are made here.
    if plan.values() > 1 << 16 {
        return true;
    }
    let weights = vec![0; 4 * plan.model().params().iter().map(nightloom::model::ParamInfo::len).sum::<usize>()];
    let (again, _) = Plan::from_terms(&Terms { plan: plan.text(), weights: &weights }).expect("its own text");
    assert_eq!(again.id(), plan.id());
    true
}

/// The text of a key file of any kind: what is read is written the same way.
pub fn key(data: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(data) else { return false };
    let sizes = Sizes::SmallForTests;
    if let Ok(key) = PublicKey::from_text(text, sizes) {
        assert!(key.to_text() == text);
        return true;
    }
    if let Ok(key) = PrivateKey::from_text(text, sizes) {
        assert!(key.to_text().as_str() == text);
        return true;
    }
    if let Ok(share) = KeyShare::from_text(text, sizes) {
        assert!(share.to_text().as_str() == text);
        return true;
    }
    false
}

/// Ciphertexts of a small key: what is read is written the same way.
pub fn ciphertexts(data: &[u8]) -> bool {
    let key = PrivateKey::from_text(KEY, Sizes::SmallForTests).expect("a fixture is a key");
    let scheme = Scheme::new(key.public().clone(), Kernel::all()[0]).expect("a checked key");
    let checked = scheme.check_bytes(data);
    match scheme.from_bytes(data) {
        Ok(read) => {
            assert_eq!(checked, Ok(()));
            assert_eq!(scheme.to_bytes(&read).expect("ours"), data);
            true
        }
        Err(error) => {
            assert_eq!(checked, Err(error));
            false
        }
    }
}

/// A journal's file: once opened, it opens again with the same records and without a loss.
pub fn journal(data: &[u8]) -> bool {
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    std::io::Write::write_all(&mut file.as_file(), data).expect("bytes");
    let Some((records, _)) = records(file.path()) else { return false };
    assert_eq!(self::records(file.path()).expect("it opened before"), (records, 0));
    true
}

fn records(path: &Path) -> Option<(Vec<Vec<u8>>, u64)> {
    let mut records = vec![];
    let opened = Journal::open(path, RECORD_MAX, |record| {
        records.push(record.to_vec());
        Ok::<(), ArtifactError>(())
    });
    opened.ok().map(|(_, torn)| (records, torn))
}
