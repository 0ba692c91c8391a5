//! How the personality network is made (I6).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::error::SpeakingError;
use crate::model::{LayerSpec, Model, ModelSpec, NamedPadding, Padding, Sides, TensorShape};
use crate::ops::Activation;
use crate::train::{EarlyStop, TrainSpec};

/// The network and its training.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NetSettings {
    /// Layers before the last one, a dense layer with an output for each type; without them two convolutions, a pool and a
    /// dense layer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layers: Option<Vec<LayerSpec>>,
    /// The training.
    #[serde(default = "training")]
    pub training: TrainSpec,
    /// The share of the users of known type that decides when the training stops.
    #[serde(default = "share")]
    pub validation: f64,
    /// The share of the users of known type that the network is judged on and never learns from.
    #[serde(default = "share")]
    pub held_out: f64,
}

fn share() -> f64 {
    0.15
}

fn training() -> TrainSpec {
    TrainSpec {
        epochs: 60,
        batch: 64,
        rate: 2e-3,
        schedule: crate::train::RateSchedule::default(),
        optimizer: crate::model::Optimizer::default(),
        clip: Some(1.0),
        precision: crate::model::Precision::F32,
        early_stop: Some(EarlyStop { patience: 8, min_delta: 0.0 }),
    }
}

impl Default for NetSettings {
    fn default() -> Self {
        Self { layers: None, training: training(), validation: share(), held_out: share() }
    }
}

impl NetSettings {
    /// Checks what can be checked without data.
    ///
    /// # Errors
    /// Names the setting.
    pub fn check(&self) -> Result<(), SpeakingError> {
        self.training.check()?;
        for (key, share) in [("validation", self.validation), ("held_out", self.held_out)] {
            if !(share > 0.0 && share < 0.5) {
                return Err(SpeakingError::setting(key, format!("must lie between 0 and 0.5, found {share}")));
            }
        }
        Ok(())
    }

    /// The network for so many features and types.
    ///
    /// # Errors
    /// Layers that do not fit them or each other.
    pub fn model(&self, features: usize, classes: usize) -> Result<Model, SpeakingError> {
        let mut layers = self.layers.clone().unwrap_or_else(|| default_layers(features));
        layers.push(LayerSpec::Dense { units: classes, activation: Activation::None });
        Ok(Model::new(ModelSpec { input: TensorShape::sequence(features, 1), layers })?)
    }
}

/// Convolutions over the features in their order: questions about the same trait mostly stand together.
fn default_layers(features: usize) -> Vec<LayerSpec> {
    let convolution = |channels: usize| LayerSpec::Conv1d {
        channels,
        kernel: 3,
        stride: 1,
        padding: Padding::Named(NamedPadding::Same),
        dilation: 1,
        activation: Activation::Relu,
    };
    let mut layers = vec![convolution(16), convolution(32)];
    if features >= 2 {
        layers.push(LayerSpec::MaxPool { window: Sides::Each(2), stride: Sides::Each(0) });
    }
    layers.push(LayerSpec::Flatten);
    layers.push(LayerSpec::Dense { units: 64, activation: Activation::Relu });
    layers.push(LayerSpec::Dropout { rate: 0.2 });
    layers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn i6_the_default_network_fits_any_number_of_features() {
        for features in [1, 2, 3, 16, 40] {
            let model = NetSettings::default().model(features, 16).expect("a model");
            assert_eq!((model.input().len(), model.output().len()), (features, 16));
        }
    }

    #[test]
    fn i6_settings_are_checked() {
        let settings: NetSettings = toml::from_str("held_out = 0.7").expect("settings");
        let error = settings.check().expect_err("too much").to_string();
        assert_eq!(error, "personality network: `held_out` must lie between 0 and 0.5, found 0.7");
        let dense = "layers = [{ kind = \"conv1d\", channels = 4, kernel = 9, padding = \"valid\" }]";
        let settings: NetSettings = toml::from_str(dense).expect("settings");
        settings.check().expect("sound");
        assert!(settings.model(4, 3).is_err(), "a window of 9 over 4 features");
        assert!(toml::from_str::<NetSettings>("epochs = 3").is_err());
    }
}
