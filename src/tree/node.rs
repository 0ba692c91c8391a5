//! A tree: its nodes, and what it says of rows.

use serde::{Deserialize, Serialize};

use super::TreeError;
use super::features::{FeatureKind, Features};

/// Which rows go left at a node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Rule {
    /// Numbers up to this one; all numbers, if nothing but missing values go right.
    AtMost(f64),
    /// These categories, ascending.
    In(Vec<u8>),
}

/// A node's two sides.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Split {
    /// The feature that is looked at.
    pub feature: usize,
    /// Which of its values go left.
    pub rule: Rule,
    /// Whether a missing value goes left, and a category that was not there to learn from.
    pub missing_left: bool,
    /// The left child.
    pub left: usize,
    /// The right child.
    pub right: usize,
    /// What the split gains, in the criterion's own unit.
    pub gain: f64,
}

/// A node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Node {
    /// Its sides; none for a leaf.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub split: Option<Split>,
    /// Training rows that came here.
    pub rows: usize,
    /// What they weigh.
    pub weight: f64,
    /// Their impurity: of Gini, in nats, or the variance; 0 in boosted trees, which do not need it.
    pub impurity: f64,
    /// What the tree says here: the share of each class, or a number.
    pub value: Vec<f64>,
}

/// A tree; node 0 is its root, and children come after their parents.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tree {
    /// The nodes.
    pub nodes: Vec<Node>,
}

impl Split {
    /// Whether a row with this value of the feature goes left.
    #[inline]
    pub fn goes_left(&self, value: f32) -> bool {
        match &self.rule {
            _ if value.is_nan() => self.missing_left,
            Rule::AtMost(threshold) => f64::from(value) <= *threshold,
            Rule::In(categories) => categories.binary_search(&(value as u8)).is_ok(),
        }
    }
}

impl Tree {
    /// Checks a tree that was read from a file: every child is there and comes after its parent, every value has `width`
    /// numbers, every feature is below `features`.
    ///
    /// # Errors
    /// Names the node.
    pub fn check(&self, kinds: &[FeatureKind], width: usize) -> Result<(), TreeError> {
        let wrong = |node: usize, what: &str| Err(TreeError::Saved(format!("node {node}: {what}")));
        if self.nodes.is_empty() {
            return Err(TreeError::Saved("expected at least one node, found none".to_owned()));
        }
        for (i, node) in self.nodes.iter().enumerate() {
            if node.value.len() != width {
                return wrong(i, &format!("expected {width} values, found {}", node.value.len()));
            }
            let Some(split) = &node.split else { continue };
            if [split.left, split.right].iter().any(|&child| child <= i || child >= self.nodes.len()) {
                return wrong(i, "expected children behind it");
            }
            let fits = match (kinds.get(split.feature), &split.rule) {
                (Some(FeatureKind::Number), Rule::AtMost(threshold)) => !threshold.is_nan(),
                (Some(FeatureKind::Category(_)), Rule::In(categories)) => categories.is_sorted(),
                _ => false,
            };
            if !fits {
                return wrong(i, "expected a rule that fits its feature");
            }
        }
        Ok(())
    }

    /// The leaf of a row.
    #[inline]
    pub fn leaf(&self, row: &[f32]) -> usize {
        let mut at = 0;
        while let Some(split) = &self.nodes[at].split {
            at = if split.goes_left(row[split.feature]) { split.left } else { split.right };
        }
        at
    }

    /// What the tree says of each row, one value after the other.
    pub fn predict(&self, features: &Features<'_>) -> Vec<f64> {
        features.iter().flat_map(|row| self.nodes[self.leaf(row)].value.iter().copied()).collect()
    }

    /// How many leaves.
    pub fn leaves(&self) -> usize {
        self.nodes.iter().filter(|node| node.split.is_none()).count()
    }

    /// Splits on the longest way down.
    pub fn depth(&self) -> usize {
        let mut depths = vec![0_usize; self.nodes.len()];
        for (i, node) in self.nodes.iter().enumerate() {
            for child in node.split.iter().flat_map(|split| [split.left, split.right]) {
                depths[child] = depths[i] + 1;
            }
        }
        depths.into_iter().max().unwrap_or(0)
    }

    /// Adds up each feature's gains.
    pub fn add_gains(&self, gains: &mut [f64]) {
        for split in self.nodes.iter().filter_map(|node| node.split.as_ref()) {
            gains[split.feature] += split.gain;
        }
    }
}
