//! The report of a grid run (E20): what was allocated, how good it is, how it came about.

mod allocations;
mod data;
mod quality;

use serde_json::json;

use super::results::Results;
use crate::pipelines::tabular::RunFacts;
use crate::report::number::{count, counted, fixed, percent};
use crate::report::{Body, Card, NoteKind, Report, ReportError};
use crate::run::Outcome;

/// Builds the report.
///
/// # Errors
/// A number that cannot be drawn or printed.
pub(super) fn build(results: &Results, facts: &RunFacts) -> Result<Report, ReportError> {
    let subtitle = format!(
        "The right customer to the right manager, for the right task: {}, {}, seed {}",
        counted(results.late.len(), "contact"),
        counted(results.tasks[1], "task"),
        facts.seed
    );
    let mut report = Report::new(&format!("Grid: {}", facts.job), &subtitle);
    summary(report.section("Summary", "summary")?, results);
    allocations::write(report.section("The four allocations", "allocations")?, results)?;
    allocations::tiers(report.section("Tiers", "tiers")?, results)?;
    if let Some(found) = &results.evaluation {
        quality::write(report.section("How good is the ranking", "quality")?, results, found)?;
    }
    if let Some(found) = &results.made_up {
        quality::managers(report.section("What knowing the managers is worth", "managers")?, results, found)?;
    }
    data::write(report.section("Data and features", "data")?, results)?;
    let body = report.section("What ran where, and how long", "run")?;
    body.timings(&facts.steps)?;
    report.footer(&format!("Job {}, seed {}, read from {}.", facts.job, facts.seed, results.file));
    Ok(report)
}

fn summary(body: &mut Body, results: &Results) {
    if let Some(found) = &results.made_up {
        body.note(
            NoteKind::Warning,
            &format!(
                "The {} are made up, and so is their effect on outcomes (skill {}); customers, tasks and the outcomes by \
                 which the ranking is judged are as the table has them.",
                counted(results.managers.len(), "manager"),
                found.spec.skill
            ),
        );
    }
    if let Some(note) = &results.note {
        body.note(NoteKind::Note, note);
    }
    let mut cards = vec![];
    if let Some(found) = &results.evaluation {
        let network = &found.ranked[0];
        let seeds = format!("on late tasks, mean of {}", counted(network.seeds, "ensemble"));
        cards.push(Card::new("AUC", fixed(network.auc.mean, 3), &seeds));
        cards.push(Card::new("AUC within a task", fixed(network.within.mean, 3), "mean over tasks by their contacts"));
        cards.push(Card::new(
            "Lift at 10%",
            fixed(network.lift.mean, 2),
            "response of the best tenth over that of all",
        ));
    }
    let fourth = &results.allocations[2];
    let served = format!("of {}, in the fourth allocation", counted(results.late.len(), "contact"));
    cards.push(Card::new("Allocated", count(fourth.served()), &served));
    let gap = results.allocations.iter().map(|a| a.gap).fold(0.0, f64::max);
    cards.push(Card::new("Gap at most", percent(gap, 2), "to the best allocation, by the auction's bound"));
    if let Some(found) = &results.made_up {
        let note = "of what perfect knowledge of the managers adds; third allocation";
        cards.push(Card::new("Manager share", fixed(found.gain.share_third.mean, 2), note));
    }
    body.cards(cards);
}

/// The run's figures.
pub(super) fn outcome(results: &Results) -> Outcome {
    let mut headline = vec![];
    if let Some(found) = &results.evaluation {
        let network = &found.ranked[0];
        headline.push(("auc".to_owned(), network.auc.mean));
        headline.push(("auc_within_task".to_owned(), network.within.mean));
        headline.push(("lift_10".to_owned(), network.lift.mean));
        headline.push(("logistic_auc".to_owned(), found.ranked[1].auc.mean));
    }
    if let Some(found) = &results.made_up {
        headline.push(("manager_share_first".to_owned(), found.gain.share_first.mean));
        headline.push(("manager_share_third".to_owned(), found.gain.share_third.mean));
    }
    headline.push(("allocated".to_owned(), results.allocations[2].served() as f64));
    headline.push(("gap".to_owned(), results.allocations.iter().map(|a| a.gap).fold(0.0, f64::max)));
    let allocation = |a: &super::allocate::Allocation| json!({ "served": a.served(), "left_over": a.left.len(), "value": a.value, "bound": a.bound, "gap": a.gap });
    let details = json!({
        "contacts": { "train": results.train, "late": results.late.len() },
        "left_out": {
            "too_early": results.left_out.too_early,
            "no_region": results.left_out.no_region,
            "repeated": results.left_out.repeated,
        },
        "features": { "selected": results.names.len(), "left_out": results.dropped.len(), "components": results.shares.len() },
        "index": {
            "grids": results.index.grids.len(),
            "partitions_written": results.index.relation.fresh,
            "added": results.index.added,
            "removed": results.index.removed,
            "changed": results.index.changed,
            "unchanged": results.index.unchanged,
            "partitions_skipped": results.index.partitions_skipped,
        },
        "choice": results.choice,
        "evaluation": results.evaluation.as_ref().map(|e| json!({
            "ranked": e.ranked,
            "response_rate": e.rate,
            "difference_to_logistic": e.difference,
            "interval": e.interval,
        })),
        "managers_made_up": results.made_up.is_some(),
        "manager_gain": results.made_up.as_ref().map(|m| json!({
            "random": m.gain.random,
            "customer_only": m.gain.customer,
            "first": m.gain.first,
            "third": m.gain.third,
            "oracle": m.gain.oracle,
            "share_first": m.gain.share_first,
            "share_third": m.gain.share_third,
            "outcomes_turned": m.turned,
        })),
        "first": allocation(&results.allocations[0]),
        "prompts": results.prompts.len(),
        "third": allocation(&results.allocations[1]),
        "fourth": allocation(&results.allocations[2]),
        "tiers": results.by_tier().iter().map(Vec::len).collect::<Vec<_>>(),
    });
    Outcome { headline, details, failed: vec![] }
}
