//! The `[data]` of a job on one table of numbers.

use std::collections::HashSet;
use std::path::Path;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::error::TabularError;
use super::saved::Layout;
use crate::dataset::rows::{RowSet, RowSpec};
use crate::dataset::{DataError, RawSource};
use crate::pipelines::train::settings::RawColumns;
use crate::prep::Scaling;
use crate::spec::Issues;

/// The table: which rows, and what of them.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DataSettings {
    /// The table.
    pub source: RawSource,
    /// The columns that count, in this order: a range, or a list of columns and ranges. Default: all numeric columns but
    /// the others named here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inputs: Option<RawColumns>,
    /// A column that names rows in the result tables.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// What is done to the inputs.
    #[serde(default)]
    pub scale: Scaling,
    /// Whether the rows are kept in a file beside the results instead of in memory, for tables larger than that.
    #[serde(default)]
    pub out_of_core: bool,
}

impl DataSettings {
    /// The names of the inputs, if the job names them.
    pub(in crate::pipelines) fn names(&self) -> Result<Option<Vec<String>>, DataError> {
        self.inputs.as_ref().map(RawColumns::names).transpose()
    }
}

/// Checks names of columns; `own` are the columns with a part of their own, by key.
pub(in crate::pipelines) fn check_columns(issues: &mut Issues, data: &DataSettings, own: &[(&str, Option<&String>)]) {
    if let Scaling::Divide(by) = data.scale {
        issues.require(by.is_finite() && by != 0.0, "data.scale.divide", || {
            format!("expected a number other than 0, got {by}")
        });
    }
    for (key, name) in own {
        issues.require(name.is_none_or(|name| !name.is_empty()), key, || {
            "expected a column, got an empty name".to_owned()
        });
    }
    if data.out_of_core {
        for (key, _) in own.iter().filter(|(_, name)| name.is_some()) {
            issues.push(key, "belongs to rows in memory: with `out_of_core` rows are known by their number".to_owned());
        }
    }
    let names = match data.names() {
        Ok(Some(names)) => names,
        Ok(None) => return,
        Err(error) => {
            let reason = if let DataError::Spec { reason, .. } = error { reason } else { error.to_string() };
            return issues.push("data.inputs", reason);
        }
    };
    issues.require(!names.is_empty(), "data.inputs", || "expected at least one column, got none".to_owned());
    let mut seen = HashSet::new();
    for name in &names {
        for (key, _) in own.iter().filter(|(_, own)| *own == Some(name)) {
            issues.push("data.inputs", format!("expected inputs other than `{key}`, got `{name}`"));
        }
        issues.require(seen.insert(name), "data.inputs", || format!("expected each column once, got `{name}` again"));
    }
}

/// Rows of a new table for a saved model, with their ids (or their numbers, from 1), prepared as the model's own were.
pub(in crate::pipelines) fn new_rows(layout: &Layout, data: &Path) -> Result<(Vec<String>, Vec<f32>), TabularError> {
    let mut source = layout.source.clone();
    data.clone_into(&mut source.path);
    // The new file may be stored otherwise: its name and its first bytes tell. Types may be of columns that it lacks.
    source.format = None;
    source.types.clear();
    let spec = RowSpec {
        source: source.check(Path::new(""))?,
        inputs: Some(layout.inputs.clone()),
        target: None,
        id: layout.id.clone(),
    };
    let RowSet { ids, mut inputs, places, .. } = spec.read()?;
    layout.prep.apply(&mut inputs, layout.inputs.len())?;
    let ids = ids.unwrap_or_else(|| (1..=places.len()).map(|row| row.to_string()).collect());
    Ok((ids, inputs))
}
