//! What a party keeps: its model after the last round, and what it sent in this one. Both are replaced whole.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{Party, RoundFacts};
use crate::alliance::update::ModelState;
use crate::alliance::wire::Message;
use crate::alliance::{AllianceError, Hash, hash_text, model_hash};
use crate::artifact::tensors::TensorFile;
use crate::artifact::{ArtifactError, write_bytes};
use crate::model::Weights;

/// What the state's file says besides its tensors.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    plan: String,
    place: usize,
    models: Vec<Hash>,
    facts: Vec<RoundFacts>,
}

impl Party<'_> {
    fn state_file(&self) -> PathBuf {
        self.folder.join("state.safetensors")
    }

    fn upload_file(&self) -> PathBuf {
        self.folder.join("upload.bin")
    }

    pub(super) fn save(&self) -> Result<(), AllianceError> {
        let mut file = self.state.to_file(self.plan.model(), self.plan.raw().update)?;
        let header = Header {
            plan: hash_text(self.plan.id()),
            place: self.place,
            models: self.models.clone(),
            facts: self.facts.clone(),
        };
        let text = serde_json::to_string(&header);
        let text = text.map_err(|e| AllianceError::journal("the party's state", e.to_string()))?;
        file.set_text("alliance", text);
        Ok(file.save(&self.state_file())?)
    }

    pub(super) fn load(&mut self, start: &Weights) -> Result<(), AllianceError> {
        let path = self.state_file();
        if !path.exists() {
            // So that a folder with another plan's state is refused before a round is done, too.
            return self.save();
        }
        let wrong = |reason: String| AllianceError::journal(path.display().to_string(), reason);
        let file = TensorFile::load(&path)?;
        let header: Header = serde_json::from_str(file.text("alliance")?).map_err(|e| wrong(e.to_string()))?;
        if header.plan != hash_text(self.plan.id()) || header.place != self.place {
            return Err(wrong("it belongs to another plan, or to another party".to_owned()));
        }
        if header.models.first() != Some(&model_hash(start)) {
            return Err(wrong("it began with another starting model".to_owned()));
        }
        self.state = ModelState::of_file(&file, self.plan.model(), self.plan.raw().update)?;
        if header.models.last() != Some(&model_hash(&self.state.weights)) {
            return Err(wrong("its model is not the one that it names".to_owned()));
        }
        self.models = header.models;
        self.facts = header.facts;
        self.load_upload()
    }

    /// What was sent in this round, if anything was.
    fn load_upload(&mut self) -> Result<(), AllianceError> {
        let path = self.upload_file();
        if !path.exists() {
            return Ok(());
        }
        let bytes = std::fs::read(&path).map_err(|e| ArtifactError::io("read", &path, e))?;
        let Message::Upload(upload) = Message::decode(&bytes)? else {
            return Err(ArtifactError::format(&path, "expected an upload").into());
        };
        if upload.plan == *self.plan.id() && upload.round == self.round() {
            self.current.upload_bytes = bytes.len();
            self.upload = Some(bytes);
        }
        Ok(())
    }

    pub(super) fn keep_upload(&self, bytes: &[u8]) -> Result<(), AllianceError> {
        Ok(write_bytes(&self.upload_file(), bytes)?)
    }
}
