//! Hashes: of files, and of everything that decides a run's results.

use std::fmt::Write as _;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use serde_json::Value;
use sha2::{Digest, Sha256};

/// The SHA-256 of a file in hexadecimal digits, read in pieces, and the file's size.
///
/// # Errors
/// The file cannot be read.
pub fn sha256_file(path: &Path) -> std::io::Result<(String, u64)> {
    const PIECE_BYTES: usize = 1 << 18;
    let mut file = File::open(path)?;
    let mut hasher = Sha256::new();
    let mut piece = vec![0; PIECE_BYTES];
    let mut size_bytes = 0;
    loop {
        let n = file.read(&mut piece)?;
        if n == 0 {
            return Ok((hex(&hasher.finalize()), size_bytes));
        }
        hasher.update(&piece[..n]);
        size_bytes += n as u64;
    }
}

/// The SHA-256 of a JSON value, whatever the order of its objects' keys.
pub(super) fn sha256_json(value: &Value) -> String {
    let mut text = String::new();
    canonical(value, &mut text);
    hex(&Sha256::digest(text.as_bytes()))
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn canonical(value: &Value, out: &mut String) {
    match value {
        Value::Object(object) => {
            let mut entries: Vec<_> = object.iter().collect();
            entries.sort_by_key(|(key, _)| key.as_str());
            out.push('{');
            for (key, inner) in entries {
                let _ = write!(out, "{}:", Value::from(key.as_str()));
                canonical(inner, out);
                out.push(',');
            }
            out.push('}');
        }
        Value::Array(items) => {
            out.push('[');
            for item in items {
                canonical(item, out);
                out.push(',');
            }
            out.push(']');
        }
        leaf => {
            let _ = write!(out, "{leaf}");
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "test input")]
    fn e17_file_hashes_are_sha256() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("abc");
        std::fs::write(&path, "abc").unwrap();
        let want = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(sha256_file(&path).unwrap(), (want.to_owned(), 3));
        let long = vec![7; (1 << 18) + 5];
        std::fs::write(&path, &long).unwrap();
        assert_eq!(sha256_file(&path).unwrap(), (hex(&Sha256::digest(&long)), long.len() as u64));
    }

    #[test]
    fn e17_json_hashes_ignore_the_order_of_keys_only() {
        let hash = |v: Value| sha256_json(&v);
        assert_eq!(hash(json!({"a": 1, "b": [1, 2]})), hash(json!({"b": [1, 2], "a": 1})));
        assert_ne!(hash(json!({"a": [1, 2]})), hash(json!({"a": [2, 1]})));
        assert_ne!(hash(json!({"a": 1})), hash(json!({"a": "1"})));
    }
}
