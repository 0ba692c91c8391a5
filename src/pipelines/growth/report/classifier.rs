//! How good the classifier is on held-out products (G3).

use super::super::results::{ClassifierResult, Part, Results};
use super::{of_part, words};
use crate::report::chart::{CalibrationBin, CalibrationPlot, ConfusionMatrix, Histogram, RocCurve, TrainingCurves};
use crate::report::number::{count, short};
use crate::report::{Body, Column, NoteKind, ReportError, Table};

/// Held-out products of the rarer class below which figures are too rough to rely on.
const FEW: usize = 30;

pub(super) fn write(body: &mut Body, results: &Results) -> Result<(), ReportError> {
    let c = &results.classifier;
    let (growth, steady) = words::classes(c);
    body.paragraph(&format!(
        "The classifier sees the first {} steps of a product and gives the probability that it is growth. From \
         {} on a product is called growth. Here it is held against {} held-out products, {} of them growth.",
        count(results.early_steps),
        words::score(c.cut),
        count(growth + steady),
        count(growth)
    ));
    if growth.min(steady) < FEW {
        let text = format!(
            "Only {} held-out products are in the rarer class: every figure below is rough.",
            growth.min(steady)
        );
        body.note(NoteKind::Warning, &text);
    }
    body.table(measures(c)?);
    body.paragraph(&format!(
        "\u{201c}Base level only\u{201d} ranks products by the mean of their early sales and nothing else; the \
         training products say in which direction: {}. It gives a ranking and no decision, so it has no other \
         figures. \u{201c}Blind draw\u{201d} calls as many products growth as the classifier does, at random, \
         and gives each the share of growth as its probability.",
        c.base_direction
    ));
    pictures(body, results)
}

/// Its name; the classifier's value, that of the base level only, that of a blind draw; what it says.
type Measure = (&'static str, Option<f64>, Option<f64>, Option<f64>, String);

fn measures(c: &ClassifierResult) -> Result<Table, ReportError> {
    let counts = &c.confusion;
    let (growth, steady) = words::classes(c);
    let all = (growth + steady).max(1) as f64;
    let (share, said) = (growth as f64 / all, (counts.true_positive + counts.false_positive) as f64 / all);
    let any = counts.true_positive + counts.false_positive > 0;
    let range = words::interval(c).map_or_else(String::new, |(low, high)| {
        format!("; 95% interval {} to {} (Hanley and McNeil 1982)", words::score(low), words::score(high))
    });
    let harmonic = if share + said > 0.0 { 2.0 * share * said / (share + said) } else { 0.0 };
    let rows: [Measure; 7] = [
        (
            "ROC-AUC",
            Some(c.roc_auc),
            Some(c.base_roc_auc),
            Some(0.5),
            format!("chance that a growth product gets a higher probability than a steady one{range}"),
        ),
        (
            "precision",
            any.then(|| counts.precision()),
            None,
            any.then_some(share),
            "of the products called growth, the share that grew".to_owned(),
        ),
        (
            "recall",
            Some(counts.recall()),
            None,
            Some(said),
            "of the products that grew, the share called growth".to_owned(),
        ),
        ("F1", Some(counts.f1()), None, Some(harmonic), "harmonic mean of precision and recall".to_owned()),
        (
            "accuracy",
            Some(counts.accuracy()),
            None,
            Some(share * said + (1.0 - share) * (1.0 - said)),
            "share of right calls, growth and steady alike".to_owned(),
        ),
        (
            "balanced accuracy",
            Some(counts.balanced_accuracy()),
            None,
            Some(0.5),
            "mean of the two classes' recalls".to_owned(),
        ),
        (
            "Brier score",
            Some(c.brier),
            None,
            Some(share * (1.0 - share)),
            "mean squared error of the probabilities: lower is better".to_owned(),
        ),
    ];
    let columns = vec![
        Column::text("measure"),
        Column::number("classifier", 3),
        Column::number("base level only", 3),
        Column::number("blind draw", 3),
        Column::text("what it says"),
    ];
    let mut table = Table::new("Classifier on held-out products", columns);
    for (name, own, base, blind, says) in rows {
        table.row(vec![name.into(), own.into(), base.into(), blind.into(), says.into()])?;
    }
    Ok(table)
}

fn pictures(body: &mut Body, results: &Results) -> Result<(), ReportError> {
    let c = &results.classifier;
    let counts = &c.confusion;
    let matrix = [vec![counts.true_negative, counts.false_positive], vec![counts.false_negative, counts.true_positive]];
    let curve = RocCurve::new("ROC curve").curve("classifier", &c.roc, c.roc_auc).curve(
        "base level only",
        &c.base_roc,
        c.base_roc_auc,
    );
    body.figure(
        curve.render()?,
        "Going down the ranking: the share of growth products that is found, over the share of steady ones that \
         comes along.",
    );
    let bins: Vec<CalibrationBin> = c
        .calibration
        .iter()
        .map(|b| CalibrationBin { predicted: b.predicted, observed: b.observed, count: b.count })
        .collect();
    body.figure(
        CalibrationPlot::new("Calibration", &bins).render()?,
        "Held-out products in bins of probability: where the points lie on the diagonal, 30% means three in ten.",
    );
    body.figure(
        ConfusionMatrix::new("Calls against the truth", &["steady", "growth"], &matrix).render()?,
        "Held-out products. Each row is a true class; percentages are of the row.",
    );
    body.figure(probabilities(results).render()?, "Held-out products by their true class; the line is the cut.");
    body.figure(curves(c)?, &curves_caption(c));
    Ok(())
}

fn probabilities(results: &Results) -> Histogram {
    let of = |class: bool| -> Vec<f64> {
        of_part(results, Part::Test).filter(|p| p.growth == Some(class)).map(|p| p.probability).collect()
    };
    let cut = results.classifier.cut;
    Histogram::new("Probability of growth", "probability of growth")
        .group("steady", &of(false))
        .group("growth", &of(true))
        .bins(20)
        .reference(cut, &format!("cut {}", short(cut)))
}

fn curves(c: &ClassifierResult) -> Result<crate::report::chart::Chart, ReportError> {
    let train: Vec<f64> = c.losses.iter().map(|(loss, _)| *loss).collect();
    // Either every epoch was judged or none.
    let validation: Option<Vec<f64>> = c.losses.iter().map(|(_, loss)| *loss).collect();
    let mut chart = TrainingCurves::new("Training", &train, validation.as_deref().unwrap_or(&[]));
    if let Some(last) = c.losses.len().checked_sub(1) {
        chart = chart.best_epoch((c.best_epoch.round() as usize).saturating_sub(1).min(last));
    }
    chart.render()
}

fn curves_caption(c: &ClassifierResult) -> String {
    let whose = if c.members == 1 {
        "The mark is the epoch whose weights were kept".to_owned()
    } else {
        format!(
            "Mean over the {} networks that still train at each epoch; each keeps the weights of its own best \
             epoch, and the mark is the mean of these, {}",
            count(c.members),
            crate::report::number::fixed(c.best_epoch, 1)
        )
    };
    format!("Weighted binary cross entropy on training and validation products. {whose}.")
}
