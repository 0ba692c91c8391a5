//! Checked features of rows.

use serde::{Deserialize, Serialize};

use super::TreeError;

/// The most categories of a feature, and the most bins: one code of a byte is kept for missing values.
pub const BINS_MAX: usize = 255;

/// What a feature's values are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FeatureKind {
    /// Numbers, by whose order rows are split.
    Number,
    /// Whole numbers from 0 that stand for so many categories without an order.
    Category(usize),
}

/// Rows of features, row-major. NaN is a missing value.
#[derive(Debug, Clone, Copy)]
pub struct Features<'a> {
    values: &'a [f32],
    kinds: &'a [FeatureKind],
}

impl<'a> IntoIterator for &Features<'a> {
    type Item = &'a [f32];
    type IntoIter = std::slice::ChunksExact<'a, f32>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<'a> Features<'a> {
    /// Checks rows of `kinds.len()` values.
    ///
    /// # Errors
    /// If there is no row, no feature, a part of a row, an infinity, or a category that is not a whole number below the
    /// number of categories.
    pub fn new(values: &'a [f32], kinds: &'a [FeatureKind]) -> Result<Self, TreeError> {
        let width = kinds.len();
        if width == 0 {
            return Err(TreeError::NoFeatures);
        }
        if values.is_empty() {
            return Err(TreeError::NoRows { at_least: 1 });
        }
        if !values.len().is_multiple_of(width) {
            return Err(TreeError::Ragged { values: values.len(), width });
        }
        for (feature, kind) in kinds.iter().enumerate() {
            if let FeatureKind::Category(count) = kind
                && !(1..=BINS_MAX).contains(count)
            {
                return Err(TreeError::setting("categories", "1 to 255 of a feature", format!("{count} of {feature}")));
            }
        }
        for (row, values) in values.chunks_exact(width).enumerate() {
            for (feature, (value, kind)) in values.iter().zip(kinds).enumerate() {
                let (fits, expected) = match kind {
                    FeatureKind::Number => (!value.is_infinite(), "a finite number, or nothing"),
                    FeatureKind::Category(count) => {
                        let whole = value.fract() == 0.0 && *value >= 0.0 && *value < *count as f32;
                        (whole || value.is_nan(), "a whole number below the number of categories, or nothing")
                    }
                };
                if !fits {
                    return Err(TreeError::Value { row, feature, expected, found: *value });
                }
            }
        }
        Ok(Self { values, kinds })
    }

    /// How many rows.
    pub const fn count(&self) -> usize {
        self.values.len() / self.kinds.len()
    }

    /// Features of a row.
    pub const fn width(&self) -> usize {
        self.kinds.len()
    }

    /// All values.
    pub const fn values(&self) -> &'a [f32] {
        self.values
    }

    /// What they are.
    pub const fn kinds(&self) -> &'a [FeatureKind] {
        self.kinds
    }

    /// The rows in order.
    pub fn iter(&self) -> std::slice::ChunksExact<'a, f32> {
        self.values.chunks_exact(self.kinds.len())
    }
}
