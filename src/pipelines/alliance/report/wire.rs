//! What went over the wire, whether it was exact, and what it cost.

use super::super::results::Results;
use super::RunFacts;
use crate::report::chart::{BarChart, LineChart, Size, XLabels};
use crate::report::number::{count, counted, fixed, short};
use crate::report::{Body, Column, ReportError, Table};

/// Encrypted against clear (A8).
pub(super) fn equivalence(body: &mut Body, results: &Results) -> Result<(), ReportError> {
    let found = &results.equivalence;
    body.paragraph(&format!(
        "After the run every sum that the server kept was opened once more, and each company's update of that round was made \
         again from the model before it. The opened mean may differ from the mean of these updates by half a step of \
         quantising, {}, and by nothing else.",
        short(found.error)
    ));
    if results.privacy.is_some() {
        body.paragraph("With noise the sums differ from the clear by the noise, on purpose: see epsilon and delta.");
    } else {
        let differences: Vec<f64> = found.rounds.iter().map(|r| r.difference).collect();
        let title = "Largest difference of a value, in half steps";
        let chart = LineChart::new(title, "round", "half steps", XLabels::From(1))
            .size(Size::Wide)
            .series("encrypted against clear", 0, &differences)
            .reference(1.0, "stated");
        body.figure(chart.render()?, "Each round by itself, over all values of the model.");
    }
    let columns = vec![Column::text("what"), Column::text("found"), Column::text("stated")];
    let mut table = Table::new("The models after all rounds", columns);
    let equal = if found.equal_models { "equal bit for bit" } else { "different" };
    table.row(vec!["models of all companies".into(), equal.into(), "equal bit for bit".into()])?;
    let stated = found.models_stated.map_or_else(|| "no bound is stated".to_owned(), short);
    table.row(vec![
        "largest difference of a weight, encrypted against clear".into(),
        short(found.models_largest).into(),
        stated.into(),
    ])?;
    body.table(table);
    let held: usize = found.rounds.iter().map(|r| r.held).sum();
    body.paragraph(&format!(
        "The bound of the last line adds up half a step a round. It holds as long as local training does not spread small \
         differences of its starting model; networks can, and then the line says so. {} held at their bounds in all rounds.",
        counted(held, "value was").replace("value wass", "values were")
    ));
    Ok(())
}

/// Bytes and seconds.
pub(super) fn sent(body: &mut Body, results: &Results, facts: RunFacts<'_>) -> Result<(), ReportError> {
    let sent = &results.sent;
    body.paragraph(&format!(
        "An update of {} travels as {}, {} to each: {} bytes, {} a value. In {} {} bytes of uploads and sums went over the \
         wire.",
        counted(sent.values, "value"),
        counted(sent.ciphertexts, "ciphertext"),
        counted(sent.slots, "value"),
        count(sent.upload_bytes),
        fixed(sent.bytes_a_value(), 2),
        counted(sent.rounds, "round"),
        count(sent.total())
    ));
    let s = facts.seconds;
    let parts = [
        ("local training", s.training),
        ("encryption", s.encryption),
        ("aggregation", s.aggregation),
        ("decryption", s.decryption),
    ];
    let chart = parts.iter().fold(BarChart::new("Seconds of the encrypted rounds", "s"), |chart, (name, seconds)| {
        chart.bar(name, *seconds)
    });
    body.figure(chart.render()?, "Over all rounds and companies; a company's own share runs on its own machine.");
    let columns = vec![Column::text("work"), Column::duration("in all"), Column::duration("a round")];
    let mut table = Table::new("Where the time of the encrypted rounds went", columns);
    let rounds = sent.rounds.max(1) as f64;
    for (name, seconds) in parts {
        table.row(vec![name.into(), seconds.into(), (seconds / rounds).into()])?;
    }
    body.table(table);
    let mut table = Table::new("Stages of the run", vec![Column::text("stage"), Column::duration("time")]);
    for (stage, seconds) in facts.timings {
        table.row(vec![stage.as_str().into(), (*seconds).into()])?;
    }
    body.table(table);
    body.paragraph(
        "What the server saw stands line by line, with the SHA-256 of each message, in \
         checkpoints/alliance/server/transcript.jsonl of the run's folder; the sums are beside it.",
    );
    Ok(())
}
