//! What was read and how it was split.

use super::super::results::Results;
use crate::report::number::{count, counted};
use crate::report::{Body, Column, ReportError, Table};

/// Input columns that are named.
const NAMED: usize = 40;

pub(super) fn write(body: &mut Body, results: &Results) -> Result<(), ReportError> {
    let from = match results.files.as_slice() {
        [table, held_out, ..] => format!("Training rows come from {table}, held-out rows from {held_out}."),
        [table] => format!("All rows come from {table}; the held-out ones were drawn by the job's seed."),
        [] => String::new(),
    };
    body.paragraph(&from);
    let mut table = Table::new("Rows by part", vec![Column::text("part"), Column::integer("rows")]);
    let rows = results.rows;
    for (part, count) in [("training", rows.train), ("validation", rows.validation), ("held out", rows.test)] {
        table.row(vec![part.into(), count.into()])?;
    }
    body.table(table);
    let mut names = results.inputs.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
    if results.inputs.len() > NAMED {
        names.push_str(&format!(" and {} more", count(results.inputs.len() - NAMED)));
    }
    body.paragraph(&format!("{}: {names}.", counted(results.inputs.len(), "input")));
    body.paragraph(&results.prep);
    if !results.left_out.is_empty() {
        let left_out = results.left_out.join(", ");
        body.paragraph(&format!("Columns that hold no numbers were left out: {left_out}."));
    }
    Ok(())
}
