//! The result tables of a train job.

use std::path::Path;

use super::results::Results;
use crate::artifact::table::{Cells, Table, TableFormat};
use crate::artifact::{ArtifactError, ensure_folder};
use crate::train::metrics::classes::most_likely;

/// Writes `predictions` and `epochs` into `folder`, with the format's ending.
///
/// # Errors
/// Any I/O error.
pub(super) fn write_tables(results: &Results, folder: &Path, format: TableFormat) -> Result<(), ArtifactError> {
    ensure_folder(folder)?;
    for (name, table) in [("predictions", held_out(results)?), ("epochs", epochs(results)?)] {
        table.write(&folder.join(name).with_extension(format.extension()), format)?;
    }
    Ok(())
}

/// The answers as columns: the most likely class and a probability for each, or the number.
pub(in crate::pipelines) fn answer_columns(classes: &[String], answers: &[f64]) -> Vec<(String, Cells)> {
    if classes.is_empty() {
        return vec![("predicted".to_owned(), Cells::f64(answers.iter().copied()))];
    }
    let rows = || answers.chunks_exact(classes.len());
    let mut columns = vec![("predicted".to_owned(), Cells::text(rows().map(|row| classes[most_likely(row)].as_str())))];
    for (k, class) in classes.iter().enumerate() {
        columns.push((format!("probability_{class}"), Cells::f64(rows().map(|row| row[k]))));
    }
    columns
}

fn held_out(results: &Results) -> Result<Table, ArtifactError> {
    let (found, classes) = (&results.held_out, results.classes());
    let truth = if classes.is_empty() {
        Cells::f64(found.truth.iter().copied())
    } else {
        Cells::text(found.truth.iter().map(|&k| classes[k as usize].as_str()))
    };
    let own =
        [(found.id_name.clone(), Cells::text(found.ids.iter().map(String::as_str))), ("target".to_owned(), truth)];
    Table::new(own.into_iter().chain(answer_columns(classes, &found.answers)))
}

fn epochs(results: &Results) -> Result<Table, ArtifactError> {
    let rows = || {
        let members = results.losses.iter().enumerate();
        members.flat_map(|(member, losses)| losses.iter().enumerate().map(move |(epoch, l)| (member, epoch, *l)))
    };
    Table::new([
        ("member", Cells::i64(rows().map(|(member, ..)| member as i64 + 1))),
        ("epoch", Cells::i64(rows().map(|(_, epoch, _)| epoch as i64 + 1))),
        ("train_loss", Cells::f32(rows().map(|(.., (train, _))| train))),
        ("validation_loss", Cells::F32(rows().map(|(.., (_, validation))| validation).collect())),
    ])
}
