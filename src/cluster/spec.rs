//! What is asked of K-means, checked.

use super::{ClusterError, Metric, Rows};

/// Where the centres start.
#[derive(Debug, Clone, PartialEq)]
pub enum Init {
    /// Here, row-major.
    Given(Vec<f32>),
    /// At rows drawn by k-means++. Rows that are not in memory are first sampled, see [`super::init::SAMPLE_ROWS`].
    PlusPlus {
        /// The same seed draws the same rows.
        seed: u64,
    },
    /// At rows drawn by k-means||: a few passes that draw about two rows a centre each, then k-means++ among these,
    /// each weighing as many rows as are nearest to it.
    Parallel {
        /// The same seed draws the same rows.
        seed: u64,
    },
}

impl Init {
    /// The start of restart `r`: the first one's own seed, then others that follow from it.
    pub(super) fn restart(&self, r: usize) -> Self {
        let next = |seed: u64| seed.wrapping_add((r as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        match self {
            Self::Given(centres) => Self::Given(centres.clone()),
            Self::PlusPlus { seed } => Self::PlusPlus { seed: next(*seed) },
            Self::Parallel { seed } => Self::Parallel { seed: next(*seed) },
        }
    }
}

/// Whether the centres move.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Mode {
    /// They stay; every row goes to the nearest.
    Fixed,
    /// They move to their members' means until no row changes its centre.
    Lloyd {
        /// The most moves.
        iterations_max: usize,
        /// Also ends when no centre has moved further than this (a distance in the data's own unit).
        tolerance: f64,
    },
    /// Each step draws a batch of rows; a centre moves towards the mean of those nearest to it, by their share of all
    /// that it has met so far. Ends when the batches' smoothed inertia has not fallen for ten steps (as long as it takes
    /// to see every row once, at least).
    MiniBatch {
        /// Rows of a batch.
        batch: usize,
        /// The most steps.
        iterations_max: usize,
        /// The same seed draws the same batches.
        seed: u64,
    },
}

/// What happens to a centre that has no members (or members of no weight) after an assignment of Lloyd's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum EmptyRule {
    /// It stays where it is.
    #[default]
    Keep,
    /// It moves to the row that is farthest from its own centre (of equally far ones the lowest); several such centres
    /// take the farthest rows in turn, the lowest centre first. Rows of weight 0 are not taken. It stays where it is when
    /// no row is away from its centre.
    Reseed,
}

/// What is asked for; [`KMeansSpec::check`] checks it.
#[derive(Debug, Clone, PartialEq)]
pub struct KMeansSpec {
    /// How many centres.
    pub k: usize,
    /// Where they start.
    pub init: Init,
    /// Whether they move.
    pub mode: Mode,
    /// What happens to one without members.
    pub empty: EmptyRule,
    /// [`Metric::Euclidean`], or [`Metric::Cosine`]: rows and centres are scaled to length 1.
    pub metric: Metric,
    /// How often to begin anew; the result of the smallest inertia is kept, of equal ones the first.
    pub restarts: usize,
}

impl KMeansSpec {
    /// With squared Euclidean distances and one start; centres without members keep their place.
    pub const fn new(k: usize, init: Init, mode: Mode) -> Self {
        Self { k, init, mode, empty: EmptyRule::Keep, metric: Metric::Euclidean, restarts: 1 }
    }

    /// Checks everything that does not depend on the rows.
    ///
    /// # Errors
    /// Names the setting, or the given centre's place.
    pub fn check(self) -> Result<KMeans, ClusterError> {
        let bad = |name, expected, found: String| Err(ClusterError::Setting { name, expected, found });
        if self.k == 0 {
            return bad("k", "at least 1 centre", "0".to_owned());
        }
        if let Init::Given(values) = &self.init {
            if !values.len().is_multiple_of(self.k) {
                return bad("centres", "whole rows, one a centre", format!("{} values for {}", values.len(), self.k));
            }
            Rows::named("centres", values, values.len() / self.k)?;
            if self.restarts > 1 {
                return bad("restarts", "1 with given centres", self.restarts.to_string());
            }
        }
        if self.restarts == 0 {
            return bad("restarts", "at least 1", "0".to_owned());
        }
        if self.metric == Metric::Manhattan {
            return bad(
                "metric",
                "euclidean or cosine: a mean is no nearest point by Manhattan",
                "manhattan".to_owned(),
            );
        }
        match self.mode {
            Mode::Lloyd { iterations_max: 0, .. } | Mode::MiniBatch { iterations_max: 0, .. } => {
                return bad("iterations_max", "at least 1", "0".to_owned());
            }
            Mode::Lloyd { tolerance, .. } if !(tolerance.is_finite() && tolerance >= 0.0) => {
                return bad("tolerance", "a finite number, at least 0", tolerance.to_string());
            }
            Mode::MiniBatch { batch: 0, .. } => return bad("batch", "at least 1 row", "0".to_owned()),
            Mode::Fixed | Mode::Lloyd { .. } | Mode::MiniBatch { .. } => {}
        }
        Ok(KMeans { spec: self })
    }
}

/// A checked K-means.
#[derive(Debug, Clone, PartialEq)]
pub struct KMeans {
    pub(super) spec: KMeansSpec,
}

impl KMeans {
    /// What was asked for.
    pub const fn spec(&self) -> &KMeansSpec {
        &self.spec
    }
}
