//! One member's parameters, off the device.

use super::{Model, ModelError};

/// All parameters and running statistics of one model, in the order of [`Model::params`].
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Weights {
    /// One vector a parameter.
    pub values: Vec<Vec<f32>>,
}

impl Weights {
    /// Checks that the values are a model's.
    ///
    /// # Errors
    /// Names the parameter whose length is wrong.
    pub fn check(&self, model: &Model) -> Result<(), ModelError> {
        let params = model.params();
        if self.values.len() != params.len() {
            return Err(ModelError::Weights(format!(
                "the model has {} parameters, found {}",
                params.len(),
                self.values.len()
            )));
        }
        for (param, values) in params.iter().zip(&self.values) {
            if values.len() != param.len() {
                return Err(ModelError::Weights(format!(
                    "`{}` has {} values, found {}",
                    param.name,
                    param.len(),
                    values.len()
                )));
            }
            if let Some(at) = values.iter().position(|v| !v.is_finite()) {
                return Err(ModelError::Weights(format!("`{}` holds {} at place {at}", param.name, values[at])));
            }
        }
        Ok(())
    }
}
