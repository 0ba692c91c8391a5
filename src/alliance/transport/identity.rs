//! Certificates and keys from files, and the name that a certificate is for.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use tonic::transport::{Certificate, Identity};
use webpki::EndEntityCert;
use zeroize::Zeroizing;

use super::TransportError;
use crate::paillier::KeyFileError;
use crate::paillier::key::refuse_if_shared;

/// The largest certificate or key file that is read.
const BYTES_MAX: u64 = 1 << 20;

/// What a process shows and whom it believes: files in PEM form.
#[derive(Debug, Clone)]
pub struct Credentials {
    /// The certificate of the alliance's authority.
    pub authority: PathBuf,
    /// The process's own certificate.
    pub certificate: PathBuf,
    /// Its private key, for its owner alone.
    pub key: PathBuf,
}

impl Credentials {
    pub(super) fn authority(&self) -> Result<Certificate, TransportError> {
        Ok(Certificate::from_pem(pem(&self.authority, "CERTIFICATE", false)?.as_slice()))
    }

    pub(super) fn identity(&self) -> Result<Identity, TransportError> {
        let certificate = pem(&self.certificate, "CERTIFICATE", false)?;
        let key = pem(&self.key, "PRIVATE KEY", true)?;
        Ok(Identity::from_pem(certificate.as_slice(), key.as_slice()))
    }
}

fn pem(path: &Path, kind: &str, secret: bool) -> Result<Zeroizing<Vec<u8>>, TransportError> {
    let wrong = |reason: String| TransportError::Credentials { path: path.to_owned(), reason };
    let file = File::open(path).map_err(|e| wrong(e.to_string()))?;
    if secret {
        refuse_if_shared(&file, path).map_err(|error| match error {
            KeyFileError::Shared { mode, .. } => {
                wrong(format!("others may use it (mode {mode:03o}), expected mode 600"))
            }
            other => wrong(other.to_string()),
        })?;
    }
    let mut bytes = Zeroizing::new(Vec::with_capacity(1 << 14));
    file.take(BYTES_MAX).read_to_end(&mut bytes).map_err(|e| wrong(e.to_string()))?;
    let found = std::str::from_utf8(&bytes).is_ok_and(|text| text.contains(&format!("{kind}-----")));
    if found { Ok(bytes) } else { Err(wrong(format!("expected a {} in PEM form", kind.to_lowercase()))) }
}

/// The place, among some names, of the one that a certificate is for.
pub(super) fn place_of(certificate: &[u8], place: impl Fn(&str) -> Option<usize>) -> Option<usize> {
    let der = certificate.into();
    let certificate = EndEntityCert::try_from(&der).ok()?;
    certificate.valid_dns_names().find_map(place)
}
