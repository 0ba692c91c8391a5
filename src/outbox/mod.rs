//! Messages that leave once (R10).
//!
//! A message is *frozen* in the same transaction as the allocation that it follows from: rendered, with a key that says
//! which task, customer and period it is for. Publishing the same again changes nothing, for the key is there. Until it
//! leaves, its manager may edit it, and an opt-out cancels it.
//!
//! *How it leaves.* The file only grows, and what stands in it never changes:
//!
//! 1. a transaction takes queued messages into a batch and records where in the file it begins and how long it is; from now
//!    on nobody edits or cancels them, so that their bytes follow from the ledger;
//! 2. the batch's bytes are appended and flushed;
//! 3. a transaction records that they are there.
//!
//! A kill in front of 1 leaves nothing to mend; behind it the next export finds the batch, holds what the file has of it
//! against what it should be, appends the rest and goes on at 3. Nothing is cut off that a receiver may have read. Bytes that
//! are none of the batch's are an error and not overwritten. Exports of one file exclude each other by a lock on it.
//!
//! A receiver that reads a file twice, or the restored copy of one, drops repeats by `key`.

mod error;
mod export;
mod queue;
mod template;
#[cfg(test)]
mod tests;

pub use error::OutboxError;
pub use export::Exported;
pub use queue::{Draft, Edit, Message, Outbox, Publication, Published, State};
pub use template::{RawTemplate, Rendered, Template};
