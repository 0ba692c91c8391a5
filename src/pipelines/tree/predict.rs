//! Running saved trees on new tables (`nightloom predict`, E14).

use std::path::Path;

use super::frame::FrameSpec;
use super::{Header, Model, TASK};
use crate::artifact::table::{Cells, Table};
use crate::artifact::tensors::TensorFile;
use crate::pipelines::TakePart;
use crate::pipelines::tabular::{Saved, TabularError};
use crate::pipelines::train::{Output, answer_columns, id_name};
use crate::tree::Features;

/// What a saved model says of each row of a new table: its class and probabilities, or its number.
///
/// # Errors
/// If model or table cannot be read.
pub fn predict(model: &Path, data: &Path, take: &mut TakePart<'_>) -> Result<(), TabularError> {
    let header = Saved::<Header>::from_file(TensorFile::load(model)?, TASK, model)?.header;
    let (kinds, width) = (header.columns.kinds(), header.output.width());
    match &header.model {
        Model::Tree(tree) => tree.check(&kinds, width)?,
        Model::Boosted(boosted) => boosted.check(&kinds)?,
    }
    let mut source = header.source.clone();
    data.clone_into(&mut source.path);
    // The new file may be stored otherwise: its name and its first bytes tell. Types may be of columns that it lacks.
    source.format = None;
    source.types.clear();
    let spec = FrameSpec {
        source: source.check(Path::new(""))?,
        numbers: Some(header.columns.numbers.clone()),
        categories: vec![],
        target: None,
        id: header.id.clone(),
    };
    let frame = spec.read_as(&header.columns)?;
    let answers = header.model.answers(&Features::new(&frame.values, &kinds)?);
    let classes: &[String] = if let Output::Classes { names, .. } = &header.output { names } else { &[] };
    let own = (id_name(header.id.as_deref()), Cells::text(frame.ids));
    let table = Table::new(std::iter::once(own).chain(answer_columns(classes, &answers)))?;
    Ok(take(&table)?)
}
