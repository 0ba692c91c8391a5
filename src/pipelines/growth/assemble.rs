//! From what the stages found to what is shown.

use serde_json::{Value, json};

use super::classify::ClassifierHeader;
use super::evaluate::{Located, PointScores, growth_points, score};
use super::increments::{Expectation, quantile};
use super::job::GrowthJob;
use super::results::{ClassifierResult, GrowthPoint, GrowthProduct, MethodScores, Part, Product, ReferenceOf, Results};
use super::rounds::{Findings, Round};
use crate::dataset::series::SeriesSet;
use crate::model::Model;
use crate::run::Outcome;
use crate::train::mean_losses;
use crate::train::metrics::{Confusion, brier, calibration, roc, roc_auc};

/// Bins of the calibration plot.
const BINS: usize = 10;

/// Points of the history that the cluster map shows at most.
const MAP_MAX: usize = 4000;

pub(super) fn results(job: &GrowthJob, findings: &Findings, device: String) -> Results {
    let settings = &job.settings;
    let history = &findings.history;
    let held_out_first = 0;
    let products = products(findings);
    let mut growth = vec![];
    if let Some(round) = &findings.held_out {
        let places: Vec<usize> = round.chosen.iter().map(|i| held_out_first + i).collect();
        growth.extend(growth_products(job, findings, round, &history.set, &places, true));
    }
    let mut current_range = growth.len()..growth.len();
    if let (Some(round), Some((watched, _))) = (&findings.serving, &findings.current) {
        let places: Vec<usize> = round.chosen.iter().map(|i| history.set.len() + i).collect();
        growth.extend(growth_products(job, findings, round, &watched.set, &places, false));
        current_range.end = growth.len();
    }
    let (map, variance) = map(findings, current_range.start);
    let mut order: Vec<usize> = (0..growth.len()).collect();
    order.sort_by(|&a, &b| {
        let p = |k: usize| products[growth[k].product].probability;
        p(b).total_cmp(&p(a)).then(a.cmp(&b))
    });
    let mut new_place = vec![0; growth.len()];
    order.iter().enumerate().for_each(|(new, &old)| new_place[old] = new);
    let mut slots: Vec<Option<GrowthProduct>> = growth.into_iter().map(Some).collect();
    let growth: Vec<GrowthProduct> = order.iter().filter_map(|&k| slots[k].take()).collect();
    let map = map.into_iter().map(|(place, k)| (place, new_place[k])).collect();
    let shown = || findings.serving.iter().chain(&findings.held_out);
    let borrowed = |round: &Round| round.references.of.iter().filter(|r| r.iter().any(|r| r.borrowed)).count();
    let empty = |round: &Round| round.references.of.iter().filter(|r| r.iter().all(|r| r.borrowed)).count();
    let left_out = history.left_out.iter().chain(findings.current.iter().flat_map(|(w, _)| &w.left_out));
    let current_path = findings.current.iter().map(|(w, _)| w.set.path());
    let file_name = |p: &std::path::Path| p.file_name().unwrap_or_default().to_string_lossy().into_owned();
    Results {
        files: std::iter::once(history.set.path()).chain(current_path).map(file_name).collect(),
        attribute_names: history.set.attributes().iter().map(|a| a.name.clone()).collect(),
        left_out: left_out.cloned().collect(),
        early_steps: history.early_steps,
        steps: findings.steps,
        step_labels: step_labels(&history.set, findings.steps),
        expectation: expectation_in_words(&settings.increments.expectation),
        threshold: history.threshold,
        min_volume: history.min_volume,
        classifier: classifier(findings),
        methods: findings.held_out.as_ref().map(|round| methods(job, findings, round)).unwrap_or_default(),
        map,
        map_variance: variance,
        borrowed: shown().map(borrowed).sum(),
        empty: shown().map(empty).sum(),
        point_epochs: point_epochs(shown()),
        device,
        products,
        growth,
    }
}

