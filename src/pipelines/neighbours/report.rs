//! The report of a run that looked for neighbours (E20).

use super::{Loaded, Neighbours};
use crate::pipelines::tabular::{RunFacts, TableJob};
use crate::report::chart::Histogram;
use crate::report::number::{counted, short};
use crate::report::{Card, Report, ReportError};

/// Builds the report from the distances of each row's nearest and last neighbour.
///
/// # Errors
/// A number that cannot be drawn.
pub(super) fn build(
    job: &TableJob<Neighbours>,
    loaded: &Loaded,
    (nearest, last): (&[f64], &[f64]),
    facts: &RunFacts,
) -> Result<Report, ReportError> {
    let k = job.settings.k;
    let subtitle = format!(
        "{} each for {} among {}, {}",
        counted(k, "neighbour"),
        counted(nearest.len(), "row"),
        counted(loaded.ids.len(), "row"),
        counted(loaded.layout.inputs.len(), "input")
    );
    let mut report = Report::new(&format!("Neighbours: {}", facts.job), &subtitle);
    let median = |values: &[f64]| {
        let mut sorted = values.to_vec();
        sorted.sort_unstable_by(f64::total_cmp);
        sorted.get(sorted.len() / 2).copied().unwrap_or(0.0)
    };
    let body = report.section("Distances", "distances")?;
    body.cards(vec![
        Card::new("To the nearest", short(median(nearest)), "half of the rows are closer to theirs"),
        Card::new("To the last", short(median(last)), &format!("neighbour {k} of each row; half are closer")),
    ]);
    let histogram = Histogram::new("Distance to the nearest and to the last neighbour", "distance")
        .group("nearest", nearest)
        .group(&format!("neighbour {k}"), last);
    body.figure(histogram.bins(30).render()?, "Rows far to the right are unlike all others.");
    body.paragraph("All neighbours stand in tables/neighbours, the nearest first.");
    report.section("What ran where, and how long", "run")?.timings(&facts.steps)?;
    report.footer(&format!("Job {}, on {}.", facts.job, facts.device));
    Ok(report)
}
