//! The report of a K-means run (E20).

use super::results::Results;
use super::settings::Distance;
use crate::pipelines::tabular::RunFacts;
use crate::report::chart::{LineChart, ScatterPlot, Size, XLabels};
use crate::report::number::{count, counted, fixed, percent, short};
use crate::report::{Body, Card, Cell, Column, NoteKind, Report, ReportError, Table};

/// Clusters with a colour of their own in the picture.
const COLOURED: usize = 6;

/// Clusters that the table shows.
const LISTED: usize = 100;

/// Builds the report.
///
/// # Errors
/// A number that cannot be drawn or printed.
pub(super) fn build(results: &Results, facts: &RunFacts) -> Result<Report, ReportError> {
    let header = &results.header;
    let subtitle = format!(
        "{} in {} by {}, seed {}",
        counted(results.rows, "row"),
        counted(header.k, "cluster"),
        counted(header.data.inputs.len(), "input"),
        facts.seed
    );
    let mut report = Report::new(&format!("Clusters: {}", facts.job), &subtitle);
    summary(report.section("Summary", "summary")?, results);
    clusters(report.section("Clusters", "clusters")?, results)?;
    course(report.section("How they came about", "course")?, results)?;
    let body = report.section("What ran where, and how long", "run")?;
    body.timings(&facts.steps)?;
    report.footer(&format!("Job {}, seed {}, on {}.", facts.job, facts.seed, facts.device));
    Ok(report)
}

fn summary(body: &mut Body, results: &Results) {
    let what = match results.header.metric {
        Distance::Euclidean => "sum of squared distances to the own centre",
        Distance::Cosine => "sum of 1 less the cosine to the own centre",
    };
    let mut cards = vec![Card::new("Inertia", short(results.inertia), what)];
    if let Some(quality) = &results.quality {
        let note = format!("mean over {}; 1 is best, below 0 is wrong", counted(quality.rows, "row"));
        cards.push(Card::new("Silhouette", fixed(quality.silhouette, 3), &note));
        cards.push(Card::new("Davies-Bouldin", fixed(quality.davies_bouldin, 3), "on the same rows; 0 is best"));
    }
    if let Some(agreement) = results.agreement {
        cards.push(Card::new("Adjusted Rand", fixed(agreement, 3), "beside the known classes; by chance 0, at best 1"));
    }
    let moves =
        if results.header.end.settled() { "then nothing moved any more" } else { "stopped before they came to rest" };
    cards.push(Card::new("Moves", count(results.header.iterations), moves));
    body.cards(cards);
    let empty = results.sizes.iter().filter(|size| **size == 0).count();
    if empty > 0 {
        let text =
            format!("{} without rows: there are fewer groups in the data than centres.", counted(empty, "cluster"));
        body.note(NoteKind::Warning, &text);
    }
}

fn clusters(body: &mut Body, results: &Results) -> Result<(), ReportError> {
    let mut order: Vec<usize> = (0..results.sizes.len()).collect();
    order.sort_by_key(|&j| (std::cmp::Reverse(results.sizes[j]), j));
    if let Some(picture) = &results.picture {
        let mut plot = ScatterPlot::new("Rows by cluster", "first component", "second component").size(Size::Wide);
        let of = |j: usize| -> Vec<(f64, f64)> {
            picture.points.iter().filter(|p| p.0 as usize == j).map(|p| (p.1, p.2)).collect()
        };
        let shown: Vec<usize> = order.iter().copied().filter(|&j| !of(j).is_empty()).take(COLOURED).collect();
        for &j in &shown {
            plot = plot.group(&format!("cluster {j}"), &of(j));
        }
        let rest = picture.points.iter().filter(|p| !shown.contains(&(p.0 as usize))).map(|p| (p.1, p.2));
        let rest: Vec<(f64, f64)> = rest.collect();
        if !rest.is_empty() {
            plot = plot.background("other clusters", &rest);
        }
        let centres: Vec<(f64, f64)> = shown.iter().map(|&j| picture.centres[j]).collect();
        let caption = format!(
            "The plane of the first two principal components, which shows {} of the variance.",
            percent(picture.share.min(1.0), 0)
        );
        body.figure(plot.centres("centres", &centres).render()?, &caption);
    }
    let columns = vec![
        Column::text("cluster"),
        Column::integer("rows").with_bar(),
        Column::percent("share", 1),
        Column::number("mean distance", 4),
        Column::number("silhouette", 3),
    ];
    let mut table = Table::new("Clusters, the largest first", columns).cut(LISTED, "tables/clusters.csv");
    let distances = results.mean_distances();
    for j in order {
        let silhouette = results.quality.as_ref().and_then(|quality| quality.clusters[j]);
        table.row(vec![
            j.to_string().as_str().into(),
            results.sizes[j].into(),
            (results.sizes[j] as f64 / results.rows as f64).into(),
            distances[j].map_or(Cell::Missing, Into::into),
            silhouette.map_or(Cell::Missing, Into::into),
        ])?;
    }
    body.table(table);
    Ok(())
}

fn course(body: &mut Body, results: &Results) -> Result<(), ReportError> {
    let header = &results.header;
    if header.course.len() > 1 {
        let chart = LineChart::new("Inertia by move", "moves before", "inertia", XLabels::From(0));
        body.figure(chart.series("inertia", 0, &header.course).render()?, "Of the start that was kept.");
    }
    if header.curve.len() > 1 {
        let labels = XLabels::Named(header.curve.iter().map(|(k, _)| k.to_string()).collect());
        let values: Vec<f64> = header.curve.iter().map(|(_, inertia)| *inertia).collect();
        let chart = LineChart::new("Inertia by number of clusters", "clusters", "inertia", labels);
        body.figure(chart.series("inertia", 0, &values).render()?, "Where the curve bends, more clusters gain little.");
    }
    body.paragraph(&format!(
        "{} without rows {} given a new place on the way.",
        counted(header.reseeded, "centre"),
        if header.reseeded == 1 { "was" } else { "were" }
    ));
    Ok(())
}
