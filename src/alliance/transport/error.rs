//! What can go wrong between the processes.

use std::path::PathBuf;

use crate::alliance::AllianceError;
use crate::artifact::ArtifactError;

/// An error of the transport.
#[derive(Debug, thiserror::Error)]
pub enum TransportError {
    /// A certificate or key that cannot be used.
    #[error("{}: {reason}", path.display())]
    Credentials {
        /// The file.
        path: PathBuf,
        /// What was expected and what came.
        reason: String,
    },
    /// A certificate that cannot be made.
    #[error("certificate of `{name}`: {reason}")]
    Certificate {
        /// Whose.
        name: String,
        /// Why not.
        reason: String,
    },
    /// An address that is none.
    #[error("address `{address}`: {reason}")]
    Address {
        /// What came.
        address: String,
        /// What was expected.
        reason: String,
    },
    /// The server cannot listen, or the runtime cannot be made.
    #[error("network: {0}")]
    Network(String),
    /// The other side refuses to talk.
    #[error("the server does not talk to this party: {0}")]
    Refused(String),
    /// Nobody answered for too long.
    #[error("no answer for {seconds} s, the last fault: {reason}")]
    Silent {
        /// How long.
        seconds: u64,
        /// What happened last.
        reason: String,
    },
    /// The alliance stopped.
    #[error("the alliance stopped: {0}")]
    Stopped(String),
    /// Somebody wants to end it; what is done is kept.
    #[error("interrupted; what is done is kept")]
    Interrupted,
    /// The round machine.
    #[error(transparent)]
    Alliance(#[from] AllianceError),
    /// A file.
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
}
