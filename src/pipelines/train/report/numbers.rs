//! How good predicted numbers are.

use super::super::results::Results;
use crate::report::chart::{Histogram, ScatterPlot};
use crate::report::number::{fixed, short};
use crate::report::{Body, Card, ReportError};
use crate::train::metrics::numbers::NumberScores;

pub(super) fn cards(scores: &NumberScores) -> Vec<Card> {
    vec![
        Card::new(
            "Root mean square error",
            short(scores.rmse),
            &format!("always saying the mean: {}", short(scores.deviation)),
        ),
        Card::new("Mean absolute error", short(scores.mae), ""),
        Card::new(
            "R²",
            scores.r2.map_or_else(|| "–".to_owned(), |r2| fixed(r2, 4)),
            "share of the variance that is explained",
        ),
    ]
}

pub(super) fn write(body: &mut Body, results: &Results, scores: &NumberScores) -> Result<(), ReportError> {
    let found = &results.held_out;
    let points: Vec<(f64, f64)> = found.truth.iter().copied().zip(found.answers.iter().copied()).collect();
    let target = &results.target;
    let plot = ScatterPlot::new("Predicted against true", &format!("{target}, true"), &format!("{target}, predicted"))
        .group("held-out rows", &points);
    body.figure(plot.render()?, "Each point is a held-out row; a right answer lies where both numbers are equal.");
    let errors: Vec<f64> = points.iter().map(|(truth, said)| said - truth).collect();
    let histogram = Histogram::new("Errors", "predicted less true").group("held-out rows", &errors).bins(30);
    body.figure(histogram.render()?, &format!("Root mean square {}.", short(scores.rmse)));
    Ok(())
}
