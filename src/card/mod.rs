//! The smart card (I9): one HTML file a user, which greets by a drawn face, in text and, where there is a voice, aloud.
//!
//! ```text
//! RawSeller --check--> Seller (contact, vCards, QR code: once a seller) --+
//!                                                                         +--> Card --CardTemplate--> HTML
//! RawOffer  --check--> Offer  (language, greeting, product, questions) ---+
//! ```
//!
//! Promises that hold for every card:
//! * It loads nothing: a policy in the page allows its own script and style by their hashes, and nothing else.
//! * Greeting and contact stand in the HTML; a browser without scripts, without WebGL or set to reduced motion shows
//!   them beside a still picture of the same face.
//! * Whatever a text holds, it is shown as text. Templates escape for HTML by default; [`WebUrl`] is the only way to a
//!   link, and data for the script goes through one type that escapes for both JSON and HTML.
//! * It has at most [`CARD_BYTES_MAX`] bytes.
//! * Of the user it holds the greeting, and the display name if one is given: [`Offer`] has no other field for it.
//!
//! The script moves the face only while it speaks. Mouth shapes follow the text: letters of the Latin, Greek and
//! Cyrillic scripts by their vowels and consonants; a character of any other script counts as one syllable whose vowel
//! is taken in turn, because a table of readings would not fit on a card.

mod error;
mod face;
mod json;
mod language;
mod link;
mod offer;
mod qr;
mod seller;
mod template;
mod text;
mod vcard;
mod words;

pub use error::CardError;
pub use face::{Colours, Face};
pub use language::Language;
pub use link::{Email, Phone, WebUrl};
pub use offer::{Card, Offer, Product, Question, RawCard, RawOffer, RawProduct, RawQuestion, check_questions};
pub use qr::QrCode;
pub use seller::{Contact, QrContent, RawContact, RawSeller, Seller, SellerQr};
pub use template::{CARD_BYTES_MAX, CardTemplate};
pub use text::Text;
pub use vcard::{VcardVersion, vcard, vcard_short};
pub use words::{Wordings, Words};

#[cfg(test)]
mod tests;
