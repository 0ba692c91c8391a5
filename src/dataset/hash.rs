//! SHA-256 of files, streamed.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use sha2::{Digest, Sha256};

/// The length in bytes and the SHA-256 of a file, as 64 lower-case hexadecimal digits; the file is never held in memory.
///
/// # Errors
/// The file cannot be opened or read.
pub fn sha256_file(path: &Path) -> io::Result<(u64, String)> {
    sha256_reader(File::open(path)?)
}

/// The length in bytes and the SHA-256 of all that `input` gives.
///
/// # Errors
/// Any read error.
pub fn sha256_reader(mut input: impl Read) -> io::Result<(u64, String)> {
    let mut hasher = Sha256::new();
    let mut chunk = vec![0; 1 << 16];
    let mut bytes = 0;
    loop {
        match input.read(&mut chunk) {
            Ok(0) => return Ok((bytes, hex(&hasher.finalize()))),
            Ok(count) => {
                hasher.update(&chunk[..count]);
                bytes += count as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// The SHA-256 of bytes in memory.
pub fn sha256_bytes(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

pub fn hex(digest: &[u8]) -> String {
    digest.iter().fold(String::with_capacity(2 * digest.len()), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn e22_hash_matches_the_published_vectors() {
        // FIPS 180-2, appendix B.
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(sha256_bytes(b"abc"), abc);
        let million = sha256_reader(io::repeat(b'a').take(1_000_000)).unwrap();
        assert_eq!(million.1, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
        assert_eq!(million.0, 1_000_000);
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "test input")]
    fn e17_files_are_hashed_in_pieces() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("long");
        let long = vec![7; (1 << 18) + 5];
        std::fs::write(&path, &long).unwrap();
        assert_eq!(sha256_file(&path).unwrap(), (long.len() as u64, sha256_bytes(&long)));
        let missing = sha256_file(Path::new("/nowhere/at/all")).unwrap_err();
        assert_eq!(missing.kind(), io::ErrorKind::NotFound);
    }
}
