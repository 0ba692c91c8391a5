//! What parties and server say to each other, as bytes (A13).
//!
//! ```text
//! message = "NLAL", version (u16), kind (u8), body, SHA-256 of all that stands before it
//! ```
//!
//! Numbers stand with their lowest byte first. Ciphertexts, and all else whose length the plan fixes, fill the rest of a
//! message: no length is claimed, so none can lie. Decoders read slices, allocate nothing by a number that came over the
//! wire, and never panic.

mod codec;
mod message;

pub(in crate::alliance) use codec::{Reader, Writer};
pub use message::{
    Applied, Hello, Message, Objection, Phase, Poll, Refused, Share, Shares, Status, Sum, Taken, Terms, Upload, Wanted,
    name_of,
};

/// The protocol's version: messages of another are refused.
pub const VERSION: u16 = 1;

const MAGIC: [u8; 4] = *b"NLAL";

/// Bytes of a message around its body.
pub const FRAME_BYTES: usize = MAGIC.len() + 2 + 1 + codec::SEAL;

/// The SHA-256 that ends a message: two messages are the same if theirs are.
pub fn seal_of(message: &[u8]) -> super::Hash {
    let end = message.len().saturating_sub(codec::SEAL);
    message[end..].try_into().unwrap_or_default()
}

/// Why bytes are no message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// It ends too early.
    #[error("{what}: expected {needed} bytes, {left} are left")]
    Short {
        /// What was to be read.
        what: &'static str,
        /// Its length.
        needed: usize,
        /// What there is.
        left: usize,
    },
    /// It goes on behind its end.
    #[error("expected the message's end, {left} bytes are left")]
    Long {
        /// How many.
        left: usize,
    },
    /// It does not begin as messages do.
    #[error("expected a message of an alliance")]
    Magic,
    /// Another protocol.
    #[error("expected version {VERSION} of the protocol, got {got}")]
    Version {
        /// Which.
        got: u16,
    },
    /// No such kind.
    #[error("no message is of kind {got}")]
    Kind {
        /// Which.
        got: u8,
    },
    /// The SHA-256 at the end is not that of the message: a bit was changed on the way.
    #[error("the message's SHA-256 is wrong")]
    Seal,
    /// A number that means nothing.
    #[error("{what}: {got} means nothing")]
    Value {
        /// Of what.
        what: &'static str,
        /// Which.
        got: u64,
    },
    /// A text that is no UTF-8.
    #[error("{what}: expected UTF-8")]
    Text {
        /// Which.
        what: &'static str,
    },
}
