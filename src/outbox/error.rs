//! What an outbox refuses.

use std::path::PathBuf;

use crate::artifact::ArtifactError;
use crate::claims::ClaimError;
use crate::ledger::LedgerError;

/// A template, a message or a file that makes no sense, or a ledger that failed.
#[derive(Debug, thiserror::Error)]
pub enum OutboxError {
    /// A template that cannot be read.
    #[error("template of task `{task}`, `{part}`: {reason}")]
    Template {
        /// The task.
        task: String,
        /// `task`, `text`, `link`, `slogan` or `picture`.
        part: &'static str,
        /// What was expected and what came.
        reason: String,
    },
    /// A slot without a value.
    #[error("template of task `{task}`, `{part}`: no value for the slot `{slot}`")]
    MissingSlot {
        /// The task.
        task: String,
        /// `text`, `link`, `slogan` or `picture`.
        part: &'static str,
        /// The slot's name.
        slot: String,
    },
    /// A name that is none, or a score that is no number.
    #[error("draft {place}: `{name}`: expected {expected}, found {found}")]
    Draft {
        /// Which draft, from 1.
        place: usize,
        /// What is wrong.
        name: &'static str,
        /// What would do.
        expected: &'static str,
        /// What came.
        found: String,
    },
    /// No message has this key.
    #[error("message {key}: there is none")]
    Unknown {
        /// The key.
        key: String,
    },
    /// The message is another manager's.
    #[error("message {key}: it is not this manager's")]
    NotYours {
        /// The key.
        key: String,
    },
    /// The message has left or was cancelled.
    #[error("message {key}: expected one that is queued, found one that is {found}")]
    NotQueued {
        /// The key.
        key: String,
        /// What became of it.
        found: &'static str,
    },
    /// An outbox file that is not as the ledger says.
    #[error("{}: {reason}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What was expected and what came.
        reason: String,
    },
    /// Offers that make no sense.
    #[error(transparent)]
    Offers(#[from] ClaimError),
    /// The ledger failed.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The operating system refused.
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
}
