//! The report of a tree run (E20).

use super::{Header, Loaded, Model, Trees, Truth};
use crate::pipelines::tabular::{RunFacts, TableJob};
use crate::pipelines::train::Output;
use crate::report::chart::{BarChart, ConfusionMatrix, RocCurve, ScatterPlot, Size, TrainingCurves};
use crate::report::number::{count, counted, fixed, percent, short};
use crate::report::{Body, Card, Column, Report, ReportError, Table};
use crate::train::metrics::classes::ClassScores;
use crate::train::metrics::numbers::NumberScores;

/// Classes that a matrix still shows well.
const CLASSES_SHOWN: usize = 12;

/// Inputs that are listed.
const LISTED: usize = 40;

/// Inputs with a bar.
const BARS: usize = 12;

/// Lines of a tree that the report shows.
const LINES: usize = 200;

/// How good the answers on held-out rows are.
#[derive(Debug)]
pub(super) enum Scores {
    /// Classes; for two of them the area under the ROC curve and its points.
    Classes { scores: ClassScores, roc: Option<(f64, Vec<(f64, f64)>)> },
    /// Numbers.
    Numbers(NumberScores),
}

/// What is known and said of the held-out rows.
#[derive(Debug)]
pub(super) struct HeldOut {
    pub ids: Vec<String>,
    pub truth: Truth,
    pub answers: Vec<f64>,
    pub scores: Scores,
}

/// Builds the report; `text` is a single tree in words.
///
/// # Errors
/// A number that cannot be drawn.
pub(super) fn build(
    job: &TableJob<Trees>,
    loaded: &Loaded,
    header: &Header,
    found: &HeldOut,
    (gains, text): (&[f64], Option<&str>),
    facts: &RunFacts,
) -> Result<Report, ReportError> {
    let target = &job.settings.data.target;
    let subtitle = format!(
        "`{target}` from {} on {}, seed {}",
        counted(gains.len(), "input"),
        counted(loaded.split.train.len(), "training row"),
        facts.seed
    );
    let mut report = Report::new(&format!("Trees: {}", facts.job), &subtitle);
    summary(report.section("Summary", "summary")?, header, found);
    quality(report.section("How good it is", "quality")?, header, found, target)?;
    inputs(report.section("What counts", "inputs")?, &loaded.columns.names(), gains)?;
    if !header.losses.is_empty() {
        rounds(report.section("Round by round", "rounds")?, header)?;
    }
    if let Some(text) = text {
        tree(report.section("The tree", "tree")?, text);
    }
    report.section("What ran where, and how long", "run")?.timings(&facts.steps)?;
    report.footer(&format!("Job {}, seed {}, on {}.", facts.job, facts.seed, facts.device));
    Ok(report)
}

fn summary(body: &mut Body, header: &Header, found: &HeldOut) {
    let mut cards = match &found.scores {
        Scores::Classes { scores, roc } => {
            let always = format!("always saying the largest class: {}", percent(scores.majority(), 1));
            let mut cards = vec![
                Card::new("Accuracy", percent(scores.accuracy(), 2), &always),
                Card::new("Log loss", fixed(scores.log_loss, 4), "mean of −ln(probability of the true class)"),
            ];
            cards.extend(roc.as_ref().map(|(area, _)| Card::new("ROC-AUC", fixed(*area, 4), "a coin: 0.5")));
            cards
        }
        Scores::Numbers(scores) => {
            let always = format!("always saying the mean: {}", short(scores.deviation));
            let share = scores.r2.map_or_else(|| "–".to_owned(), |r2| fixed(r2, 4));
            vec![
                Card::new("Root mean square error", short(scores.rmse), &always),
                Card::new("R²", share, "share of the variance that is explained"),
            ]
        }
    };
    cards.push(match &header.model {
        Model::Tree(tree) => Card::new("Leaves", count(tree.leaves()), &format!("depth {}", tree.depth())),
        Model::Boosted(boosted) => Card::new(
            "Trees",
            count(boosted.trees.len()),
            &format!("of {} grown", counted(header.losses.len(), "round")),
        ),
    });
    body.cards(cards);
    body.paragraph(&format!(
        "Every figure on quality comes from {} that took no part in the training.",
        counted(found.ids.len(), "held-out row")
    ));
}

