//! Server and parties as separate processes: gRPC with mutual TLS (A13).
//!
//! One service, two calls, each a message of [`wire`](super::wire) for another. What the messages say is no affair of the
//! transport, which sees to these things:
//!
//! * **Who speaks.** Both sides show certificates of the alliance's own authority. A party's carries its name in the plan
//!   as a DNS name; nothing in a message can claim another.
//! * **How much.** `Ask` takes short messages, `Send` takes one upload's length and not a byte more. Lengths are refused
//!   before anything is read by them.
//! * **How long.** A request must be there, and its answer read, within a deadline. Only so many requests are under way
//!   at once, which bounds the server's memory whatever the number of parties.
//! * **Again.** What breaks is said again after a pause, with more time between tries: every message may come twice.
//!
//! ```proto
//! syntax = "proto3";
//! package nightloom.alliance.v1;
//! message Frame { bytes body = 1; }
//! service Alliance {
//!   rpc Ask(Frame) returns (Frame);
//!   rpc Send(Frame) returns (Frame);
//! }
//! ```
//!
//! That is all there is, so nothing is generated: `frame` writes and reads the one message.

mod answer;
pub mod certificates;
mod client;
mod error;
mod frame;
mod identity;
mod server;

#[cfg(test)]
mod tests;

pub use client::{JoinSettings, Link, join};
pub use error::TransportError;
pub use identity::Credentials;
pub use server::{ServeSettings, serve};

use std::time::Duration;

/// The call for short messages.
const ASK: &str = "/nightloom.alliance.v1.Alliance/Ask";
/// The call for uploads and shares.
const SEND: &str = "/nightloom.alliance.v1.Alliance/Send";
/// The most bytes of a short message.
pub const ASK_BYTES_MAX: usize = 1 << 16;
/// How long a request or its answer may take, unless settings say otherwise.
pub const DEADLINE: Duration = Duration::from_mins(2);

#[cfg(test)]
mod limits {
    /// Whatever a party says without being asked for ciphertexts is short.
    #[test]
    fn a13_short_messages_are_short() {
        use crate::alliance::wire::{Message, Objection};
        let reason = "x".repeat(4096);
        let objection = Message::Objection(Objection { plan: [0; 32], round: 0, reason: &reason }).encode();
        assert!(objection.len() < super::ASK_BYTES_MAX);
    }
}
