//! What a training tells its caller, and what the caller may ask of it.

use std::path::PathBuf;

/// Losses after an epoch.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EpochReport {
    /// The epoch, from 1.
    pub epoch: usize,
    /// The most epochs there may be.
    pub epochs: usize,
    /// Members of the whole training.
    pub members: usize,
    /// The first member of the fleet that is trained now.
    pub first_member: usize,
    /// Members of that fleet that go on.
    pub active: usize,
    /// The mean training loss of the members that took part.
    pub train_loss: f32,
    /// The mean validation loss of those that have validation rows.
    pub validation_loss: Option<f32>,
}

/// Where and how often the state is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckpointPlan {
    /// A folder of this training's own.
    pub folder: PathBuf,
    /// Epochs from one checkpoint to the next.
    pub every_epochs: usize,
}

/// The caller's side of a training.
pub struct Control<'a> {
    /// Called after every epoch.
    pub on_epoch: &'a mut dyn FnMut(&EpochReport),
    /// Asked after every epoch; `true` ends the training with a checkpoint.
    pub stop: &'a dyn Fn() -> bool,
    /// Where checkpoints go, if anywhere.
    pub checkpoint: Option<CheckpointPlan>,
}

impl std::fmt::Debug for Control<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Control").field("checkpoint", &self.checkpoint).finish_non_exhaustive()
    }
}
