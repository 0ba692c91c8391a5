//! Running saved growth models on new data (`nightloom predict`, E14).

use std::collections::HashMap;
use std::path::Path;

use super::classify::{self, Classifier};
use super::data_spec::{DataSpec, Like};
use super::error::GrowthError;
use super::evaluate::growth_points;
use super::history::{Expected, volume};
use super::points::{self, Subject};
use super::tables::label;
use crate::artifact::table::{Cells, Table};
use crate::backend::Backend;
use crate::dataset::series::SeriesSet;
use crate::pipelines::Prediction;
use crate::prep::Demand;
use crate::train::SavedFleet;

/// A new table and how it is laid out.
#[derive(Debug, Clone)]
pub struct NewData<'a> {
    /// The file.
    pub path: &'a Path,
    /// The layouts to choose from; without it, those that the model has saved.
    pub tables: Option<DataSpec>,
    /// Which of them; without it, the current products' if there is one.
    pub like: Option<Like>,
}

/// Predicts with a saved growth model: a classifier gives each product's probability of growth; growth-point networks
/// give, for the products that they were trained for, the steps at which to promote. The tables are like those of a run.
///
/// # Errors
/// If the data cannot be read, the model is no growth model, or the device fails.
pub fn predict(
    fleet: SavedFleet,
    path: &Path,
    data: &NewData<'_>,
    backend: &Backend,
) -> Result<Prediction, GrowthError> {
    match fleet.task.as_str() {
        classify::TASK => classes(&Classifier::from_fleet(fleet, path)?, data, backend),
        points::TASK => steps(&fleet, data, backend),
        other => Err(GrowthError::Data {
            file: path.display().to_string(),
            reason: format!("expected a model of `{}` or `{}`, found `{other}`", classify::TASK, points::TASK),
        }),
    }
}

/// The products of new data, and each one's demand if it is one that the models are for.
fn products(
    data: &NewData<'_>,
    saved: &DataSpec,
    early_steps: usize,
    expected: &Expected,
) -> Result<(SeriesSet, Vec<Option<Demand>>), GrowthError> {
    let tables = data.tables.as_ref().unwrap_or(saved);
    let set = tables.series(data.like, data.path, early_steps, expected)?.read(early_steps)?;
    let demand = |i: usize| {
        let early = set.early(i, early_steps);
        if volume(early) < saved.min_volume { None } else { expected.of_product(&set, i, early) }
    };
    let demands = (0..set.len()).map(demand).collect();
    Ok((set, demands))
}

fn classes(classifier: &Classifier, data: &NewData<'_>, backend: &Backend) -> Result<Prediction, GrowthError> {
    let header = &classifier.header;
    let early_steps = header.prep.early_steps();
    let (set, demand) = products(data, &header.tables, early_steps, &header.demand)?;
    let known: Vec<usize> = (0..set.len()).filter(|&i| demand[i].is_some()).collect();
    let each = known.iter().filter_map(|&i| Some((set.early(i, early_steps), demand[i]?)));
    let found = classifier.probabilities(each, backend)?;
    let mut probability: Vec<Option<f64>> = vec![None; set.len()];
    known.iter().zip(found).for_each(|(&i, p)| probability[i] = Some(p));
    let predicted = |p: &Option<f64>| p.map(|p| label(p >= header.cut).to_owned());
    let table = Table::new([
        ("product", Cells::text(set.ids().iter().cloned())),
        ("predicted", Cells::Text(probability.iter().map(predicted).collect())),
        ("probability", Cells::F64(probability)),
    ])?;
    let silent = set.len() - known.len();
    let note = format!(
        "{silent} of {} products get no prediction: they sold less than {} in their first {early_steps} steps, or their \
         expectation is 0",
        set.len(),
        header.tables.min_volume
    );
    Ok(Prediction { table, notes: if silent > 0 { vec![note] } else { vec![] } })
}

fn steps(fleet: &SavedFleet, data: &NewData<'_>, backend: &Backend) -> Result<Prediction, GrowthError> {
    let header = points::header_of(fleet)?;
    let early_steps = header.prep.early_steps();
    let (set, demand) = products(data, &header.tables, early_steps, &header.demand)?;
    let places: HashMap<&str, usize> = set.ids().iter().enumerate().map(|(i, id)| (id.as_str(), i)).collect();
    let mut chosen = SavedFleet { names: vec![], members: vec![], ..fleet.clone() };
    let (mut subjects, mut own_places) = (vec![], vec![]);
    for (name, weights) in fleet.names.iter().zip(&fleet.members) {
        let Some(&place) = places.get(name.as_str()) else { continue };
        let Some(demand) = demand[place] else { continue };
        chosen.names.push(name.clone());
        chosen.members.push(weights.clone());
        subjects.push(Subject { id: name.clone(), early: set.early(place, early_steps).to_vec(), demand });
        own_places.push(place);
    }
    if subjects.is_empty() {
        let first = fleet.names.first().map_or("", String::as_str);
        let reason = format!(
            "expected at least one of the {} products that the networks were trained for, such as `{first}`, found none",
            fleet.names.len()
        );
        return Err(GrowthError::data(&set, reason));
    }
    let found = points::probabilities(&chosen, &subjects, backend)?;
    let mut located = Located::default();
    for ((subject, own), place) in subjects.iter().zip(&found).zip(own_places) {
        for step in growth_points(own, early_steps, header.rule) {
            let span = set.span(place, step).or_else(|| set.future_span(place, step));
            let label = set.label(place, step).map(str::to_owned);
            let label = label.or_else(|| span.map(|(from, _)| from.to_string()));
            located.product.push(subject.id.clone());
            located.step.push(step as i64);
            located.label.push(label.or_else(|| header.labels.get(step).cloned()));
            located.start.push(span.map(|(from, _)| from.to_string()));
            located.end.push(span.map(|(_, to)| to.to_string()));
            located.probability.push(own[step]);
        }
    }
    let note = format!("{} of the model's {} products are in the table", subjects.len(), fleet.names.len());
    let notes = if subjects.len() < fleet.names.len() { vec![note] } else { vec![] };
    Ok(Prediction { table: located.table()?, notes })
}

/// The columns of located growth points.
#[derive(Debug, Default)]
struct Located {
    product: Vec<String>,
    step: Vec<i64>,
    label: Vec<Option<String>>,
    start: Vec<Option<String>>,
    end: Vec<Option<String>>,
    probability: Vec<f64>,
}

impl Located {
    fn table(self) -> Result<Table, GrowthError> {
        Ok(Table::new([
            ("product", Cells::text(self.product)),
            ("step", Cells::i64(self.step)),
            ("step_label", Cells::Text(self.label)),
            ("start", Cells::Text(self.start)),
            ("end", Cells::Text(self.end)),
            ("probability", Cells::f64(self.probability)),
        ])?)
    }
}
