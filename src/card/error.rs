//! What a card refuses.

/// A card's part that makes no sense, or a card that came out too large.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CardError {
    /// A text that must be there is blank.
    #[error("{field}: expected a text, found none")]
    Blank {
        /// Where.
        field: String,
    },
    /// A text that is too long for a card.
    #[error("{field}: expected at most {limit} characters, found {found}")]
    Long {
        /// Where.
        field: String,
        /// How many would do.
        limit: usize,
        /// How many came.
        found: usize,
    },
    /// An address that a card must not link to.
    #[error("{field}: expected {expected}, found `{found}`")]
    Form {
        /// Where.
        field: String,
        /// What would do.
        expected: &'static str,
        /// The beginning of what came.
        found: String,
    },
    /// A seller whom nobody can reach.
    #[error("seller.contact: expected a phone, an e-mail or a site, found none of them")]
    Unreachable,
    /// Too many questions.
    #[error("offer.questions: expected at most {limit}, found {found}")]
    Questions {
        /// How many would do.
        limit: usize,
        /// How many came.
        found: usize,
    },
    /// A QR code that no phone would read from a card.
    #[error(
        "seller.qr: expected at most {limit} bytes in the code, found {found}: shorten the contact, or set qr to `site` or `none`"
    )]
    QrLong {
        /// How many bytes would do.
        limit: usize,
        /// How many came.
        found: usize,
    },
    /// A QR code of a site that is not given.
    #[error("seller.qr: expected seller.contact.site for a code of the site, found none")]
    QrSite,
    /// A table of wordings that cannot be read.
    #[error("wordings: {message}")]
    Wordings {
        /// What is wrong, and where.
        message: String,
    },
    /// A template that did not render.
    #[error("card: expected the template to render, found: {message}")]
    Template {
        /// What it said.
        message: String,
    },
    /// A finished card beyond the limit.
    #[error("card: expected at most {limit} bytes, found {found}: shorten the questions and answers")]
    Size {
        /// How many bytes a card may have.
        limit: usize,
        /// How many it has.
        found: usize,
    },
}