fn expectation_in_words(expectation: &Expectation) -> String {
    match expectation {
        Expectation::Relative { multiple } => format!("{multiple} times the product's early mean"),
        Expectation::Number { value } => format!("{value} pieces a step"),
        Expectation::Quantile { quantile } => format!("the {quantile} quantile of all quantities in the history"),
        Expectation::Category { column, quantile } => {
            format!("the {quantile} quantile of the quantities with the same `{column}`")
        }
    }
}

fn attributes(set: &SeriesSet, product: usize, names: &[String]) -> Vec<Option<String>> {
    names.iter().map(|name| set.attribute(name).and_then(|values| values[product].clone())).collect()
}

fn mean(values: &[f32]) -> f64 {
    values.iter().map(|v| f64::from(*v)).sum::<f64>() / values.len().max(1) as f64
}

fn products(findings: &Findings) -> Vec<Product> {
    let history = &findings.history;
    let names: Vec<String> = history.set.attributes().iter().map(|a| a.name.clone()).collect();
    let cut = findings.classifier.header.cut;
    let mut parts = vec![Part::Train; history.set.len()];
    history.split.validation.iter().for_each(|&i| parts[i] = Part::Validation);
    history.split.test.iter().for_each(|&i| parts[i] = Part::Test);
    let past = (0..history.set.len()).map(|i| Product {
        id: history.set.ids()[i].clone(),
        part: parts[i],
        early_mean: mean(history.early(i)),
        increment: Some(history.increments[i].value),
        growth: Some(history.growth[i]),
        probability: findings.probabilities[i],
        predicted: findings.probabilities[i] >= cut,
        attributes: attributes(&history.set, i, &names),
    });
    let current = findings.current.iter().flat_map(|(watched, probabilities)| {
        (0..watched.set.len()).map(|i| Product {
            id: watched.set.ids()[i].clone(),
            part: Part::Current,
            early_mean: mean(watched.set.early(i, history.early_steps)),
            increment: None,
            growth: None,
            probability: probabilities[i],
            predicted: probabilities[i] >= cut,
            attributes: attributes(&watched.set, i, &names),
        })
    });
    past.chain(current).collect()
}

/// The growth products of one round; `places` says which of all products they are.
fn growth_products(
    job: &GrowthJob,
    findings: &Findings,
    round: &Round,
    set: &SeriesSet,
    places: &[usize],
    truth: bool,
) -> Vec<GrowthProduct> {
    let history = &findings.history;
    let relative = history.expected.is_relative();
    let each = round.subjects.iter().enumerate().map(|(k, subject)| {
        let own = round.chosen[k];
        let series = if truth { set.values(own) } else { &subject.early };
        let unit = if relative { f64::from(subject.demand.unit) } else { 1.0 };
        let expectation = f64::from(subject.demand.unit) * f64::from(subject.demand.expectation);
        let point = |step: usize| GrowthPoint {
            step,
            label: label(&history.set, set, own, step),
            dates: dates(set, own, step),
            probability: round.probabilities[k][step],
        };
        let references = round.references.of[k].iter().map(|r| ReferenceOf {
            id: history.set.ids()[round.past[r.place]].clone(),
            distance: r.distance,
            borrowed: r.borrowed,
        });
        GrowthProduct {
            product: places[k],
            series: series.iter().map(|v| f64::from(*v)).collect(),
            labels: (0..findings.steps).map(|step| label(&history.set, set, own, step)).collect(),
            expectation,
            probabilities: round.probabilities[k].clone(),
            points: round.points(k, &job.settings).into_iter().map(point).collect(),
            truth: truth.then(|| history.increments[own].steps.clone()),
            references: references.collect(),
            band: band(findings, round, k, unit, relative),
            place: round.references.centres[k],
        }
    });
    each.collect()
}

