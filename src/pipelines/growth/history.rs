//! The history and what is known of each of its products: demand, increments, label, part of the split (G1, G2).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::data_spec::DataSpec;
use super::error::GrowthError;
use super::increments::{Expectation, Increments, Threshold, increments, quantile};
use super::settings::{Monitor, Settings};
use crate::dataset::series::SeriesSet;
use crate::dataset::split::{RawSplit, Split, stratified};
use crate::prep::Demand;

/// An expectation with its quantiles looked up; saved with the models.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Expected {
    /// A multiple of the product's own early mean.
    Relative(f32),
    /// A quantity.
    Absolute(f32),
    /// A quantity for each category.
    Category {
        /// The attribute with the category.
        column: String,
        /// Each category's quantity.
        quantities: BTreeMap<String, f32>,
        /// For categories that the history does not have.
        others: f32,
    },
}

impl Expected {
    fn of(expectation: &Expectation, history: &SeriesSet) -> Result<Self, GrowthError> {
        let all = || (0..history.len()).flat_map(|i| history.values(i)).map(|v| f64::from(*v));
        let no_products = || GrowthError::data(history, "there are no products left to learn from".to_owned());
        Ok(match expectation {
            Expectation::Relative { multiple } => Self::Relative(*multiple),
            Expectation::Number { value } => Self::Absolute(*value),
            Expectation::Quantile { quantile: share } => {
                Self::Absolute(quantile(all(), *share).ok_or_else(no_products)? as f32)
            }
            Expectation::Category { column, quantile: share } => {
                let categories = history.attribute(column).ok_or_else(|| {
                    GrowthError::data(history, format!("`{column}` must be among the `attributes` that are read"))
                })?;
                let mut values: BTreeMap<String, Vec<f64>> = BTreeMap::new();
                for (i, category) in categories.iter().enumerate() {
                    let own = values.entry(category.clone().unwrap_or_default()).or_default();
                    own.extend(history.values(i).iter().map(|v| f64::from(*v)));
                }
                let quantities = values
                    .into_iter()
                    .filter_map(|(name, values)| Some((name, quantile(values, *share)? as f32)))
                    .collect();
                let others = quantile(all(), *share).ok_or_else(no_products)? as f32;
                Self::Category { column: column.clone(), quantities, others }
            }
        })
    }

    /// The attribute that it depends on, if any.
    pub(super) fn column(&self) -> Option<&str> {
        match self {
            Self::Category { column, .. } => Some(column),
            Self::Relative(_) | Self::Absolute(_) => None,
        }
    }

    pub(super) const fn is_relative(&self) -> bool {
        matches!(self, Self::Relative(_))
    }

    /// A product's demand; `None` if its unit would be 0.
    pub(super) fn of_product(&self, set: &SeriesSet, product: usize, early: &[f32]) -> Option<Demand> {
        match self {
            Self::Relative(multiple) => Demand::relative(early, *multiple),
            Self::Absolute(quantity) => Demand::absolute(*quantity),
            Self::Category { column, quantities, others } => {
                let name = set.attribute(column).and_then(|values| values[product].clone()).unwrap_or_default();
                Demand::absolute(quantities.get(&name).copied().unwrap_or(*others))
            }
        }
    }
}

/// What was sold in all of these steps.
pub(super) fn volume(early: &[f32]) -> f64 {
    early.iter().map(|q| f64::from(*q)).sum()
}

