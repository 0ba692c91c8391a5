//! Running saved models on new tables (`nightloom predict`, E14).

use std::path::Path;

use super::TASK;
use super::assemble::id_name;
use super::error::TrainJobError;
use super::fit::Trained;
use super::output::Output;
use super::tables::answer_columns;
use crate::artifact::table::{Cells, Table};
use crate::backend::Backend;
use crate::dataset::rows::RowSpec;
use crate::pipelines::Prediction;
use crate::train::SavedFleet;

/// Predicts with a saved model: a row for each row of the table, with its class and probabilities, or its number. The
/// table needs the model's input columns and, if the job had one, the column of ids; a target is not needed.
///
/// # Errors
/// If the table cannot be read, the model is of another kind, or the device fails.
pub fn predict(fleet: SavedFleet, path: &Path, data: &Path, backend: &Backend) -> Result<Prediction, TrainJobError> {
    if fleet.task != TASK {
        return Err(TrainJobError::data(path, format!("expected a model of `{TASK}`, found `{}`", fleet.task)));
    }
    let trained = Trained::from_fleet(fleet, path)?;
    let layout = &trained.header.data;
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
    let rows = spec.read()?;
    let ids: Vec<String> = match &rows.ids {
        Some(ids) => ids.clone(),
        None => (1..=rows.len()).map(|row| row.to_string()).collect(),
    };
    let answers = trained.answers(rows.inputs, backend)?;
    let classes: &[String] = if let Output::Classes { names, .. } = &trained.header.output { names } else { &[] };
    let own = (id_name(layout.id.as_deref()), Cells::text(ids));
    let table = Table::new(std::iter::once(own).chain(answer_columns(classes, &answers)))?;
    Ok(Prediction { table, notes: vec![] })
}