/// What a step of a product is called. A current product's future steps are called by their first day, or, where there
/// are no dates, as in the history.
fn label(history: &SeriesSet, set: &SeriesSet, product: usize, step: usize) -> String {
    let own = set.label(product, step).map(str::to_owned);
    let future = || set.future_span(product, step).map(|(from, _)| from.to_string());
    own.or_else(future).or_else(|| history.label(0, step).map(str::to_owned)).unwrap_or_default()
}

/// What the steps of a cycle are called, whichever product's it is: as in the table, if all cycles begin with it, else by
/// their number from 1.
fn step_labels(set: &SeriesSet, steps: usize) -> Vec<String> {
    let aligned = (0..set.len()).all(|product| set.start(product) == 0);
    let name = |step: usize| match set.calendar().label(step) {
        Some(label) if aligned => label.to_owned(),
        _ => (step + 1).to_string(),
    };
    (0..steps).map(name).collect()
}

/// A step's first and last day. A current product's future steps go beyond its own table: they follow on its calendar.
fn dates(set: &SeriesSet, product: usize, step: usize) -> Option<(String, String)> {
    let text = |(from, to): (chrono::NaiveDate, chrono::NaiveDate)| (from.to_string(), to.to_string());
    if let Some(span) = set.span(product, step) {
        return Some(text(span));
    }
    set.future_span(product, step).map(text)
}

/// Quartiles of the references' series at each step, in the subject's own unit.
fn band(findings: &Findings, round: &Round, k: usize, unit: f64, relative: bool) -> Vec<(f64, f64, f64)> {
    let history = &findings.history;
    let scaled = |step: usize| -> Vec<f64> {
        let own = round.references.of[k].iter().filter_map(|r| {
            let product = round.past[r.place];
            let value = f64::from(*history.set.values(product).get(step)?);
            let scale = if relative { f64::from(history.demand[product].unit) } else { 1.0 };
            Some(value / scale * unit)
        });
        own.collect()
    };
    let quartiles = |step: usize| {
        let values = scaled(step);
        let at = |share: f64| quantile(values.iter().copied(), share).unwrap_or(0.0);
        (at(0.25), at(0.5), at(0.75))
    };
    (0..findings.steps).map(quartiles).collect()
}

type Map = Vec<((f64, f64), usize)>;

/// The history on the map, with the growth product whose cluster each product belongs to; the round of the current
/// products if there is one, whose growth products begin at `current_first`.
fn map(findings: &Findings, current_first: usize) -> (Map, (f64, f64)) {
    let (round, first) = match (&findings.serving, &findings.held_out) {
        (Some(round), _) => (round, current_first),
        (None, Some(round)) => (round, 0),
        (None, None) => return (vec![], (0.0, 0.0)),
    };
    let stride = round.references.map.len().div_ceil(MAP_MAX).max(1);
    let each = round.references.map.iter().zip(&round.references.labels).step_by(stride);
    (each.map(|(place, label)| (*place, first + *label as usize)).collect(), round.references.variance)
}

fn classifier(findings: &Findings) -> ClassifierResult {
    let Findings { history, classifier, probabilities, .. } = findings;
    let ClassifierHeader { cut, losses, best_epochs, training_rows, .. } = &classifier.header;
    let of = |rows: &[usize]| -> (Vec<f64>, Vec<f64>, Vec<bool>) {
        let base = rows.iter().map(|&i| mean(history.early(i)));
        (
            rows.iter().map(|&i| probabilities[i]).collect(),
            base.collect(),
            rows.iter().map(|&i| history.growth[i]).collect(),
        )
    };
    let (scores, base, truth) = of(&history.split.test);
    let (_, train_base, train_truth) = of(&history.split.train);
    let rising = roc_auc(&train_base, &train_truth).unwrap_or(0.5) >= 0.5;
    let base: Vec<f64> = base.into_iter().map(|b| if rising { b } else { -b }).collect();
    let decided = scores.iter().map(|p| p >= cut).zip(truth.iter().copied());
    let parameters = Model::new(classifier.fleet.model.clone()).map_or(0, |m| m.trained_len());
    ClassifierResult {
        confusion: Confusion::of(decided),
        roc_auc: roc_auc(&scores, &truth).unwrap_or(0.5),
        roc: roc(&scores, &truth),
        brier: brier(&scores, &truth),
        calibration: calibration(&scores, &truth, BINS),
        cut: *cut,
        base_roc_auc: roc_auc(&base, &truth).unwrap_or(0.5),
        base_roc: roc(&base, &truth),
        base_direction: if rising { "more early sales, more growth" } else { "less early sales, more growth" },
        losses: mean_losses(losses),
        best_epoch: best_epochs.iter().sum::<usize>() as f64 / best_epochs.len().max(1) as f64,
        training_rows: *training_rows,
        parameters,
        members: classifier.fleet.members.len(),
    }
}

