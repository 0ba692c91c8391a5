//! The report of a PCA run (E20).

use super::Header;
use crate::pipelines::tabular::RunFacts;
use crate::report::chart::{LineChart, ScatterPlot, XLabels};
use crate::report::number::{count, counted, percent};
use crate::report::{Card, Column, Report, ReportError, Table};

/// Components that are listed.
const LISTED: usize = 50;

/// Inputs that are named for a component.
const NAMED: usize = 5;

/// Builds the report from the model and the rows' coordinates.
///
/// # Errors
/// A number that cannot be drawn.
pub(super) fn build(header: &Header, out: &[f32], facts: &RunFacts) -> Result<Report, ReportError> {
    let pca = &header.pca;
    let (dimensions, shares) = (pca.dimensions(), pca.shares());
    let subtitle = format!(
        "{} of {} from {}",
        counted(dimensions, "component"),
        counted(header.data.inputs.len(), "input"),
        counted(header.rows, "row")
    );
    let mut report = Report::new(&format!("Components: {}", facts.job), &subtitle);
    let kept: f64 = shares.iter().sum();
    let body = report.section("Variance", "variance")?;
    body.cards(vec![
        Card::new("Kept", percent(kept.min(1.0), 1), "of the variance of all inputs together"),
        Card::new("Components", count(dimensions), &format!("of {} inputs", count(header.data.inputs.len()))),
    ]);
    if dimensions > 1 {
        let chart = LineChart::new("Variance by component", "component", "share of all variance", XLabels::From(1));
        body.figure(chart.series("share", 0, &shares).render()?, "Where the line flattens, noise begins.");
        let points: Vec<(f64, f64)> =
            out.chunks_exact(dimensions).map(|row| (f64::from(row[0]), f64::from(row[1]))).collect();
        let plot = ScatterPlot::new("Rows along the first two components", "first component", "second component");
        body.figure(plot.group("rows", &points).render()?, "Of many rows a part is drawn.");
    }
    let columns = vec![
        Column::text("component"),
        Column::number("variance", 4),
        Column::percent("share", 2).with_bar(),
        Column::text("made of"),
    ];
    let mut table = Table::new("Components", columns).cut(LISTED, "tables/variances.csv");
    for (c, share) in shares.iter().enumerate().take(dimensions) {
        let component = pca.component(c);
        let mut order: Vec<usize> = (0..component.len()).collect();
        order.sort_by(|&a, &b| component[b].abs().total_cmp(&component[a].abs()).then(a.cmp(&b)));
        let one = |&i: &usize| format!("{:+.2} {}", component[i], header.data.inputs[i]);
        let words: Vec<String> = order.iter().take(NAMED).map(one).collect();
        table.row(vec![
            (c + 1).to_string().as_str().into(),
            pca.variances()[c].into(),
            (*share).into(),
            words.join(", ").as_str().into(),
        ])?;
    }
    body.table(table);
    report.section("What ran where, and how long", "run")?.timings(&facts.steps)?;
    report.footer(&format!("Job {}, seed {}, on {}.", facts.job, facts.seed, facts.device));
    Ok(report)
}
