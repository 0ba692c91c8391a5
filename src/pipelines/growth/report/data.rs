//! What was read, what was left out, and what the words mean.

use std::collections::BTreeMap;

use super::super::results::{Part, Results};
use super::{in_words, of_part};
use crate::report::number::{count, counted, short};
use crate::report::{Body, Column, ReportError, Table};

/// Ids of left-out products that are listed, for each reason.
const LISTED: usize = 200;

pub(super) fn write(body: &mut Body, results: &Results) -> Result<(), ReportError> {
    body.paragraph(&files(results));
    body.table(split(results)?);
    body.paragraph(
        "The training products teach the networks. The validation products decide when to stop and, unless the job \
         does, from which probability on a product is called growth. The held-out products serve neither: every \
         figure on quality in this report comes from them.",
    );
    left_out(body, results)?;
    definitions(body, results);
    Ok(())
}

fn files(results: &Results) -> String {
    let mut text = match results.files.as_slice() {
        [history, current, ..] => format!("The history is {history}; the current products are in {current}."),
        [history] => format!("The history is {history}; there is no file of current products."),
        [] => String::new(),
    };
    let length = format!(
        " A cycle has up to {} ({} to {}); the first {} are known of a current product.",
        counted(results.steps, "step"),
        results.step_labels.first().map_or("", String::as_str),
        results.step_labels.last().map_or("", String::as_str),
        count(results.early_steps)
    );
    text.push_str(&length);
    text.trim_start().to_owned()
}

fn split(results: &Results) -> Result<Table, ReportError> {
    let columns = vec![
        Column::text("part"),
        Column::integer("products"),
        Column::integer("growth"),
        Column::percent("share of growth", 1),
        Column::integer("called growth"),
    ];
    let mut table = Table::new("Products by part", columns);
    for part in [Part::Train, Part::Validation, Part::Test, Part::Current] {
        let products: Vec<_> = of_part(results, part).collect();
        if products.is_empty() {
            continue;
        }
        let called = products.iter().filter(|p| p.predicted).count();
        // Products of one part are all known or all unknown.
        let known: Vec<bool> = products.iter().filter_map(|p| p.growth).collect();
        let growth = known.iter().filter(|&&g| g).count();
        table.row(vec![
            in_words(part).into(),
            products.len().into(),
            (!known.is_empty()).then_some(growth).into(),
            (!known.is_empty()).then(|| growth as f64 / known.len() as f64).into(),
            called.into(),
        ])?;
    }
    Ok(table)
}

fn left_out(body: &mut Body, results: &Results) -> Result<(), ReportError> {
    if results.left_out.is_empty() {
        body.paragraph("No product was left out.");
        return Ok(());
    }
    let mut reasons: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (id, reason) in &results.left_out {
        reasons.entry(reason).or_default().push(id);
    }
    let mut table = Table::new("Products left out", vec![Column::text("reason"), Column::integer("products")]);
    for (reason, ids) in &reasons {
        table.row(vec![(*reason).into(), ids.len().into()])?;
    }
    body.table(table);
    let mut list = Body::new();
    for (reason, ids) in &reasons {
        let shown = ids[..ids.len().min(LISTED)].join(", ");
        let more = ids.len().saturating_sub(LISTED);
        let more = if more > 0 { format!(" and {} more", count(more)) } else { String::new() };
        list.paragraph(&format!("{}: {shown}{more}", capitalised(reason)));
    }
    body.details("Which products were left out", list);
    Ok(())
}

fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

fn definitions(body: &mut Body, results: &Results) {
    body.heading("Definitions");
    body.paragraph(&format!(
        "Expectation E: {}. A step that sells more than E is a positive increment item; the growth points that the \
         report speaks of are such steps after the early ones.",
        results.expectation
    ));
    body.paragraph(&format!(
        "Positive increment value D: the mean of the squared excess over E, over a product's positive increment \
         items; 0 if it has none. A product with D above {} is growth, any other is steady. The threshold comes \
         from the training products or from the job, never from held-out ones.",
        short(results.threshold)
    ));
    body.paragraph(&match results.min_volume {
        v if v > 0.0 => format!(
            "Minimum volume: a product that sold less than {} in its early steps is left out, because a piece more or \
             less would decide what becomes of it.",
            if v == 1.0 { "1 piece".to_owned() } else { format!("{} pieces", short(v)) }
        ),
        _ => "Minimum volume: the job sets none.".to_owned(),
    });
}
