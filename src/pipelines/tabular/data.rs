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

/// Rows of a part that [`new_rows`] hands on.
const PART_ROWS: usize = 1 << 16;

/// Rows of a new table for a saved model, prepared as the model's own were, part by part: `take` gets their ids (or their
/// numbers, from 1) and their values. A table without rows is one part.
pub(in crate::pipelines) fn new_rows<E: From<TabularError>>(
    layout: &Layout,
    data: &Path,
    mut take: impl FnMut(&[String], &[f32]) -> Result<(), E>,
) -> Result<(), E> {
    let spec = new_table(layout, data)?;
    let (mut ids, mut values, mut rows) = (vec![], vec![], 0);
    let mut hand_on = |ids: &mut Vec<String>, values: &mut Vec<f32>| -> Result<(), E> {
        layout.prep.apply(values, layout.inputs.len()).map_err(TabularError::from)?;
        take(ids, values)?;
        ids.clear();
        values.clear();
        Ok(())
    };
    let mut parts = 0;
    spec.read_parts(|part: &RowSet| {
        match &part.ids {
            Some(own) => ids.extend_from_slice(own),
            None => ids.extend((rows + 1..=rows + part.len()).map(|row| row.to_string())),
        }
        values.extend_from_slice(&part.inputs);
        rows += part.len();
        if ids.len() < PART_ROWS {
            return Ok(());
        }
        parts += 1;
        hand_on(&mut ids, &mut values).map_err(Ended::Taker)
    })
    .map_err(|ended| match ended {
        Ended::Table(error) => TabularError::from(error).into(),
        Ended::Taker(error) => error,
    })?;
    if parts == 0 || !ids.is_empty() { hand_on(&mut ids, &mut values) } else { Ok(()) }
}

/// Checks that a new table has the model's columns, and its first rows.
pub(in crate::pipelines) fn check_new_table(layout: &Layout, data: &Path) -> Result<(), TabularError> {
    match new_table(layout, data)?.read_parts(|_| Err(Ended::Taker(()))) {
        Err(Ended::Table(error)) => Err(error.into()),
        Ok(_) | Err(Ended::Taker(())) => Ok(()),
    }
}

fn new_table(layout: &Layout, data: &Path) -> Result<RowSpec, TabularError> {
    let mut source = layout.source.clone();
    data.clone_into(&mut source.path);
    // The new file may be stored otherwise: its name and its first bytes tell. Types may be of columns that it lacks.
    source.format = None;
    source.types.clear();
    Ok(RowSpec {
        source: source.check(Path::new(""))?,
        inputs: Some(layout.inputs.clone()),
        target: None,
        id: layout.id.clone(),
    })
}

/// What ends the reading of a new table.
enum Ended<E> {
    Table(DataError),
    Taker(E),
}

impl<E> From<DataError> for Ended<E> {
    fn from(error: DataError) -> Self {
        Self::Table(error)
    }
}
