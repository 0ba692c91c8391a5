//! What can end a run.

use std::path::PathBuf;

use crate::artifact::ArtifactError;
use crate::spec::JobErrors;

use super::exit::ExitCode;

/// Any error of another domain.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// What can end a run; each has its exit code.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The job file is wrong.
    #[error(transparent)]
    Job(#[from] JobErrors),
    /// The data is wrong.
    #[error(transparent)]
    Data(BoxError),
    /// The device is not there, cannot do it, or failed.
    #[error(transparent)]
    Device(BoxError),
    /// The work failed, though job, data and device are right (training that diverges).
    #[error(transparent)]
    Work(BoxError),
    /// A file could not be read or written.
    #[error(transparent)]
    Files(#[from] ArtifactError),
    /// Another run holds the folder.
    #[error("another run holds {}: {holder}; wait for it, or end it", folder.display())]
    Locked {
        /// The run folder.
        folder: PathBuf,
        /// Process, machine and start time.
        holder: String,
    },
    /// SIGINT or SIGTERM came; what is done is kept.
    #[error("interrupted; what is done is kept")]
    Interrupted,
}

impl RunError {
    /// Wrong data.
    pub fn data(error: impl Into<BoxError>) -> Self {
        Self::Data(error.into())
    }

    /// Device trouble.
    pub fn device(error: impl Into<BoxError>) -> Self {
        Self::Device(error.into())
    }

    /// Work that failed.
    pub fn work(error: impl Into<BoxError>) -> Self {
        Self::Work(error.into())
    }

    /// The program's exit code.
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Self::Job(_) | Self::Data(_) => ExitCode::Invalid,
            Self::Device(_) => ExitCode::Device,
            Self::Work(_) => ExitCode::Failed,
            Self::Files(_) => ExitCode::Files,
            Self::Locked { .. } => ExitCode::Locked,
            Self::Interrupted => ExitCode::Interrupted,
        }
    }
}
