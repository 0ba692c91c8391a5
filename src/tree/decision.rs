//! One decision tree: classes or numbers.

use serde::{Deserialize, Serialize};

use super::TreeError;
use super::bins::Binned;
use super::features::{BINS_MAX, Features};
use super::grow::{Grower, Grown, Limits};
use super::histogram::Stats;
use super::node::Tree;
use super::prune::prune;
use super::split::{Criterion, SplitRules};

/// What makes a node impure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Impurity {
    /// `1 - sum p_c^2`; for classes.
    Gini,
    /// `- sum p_c ln p_c`; for classes.
    Entropy,
    /// The variance; for numbers.
    SquaredError,
}

/// What is to be learned.
#[derive(Debug, Clone, Copy)]
pub enum Target<'a> {
    /// Each row's class, and how many classes there are.
    Classes(&'a [u32], usize),
    /// Each row's number.
    Numbers(&'a [f64]),
}

impl Target<'_> {
    fn len(&self) -> usize {
        match self {
            Self::Classes(labels, _) => labels.len(),
            Self::Numbers(numbers) => numbers.len(),
        }
    }

    /// Checks targets and weights against the rows.
    pub(super) fn check(&self, rows: usize, weights: Option<&[f32]>) -> Result<(), TreeError> {
        if self.len() != rows {
            return Err(TreeError::setting("targets", "one a row", format!("{} for {rows} rows", self.len())));
        }
        match self {
            Self::Classes(labels, count) => {
                if let Some(label) = labels.iter().find(|label| **label as usize >= *count) {
                    return Err(TreeError::setting(
                        "targets",
                        "classes below their number",
                        format!("{label} of {count}"),
                    ));
                }
            }
            Self::Numbers(numbers) => {
                if let Some(row) = numbers.iter().position(|number| !number.is_finite()) {
                    return Err(TreeError::setting(
                        "targets",
                        "finite numbers",
                        format!("{} at row {row}", numbers[row]),
                    ));
                }
            }
        }
        let Some(weights) = weights else { return Ok(()) };
        let fine = weights.len() == rows && weights.iter().all(|w| w.is_finite() && *w >= 0.0);
        if !fine || weights.iter().all(|w| *w == 0.0) {
            return Err(TreeError::setting("weights", "one a row, finite, at least 0 and not all 0", "others"));
        }
        Ok(())
    }
}

/// How a tree grows; [`TreeSpec::fit`] checks it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TreeSpec {
    /// What is to fall.
    pub impurity: Impurity,
    /// The most splits on a way down.
    pub depth_max: Option<usize>,
    /// The most leaves: those whose split gains most are split first.
    pub leaves_max: Option<usize>,
    /// The fewest rows of a leaf.
    pub leaf_rows_min: usize,
    /// The fewest rows of a node that is split.
    pub split_rows_min: usize,
    /// Cost-complexity pruning: subtrees are cut off whose leaves each lower the impurity, weighed by the node's share of
    /// all weight, by less than this.
    pub prune_alpha: f64,
    /// The most bins of a feature.
    pub bins: usize,
}

impl TreeSpec {
    /// Grown until every leaf is pure.
    pub const fn new(impurity: Impurity) -> Self {
        Self {
            impurity,
            depth_max: None,
            leaves_max: None,
            leaf_rows_min: 1,
            split_rows_min: 2,
            prune_alpha: 0.0,
            bins: BINS_MAX,
        }
    }

    /// Fits a tree.
    ///
    /// # Errors
    /// Names the setting that is out of range, or the targets or weights that do not fit the rows.
    pub fn fit(&self, features: &Features<'_>, target: Target<'_>, weights: Option<&[f32]>) -> Result<Tree, TreeError> {
        self.check(target)?;
        target.check(features.count(), weights)?;
        let binned = Binned::new(features, self.bins)?;
        let ones;
        let weights = if let Some(weights) = weights {
            weights
        } else {
            ones = vec![1.0_f32; features.count()];
            &ones
        };
        let mut rows: Vec<u32> = (0..features.count() as u32).filter(|&row| weights[row as usize] > 0.0).collect();
        let criterion = match self.impurity {
            Impurity::Gini => Criterion::Gini,
            Impurity::Entropy => Criterion::Entropy,
            Impurity::SquaredError => Criterion::Newton { lambda: 0.0 },
        };
        let total: f64 = weights.iter().map(|w| f64::from(*w)).sum();
        let mut limits = Limits {
            // A split that gains nothing may still lead to some that do; rounding must not hide it.
            rules: SplitRules {
                criterion,
                rows_min: self.leaf_rows_min as f64,
                weight_min: 0.0,
                gain_min: -1e-9 * total,
            },
            depth_max: self.depth_max.unwrap_or(usize::MAX),
            leaves_max: self.leaves_max.unwrap_or(usize::MAX),
            split_rows_min: self.split_rows_min,
        };
        let mut grower = Grower::default();
        let (mut grown, nodes) = match target {
            Target::Classes(labels, count) => {
                let stats = Stats::Classes { labels, weights, count };
                let grown = grower.grow(&binned, &stats, &limits, &mut rows);
                let nodes = class_nodes(&grown, self.impurity, count);
                (grown, nodes)
            }
            Target::Numbers(numbers) => {
                let mean = weighted_mean(numbers, weights);
                let pair = |(y, w): (&f64, &f32)| [(y - mean) * f64::from(*w), f64::from(*w)];
                let pairs: Vec<[f64; 2]> = numbers.iter().zip(weights).map(pair).collect();
                let spread: f64 = pairs.iter().filter(|p| p[1] > 0.0).map(|p| p[0] * p[0] / p[1]).sum();
                limits.rules.gain_min = -1e-12 * spread;
                let grown = grower.grow(&binned, &Stats::Numbers(&pairs), &limits, &mut rows);
                let nodes = number_nodes(&grown, &rows, &pairs, mean);
                (grown, nodes)
            }
        };
        for (node, known) in grown.tree.nodes.iter_mut().zip(nodes) {
            (node.weight, node.impurity, node.value) = known;
        }
        pure_leaves(&mut grown.tree);
        Ok(prune(grown.tree, self.prune_alpha))
    }

