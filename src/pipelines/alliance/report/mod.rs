//! The report of an alliance run (E20).

mod adoption;
mod promotion;
mod quality;
#[cfg(test)]
mod tests;
mod wire;
mod words;

use super::results::{Results, Seconds};
use crate::alliance::Plan;
use crate::alliance::threat::statements;
use crate::report::number::{count, counted, duration, fixed, percent, short};
use crate::report::{Body, Card, Column, NoteKind, Report, ReportError, Table};

pub(super) use words::{outcome, plan_in_words};

/// What the report says of the run besides its results.
#[derive(Clone, Copy)]
pub(super) struct RunFacts<'a> {
    /// The job's name.
    pub job: &'a str,
    /// The job's seed.
    pub seed: u64,
    /// Stages and the seconds that each took.
    pub timings: &'a [(String, f64)],
    /// Seconds of the encrypted rounds.
    pub seconds: Seconds,
    /// The plan.
    pub plan: &'a Plan,
}

/// Builds the report.
///
/// # Errors
/// A number that cannot be drawn or printed, such as NaN.
pub(super) fn build(results: &Results, facts: RunFacts<'_>) -> Result<Report, ReportError> {
    let subtitle = format!(
        "{}, {}, encrypted with Paillier's key of {} bits, seed {}",
        counted(results.companies.len(), "company").replace("companys", "companies"),
        counted(results.sent.rounds, "round"),
        count(facts.plan.raw().key_bits as usize),
        facts.seed
    );
    let mut report = Report::new(&format!("Alliance: {}", facts.job), &subtitle);
    summary(report.section("Summary", "summary")?, results, facts);
    quality::write(report.section("Together or alone", "quality")?, results)?;
    wire::equivalence(report.section("Encrypted and in the clear", "equivalence")?, results)?;
    wire::sent(report.section("What was sent, and how long it took", "sent")?, results, facts)?;
    if let Some(found) = &results.adoption {
        adoption::write(report.section("Adopt what the other does?", "adopt")?, results, found)?;
    }
    if let Some(found) = &results.promotion {
        promotion::write(report.section("Where to promote", "promotion")?, found)?;
    }
    threat(report.section("Who learns what", "threat")?, results, facts);
    plan(report.section("The plan and the data", "plan")?, results)?;
    report.footer(&format!("Job {}, seed {}, read from {}.", facts.job, facts.seed, results.file));
    Ok(report)
}

fn summary(body: &mut Body, results: &Results, facts: RunFacts<'_>) {
    let mut cards: Vec<Card> = results
        .companies
        .iter()
        .map(|c| {
            let note = format!("alone {}, held-out error (RMSE)", fixed(c.alone.rmse, 4));
            Card::new(&format!("{} in the alliance", c.name), fixed(c.encrypted.rmse, 4), &note)
        })
        .collect();
    let check = &results.equivalence;
    let worst = check.rounds.iter().map(|r| r.difference).fold(0.0, f64::max);
    let privacy = results.privacy.as_ref();
    if privacy.is_none() {
        cards.push(Card::new(
            "Largest error of a sum",
            fixed(worst, 3),
            "half steps of quantising; at most 1 is stated",
        ));
    }
    cards.push(Card::new(
        "On the wire",
        format!("{} bytes", fixed(results.sent.bytes_a_value(), 2)),
        "a value of an upload",
    ));
    let all = facts.seconds.training + facts.seconds.encryption + facts.seconds.aggregation + facts.seconds.decryption;
    cards.push(Card::new("Encrypted rounds", duration(all), &results.device));
    body.cards(cards);
    body.paragraph(&words::verdict(results));
    if !results.note.is_empty() {
        body.note(NoteKind::Note, &results.note);
    }
    if let Some([_, all]) = privacy {
        body.paragraph(&format!(
            "Noise hides each company's whole update: after {} epsilon is {} at a delta of {}.",
            counted(all.rounds as usize, "round"),
            short(all.epsilon),
            short(all.delta)
        ));
    }
}

fn threat(body: &mut Body, results: &Results, facts: RunFacts<'_>) {
    if results.companies.len() == 2 {
        let text = "There are two companies: from each opened sum either can subtract its own update and reads the \
                    other's. The server reads neither. `allow_two = true` in the job accepted that.";
        body.note(NoteKind::Warning, text);
    }
    for (heading, text) in statements(facts.plan.raw().mode) {
        body.heading(heading);
        body.paragraph(text);
    }
}

fn plan(body: &mut Body, results: &Results) -> Result<(), ReportError> {
    let mut table = Table::new("The plan that all agreed upon", vec![Column::text("setting"), Column::text("value")]);
    for (setting, value) in &results.plan {
        table.row(vec![setting.as_str().into(), value.as_str().into()])?;
    }
    body.table(table);
    let columns = vec![
        Column::text("company"),
        Column::integer("examples that train"),
        Column::integer("weight"),
        Column::integer("held out"),
    ];
    let mut table = Table::new("The companies", columns);
    for c in &results.companies {
        table.row(vec![c.name.as_str().into(), c.train.into(), (c.weight as usize).into(), c.held_out.into()])?;
    }
    body.table(table);
    let left = match results.rows_left_out {
        0 => String::new(),
        rows => format!(" {} outside of the steps were left out.", counted(rows, "row")),
    };
    body.paragraph(&format!(
        "An example is a product's known steps at one company; what is forecast is `{}` afterwards, as the logarithm of its \
         ratio to the mean of the known steps. {} in the table, and a step without a row counts as nothing sold.{left} The \
         network: {}.",
        results.target,
        counted(results.products, "product"),
        results.layers.join(", ")
    ));
    body.paragraph(&format!(
        "Held-out examples lie later than all that train; they judged nothing during training, and the model is that of the \
         last round. Gain of the company that gains least: {}.",
        percent(results.least_gain(), 2)
    ));
    Ok(())
}
