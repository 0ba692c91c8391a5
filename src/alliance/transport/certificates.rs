//! An authority for an alliance, and certificates by it: for tests, and for alliances that have no authority of their own.

use std::path::Path;

use chrono::{Datelike, Days, NaiveDate, Utc};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    date_time_ymd,
};
use zeroize::Zeroizing;

use super::TransportError;
use crate::artifact::{ensure_folder, write_bytes, write_secret};

/// Makes an authority in a folder, a certificate for a server of some names (host names or addresses), and one for each
/// party. The authority's own key is used here and forgotten: nobody can add a party later.
///
/// # Errors
/// A name that no certificate can carry, or files that are there already or cannot be written.
pub fn make(folder: &Path, servers: &[String], parties: &[String], days: u64) -> Result<(), TransportError> {
    ensure_folder(folder)?;
    let today = Utc::now().date_naive();
    let valid = Validity {
        from: today.checked_sub_days(Days::new(1)).unwrap_or(today),
        to: today.checked_add_days(Days::new(days)).unwrap_or(NaiveDate::MAX),
    };
    let authority = authority(&valid).map_err(|e| of("the authority", &e))?;
    write_bytes(&folder.join("authority.pem"), authority.0.as_bytes())?;
    let issuer = &authority.1;
    one(folder, "server", servers, ExtendedKeyUsagePurpose::ServerAuth, issuer, &valid)?;
    for party in parties {
        let names = std::slice::from_ref(party);
        one(folder, party, names, ExtendedKeyUsagePurpose::ClientAuth, issuer, &valid)?;
    }
    Ok(())
}

struct Validity {
    from: NaiveDate,
    to: NaiveDate,
}

impl Validity {
    fn put(&self, params: &mut CertificateParams) {
        let date = |d: &NaiveDate| date_time_ymd(d.year(), d.month() as u8, d.day() as u8);
        (params.not_before, params.not_after) = (date(&self.from), date(&self.to));
    }
}

fn of(name: &str, error: &rcgen::Error) -> TransportError {
    TransportError::Certificate { name: name.to_owned(), reason: error.to_string() }
}

fn authority(valid: &Validity) -> Result<(String, Issuer<'static, KeyPair>), rcgen::Error> {
    let mut params = CertificateParams::new(vec![])?;
    valid.put(&mut params);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    params.distinguished_name.push(DnType::CommonName, "nightloom alliance");
    let key = KeyPair::generate()?;
    let certificate = params.self_signed(&key)?;
    Ok((certificate.pem(), Issuer::new(params, key)))
}

fn one(
    folder: &Path,
    file: &str,
    names: &[String],
    usage: ExtendedKeyUsagePurpose,
    issuer: &Issuer<'_, KeyPair>,
    valid: &Validity,
) -> Result<(), TransportError> {
    let make = || {
        let mut params = CertificateParams::new(names)?;
        valid.put(&mut params);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![usage];
        params.use_authority_key_identifier_extension = true;
        params.distinguished_name.push(DnType::CommonName, file);
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, issuer)?;
        Ok((certificate.pem(), Zeroizing::new(key.serialize_pem())))
    };
    let (certificate, key) = make().map_err(|e| of(file, &e))?;
    write_secret(&folder.join(format!("{file}.key")), key.as_bytes())?;
    Ok(write_bytes(&folder.join(format!("{file}.pem")), certificate.as_bytes())?)
}
