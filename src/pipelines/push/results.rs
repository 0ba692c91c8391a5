//! What a push job has found: tables and report are written from this.

use std::collections::BTreeMap;

use super::features::Course;
use super::judge::{Choice, SeedFigures, Setting};
use super::load::Products;
use super::model::{Draws, Model};
use super::offer::{Offer, WhyNot};
use crate::prep::{ColumnPrep, Replacement};
use crate::recommend::Judged;

/// What report and metrics are made from.
#[derive(Debug)]
pub(super) struct Results {
    pub customers: usize,
    /// Customers without holdings: candidates only.
    pub candidates: usize,
    pub holdings: usize,
    pub products: Products,
    /// Products that nobody holds.
    pub unheld: usize,
    pub exclusions: usize,
    pub id: String,
    pub totals: Totals,
    pub by_class: Vec<ClassRow>,
    pub columns: Vec<ColumnPrep>,
    pub course: Course,
    pub draws: Vec<Draws>,
    pub setting: Setting,
    pub choice: Choice,
    pub evaluation: Option<Evaluated>,
    pub map: Option<Map>,
    /// What every centre's sum of distances was to be below.
    pub threshold: Option<f64>,
    /// Customers that everything was learned from, where these are a sample.
    pub sample: Option<usize>,
}

/// What is known of each customer, where customers are held in memory.
#[derive(Debug)]
pub(super) struct Lists {
    pub ids: Vec<String>,
    /// Each customer's class in the first round.
    pub classes: Vec<u32>,
    pub distances: Vec<f32>,
    pub offers: Vec<Offer>,
    pub without: Vec<(usize, WhyNot)>,
    pub replaced: Vec<Replacement>,
}

/// Counts over all customers.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Totals {
    pub pushes: usize,
    /// Pushes of each product, and the sum of their weights.
    pub by_product: BTreeMap<u32, (usize, f64)>,
    /// Pushes to customers of each class.
    pub by_class: BTreeMap<u32, usize>,
    /// Customers without a push by reason.
    pub reasons: BTreeMap<WhyNot, usize>,
    /// Replacements by column: anomalies, and missing values.
    pub replaced: Vec<(usize, usize)>,
    pub anomalies: Vec<Anomaly>,
}

/// A replaced value and whose it was.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Anomaly {
    pub id: String,
    pub column: usize,
    pub old: f64,
    pub new: f64,
}

impl Anomaly {
    /// How many times the new value the old one is.
    pub(super) fn times(&self) -> f64 {
        if self.new == 0.0 { 0.0 } else { (self.old / self.new).abs() }
    }
}

/// The largest anomalies that are kept for the report.
const ANOMALIES: usize = 12;

impl Totals {
    /// Nothing yet, of so many columns.
    pub(super) fn new(columns: usize) -> Self {
        Self { replaced: vec![(0, 0); columns], ..Self::default() }
    }

    /// One push more.
    pub(super) fn offer(&mut self, product: u32, class: u32, weight: f64) {
        self.pushes += 1;
        let (times, sum) = self.by_product.entry(product).or_default();
        *times += 1;
        *sum += weight;
        *self.by_class.entry(class).or_default() += 1;
    }

    /// One replacement more.
    pub(super) fn replacement(&mut self, column: usize, old: Option<f64>, new: f64, id: impl FnOnce() -> String) {
        let (anomalies, missing) = &mut self.replaced[column];
        let Some(old) = old else {
            *missing += 1;
            return;
        };
        *anomalies += 1;
        let mut own = Anomaly { id: String::new(), column, old, new };
        // Of equally large ones those that came first stay.
        if self.anomalies.len() == ANOMALIES && self.anomalies.last().is_some_and(|last| own.times() <= last.times()) {
            return;
        }
        own.id = id();
        let place = self.anomalies.partition_point(|other| other.times() >= own.times());
        self.anomalies.insert(place, own);
        self.anomalies.truncate(ANOMALIES);
    }

    pub(super) fn of(lists: &Lists, columns: usize) -> Self {
        let mut totals = Self::new(columns);
        lists.offers.iter().for_each(|offer| totals.offer(offer.product, offer.class, offer.weight));
        lists.without.iter().for_each(|(_, why)| *totals.reasons.entry(*why).or_default() += 1);
        lists.replaced.iter().for_each(|r| totals.replacement(r.column, r.old, r.new, || lists.ids[r.row].clone()));
        totals
    }