    fn check(&self, target: Target<'_>) -> Result<(), TreeError> {
        let of_classes = matches!(target, Target::Classes(..));
        if of_classes == (self.impurity == Impurity::SquaredError) {
            let expected = "`gini` or `entropy` for classes, `squared_error` for numbers";
            return Err(TreeError::setting("impurity", expected, format!("{:?}", self.impurity)));
        }
        if self.leaves_max == Some(0) {
            return Err(TreeError::setting("leaves_max", "at least 1", 0));
        }
        if self.leaf_rows_min == 0 {
            return Err(TreeError::setting("leaf_rows_min", "at least 1", 0));
        }
        if !(self.prune_alpha.is_finite() && self.prune_alpha >= 0.0) {
            return Err(TreeError::setting("prune_alpha", "a finite number, at least 0", self.prune_alpha));
        }
        Ok(())
    }
}

fn weighted_mean(numbers: &[f64], weights: &[f32]) -> f64 {
    let weight: f64 = weights.iter().map(|w| f64::from(*w)).sum();
    numbers.iter().zip(weights).map(|(y, w)| y * f64::from(*w)).sum::<f64>() / weight
}

/// Weight, impurity and value.
type Known = (f64, f64, Vec<f64>);

fn class_nodes(grown: &Grown, impurity: Impurity, count: usize) -> Vec<Known> {
    let of = |sums: &[f64]| {
        let weight: f64 = sums[..count].iter().sum();
        // The subtraction of histograms leaves rounding where a class has no row.
        let shares: Vec<f64> =
            sums[..count].iter().map(|w| w / weight).map(|p| if p < 1e-12 { 0.0 } else { p }).collect();
        let impure = match impurity {
            Impurity::Entropy => -shares.iter().filter(|p| **p > 0.0).map(|p| p * p.ln()).sum::<f64>(),
            Impurity::Gini | Impurity::SquaredError => 1.0 - shares.iter().map(|p| p * p).sum::<f64>(),
        };
        (weight, impure.max(0.0), shares)
    };
    grown.sums.chunks_exact(count + 1).map(of).collect()
}

fn number_nodes(grown: &Grown, rows: &[u32], pairs: &[[f64; 2]], mean: f64) -> Vec<Known> {
    let of = |place: &std::ops::Range<usize>| {
        let own = || rows[place.clone()].iter().map(|&row| pairs[row as usize]);
        let weight: f64 = own().map(|p| p[1]).sum();
        let centre = own().map(|p| p[0]).sum::<f64>() / weight;
        let spread: f64 = own().map(|p| p[1] * (p[0] / p[1] - centre).powi(2)).sum();
        (weight, spread / weight, vec![centre + mean])
    };
    grown.places.iter().map(of).collect()
}

/// Splits below a node without impurity say the same on both sides: rounding made them.
fn pure_leaves(tree: &mut Tree) {
    let root = tree.nodes.first().map_or(0.0, |node| node.impurity);
    for node in &mut tree.nodes {
        if node.impurity <= 1e-12 * root {
            node.split = None;
        }
    }
}

/// Weights that give every class the same total; those of the rows are kept within a class.
pub fn balanced_weights(labels: &[u32], classes: usize, weights: Option<&[f32]>) -> Vec<f32> {
    let weight = |row: usize| weights.map_or(1.0, |weights| f64::from(weights[row]));
    let mut totals = vec![0.0_f64; classes];
    labels.iter().enumerate().for_each(|(row, label)| totals[*label as usize] += weight(row));
    let present = totals.iter().filter(|total| **total > 0.0).count().max(1) as f64;
    let all: f64 = totals.iter().sum();
    let of = |(row, label): (usize, &u32)| (weight(row) * all / (present * totals[*label as usize])) as f32;
    labels.iter().enumerate().map(of).collect()
}

#[cfg(test)]
mod tests;
