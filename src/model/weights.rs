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

    /// Starts these weights, which are `model`'s, from another model's: every layer of the same number in both whose
    /// parameters have the same names and shapes is copied whole, and the others stay as they are. Returns the names of
    /// what was taken.
    ///
    /// # Errors
    /// If either weights are not their model's.
    pub fn adopt(&mut self, model: &Model, other: &Model, weights: &Self) -> Result<Vec<String>, ModelError> {
        self.check(model)?;
        weights.check(other)?;
        let mut taken = vec![];
        for (own, theirs) in model.layer_params().zip(other.layer_params()) {
            let (mine, given) = (&model.params()[own.clone()], &other.params()[theirs.clone()]);
            if mine.len() != given.len() || mine.iter().zip(given).any(|(a, b)| a.name != b.name || a.shape != b.shape)
            {
                continue;
            }
            self.values[own].clone_from_slice(&weights.values[theirs]);
            taken.extend(mine.iter().map(|param| param.name.clone()));
        }
        Ok(taken)
    }
}

#[cfg(test)]
mod tests {
    use crate::model::{Model, ModelSpec, initial_weights};

    fn model(layers: &str) -> Model {
        let text = format!(r#"{{"input": {{"length": 1, "channels": 6}}, "layers": [{layers}]}}"#);
        Model::new(serde_json::from_str::<ModelSpec>(&text).expect("a spec")).expect("a model")
    }

    #[test]
    fn i3_a_model_starts_from_another_ones_layers_where_both_have_them() {
        let common = r#"{"kind": "towers", "columns": [2, 3], "units": 4},
            {"kind": "encoder", "heads": 2, "feed_forward": 5}"#;
        let first = model(&format!(r#"{common}, {{"kind": "flatten"}}, {{"kind": "dense", "units": 6}}"#));
        let second = model(&format!(r#"{common}, {{"kind": "associations"}}, {{"kind": "dense", "units": 6}}"#));
        let (before, pre_trained) = (initial_weights(&second, 1), initial_weights(&first, 2));
        let mut after = before.clone();
        let taken = after.adopt(&second, &first, &pre_trained).expect("right weights");
        assert_eq!(taken.len(), 4 + 12);
        assert_eq!((taken[0].as_str(), taken[3].as_str()), ("layers.0.towers.0.weight", "layers.0.towers.1.bias"));
        assert_eq!(after.values[..16], pre_trained.values[..16]);
        // The last layer has other inputs: its bias, which would fit, stays too.
        assert_eq!(after.values[16..], before.values[16..]);
        assert_ne!(after.values[16], pre_trained.values[16]);
        let error = after.adopt(&second, &second, &pre_trained).expect_err("of another model").to_string();
        assert!(error.starts_with("weights: `layers.3.dense.weight` has 72 values"), "{error}");
    }
}
