//! The seller's side of a card: contact, chat, face. Checked once, shared by all of the seller's cards.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::vcard::{VcardVersion, vcard, vcard_short};
use super::{CardError, Colours, Email, Face, Phone, QrCode, Text, WebUrl};

/// How somebody reaches the seller, as data.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawContact {
    /// The seller's name.
    pub name: String,
    /// The company.
    #[serde(default)]
    pub organisation: Option<String>,
    /// The seller's position.
    #[serde(default)]
    pub title: Option<String>,
    /// A phone number.
    #[serde(default)]
    pub phone: Option<String>,
    /// An e-mail address.
    #[serde(default)]
    pub email: Option<String>,
    /// The company's site.
    #[serde(default)]
    pub site: Option<String>,
    /// The postal address.
    #[serde(default)]
    pub address: Option<String>,
}

/// What a card's QR code holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum QrContent {
    /// The contact as a vCard, without the postal address.
    #[default]
    Contact,
    /// The address of the site.
    Site,
    /// No code.
    None,
}

/// The seller's side of a card, as data.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawSeller {
    /// How to reach the seller.
    pub contact: RawContact,
    /// Where the seller chats.
    #[serde(default)]
    pub chat: Option<String>,
    /// The face that speaks.
    #[serde(default)]
    pub face: Face,
    /// What the QR code holds.
    #[serde(default)]
    pub qr: QrContent,
}

/// A checked contact: a name, and at least one way to reach it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contact {
    /// The seller's name.
    pub name: Text,
    /// The company.
    pub organisation: Option<Text>,
    /// The seller's position.
    pub title: Option<Text>,
    /// A phone number.
    pub phone: Option<Phone>,
    /// An e-mail address.
    pub email: Option<Email>,
    /// The company's site.
    pub site: Option<WebUrl>,
    /// The postal address.
    pub address: Option<Text>,
}

/// A checked seller, with all that is the same on each of the seller's cards made once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seller {
    /// How to reach the seller.
    pub contact: Contact,
    /// Where the seller chats.
    pub chat: Option<WebUrl>,
    /// The face that speaks.
    pub face: Face,
    /// The QR code.
    pub qr: Option<SellerQr>,
    pub(super) colours: Colours,
    pub(super) vcard_3: String,
    pub(super) vcard_4: String,
    pub(super) file: String,
}

/// A seller's QR code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SellerQr {
    /// The code.
    pub code: QrCode,
    /// Whether it holds the site's address; otherwise it holds the contact.
    pub of_site: bool,
}

impl RawContact {
    /// Checks every part.
    ///
    /// # Errors
    /// [`CardError`] names the field.
    pub fn check(&self) -> Result<Contact, CardError> {
        let text = |field: &str, raw: &Option<String>, limit| {
            Text::check_option(format_args!("seller.contact.{field}"), raw.as_deref(), limit)
        };
        let contact = Contact {
            name: Text::check("seller.contact.name", &self.name, 80)?,
            organisation: text("organisation", &self.organisation, 100)?,
            title: text("title", &self.title, 80)?,
            phone: given(self.phone.as_ref()).map(|raw| Phone::check("seller.contact.phone", raw)).transpose()?,
            email: given(self.email.as_ref()).map(|raw| Email::check("seller.contact.email", raw)).transpose()?,
            site: WebUrl::check_option("seller.contact.site", self.site.as_deref())?,
            address: text("address", &self.address, 200)?,
        };
        let reachable = contact.phone.is_some() || contact.email.is_some() || contact.site.is_some();
        if reachable { Ok(contact) } else { Err(CardError::Unreachable) }
    }
}

impl RawSeller {
    /// Checks every part and makes the vCards and the QR code.
    ///
    /// # Errors
    /// [`CardError`] names the field.
    pub fn check(&self) -> Result<Seller, CardError> {
        let contact = self.contact.check()?;
        let qr = match self.qr {
            QrContent::Contact => Some(SellerQr { code: QrCode::new(&vcard_short(&contact))?, of_site: false }),
            QrContent::Site => {
                let site = contact.site.as_ref().ok_or(CardError::QrSite)?;
                Some(SellerQr { code: QrCode::new(site.as_str())?, of_site: true })
            }
            QrContent::None => None,
        };
        Ok(Seller {
            chat: WebUrl::check_option("seller.chat", self.chat.as_deref())?,
            face: self.face,
            colours: self.face.colours(),
            qr,
            vcard_3: download(&contact, VcardVersion::V3),
            vcard_4: download(&contact, VcardVersion::V4),
            file: file_name(&contact),
            contact,
        })
    }
}

fn given(raw: Option<&String>) -> Option<&str> {
    raw.map(String::as_str).filter(|raw| !raw.trim().is_empty())
}

/// A link that holds the vCard itself. Base64, because percent signs would triple what is not ASCII.
fn download(contact: &Contact, version: VcardVersion) -> String {
    let mut out = String::from("data:text/vcard;charset=utf-8;base64,");
    STANDARD.encode_string(vcard(contact, version), &mut out);
    out
}

/// The name under which a browser saves the contact: letters and digits of any script, dashes for the rest.
fn file_name(contact: &Contact) -> String {
    let words = contact.name.as_str().split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    let stem = words.collect::<Vec<_>>().join("-");
    if stem.is_empty() { "contact.vcf".to_owned() } else { format!("{stem}.vcf") }
}
