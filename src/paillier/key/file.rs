//! Key files. A private one is for its owner alone.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use zeroize::Zeroizing;

use super::text::{is_private, is_share};
use super::{KeyShare, PrivateKey, PublicKey, Sizes};
use crate::artifact::{ArtifactError, write_bytes, write_secret};
use crate::paillier::{KeyFileError, PaillierError};

/// The largest key file that is read.
const BYTES_MOST: u64 = 1 << 16;

/// A key file's key.
pub enum KeyFile {
    /// A public key.
    Public(PublicKey),
    /// A private key.
    Private(PrivateKey),
    /// A share of a private key.
    Share(KeyShare),
}

impl KeyFile {
    /// Reads and checks a key file of either kind.
    ///
    /// # Errors
    /// If it cannot be read, holds no key, or holds a secret one and others than its owner may read or write it.
    pub fn read(path: &Path, sizes: Sizes) -> Result<Self, KeyFileError> {
        let wrong = |reason: PaillierError| KeyFileError::Key { path: path.to_owned(), reason };
        let (file, text) = text_of(path)?;
        if is_private(&text) {
            refuse_if_shared(&file, path)?;
            return PrivateKey::from_text(&text, sizes).map(Self::Private).map_err(wrong);
        }
        if is_share(&text) {
            refuse_if_shared(&file, path)?;
            return KeyShare::from_text(&text, sizes).map(Self::Share).map_err(wrong);
        }
        PublicKey::from_text(&text, sizes).map(Self::Public).map_err(wrong)
    }

    /// The public key, or the private one's public part.
    pub fn public(&self) -> &PublicKey {
        match self {
            Self::Public(key) => key,
            Self::Private(key) => key.public(),
            Self::Share(share) => share.public(),
        }
    }

    /// `public key`, `private key` or `key share`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Public(_) => "public key",
            Self::Private(_) => "private key",
            Self::Share(_) => "key share",
        }
    }
}

impl PublicKey {
    /// Writes a key file.
    ///
    /// # Errors
    /// Any I/O error.
    pub fn write(&self, path: &Path) -> Result<(), ArtifactError> {
        write_bytes(path, self.to_text().as_bytes())
    }
}

impl PrivateKey {
    /// Writes a key file that only its owner may read.
    ///
    /// # Errors
    /// If the file is there already, or any I/O error.
    pub fn write(&self, path: &Path) -> Result<(), ArtifactError> {
        write_secret(path, self.to_text().as_bytes())
    }

    /// Reads a private key file.
    ///
    /// # Errors
    /// As [`KeyFile::read`], and if it is a public one.
    pub fn read(path: &Path, sizes: Sizes) -> Result<Self, KeyFileError> {
        match KeyFile::read(path, sizes)? {
            KeyFile::Private(key) => Ok(key),
            other => Err(KeyFileError::Kind { path: path.to_owned(), expected: "private key", got: other.kind() }),
        }
    }
}

impl KeyShare {
    /// Writes a file that only its owner may read.
    ///
    /// # Errors
    /// If the file is there already, or any I/O error.
    pub fn write(&self, path: &Path) -> Result<(), ArtifactError> {
        write_secret(path, self.to_text().as_bytes())
    }

    /// Reads a share's file.
    ///
    /// # Errors
    /// As [`KeyFile::read`], and if it is no share.
    pub fn read(path: &Path, sizes: Sizes) -> Result<Self, KeyFileError> {
        match KeyFile::read(path, sizes)? {
            KeyFile::Share(share) => Ok(share),
            other => Err(KeyFileError::Kind { path: path.to_owned(), expected: "key share", got: other.kind() }),
        }
    }
}

fn text_of(path: &Path) -> Result<(File, Zeroizing<String>), KeyFileError> {
    let failed = |e| ArtifactError::io("read", path, e);
    let file = File::open(path).map_err(failed)?;
    let mut bytes = Zeroizing::new(Vec::with_capacity(BYTES_MOST as usize + 1));
    (&file).take(BYTES_MOST + 1).read_to_end(&mut bytes).map_err(failed)?;
    let wrong = |text: &str| KeyFileError::Key { path: path.to_owned(), reason: PaillierError::key(text) };
    if bytes.len() as u64 > BYTES_MOST {
        return Err(wrong("the file is larger than any key"));
    }
    let text = std::str::from_utf8(&bytes).map_err(|_| wrong("the file is not text"))?;
    Ok((file, Zeroizing::new(text.to_owned())))
}

#[cfg(unix)]
pub(crate) fn refuse_if_shared(file: &File, path: &Path) -> Result<(), KeyFileError> {
    use std::os::unix::fs::PermissionsExt;
    let mode = file.metadata().map_err(|e| ArtifactError::io("read the permissions of", path, e))?.permissions().mode();
    let others = mode & 0o077;
    if others == 0 {
        return Ok(());
    }
    Err(KeyFileError::Shared { path: path.to_owned(), mode: mode & 0o777 })
}

#[cfg(not(unix))]
pub(crate) fn refuse_if_shared(_: &File, _: &Path) -> Result<(), KeyFileError> {
    Ok(())
}
