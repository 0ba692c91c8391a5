//! A contact as a vCard: 3.0 (RFC 2426), which every address book reads, and 4.0 (RFC 6350).

use super::seller::Contact;

/// Octets of a line, its CRLF not counted, after which it is folded.
const LINE_OCTETS_MAX: usize = 75;

/// The form of a vCard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VcardVersion {
    /// RFC 2426.
    V3,
    /// RFC 6350.
    V4,
}

/// `contact` as a vCard, with CRLF line ends.
///
/// A name is not taken apart into family and given name (no rule does that for every language): it stands whole in the
/// first component of `N`, and in `FN`, which is what address books show.
pub fn vcard(contact: &Contact, version: VcardVersion) -> String {
    let mut out = begin(contact, version);
    if let Some(address) = &contact.address {
        let tag = typed("ADR", "WORK", version);
        line(&mut out, &tag, &format!(";;{};;;;", escape(address.as_str())));
    }
    out.push_str("END:VCARD\r\n");
    out
}

/// The vCard 3.0 without the postal address: a QR code of it stays coarse enough for a phone's camera.
pub fn vcard_short(contact: &Contact) -> String {
    let mut out = begin(contact, VcardVersion::V3);
    out.push_str("END:VCARD\r\n");
    out
}

fn begin(contact: &Contact, version: VcardVersion) -> String {
    let mut out = String::with_capacity(512);
    let name = escape(contact.name.as_str());
    line(&mut out, "BEGIN", "VCARD");
    line(&mut out, "VERSION", if version == VcardVersion::V3 { "3.0" } else { "4.0" });
    line(&mut out, "N", &format!("{name};;;;"));
    line(&mut out, "FN", &name);
    if let Some(organisation) = &contact.organisation {
        line(&mut out, "ORG", &escape(organisation.as_str()));
    }
    if let Some(title) = &contact.title {
        line(&mut out, "TITLE", &escape(title.as_str()));
    }
    if let Some(phone) = &contact.phone {
        line(&mut out, &typed("TEL", "WORK", version), &escape(phone.as_str()));
    }
    if let Some(email) = &contact.email {
        line(&mut out, &typed("EMAIL", "INTERNET", version), &escape(email.as_str()));
    }
    if let Some(site) = &contact.site {
        // An address is no text: its commas and semicolons stay as they are.
        line(&mut out, "URL", site.as_str());
    }
    out
}

/// `property` with its type; version 4.0 knows `work` for all of them and no `INTERNET`.
fn typed(property: &str, kind: &str, version: VcardVersion) -> String {
    match version {
        VcardVersion::V3 => format!("{property};TYPE={kind}"),
        VcardVersion::V4 => format!("{property};TYPE=work"),
    }
}

/// The backslash goes first: the others add backslashes of their own.
fn escape(text: &str) -> String {
    text.replace('\\', "\\\\").replace('\n', "\\n").replace(',', "\\,").replace(';', "\\;")
}

/// Appends `name:value`, folded: a line that goes on begins with a space, and no character is cut.
fn line(out: &mut String, name: &str, value: &str) {
    let mut used = 0;
    for c in name.chars().chain([':']).chain(value.chars()) {
        if used + c.len_utf8() > LINE_OCTETS_MAX {
            out.push_str("\r\n ");
            used = 1;
        }
        out.push(c);
        used += c.len_utf8();
    }
    out.push_str("\r\n");
}
