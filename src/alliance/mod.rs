//! Companies that train together and reveal nothing (A1 to A14): the rounds as two state machines without a transport.
//!
//! # Who does what
//!
//! ```text
//!  party                                    server (holds the public key only)
//!    Poll round r          ------------->     what is missing?
//!                          <-------------     Status
//!    train, clip, quantise,
//!    pack, encrypt
//!    Upload                ------------->     check, journal, multiply into the sum
//!                          <-------------     Taken
//!    Poll                  ------------->     all came, or the deadline passed with a quorum
//!                          <-------------     Sum
//!    (Share, Poll, Shares: only where several must join to open it)
//!    open, check the weight slot and the
//!    canaries, move the model
//!    Applied (the model's hash) -------->     a quorum of equal hashes opens round r + 1
//! ```
//!
//! # A transport
//!
//! Everything is bytes in, bytes out, and time comes in as milliseconds. All calls are short but the local training inside
//! of [`Party::step`]; nothing here waits or sleeps.
//!
//! * **Server.** [`Server::open`] makes or resumes the state in a folder. For each request of an authenticated party call
//!   [`Server::handle`] with the party's place in the plan ([`Plan::place`] of the name in its certificate), the bytes
//!   and the time; send back what it returns. A refusal is an answer too; an `Err` means that the server itself cannot go
//!   on (a full disk). Call [`Server::tick`] every so often: deadlines pass there. No request is longer than
//!   [`Plan::upload_bytes`]; do not read on. Answers are at most [`Server::answer_bytes_max`] long.
//! * **Party.** Once: send [`hello`], and read the plan by [`Plan::from_terms`] out of the answer's [`wire::Terms`]; show
//!   it, check it against what was agreed upon. Then [`Party::open`], and in a loop [`Party::step`]:
//!   [`Step::Send`] gives bytes to be sent, whose answer goes to [`Party::answer`]; [`Step::Wait`] means to ask again
//!   after a pause; [`Step::Done`] ends it. If a connection breaks, call [`Party::lost`], and step again: everything may
//!   be sent any number of times.
//!
//! Both sides may be killed at any moment and opened again on the same folder: the server resumes at the round it was in,
//! a party sends the same bytes again. [`simulate`] is such a transport within one process.
//!
//! # Modes
//!
//! [`Opener`] is what opens a sum: [`SharedKey`], or a key of which each party has a share.

pub mod adoption;
pub mod association;
mod error;
pub mod local;
mod opener;
mod party;
mod plan;
pub mod privacy;
pub mod quantise;
mod server;
mod shares;
pub mod simulate;
pub mod stationarity;
pub mod terms;
pub mod threat;
pub mod transport;
pub mod trend;
mod update;
pub mod wire;

#[cfg(test)]
pub(crate) mod tests;

pub use error::{AllianceError, Refusal, RefusalCode};
pub use local::Trainer;
pub use opener::{Opener, SharedKey};
pub use party::{Party, PartyParts, RoundFacts, Step, hello};
pub use plan::{Plan, bytes_of, hash, hash_text, model_hash, weights_of};
pub use server::{Heard, Server, ServerPhase};
pub use shares::KeyShares;
pub use terms::RawPlan;
pub use update::ModelState;

/// A SHA-256.
pub type Hash = [u8; 32];

/// Most parties of an alliance.
pub const PARTIES_MAX: usize = 1024;
