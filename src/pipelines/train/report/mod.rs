//! The report of a train run (E20).

mod classes;
mod data;
mod numbers;

use super::results::{Results, Scores};
use crate::report::chart::{Size, TrainingCurves};
use crate::report::number::{count, counted, duration, fixed};
use crate::report::{Body, Card, Column, Report, ReportError, Table};
use crate::train::mean_losses;

/// What the report says of the run besides its results.
#[derive(Debug, Clone, Copy)]
pub(super) struct RunFacts<'a> {
    /// The job's name.
    pub job: &'a str,
    /// The job's seed.
    pub seed: u64,
    /// Stages and the seconds that each took.
    pub timings: &'a [(String, f64)],
}

/// Builds the report.
///
/// # Errors
/// A number that cannot be drawn or printed, such as NaN.
pub(super) fn build(results: &Results, facts: RunFacts<'_>) -> Result<Report, ReportError> {
    let subtitle = format!(
        "`{}` from {} on {}, seed {}",
        results.target,
        counted(results.inputs.len(), "input"),
        counted(results.rows.train, "training row"),
        facts.seed
    );
    let mut report = Report::new(&format!("Training: {}", facts.job), &subtitle);
    summary(report.section("Summary", "summary")?, results, facts);
    curves(report.section("Learning", "learning")?, results)?;
    let body = report.section("How good it is", "quality")?;
    match &results.held_out.scores {
        Scores::Classes { scores, roc } => classes::write(body, results, scores, roc.as_ref())?,
        Scores::Numbers(scores) => numbers::write(body, results, scores)?,
    }
    network(report.section("The network", "network")?, results)?;
    data::write(report.section("Data", "data")?, results)?;
    run(report.section("What ran where, and how long", "run")?, results, facts)?;
    report.footer(&format!("Job {}, seed {}, read from {}.", facts.job, facts.seed, results.files.join(" and ")));
    Ok(report)
}

fn summary(body: &mut Body, results: &Results, facts: RunFacts<'_>) {
    let mut cards = match &results.held_out.scores {
        Scores::Classes { scores, roc } => classes::cards(scores, roc.as_ref()),
        Scores::Numbers(scores) => numbers::cards(scores),
    };
    let members = results.members();
    let ensemble =
        if members == 1 { "one network".to_owned() } else { format!("the mean of {} networks", count(members)) };
    cards.push(Card::new("Trained values", count(results.parameters), &ensemble));
    let seconds: f64 = facts.timings.iter().map(|(_, s)| s).sum();
    cards.push(Card::new("Time", duration(seconds), &results.device));
    body.cards(cards);
    body.paragraph(&format!(
        "Every figure on quality comes from {} that took no part in the training.",
        counted(results.rows.test, "held-out row")
    ));
}

fn curves(body: &mut Body, results: &Results) -> Result<(), ReportError> {
    let losses = mean_losses(&results.losses);
    let train: Vec<f64> = losses.iter().map(|(loss, _)| *loss).collect();
    let validation: Option<Vec<f64>> = losses.iter().map(|(_, loss)| *loss).collect();
    let mut chart = TrainingCurves::new("Loss by epoch", &train, validation.as_deref().unwrap_or(&[])).size(Size::Wide);
    let best = results.best_epochs.iter().sum::<usize>() as f64 / results.members().max(1) as f64;
    if let Some(last) = losses.len().checked_sub(1) {
        chart = chart.best_epoch((best.round() as usize).saturating_sub(1).min(last));
    }
    let kept = match (validation.is_some(), results.members()) {
        (false, _) => "Without validation rows the weights of the last epoch are kept".to_owned(),
        (true, 1) => "The mark is the epoch whose weights were kept".to_owned(),
        (true, members) => format!(
            "Mean over the {} networks that still train at each epoch; each keeps the weights of its own best epoch, \
             and the mark is the mean of these, {}",
            count(members),
            fixed(best, 1)
        ),
    };
    body.figure(chart.render()?, &format!("Loss: {}. {kept}.", results.loss));
    Ok(())
}

fn network(body: &mut Body, results: &Results) -> Result<(), ReportError> {
    let columns =
        vec![Column::text("layer"), Column::text("shape behind it"), Column::integer("trained values").with_bar()];
    let mut table = Table::new("Layer by layer", columns);
    for row in &results.layers {
        table.row(vec![row.layer.as_str().into(), row.shape.as_str().into(), row.trained.into()])?;
    }
    table.row(vec!["all layers".into(), "".into(), results.parameters.into()])?;
    body.table(table.emphasise_row(results.layers.len()));
    Ok(())
}

fn run(body: &mut Body, results: &Results, facts: RunFacts<'_>) -> Result<(), ReportError> {
    let epochs: Vec<usize> = results.losses.iter().map(Vec::len).collect();
    let (least, most) = (epochs.iter().min().copied().unwrap_or(0), epochs.iter().max().copied().unwrap_or(0));
    let took = if least == most { count(most) } else { format!("{} to {}", count(least), count(most)) };
    body.paragraph(&format!(
        "Trained and asked on this device: {}. {} took {took} epochs of {}.",
        results.device,
        if results.members() == 1 { "The network".to_owned() } else { format!("The {} networks", results.members()) },
        counted(results.rows.train, "row"),
    ));
    let columns = vec![Column::text("stage"), Column::duration("time"), Column::duration("an epoch")];
    let mut table = Table::new("Where the time went", columns);
    for (stage, seconds) in facts.timings {
        table.row(vec![stage.as_str().into(), (*seconds).into(), (seconds / most.max(1) as f64).into()])?;
    }
    body.table(table);
    Ok(())
}
