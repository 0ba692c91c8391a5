//! Trained fleets in files (E14): `safetensors` with the model's spec, the members' names, and whatever else the task
//! needs to run them again (the fitted preparation, thresholds) as JSON.

use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::error::TrainError;
use crate::artifact::ArtifactError;
use crate::artifact::tensors::{TensorData, TensorFile};
use crate::model::{Model, ModelSpec, Precision, Weights};

/// The format's number: files of another are refused.
const FORMAT: u32 = 1;

/// A trained fleet and what belongs to it.
#[derive(Debug, Clone, PartialEq)]
pub struct SavedFleet {
    /// What it does, for instance `growth.classifier`.
    pub task: String,
    /// The members' model.
    pub model: ModelSpec,
    /// A name for each member.
    pub names: Vec<String>,
    /// Their weights: f32, whatever the precision.
    pub members: Vec<Weights>,
    /// How they were trained.
    pub precision: Precision,
    /// What the task needs besides.
    pub settings: Value,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    format: u32,
    task: String,
    model: ModelSpec,
    names: Vec<String>,
    /// Files that were written before there was a choice do not say.
    #[serde(default)]
    precision: Precision,
    settings: Value,
}

impl SavedFleet {
    /// The file's bytes: the same for the same fleet.
    ///
    /// # Errors
    /// If weights are not the model's.
    pub fn to_bytes(&self) -> Result<Vec<u8>, TrainError> {
        let model = Model::new(self.model.clone())?;
        if self.names.len() != self.members.len() {
            let counts = format!("{} members have {} names", self.members.len(), self.names.len());
            return Err(TrainError::Data(format!("a fleet to be saved: {counts}")));
        }
        let mut file = TensorFile::new();
        let header = Header {
            format: FORMAT,
            task: self.task.clone(),
            model: self.model.clone(),
            names: self.names.clone(),
            precision: self.precision,
            settings: self.settings.clone(),
        };
        let header =
            serde_json::to_string(&header).map_err(|e| TrainError::Data(format!("the model's header: {e}")))?;
        file.set_text("nightloom", header);
        for member in &self.members {
            member.check(&model)?;
        }
        for (i, param) in model.params().iter().enumerate() {
            let shape: Vec<usize> = std::iter::once(self.members.len()).chain(param.shape.iter().copied()).collect();
            let values = self.members.iter().flat_map(|m| m.values[i].iter().copied()).collect();
            file.insert(&param.name, &shape, TensorData::F32(values))?;
        }
        Ok(file.to_bytes()?)
    }

    /// Reads a fleet from a file.
    ///
    /// # Errors
    /// If it cannot be read, is not such a file, or its weights are not its model's.
    pub fn load(path: &Path) -> Result<Self, TrainError> {
        Self::from_file(&TensorFile::load(path)?, path)
    }

    /// Reads a fleet from bytes; `path` is for errors.
    ///
    /// # Errors
    /// As [`SavedFleet::load`].
    pub fn from_bytes(bytes: &[u8], path: &Path) -> Result<Self, TrainError> {
        Self::from_file(&TensorFile::from_bytes(bytes, path)?, path)
    }

    fn from_file(file: &TensorFile, path: &Path) -> Result<Self, TrainError> {
        let wrong = |reason: String| TrainError::from(ArtifactError::format(path, reason));
        let header: Header = serde_json::from_str(file.text("nightloom")?)
            .map_err(|e| wrong(format!("expected a model that nightloom wrote, found another header: {e}")))?;
        if header.format != FORMAT {
            return Err(wrong(format!("expected format {FORMAT}, found {}", header.format)));
        }
        let model = Model::new(header.model.clone())?;
        let count = header.names.len();
        let mut members = vec![Weights::default(); count];
        for param in model.params() {
            let shape: Vec<usize> = std::iter::once(count).chain(param.shape.iter().copied()).collect();
            let values = file.f32(&param.name, &shape)?;
            for (member, own) in members.iter_mut().zip(values.chunks(param.len())) {
                member.values.push(own.to_vec());
            }
        }
        for member in &members {
            member.check(&model)?;
        }
        let Header { task, model, names, precision, settings, .. } = header;
        Ok(Self { task, model, names, members, precision, settings })
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::SavedFleet;
    use crate::model::{Model, ModelSpec, Precision, initial_weights};

    #[test]
    fn e14_a_saved_fleet_comes_back_as_it_was() {
        let spec: ModelSpec = serde_json::from_str(
            r#"{"input": {"length": 1, "channels": 3}, "layers": [{"kind": "dense", "units": 2, "activation": "tanh"}]}"#,
        )
        .expect("a spec");
        let model = Model::new(spec.clone()).expect("a model");
        let fleet = SavedFleet {
            task: "test".to_owned(),
            model: spec,
            names: vec!["a".to_owned(), "b".to_owned()],
            members: vec![initial_weights(&model, 1), initial_weights(&model, 2)],
            precision: Precision::F16,
            settings: serde_json::json!({"threshold": 0.25}),
        };
        let bytes = fleet.to_bytes().expect("bytes");
        assert_eq!(bytes, fleet.to_bytes().expect("bytes"), "the same bytes every time");
        let path = Path::new("model.safetensors");
        assert_eq!(SavedFleet::from_bytes(&bytes, path).expect("a fleet"), fleet);
        let error = SavedFleet::from_bytes(&bytes[..bytes.len() - 1], path).expect_err("cut off").to_string();
        assert!(error.contains("model.safetensors"), "{error}");
    }
}
