//! How well growth points were located, beside the two baselines (G7).

use super::super::evaluate::PointScores;
use super::super::results::{GrowthProduct, MethodScores, Part, Results};
use super::growth_of;
use crate::report::chart::{LineChart, Size, XLabels};
use crate::report::number::{count, counted};
use crate::report::{Body, Cell, Column, NoteKind, ReportError, Table};

/// A measure: its column, how to read it from the scores, and whether more or less of it is better.
type Measure = (Column, fn(&PointScores) -> f64, Option<bool>);

pub(super) fn write(body: &mut Body, results: &Results) -> Result<(), ReportError> {
    let held_out = growth_of(results, Part::Test);
    if results.methods.is_empty() || held_out.is_empty() {
        let text = "No held-out product was called growth, so there is nothing to hold located growth points against.";
        body.note(NoteKind::Warning, text);
        return Ok(());
    }
    body.paragraph(&format!(
        "For the {} that were called growth the whole cycle is known. Each method gives every step after the \
         first {} a probability of being a positive increment item, and the same rule makes growth points of \
         these; they are held against the steps that were.",
        counted(held_out.len(), "held-out product"),
        count(results.early_steps),
    ));
    body.table(methods(&results.methods)?);
    body.paragraph(
        "The best value of each column is bold. Precision: of the located steps, the share that were increment items. \
         Recall: of the increment items, the share that was located. F1: their harmonic mean. Timing error: the mean \
         number of steps from a true point to the nearest located one and back, averaged; less is better. Average \
         precision and ROC-AUC judge the probabilities themselves, before any rule.",
    );
    body.figure(
        over_the_cycle(results, &held_out)?,
        "At each step, the share of the held-out growth products for which it was located, and for which it was an \
         increment item.",
    );
    Ok(())
}

fn measures() -> Vec<Measure> {
    vec![
        (Column::number("F1", 3), |s| s.f1, Some(true)),
        (Column::number("precision", 3), |s| s.precision, Some(true)),
        (Column::number("recall", 3), |s| s.recall, Some(true)),
        (Column::number("timing error (steps)", 2), |s| s.timing_error_steps, Some(false)),
        (Column::number("average precision", 3), |s| s.average_precision, Some(true)),
        (Column::number("ROC-AUC", 3), |s| s.roc_auc, Some(true)),
        (Column::integer("located"), |s| s.located as f64, None),
        (Column::integer("true points"), |s| s.true_points as f64, None),
    ]
}

fn methods(methods: &[MethodScores]) -> Result<Table, ReportError> {
    let measures = measures();
    let columns = std::iter::once(Column::text("method")).chain(measures.iter().map(|m| m.0.clone())).collect();
    let mut table = Table::new("Growth points on held-out products", columns);
    for method in methods {
        let cells = measures.iter().map(|(_, of, more_is_better)| {
            let value = of(&method.scores);
            let all = || methods.iter().map(|m| of(&m.scores));
            let best = match more_is_better {
                Some(true) => all().all(|other| value >= other),
                Some(false) => all().all(|other| value <= other),
                None => false,
            };
            if best { Cell::Best(value) } else { Cell::Number(value) }
        });
        table.row(std::iter::once(method.method.as_str().into()).chain(cells).collect())?;
    }
    Ok(table)
}

fn over_the_cycle(results: &Results, held_out: &[&GrowthProduct]) -> Result<crate::report::chart::Chart, ReportError> {
    let first = results.early_steps.min(results.steps);
    let share = |hit: &dyn Fn(&GrowthProduct, usize) -> bool| -> Vec<f64> {
        let of_step = |step| held_out.iter().filter(|g| hit(g, step)).count() as f64 / held_out.len() as f64 * 100.0;
        (first..results.steps).map(of_step).collect()
    };
    let located = share(&|g, step| g.points.iter().any(|p| p.step == step));
    let real = share(&|g, step| g.truth.as_ref().is_some_and(|t| t.get(step) == Some(&true)));
    let labels = XLabels::Named(results.step_labels[first.min(results.step_labels.len())..].to_vec());
    LineChart::new("When growth points fall", "step", "% of products", labels)
        .size(Size::Wide)
        .series("located", 0, &located)
        .series("increment items", 0, &real)
        .render()
}
