//! How to train, as job files say it.

use serde::{Deserialize, Serialize};

use super::TrainError;
use crate::model::{Optimizer, Precision};

/// How the learning rate changes over the epochs.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum RateSchedule {
    /// It does not.
    #[default]
    Constant,
    /// Up in a line over the warm-up, then down along half a cosine to a last share.
    Cosine {
        /// Epochs of warm-up.
        #[serde(default)]
        warmup_epochs: f32,
        /// The share of the rate at the end.
        #[serde(default)]
        final_share: f32,
    },
    /// Times `factor` every so many epochs.
    Step {
        /// Epochs from one cut to the next.
        every_epochs: usize,
        /// What the rate is multiplied by.
        factor: f32,
    },
}

impl RateSchedule {
    /// The share of the base rate after `done` of `epochs` epochs (a step's place within its epoch counts).
    pub fn share(&self, done: f64, epochs: usize) -> f64 {
        match *self {
            Self::Constant => 1.0,
            Self::Cosine { warmup_epochs, final_share } => {
                let warmup = f64::from(warmup_epochs);
                if done < warmup {
                    return ((done + 1e-3) / warmup.max(1e-3)).min(1.0);
                }
                let place = ((done - warmup) / (epochs as f64 - warmup).max(1e-9)).clamp(0.0, 1.0);
                let last = f64::from(final_share);
                last + (1.0 - last) * 0.5 * (1.0 + (std::f64::consts::PI * place).cos())
            }
            Self::Step { every_epochs, factor } => f64::from(factor).powi((done as usize / every_epochs) as i32),
        }
    }
}

/// When a member stops by itself.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EarlyStop {
    /// Epochs without a better validation loss.
    pub patience: usize,
    /// How much better counts as better for the patience; the weights kept are the best in any case.
    #[serde(default)]
    pub min_delta: f32,
}

/// How to train.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TrainSpec {
    /// The most epochs.
    pub epochs: usize,
    /// Rows a step; no more than the data have.
    pub batch: usize,
    /// The base learning rate.
    pub rate: f32,
    /// How it changes.
    #[serde(default)]
    pub schedule: RateSchedule,
    /// What moves the parameters.
    #[serde(default)]
    pub optimizer: Optimizer,
    /// The largest norm of a step's gradient; longer ones are shortened to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clip: Option<f32>,
    /// How tensors are held: `f16` halves the memory of the data and of what kernels hand to each other, on the CPU.
    #[serde(default)]
    pub precision: Precision,
    /// When members stop by themselves. The weights of the best validation loss are kept in any case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub early_stop: Option<EarlyStop>,
}

impl TrainSpec {
    /// Checks every number.
    ///
    /// # Errors
    /// Names the setting.
    pub fn check(&self) -> Result<(), TrainError> {
        let refuse = |key, reason: String| Err(TrainError::Setting { key, reason });
        let positive = |x: f32| x.is_finite() && x > 0.0;
        let share = |x: f32| (0.0..1.0).contains(&x);
        if self.epochs == 0 || self.epochs > 1_000_000 {
            return refuse("epochs", format!("must lie in 1 to 1,000,000, found {}", self.epochs));
        }
        if self.batch == 0 || self.batch > 1 << 20 {
            return refuse("batch", format!("must lie in 1 to 1,048,576, found {}", self.batch));
        }
        if !positive(self.rate) {
            return refuse("rate", format!("must be above 0, found {}", self.rate));
        }
        if let Some(clip) = self.clip.filter(|&c| !positive(c)) {
            return refuse("clip", format!("must be above 0, found {clip}"));
        }
        if let Some(stop) = self.early_stop.filter(|s| s.patience == 0 || s.min_delta.is_nan() || s.min_delta < 0.0) {
            return refuse(
                "early_stop",
                format!("needs patience of at least 1 and min_delta of at least 0, found {stop:?}"),
            );
        }
        let schedule_ok = match self.schedule {
            RateSchedule::Constant => true,
            RateSchedule::Cosine { warmup_epochs, final_share } => {
                warmup_epochs >= 0.0
                    && f64::from(warmup_epochs) < self.epochs as f64
                    && (0.0..=1.0).contains(&final_share)
            }
            RateSchedule::Step { every_epochs, factor } => every_epochs > 0 && positive(factor),
        };
        if !schedule_ok {
            return refuse("schedule", format!("has impossible numbers: {:?}", self.schedule));
        }
        let optimizer_ok = match self.optimizer {
            Optimizer::Adam { beta1, beta2, epsilon, weight_decay } => {
                share(beta1) && share(beta2) && positive(epsilon) && (0.0..=1.0).contains(&weight_decay)
            }
            Optimizer::Sgd { momentum, weight_decay, .. } => share(momentum) && (0.0..=1.0).contains(&weight_decay),
        };
        if !optimizer_ok {
            return refuse("optimizer", format!("has impossible numbers: {:?}", self.optimizer));
        }
        Ok(())
    }

    /// Adam's two memories; 0 where there are none.
    pub(super) fn betas(&self) -> (f64, f64) {
        match self.optimizer {
            Optimizer::Adam { beta1, beta2, .. } => (f64::from(beta1), f64::from(beta2)),
            Optimizer::Sgd { .. } => (0.0, 0.0),
        }
    }
}
