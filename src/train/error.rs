//! What ends a training.

use crate::artifact::ArtifactError;
use crate::model::ModelError;
use crate::ops::ShapeError;
use crate::plan::PlanError;

/// Why a training could not be done.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// A setting is impossible.
    #[error("training: `{key}` {reason}")]
    Setting {
        /// The setting.
        key: &'static str,
        /// What was expected and what came.
        reason: String,
    },
    /// The data do not fit the model.
    #[error("training data: {0}")]
    Data(String),
    /// The model is wrong.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The plan or the device failed.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// A checkpoint cannot be written or read.
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
    /// A loss stopped being a number.
    #[error("training diverged: member {member} has a loss of {loss} after epoch {epoch} (learning rate {rate})")]
    Diverged {
        /// The member's number.
        member: usize,
        /// The epoch, from 1.
        epoch: usize,
        /// The loss.
        loss: f32,
        /// The member's base learning rate.
        rate: f32,
    },
    /// A loss stayed a number although weights did not.
    #[error("training diverged: member {member}, {reason} (learning rate {rate})")]
    DivergedWeights {
        /// The member's number.
        member: usize,
        /// Which weights, and what they hold.
        reason: String,
        /// The member's base learning rate.
        rate: f32,
    },
    /// Somebody asked to stop; a checkpoint was written if there is a place for it.
    #[error("training was interrupted after epoch {epochs_done}")]
    Interrupted {
        /// Epochs that a resumed run need not repeat.
        epochs_done: usize,
    },
}

impl From<ShapeError> for TrainError {
    fn from(error: ShapeError) -> Self {
        Self::Plan(error.into())
    }
}