/// The networks and the baselines on the held-out products, by the same rule.
fn methods(job: &GrowthJob, findings: &Findings, round: &Round) -> Vec<MethodScores> {
    let settings = &job.settings;
    let (first, rule) = (settings.monitor.early_steps, settings.points.rule);
    let scored = |of: &dyn Fn(usize) -> Vec<f64>| -> PointScores {
        let rows: Vec<Vec<f64>> = (0..round.subjects.len()).map(of).collect();
        let located: Vec<Located<'_>> = rows
            .iter()
            .zip(&round.chosen)
            .map(|(probabilities, &product)| Located {
                probabilities,
                points: growth_points(probabilities, first, rule),
                truth: &findings.history.increments[product].steps,
            })
            .collect();
        score(&located, first)
    };
    let method = |name: &str, scores| MethodScores { method: name.to_owned(), scores };
    vec![
        method("growth-point networks", scored(&|k| round.probabilities[k].clone())),
        method("mean profile of the references", scored(&|k| round.profile[k].clone())),
        method("the history's rate at each step", scored(&|_| round.rate.clone())),
    ]
}

fn point_epochs<'a>(rounds: impl Iterator<Item = &'a Round>) -> f64 {
    let headers = rounds.filter_map(|r| super::points::header_of(&r.fleet).ok());
    let epochs: Vec<usize> = headers.flat_map(|h| h.epochs.into_iter().map(|(done, _)| done)).collect();
    epochs.iter().sum::<usize>() as f64 / epochs.len().max(1) as f64
}

/// Headline figures and metrics.
pub(super) fn outcome(results: &Results) -> Outcome {
    let c = &results.classifier;
    let mut headline = vec![
        ("growth_products".to_owned(), results.growth.len() as f64),
        ("classifier_roc_auc".to_owned(), c.roc_auc),
        ("base_level_roc_auc".to_owned(), c.base_roc_auc),
    ];
    for (name, method) in ["growth_point_f1", "profile_f1", "rate_f1"].iter().zip(&results.methods) {
        headline.push(((*name).to_owned(), method.scores.f1));
    }
    Outcome { headline, details: details(results), failed: vec![] }
}

fn details(results: &Results) -> Value {
    let c = &results.classifier;
    let count = |part: Part| results.products.iter().filter(|p| p.part == part).count();
    json!({
        "products": {
            "train": count(Part::Train), "validation": count(Part::Validation), "test": count(Part::Test),
            "current": count(Part::Current), "left_out": results.left_out.len(),
        },
        "increments": { "expectation": results.expectation, "threshold": results.threshold },
        "classifier": {
            "roc_auc": c.roc_auc, "base_level_roc_auc": c.base_roc_auc, "brier": c.brier, "cut": c.cut,
            "accuracy": c.confusion.accuracy(), "balanced_accuracy": c.confusion.balanced_accuracy(),
            "precision": c.confusion.precision(), "recall": c.confusion.recall(), "f1": c.confusion.f1(),
            "confusion": c.confusion, "members": c.members, "parameters": c.parameters,
            "training_rows": c.training_rows, "best_epoch": c.best_epoch,
        },
        "growth_points": results.methods,
        "references": { "borrowed": results.borrowed, "empty": results.empty },
    })
}
