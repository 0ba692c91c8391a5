//! Models of jobs on tables in files: `safetensors`, with what `nightloom predict` needs as JSON (E14).

use std::path::Path;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::error::TabularError;
use crate::artifact::ArtifactError;
use crate::artifact::tensors::{TensorData, TensorFile};
use crate::dataset::RawSource;
use crate::prep::RowPrep;

/// The format's number: files of another are refused.
const FORMAT: u32 = 1;

/// The text of the file that holds the header, as in all of nightloom's models.
const KEY: &str = "nightloom";

/// The table that a model is for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::pipelines) struct Layout {
    /// The table as the job described it.
    pub source: RawSource,
    /// The columns that count.
    pub inputs: Vec<String>,
    /// The column of ids.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Columns to inputs.
    pub prep: RowPrep,
}

/// A model: a header and tensors.
#[derive(Debug)]
pub(in crate::pipelines) struct Saved<H> {
    /// What the kind needs besides numbers.
    pub header: H,
    /// The numbers.
    pub tensors: TensorFile,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    format: u32,
    task: String,
    settings: Value,
}

impl<H: Serialize + DeserializeOwned> Saved<H> {
    /// A model without tensors yet.
    pub(in crate::pipelines) fn new(header: H) -> Self {
        Self { header, tensors: TensorFile::new() }
    }

    /// With one tensor more.
    pub(in crate::pipelines) fn with(
        mut self,
        name: &str,
        shape: &[usize],
        data: TensorData,
    ) -> Result<Self, TabularError> {
        self.tensors.insert(name, shape, data)?;
        Ok(self)
    }

    /// The file's bytes: the same for the same model.
    pub(in crate::pipelines) fn to_bytes(&self, task: &str) -> Result<Vec<u8>, TabularError> {
        let wrong = |e: serde_json::Error| ArtifactError::content("the model's header", e.to_string());
        let settings = serde_json::to_value(&self.header).map_err(wrong)?;
        let header = Header { format: FORMAT, task: task.to_owned(), settings };
        let mut file = self.tensors.clone();
        file.set_text(KEY, serde_json::to_string(&header).map_err(wrong)?);
        Ok(file.to_bytes()?)
    }

    /// Reads a model of `task`; `path` is for errors.
    pub(in crate::pipelines) fn from_file(tensors: TensorFile, task: &str, path: &Path) -> Result<Self, TabularError> {
        let header = header(&tensors, path)?;
        if header.task != task || header.format != FORMAT {
            let found = format!("`{}` of format {}", header.task, header.format);
            return Err(TabularError::data(
                path,
                format!("expected a model of `{task}` of format {FORMAT}, found {found}"),
            ));
        }
        let header = H::deserialize(header.settings)
            .map_err(|e| TabularError::data(path, format!("expected the settings of a `{task}` model: {e}")))?;
        Ok(Self { header, tensors })
    }

    /// As [`Saved::from_file`], from the file's bytes.
    pub(in crate::pipelines) fn from_bytes(bytes: &[u8], task: &str, path: &Path) -> Result<Self, TabularError> {
        Self::from_file(TensorFile::from_bytes(bytes, path)?, task, path)
    }
}

fn header(file: &TensorFile, path: &Path) -> Result<Header, TabularError> {
    Ok(serde_json::from_str(file.text(KEY)?)
        .map_err(|e| ArtifactError::format(path, format!("expected a model that nightloom wrote: {e}")))?)
}

/// What a model file of any kind says that it does.
///
/// # Errors
/// If it cannot be read or is no model that nightloom wrote.
pub fn task_of(path: &Path) -> Result<String, TabularError> {
    #[derive(Deserialize)]
    struct Task {
        task: String,
    }
    let file = TensorFile::load(path)?;
    let task: Task = serde_json::from_str(file.text(KEY)?)
        .map_err(|e| ArtifactError::format(path, format!("expected a model that nightloom wrote: {e}")))?;
    Ok(task.task)
}
