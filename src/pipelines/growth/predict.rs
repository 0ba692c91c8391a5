//! Running saved growth models on new data (`nightloom predict`, E14).

use std::path::Path;

use super::classify::{self, Classifier};
use super::error::GrowthError;
use super::evaluate::growth_points;
use super::points::{self, Subject};
use crate::artifact::table::{Cells, Table};
use crate::backend::Backend;
use crate::dataset::series::SeriesSpec;
use crate::prep::Demand;
use crate::train::SavedFleet;

/// Predicts with a saved growth model: a classifier gives each product's probability of growth; growth-point networks
/// give, for the products that they were trained for, the steps at which to promote.
///
/// # Errors
/// If the data cannot be read or the model is no growth model.
pub fn predict(fleet: SavedFleet, path: &Path, series: &SeriesSpec, backend: &Backend) -> Result<Table, GrowthError> {
    match fleet.task.as_str() {
        classify::TASK => classes(Classifier::from_fleet(fleet, path)?, series, backend),
        points::TASK => steps(&fleet, series, backend),
        other => Err(GrowthError::Data {
            file: path.display().to_string(),
            reason: format!("expected a model of `{}` or `{}`, found `{other}`", classify::TASK, points::TASK),
        }),
    }
}

fn classes(classifier: Classifier, series: &SeriesSpec, backend: &Backend) -> Result<Table, GrowthError> {
    let early_steps = classifier.header.prep.early_steps();
    let set = series.read(early_steps)?;
    let demand: Vec<Option<Demand>> =
        (0..set.len()).map(|i| classifier.header.demand.of_product(&set, i, set.early(i, early_steps))).collect();
    let known: Vec<usize> = (0..set.len()).filter(|&i| demand[i].is_some()).collect();
    let each = known.iter().filter_map(|&i| Some((set.early(i, early_steps), demand[i]?)));
    let found = classifier.probabilities(each, backend)?;
    let mut probability: Vec<Option<f64>> = vec![None; set.len()];
    known.iter().zip(found).for_each(|(&i, p)| probability[i] = Some(p));
    let cut = classifier.header.cut;
    let label = |p: &Option<f64>| p.map(|p| if p >= cut { "growth" } else { "steady" }.to_owned());
    Ok(Table::new([
        ("product", Cells::text(set.ids().iter().cloned())),
        ("predicted", Cells::Text(probability.iter().map(label).collect())),
        ("probability", Cells::F64(probability)),
    ])?)
}

fn steps(fleet: &SavedFleet, series: &SeriesSpec, backend: &Backend) -> Result<Table, GrowthError> {
    let header = points::header_of(fleet)?;
    let early_steps = header.prep.early_steps();
    let set = series.read(early_steps)?;
    let mut chosen = SavedFleet { names: vec![], members: vec![], ..fleet.clone() };
    let (mut subjects, mut places) = (vec![], vec![]);
    for (name, weights) in fleet.names.iter().zip(&fleet.members) {
        let Some(place) = set.ids().iter().position(|id| id == name) else { continue };
        let early = set.early(place, early_steps);
        let Some(demand) = header.demand.of_product(&set, place, early) else { continue };
        chosen.names.push(name.clone());
        chosen.members.push(weights.clone());
        subjects.push(Subject { id: name.clone(), early: early.to_vec(), demand });
        places.push(place);
    }
    let found = points::probabilities(&chosen, &subjects, backend)?;
    let (mut product, mut step, mut label, mut start, mut end, mut probability) =
        (vec![], vec![], vec![], vec![], vec![], vec![]);
    for ((subject, own), place) in subjects.iter().zip(&found).zip(places) {
        for s in growth_points(own, early_steps, header.rule) {
            let span = set.span(place, s).or_else(|| set.future_span(place, s));
            product.push(Some(subject.id.clone()));
            step.push(s as i64 + 1);
            label.push(set.label(place, s).map(str::to_owned));
            start.push(span.map(|(from, _)| from.to_string()));
            end.push(span.map(|(_, to)| to.to_string()));
            probability.push(own[s]);
        }
    }
    Ok(Table::new([
        ("product", Cells::Text(product)),
        ("step", Cells::i64(step)),
        ("step_label", Cells::Text(label)),
        ("start", Cells::Text(start)),
        ("end", Cells::Text(end)),
        ("probability", Cells::f64(probability)),
    ])?)
}
