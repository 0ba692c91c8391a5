//! What can go wrong with keys, plaintexts and ciphertexts. No message holds a secret number.

use std::fmt::{Display, Write};
use std::path::PathBuf;

use crate::artifact::ArtifactError;

/// An error of the Paillier module.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum PaillierError {
    /// A key file's text is not what it should be.
    #[error("line {line}: {reason}")]
    Text {
        /// The line, from 1.
        line: usize,
        /// What was expected and what came.
        reason: String,
    },
    /// The numbers of a key do not make one.
    #[error("not a Paillier key: {0}")]
    Key(String),
    /// A plaintext that is not below n.
    #[error("plaintext {index} is not below n")]
    Plaintext {
        /// Its place in the batch, from 0.
        index: usize,
    },
    /// A ciphertext that cannot be one.
    #[error("ciphertext {index}: {reason}")]
    Ciphertext {
        /// Its place in the batch, from 0.
        index: usize,
        /// Why not.
        reason: &'static str,
    },
    /// Parts of a decryption that do not belong together.
    #[error("the parts of plaintext {index} do not fit together: one is wrong, or of another key or another sum")]
    Parts {
        /// Its place in the batch, from 0.
        index: usize,
    },
    /// A batch that does not fit its key or its partner.
    #[error("{what}: expected {expected}, got {got}")]
    Shape {
        /// What does not fit.
        what: &'static str,
        /// What should have come.
        expected: String,
        /// What came.
        got: String,
    },
    /// The operating system gave no random numbers.
    #[error("the operating system's random numbers: {0}")]
    Random(String),
    /// No such kernel.
    #[error("NIGHTLOOM_PAILLIER_OFF: {0}")]
    Kernel(String),
    /// A kernel's results differ from the independent implementation's.
    #[error("the kernel `{kernel}` failed its self-test: {reason}; NIGHTLOOM_PAILLIER_OFF={kernel} switches it off")]
    SelfTest {
        /// The kernel.
        kernel: &'static str,
        /// What differed.
        reason: String,
    },
}

impl PaillierError {
    /// Something that has another size than its partner.
    pub fn shape(what: &'static str, expected: impl Display, got: impl Display) -> Self {
        Self::Shape { what, expected: format!("{expected}"), got: format!("{got}") }
    }

    /// A key that is none.
    pub fn key(reason: impl Into<String>) -> Self {
        Self::Key(reason.into())
    }
}

/// What can be wrong with a key file.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// It cannot be read.
    #[error(transparent)]
    File(#[from] ArtifactError),
    /// It holds no key.
    #[error("{}: {reason}", path.display())]
    Key {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: PaillierError,
    },
    /// Others than its owner may read or write it.
    #[error("{}: a secret key that others may use (mode {mode:03o}), expected mode 600; if nobody did, `chmod 600` it", path.display())]
    Shared {
        /// The file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// Another kind of key than the one that is needed.
    #[error("{}: expected a {expected}, got a {got}", path.display())]
    Kind {
        /// The file.
        path: PathBuf,
        /// What is needed.
        expected: &'static str,
        /// What came.
        got: &'static str,
    },
}

/// Bytes as hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        // Writing into a String cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}
