//! The device of a job: asked for once.

use std::sync::OnceLock;

use crate::backend::{BackendError, Chosen, choose_for};
use crate::run::{DeviceUsed, RunError};
use crate::spec::DeviceChoice;

/// A job's device, chosen at the first question.
#[derive(Debug, Default)]
pub(super) struct JobDevice(OnceLock<Result<Chosen, BackendError>>);

impl JobDevice {
    /// The device; `half` if the job holds tensors as f16.
    pub(super) fn chosen(&self, choice: &DeviceChoice, half: bool) -> Result<&Chosen, RunError> {
        self.0.get_or_init(|| choose_for(choice, half)).as_ref().map_err(|e| RunError::device(e.clone()))
    }

    /// The device as the runner wants to know it.
    pub(super) fn used(&self, choice: &DeviceChoice, half: bool) -> Result<DeviceUsed, RunError> {
        let chosen = self.chosen(choice, half)?;
        let detail = format!("{}: {}", chosen.backend.describe(), chosen.reason);
        Ok(DeviceUsed { id: chosen.backend.id(), detail })
    }
}
