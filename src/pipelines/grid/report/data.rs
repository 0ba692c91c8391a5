//! Where the data come from, and what was done to them.

use super::super::results::Results;
use crate::report::chart::{BarChart, Size};
use crate::report::number::{count, counted, percent};
use crate::report::{Body, Column, ReportError, Table};

pub(super) fn write(body: &mut Body, results: &Results) -> Result<(), ReportError> {
    let out = &results.left_out;
    body.paragraph(&format!(
        "{} read; {} left out as too early, {} without a region, {} for standing twice. What is left: {} of early tasks and \
         {} of late ones, of {} in {}.",
        counted(results.read, "row"),
        count(out.too_early),
        count(out.no_region),
        count(out.repeated),
        counted(results.train, "contact"),
        count(results.late.len()),
        counted(results.customers, "customer"),
        counted(results.regions, "region"),
    ));
    index(body, results)?;
    if results.unknown_server + results.unknown_friends > 0 {
        body.paragraph(&format!(
            "{} made by managers whom the table does not know, and {} of unknown managers or customers were not used.",
            counted(results.unknown_server, "contact"),
            counted(results.unknown_friends, "friendship"),
        ));
    }
    let columns = vec![
        Column::text("column"),
        Column::text("class"),
        Column::integer("missing"),
        Column::integer("outlying"),
        Column::integer("unknown name"),
    ];
    let mut table = Table::new("Cleaning", columns);
    for c in &results.cleaned {
        table.row(vec![
            c.column.as_str().into(),
            c.class.as_str().into(),
            c.missing.into(),
            c.outlying.into(),
            c.unknown.into(),
        ])?;
    }
    body.table(table);
    body.paragraph(&format!(
        "{} selected, {} left out. {} keep {} of their variance.",
        counted(results.names.len(), "feature"),
        count(results.dropped.len()),
        counted(results.shares.len(), "principal component"),
        percent(results.shares.iter().sum::<f64>().min(1.0), 1),
    ));
    let mut chart = BarChart::new("Principal components", "share of the variance").size(Size::Wide);
    for (i, share) in results.shares.iter().enumerate() {
        chart = chart.bar(&format!("{}", i + 1), *share);
    }
    body.figure(chart.render()?, &format!("As many as keep {} of the variance.", percent(results.explained, 0)));
    let mut inner = Body::new();
    let columns = vec![Column::text("feature"), Column::text("why")];
    let mut table = Table::new("", columns);
    for (name, why) in &results.dropped {
        table.row(vec![name.as_str().into(), why.as_str().into()])?;
    }
    inner.table(table);
    if !results.dropped.is_empty() {
        body.details("Features that were left out", inner);
    }
    Ok(())
}

/// Grids, and what changed since the run before.
fn index(body: &mut Body, results: &Results) -> Result<(), ReportError> {
    let index = &results.index;
    let columns = vec![
        Column::text("grid"),
        Column::text("class"),
        Column::integer("rows"),
        Column::integer("partitions"),
        Column::integer("written"),
    ];
    let mut table = Table::new("Grids by feature class, and the relation document", columns);
    for w in index.grids.iter().chain([&index.relation]) {
        table.row(vec![
            w.id.as_str().into(),
            w.class.as_str().into(),
            w.rows.into(),
            w.partitions.into(),
            w.fresh.into(),
        ])?;
    }
    body.table(table);
    if !index.before {
        body.paragraph("There was no run before in this index: everything is new.");
        return Ok(());
    }
    body.paragraph(&format!(
        "Since the run before: {} added, {} removed, {} changed, {} as they were. {} compared row by row, {} not opened.",
        counted(index.added as usize, "contact"),
        count(index.removed as usize),
        count(index.changed as usize),
        count(index.unchanged as usize),
        counted(index.partitions_read, "partition"),
        count(index.partitions_skipped),
    ));
    if !index.fields.is_empty() {
        let mut table =
            Table::new("Changed fields (tables/differences)", vec![Column::text("column"), Column::integer("fields")]);
        for (column, fields) in &index.fields {
            table.row(vec![column.as_str().into(), (*fields).into()])?;
        }
        body.table(table);
    }
    if !index.tasks.is_empty() {
        let columns = vec![Column::text("task"), Column::integer("new contacts"), Column::integer("took part")];
        let mut table = Table::new("New contacts by task", columns);
        for (task, (contacts, took_part)) in &index.tasks {
            table.row(vec![task.as_str().into(), (*contacts).into(), (*took_part).into()])?;
        }
        body.table(table);
    }
    Ok(())
}
