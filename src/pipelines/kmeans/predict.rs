//! Running saved centres on new tables (`nightloom predict`, E14).

use std::path::Path;

use super::TASK;
use super::results::{Header, assignments};
use super::run::readable;
use crate::artifact::tensors::TensorFile;
use crate::backend::Backend;
use crate::cluster::{Init, KMeansSpec, Mode, Rows};
use crate::pipelines::TakePart;
use crate::pipelines::tabular::{Saved, TabularError, new_rows};

/// The cluster of each row of a new table, and how far its centre is, part by part.
///
/// # Errors
/// If model or table cannot be read, a row cannot be placed, or the device fails.
pub fn predict(model: &Path, data: &Path, backend: &Backend, take: &mut TakePart<'_>) -> Result<(), TabularError> {
    let saved: Saved<Header> = Saved::from_file(TensorFile::load(model)?, TASK, model)?;
    let Header { data: layout, metric, k, .. } = saved.header;
    let centres = saved.tensors.f32("centres", &[k, layout.inputs.len()])?.to_vec();
    let spec = KMeansSpec { metric: metric.into(), ..KMeansSpec::new(k, Init::Given(centres), Mode::Fixed) };
    let fixed = spec.check()?;
    new_rows(&layout, data, |ids, values| {
        let found = fixed.fit(backend, &Rows::new(values, layout.inputs.len())?)?;
        let distances = readable(metric, &found.distances);
        take(&assignments(layout.id.clone(), Some(ids), &found.labels, &distances)?)?;
        Ok(())
    })
}