    pub(super) fn without(&self) -> usize {
        self.reasons.values().sum()
    }

    pub(super) fn anomalies(&self) -> usize {
        self.replaced.iter().map(|(anomalies, _)| anomalies).sum()
    }

    pub(super) fn missing(&self) -> usize {
        self.replaced.iter().map(|(_, missing)| missing).sum()
    }
}

/// One class of the first round.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ClassRow {
    pub class: usize,
    /// Customers in it, and those of them who hold something.
    pub customers: usize,
    pub users: u64,
    /// The heaviest product, its weight and its holders.
    pub product: u32,
    pub weight: f64,
    pub holders: u64,
    /// Pushes to customers of the class.
    pub pushed: usize,
    /// The sum of the centre's distances in training.
    pub total: f64,
}

/// The evaluation's figures.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Evaluated {
    pub k: usize,
    pub tail: f64,
    pub hidden: String,
    pub seeds: Vec<SeedFigures>,
}

/// Customers in the plane of the first two components of the space in which classes are made.
#[derive(Debug)]
pub(super) struct Map {
    pub points: Vec<(u32, f64, f64)>,
    pub centres: Vec<(f64, f64)>,
    pub share: f64,
}

/// A mean over seeds and its deviation (by n - 1; 0 for one seed).
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Spread {
    pub mean: f64,
    pub deviation: f64,
}

impl Spread {
    pub(super) fn of(values: &[f64]) -> Self {
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n.max(1.0);
        let squares: f64 = values.iter().map(|v| (v - mean).powi(2)).sum();
        Self { mean, deviation: if n > 1.0 { (squares / (n - 1.0)).sqrt() } else { 0.0 } }
    }
}

/// One figure of a method.
type Figure = fn(&Judged) -> f64;

/// The figures of an evaluation, by their names in tables.
pub(super) const FIGURES: [(&str, Figure); 6] = [
    ("hit_rate", |j| j.all.hit_rate),
    ("recall", |j| j.all.recall),
    ("ndcg", |j| j.all.ndcg),
    ("tail_hit_rate", |j| j.tail.hit_rate),
    ("tail_recall", |j| j.tail.recall),
    ("tail_ndcg", |j| j.tail.ndcg),
];

impl Evaluated {
    /// Each method's name and the spread of each figure.
    pub(super) fn spreads(&self) -> Vec<(String, [Spread; 6])> {
        let Some(first) = self.seeds.first() else { return vec![] };
        let of = |method: usize| {
            FIGURES.map(|(_, figure)| {
                let values = self.seeds.iter().filter_map(|seed| seed.methods.get(method));
                Spread::of(&values.map(|(_, judged)| figure(judged)).collect::<Vec<f64>>())
            })
        };
        first.methods.iter().enumerate().map(|(m, (name, _))| (name.clone(), of(m))).collect()
    }
}

/// The classes of the first round.
pub(super) fn classes(model: &Model, customers: &[usize], totals: &Totals) -> Vec<ClassRow> {
    let weighed = model.weighed();
    let row = |class: usize| {
        let weights = weighed.of_class(class);
        // Of equal weights the first product.
        let product = (0..weights.len()).fold(0, |best, p| if weights[p] > weights[best] { p } else { best });
        ClassRow {
            class,
            customers: customers[class],
            users: model.counts[0].users[class],
            product: product as u32,
            weight: weights[product],
            holders: model.counts[0].holders_in(class)[product],
            pushed: totals.by_class.get(&(class as u32)).copied().unwrap_or(0),
            total: model.header.draws[0].totals.get(class).copied().unwrap_or(0.0),
        }
    };
    (0..customers.len()).map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p7_spreads_are_means_and_deviations_over_seeds() {
        assert_eq!(Spread::of(&[1.0, 3.0]), Spread { mean: 2.0, deviation: 2f64.sqrt() });
        assert_eq!(Spread::of(&[4.0]), Spread { mean: 4.0, deviation: 0.0 });
    }
}
