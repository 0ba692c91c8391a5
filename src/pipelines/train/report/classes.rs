//! How good predicted classes are.

use super::super::results::Results;
use crate::report::chart::{Chart, ConfusionMatrix, HeatMap, RocCurve, Size};
use crate::report::number::{count, fixed, percent};
use crate::report::{Body, Card, Column, ReportError, Table};
use crate::train::metrics::classes::{ClassScores, most_likely};

/// Classes that a matrix with counts in its cells still shows well.
const WITH_COUNTS: usize = 12;

/// The area under the ROC curve and the curve's points.
type Roc = (f64, Vec<(f64, f64)>);

pub(super) fn cards(scores: &ClassScores, roc: Option<&Roc>) -> Vec<Card> {
    let right = (scores.accuracy() * scores.total() as f64).round() as usize;
    let mut cards = vec![
        Card::new(
            "Accuracy",
            percent(scores.accuracy(), 2),
            &format!(
                "{} of {} rows right; always saying the largest class: {}",
                count(right),
                count(scores.total()),
                percent(scores.majority(), 1)
            ),
        ),
        Card::new("Log loss", fixed(scores.log_loss, 4), "mean of −ln(probability of the true class)"),
        Card::new("Macro F1", fixed(scores.macro_f1(), 4), "mean over the classes"),
    ];
    cards.extend(roc.map(|(area, _)| Card::new("ROC-AUC", fixed(*area, 4), "a coin: 0.5")));
    cards
}

pub(super) fn write(
    body: &mut Body,
    results: &Results,
    scores: &ClassScores,
    roc: Option<&Roc>,
) -> Result<(), ReportError> {
    let names: Vec<&str> = results.classes().iter().map(String::as_str).collect();
    body.figure(
        confusion(&names, scores)?,
        "Held-out rows. Each row is a true class, each column a predicted one; shades are shares of the row.",
    );
    if let Some((area, points)) = roc {
        let curve = RocCurve::new("ROC curve").curve("model", points, *area);
        body.figure(curve.render()?, &format!("Going down the ranking by the probability of `{}`.", names[1]));
    }
    body.table(by_class(results, scores)?);
    body.table(worst(results)?);
    Ok(())
}

fn confusion(names: &[&str], scores: &ClassScores) -> Result<Chart, ReportError> {
    if names.len() <= WITH_COUNTS {
        return ConfusionMatrix::new("Predicted against true classes", names, &scores.confusion).render();
    }
    let share = |row: &Vec<usize>| {
        let sum = row.iter().sum::<usize>().max(1) as f64;
        row.iter().map(|&n| n as f64 / sum).collect()
    };
    let shares: Vec<Vec<f64>> = scores.confusion.iter().map(share).collect();
    HeatMap::new("Predicted against true classes", "share of the true class", names, names, &shares)
        .size(Size::Wide)
        .render()
}

fn by_class(results: &Results, scores: &ClassScores) -> Result<Table, ReportError> {
    let columns = vec![
        Column::text("class"),
        Column::integer("training rows"),
        Column::integer("held-out rows"),
        Column::integer("predicted"),
        Column::number("precision", 3),
        Column::number("recall", 3),
        Column::number("F1", 3),
    ];
    let mut table = Table::new("By class", columns);
    for (k, name) in results.classes().iter().enumerate() {
        table.row(vec![
            name.as_str().into(),
            results.train_counts[k].into(),
            scores.support(k).into(),
            scores.predicted(k).into(),
            scores.precision(k).into(),
            scores.recall(k).into(),
            scores.f1(k).into(),
        ])?;
    }
    Ok(table)
}

/// Rows that are listed as the surest mistakes.
const LISTED: usize = 10;

/// The mistakes that the model was surest of: mislabelled rows are often among them.
fn worst(results: &Results) -> Result<Table, ReportError> {
    let (found, names) = (&results.held_out, results.classes());
    let wrong =
        found.answers.chunks_exact(names.len()).zip(&found.truth).enumerate().filter_map(|(row, (own, truth))| {
            let said = most_likely(own);
            (said != *truth as usize).then_some((row, said, *truth as usize, own[said]))
        });
    let mut wrong: Vec<(usize, usize, usize, f64)> = wrong.collect();
    wrong.sort_by(|a, b| b.3.total_cmp(&a.3).then(a.0.cmp(&b.0)));
    let columns = vec![
        Column::text(&found.id_name),
        Column::text("true class"),
        Column::text("predicted"),
        Column::number("its probability", 3),
    ];
    let mut table = Table::new("The surest mistakes", columns);
    for &(row, said, truth, probability) in wrong.iter().take(LISTED) {
        table.row(vec![
            found.ids[row].as_str().into(),
            names[truth].as_str().into(),
            names[said].as_str().into(),
            probability.into(),
        ])?;
    }
    Ok(table)
}