/// Products with enough early sales, and why the others are left out.
#[derive(Debug)]
pub(super) struct Watched {
    pub set: SeriesSet,
    pub demand: Vec<Demand>,
    /// Id and reason.
    pub left_out: Vec<(String, &'static str)>,
}

/// Keeps the products that sold at least the minimum in their early steps.
pub(super) fn watch(set: &SeriesSet, monitor: &Monitor, expected: &Expected) -> Watched {
    let (mut kept, mut demand, mut left_out) = (vec![], vec![], vec![]);
    for product in 0..set.len() {
        let early = set.early(product, monitor.early_steps);
        if volume(early) < monitor.min_volume {
            left_out.push((set.ids()[product].clone(), "it sold less than the minimum volume in its early steps"));
            continue;
        }
        match expected.of_product(set, product, early) {
            Some(found) => {
                kept.push(product);
                demand.push(found);
            }
            None => left_out.push((set.ids()[product].clone(), "its expectation is 0: nothing can be held against it")),
        }
    }
    Watched { set: set.select(&kept), demand, left_out }
}

/// The history, ready to learn from.
#[derive(Debug)]
pub(super) struct History {
    pub set: SeriesSet,
    pub demand: Vec<Demand>,
    pub increments: Vec<Increments>,
    /// Whether D exceeds the threshold.
    pub growth: Vec<bool>,
    pub threshold: f64,
    pub split: Split,
    pub left_out: Vec<(String, &'static str)>,
    pub expected: Expected,
    pub early_steps: usize,
    pub min_volume: f64,
    /// The layout of the job's tables; saved with the models.
    pub tables: DataSpec,
}

/// One training row: a product's cycle, turned to the left by some steps.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub product: usize,
    /// The early steps of the turned cycle.
    pub early: Vec<f32>,
    pub demand: Demand,
    /// The increments of the turned cycle.
    pub increments: Increments,
}

impl History {
    pub(super) fn new(settings: &Settings, seed: u64, set: &SeriesSet) -> Result<Self, GrowthError> {
        let monitor = &settings.monitor;
        let expected = Expected::of(&settings.increments.expectation, set)?;
        let Watched { set, demand, left_out } = watch(set, monitor, &expected);
        if set.len() < 10 {
            let reason = format!(
                "{} products are left, at least 10 are needed ({} left out: see `monitor.min_volume`)",
                set.len(),
                left_out.len()
            );
            return Err(GrowthError::data(&set, reason));
        }
        let relative = expected.is_relative();
        let found: Vec<Increments> =
            demand.iter().enumerate().map(|(i, d)| increments(set.values(i), *d, relative)).collect();
        let threshold_of = |rows: &mut dyn Iterator<Item = usize>| match settings.increments.threshold {
            Threshold::Number { value } => value,
            Threshold::Quantile { quantile: share } => quantile(rows.map(|i| found[i].value), share).unwrap_or(0.0),
        };
        // The parts are drawn so that each has its share of growth by the whole history's threshold; the threshold that
        // labels comes from the training part alone.
        let rough = threshold_of(&mut (0..set.len()));
        let strata: Vec<u32> = found.iter().map(|f| u32::from(f.value > rough)).collect();
        let shares = RawSplit { validation: settings.split.validation, test: settings.split.test, seed };
        let split = stratified(&strata, &shares.check()?);
        let threshold = threshold_of(&mut split.train.iter().copied());
        let growth: Vec<bool> = found.iter().map(|f| f.value > threshold).collect();
        let history = Self {
            set,
            demand,
            increments: found,
            growth,
            threshold,
            split,
            left_out,
            expected,
            early_steps: monitor.early_steps,
            min_volume: monitor.min_volume,
            tables: DataSpec::of(settings),
        };
        history.check_classes()?;
        Ok(history)
    }

    fn check_classes(&self) -> Result<(), GrowthError> {
        for (part, rows) in
            [("training", &self.split.train), ("validation", &self.split.validation), ("test", &self.split.test)]
        {
            let growth = rows.iter().filter(|&&i| self.growth[i]).count();
            if growth == 0 || growth == rows.len() {
                let label = if growth == 0 { "steady" } else { "growth" };
                let (first, last) = (self.set.row(0), self.set.row(self.set.len() - 1));
                let reason = format!(
                    "{first} to {last}, the step columns: every one of the {} {part} products is labelled `{label}` (D > \
                     {:.4}): there is nothing to tell apart; change `increments.expectation` or `increments.threshold`",
                    rows.len(),
                    self.threshold
                );
                return Err(GrowthError::data(&self.set, reason));
            }
        }
        Ok(())
    }

    /// A product's early steps.
    pub(super) fn early(&self, product: usize) -> &[f32] {
        self.set.early(product, self.early_steps)
    }

    /// The products of training and validation together: what is past when the held-out ones are current.
    pub(super) fn past(&self) -> Vec<usize> {
        let mut past = [self.split.train.as_slice(), &self.split.validation].concat();
        past.sort_unstable();
        past
    }

    /// Rows of `products`: each as it is, then turned by each of `rotations` where its turned early steps sell enough.
    pub(super) fn rows(&self, products: &[usize], rotations: &[usize]) -> Vec<Row> {
        let mut rows = vec![];
        for &product in products {
            rows.push(self.turned(product, 0));
            let others = rotations.iter().filter(|&&shift| shift != 0);
            rows.extend(others.map(|&shift| self.turned(product, shift)));
        }
        rows.into_iter().flatten().collect()
    }

    fn turned(&self, product: usize, shift: usize) -> Option<Row> {
        let mut series = self.set.values(product).to_vec();
        let len = series.len();
        series.rotate_left(shift % len.max(1));
        let early = series[..self.early_steps.min(len)].to_vec();
        if volume(&early) < self.min_volume {
            return None;
        }
        let demand = self.expected.of_product(&self.set, product, &early)?;
        let increments = increments(&series, demand, self.expected.is_relative());
        Some(Row { product, early, demand, increments })
    }
}
