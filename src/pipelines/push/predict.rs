//! Pushes for customers of a new table (`nightloom predict`).

use std::path::Path;

use super::error::PushError;
use super::load::read_columns;
use super::model::Model;
use super::offer::{Candidate, Offer, Rules, WhyNot};
use super::tables;
use crate::backend::Backend;
use crate::dataset::{ReadOptions, Source, TableReader};
use crate::pipelines::Prediction;
use crate::prep::{CleanSpec, ColumnPrep, ColumnSpec};
use crate::recommend::Holdings;

/// The pushes of each customer of a new table, whose columns are those that the model was fitted to. Where the job's
/// holdings are columns of the customers' table and the new one has them, they count; else new customers hold nothing.
///
/// # Errors
/// If model or table cannot be read, a value does not fit its column, or the device fails.
pub fn predict(path: &Path, data: &Path, backend: &Backend) -> Result<Prediction, PushError> {
    let model = Model::load(path)?;
    let header = &model.header;
    let mut source = header.source.clone();
    data.clone_into(&mut source.path);
    // The new file may be stored otherwise: its name and its first bytes tell.
    source.format = None;
    source.types.clear();
    let source = source.check(Path::new(""))?;
    let wide = if has_all(&source, &header.wide)? { header.wide.clone() } else { vec![] };
    let specs: Vec<(String, ColumnSpec)> = header.prep.columns().iter().map(spec).collect();
    let (ids, columns, held) = read_columns(&source, header.id.as_ref(), &specs, &wide)?;
    let holdings = lists(&model, &wide, &held, ids.len())?;
    let (places, replaced) = model.place(&columns, &holdings, backend)?;
    let (labels, _) = model.classify(&places, backend)?;
    let (offers, without) = offers(&model, &ids, &labels, &holdings);
    let mut notes = vec![format!(
        "{} pushes to {} of {} customers; {} values were replaced as in training",
        offers.len(),
        ids.len() - without.len(),
        ids.len(),
        replaced.len()
    )];
    for why in WhyNot::ALL {
        let count = without.iter().filter(|(_, other)| *other == why).count();
        notes.extend((count > 0).then(|| format!("without a push, {}: {count}", why.text())));
    }
    if wide.is_empty() {
        notes.push("customers of this table are taken to hold nothing".to_owned());
    }
    let id = tables::id_name(header.id.as_ref());
    let table = tables::offers(&id, &ids, &header.product_ids, &offers)?;
    Ok(Prediction { table, notes })
}

fn has_all(source: &Source, wide: &[String]) -> Result<bool, PushError> {
    let reader = TableReader::open(source, &ReadOptions::default())?;
    Ok(!wide.is_empty() && wide.iter().all(|name| reader.header().contains(name)))
}

/// A fitted column as a column to read.
fn spec(column: &ColumnPrep) -> (String, ColumnSpec) {
    let spec = match column {
        ColumnPrep::Number { .. } => ColumnSpec::Number(CleanSpec::default()),
        ColumnPrep::OneHot { .. } => ColumnSpec::OneHot,
        ColumnPrep::Ordinal { levels, .. } => ColumnSpec::Ordinal(levels.clone()),
    };
    (column.name().to_owned(), spec)
}

fn lists(model: &Model, wide: &[String], held: &[Vec<Option<f64>>], users: usize) -> Result<Holdings, PushError> {
    let ids = &model.header.product_ids;
    let mut columns: Vec<(u32, &Vec<Option<f64>>)> = vec![];
    for (name, values) in wide.iter().zip(held) {
        columns.extend(ids.iter().position(|id| id == name).map(|product| (product as u32, values)));
    }
    columns.sort_unstable_by_key(|(product, _)| *product);
    let own = |user: usize| -> Vec<(u32, f32)> {
        let positive = columns.iter().filter(|(_, values)| values[user].is_some_and(|v| v > 0.0));
        positive.map(|(product, _)| (*product, 1.0)).collect()
    };
    Ok(Holdings::new(&(0..users).map(own).collect::<Vec<_>>(), ids.len())?)
}

/// Pushes of all customers in their order, and those without any.
pub(super) fn offers(
    model: &Model,
    ids: &[String],
    labels: &[Vec<u32>],
    holdings: &Holdings,
) -> (Vec<Offer>, Vec<(usize, WhyNot)>) {
    let (weighed, products) = (model.weighed(), model.products());
    let rules = Rules { push: &model.header.push, exclusions: &model.header.exclusions, products: &products };
    let (mut offers, mut without) = (vec![], vec![]);
    let mut scores = vec![0.0; products.ids.len()];
    let mut classes = vec![0; labels.len()];
    for (number, id) in ids.iter().enumerate() {
        classes.iter_mut().zip(labels).for_each(|(class, round)| *class = round[number]);
        let user = Candidate { number, id, classes: &classes, held: holdings.of(number) };
        let why = rules.offer(user, &weighed, &mut scores, &mut offers);
        without.extend(why.map(|why| (number, why)));
    }
    (offers, without)
}