fn quality(body: &mut Body, header: &Header, found: &HeldOut, target: &str) -> Result<(), ReportError> {
    match (&found.scores, &found.truth, &header.output) {
        (Scores::Classes { scores, roc }, _, Output::Classes { names, .. }) => {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            if names.len() <= CLASSES_SHOWN {
                let matrix = ConfusionMatrix::new("Predicted against true classes", &names, &scores.confusion);
                body.figure(matrix.render()?, "Held-out rows. Each row is a true class, each column a predicted one.");
            }
            if let Some((area, points)) = roc {
                let curve = RocCurve::new("ROC curve").curve("model", points, *area);
                body.figure(curve.render()?, &format!("Going down the ranking by the probability of `{}`.", names[1]));
            }
            let columns = vec![
                Column::text("class"),
                Column::integer("held-out rows"),
                Column::percent("found", 1),
                Column::percent("right when said", 1),
            ];
            let mut table = Table::new("By class", columns).cut(LISTED, "tables/predictions.csv");
            for (k, name) in names.iter().enumerate() {
                let share = |value: Option<f64>| value.map_or(crate::report::Cell::Missing, Into::into);
                table.row(vec![
                    (*name).into(),
                    scores.support(k).into(),
                    share(scores.recall(k)),
                    share(scores.precision(k)),
                ])?;
            }
            body.table(table);
        }
        (_, Truth::Numbers(truth), _) => {
            let points: Vec<(f64, f64)> = truth.iter().copied().zip(found.answers.iter().copied()).collect();
            let (x, y) = (format!("{target}, true"), format!("{target}, predicted"));
            let plot = ScatterPlot::new("Predicted against true", &x, &y).group("held-out rows", &points);
            body.figure(plot.render()?, "A right answer lies where both numbers are equal.");
        }
        _ => {}
    }
    Ok(())
}

fn inputs(body: &mut Body, names: &[String], gains: &[f64]) -> Result<(), ReportError> {
    let mut order: Vec<usize> = (0..gains.len()).filter(|&i| gains[i] > 0.0).collect();
    order.sort_by(|&a, &b| gains[b].total_cmp(&gains[a]).then(a.cmp(&b)));
    if order.is_empty() {
        body.paragraph("No input helps: the model says the same of every row.");
        return Ok(());
    }
    let mut chart = BarChart::new("Share of what all splits gain", "share");
    for &i in order.iter().take(BARS) {
        chart = chart.bar(&names[i], gains[i]);
    }
    body.figure(
        chart.render()?,
        "An input that splits many rows well has a large share; one that repeats another may have none.",
    );
    let columns = vec![Column::text("input"), Column::percent("share of gain", 2).with_bar()];
    let mut table = Table::new("Inputs that count", columns).cut(LISTED, "tables/importance.csv");
    for i in order {
        table.row(vec![names[i].as_str().into(), gains[i].into()])?;
    }
    body.table(table);
    Ok(())
}

fn rounds(body: &mut Body, header: &Header) -> Result<(), ReportError> {
    let train: Vec<f64> = header.losses.iter().filter_map(|(train, _)| *train).collect();
    let validation: Vec<f64> = header.losses.iter().filter_map(|(_, validation)| *validation).collect();
    if train.len() < 2 {
        return Ok(());
    }
    let mut chart = TrainingCurves::new("Loss by round", &train, &validation).size(Size::Wide);
    if let Model::Boosted(boosted) = &header.model {
        let rounds = boosted.trees.len() / boosted.outputs().max(1);
        if rounds > 0 && rounds <= train.len() {
            chart = chart.best_epoch(rounds - 1);
        }
    }
    body.figure(chart.render()?, "The model keeps the rounds up to the marked one.");
    Ok(())
}

fn tree(body: &mut Body, text: &str) {
    let lines: Vec<&str> = text.lines().collect();
    let mut shown = lines[..lines.len().min(LINES)].join("\n");
    if lines.len() > LINES {
        shown += "\n... ";
        shown += &count(lines.len() - LINES);
        shown += " more lines in tables/tree.txt";
    }
    body.preformatted(&shown);
    body.paragraph("The same as a picture: tables/tree.svg.");
}
