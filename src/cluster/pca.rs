//! Principal components: through the covariance and all its eigenvectors in f64, or by a random projection for wide rows.

mod moments;
mod random;

use nalgebra::SymmetricEigen;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::blocks::{InMemory, RowBlocks};
use super::{BLOCK_ROWS, ClusterError, Rows};
use crate::backend::Backend;

pub use moments::Moments;
pub use random::RandomPca;

/// Iterations of the eigenvalue search for each column.
const ITERATIONS_A_COLUMN: usize = 100;

/// How many components are kept.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Keep {
    /// As many.
    Dimensions(usize),
    /// The fewest whose variances make up at least this share, in (0, 1], of the whole.
    Share(f64),
}

/// Fitted components.
///
/// A component's sign is such that its value of the largest magnitude (of equal ones the first) is positive.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Pca {
    mean: Vec<f64>,
    components: Vec<f64>,
    variances: Vec<f64>,
    total_variance: f64,
    #[serde(default)]
    whiten: bool,
}

impl Pca {
    /// Fits components to `rows`; `backend` takes the covariance of tiles, which are added up in f64.
    ///
    /// # Errors
    /// If there are fewer than two rows, more dimensions are wanted than there are columns, a share is not in (0, 1], or
    /// the device fails.
    pub fn fit(backend: &Backend, rows: &Rows<'_>, keep: Keep) -> Result<Self, ClusterError> {
        Self::fit_blocks(backend, &mut InMemory { rows: *rows, block_rows: rows.count() }, keep)
    }

    /// Fits components to rows that need not lie in memory, in one pass.
    ///
    /// # Errors
    /// As [`Pca::fit`]; if the rows cannot be read.
    pub fn fit_blocks(backend: &Backend, source: &mut dyn RowBlocks, keep: Keep) -> Result<Self, ClusterError> {
        check(keep, source.width())?;
        let width = source.width();
        let mut moments = Moments::new(width);
        source.pass(&mut |_, values| moments.update(backend, &Rows::new(values, width)?))?;
        Self::from_moments(&moments, keep)
    }

    /// The components of what `moments` has met so far.
    ///
    /// # Errors
    /// As [`Pca::fit`].
    pub fn from_moments(moments: &Moments, keep: Keep) -> Result<Self, ClusterError> {
        let width = moments.width();
        check(keep, width)?;
        let iterations = ITERATIONS_A_COLUMN * width;
        let eigen = SymmetricEigen::try_new(moments.covariance()?, f64::EPSILON, iterations)
            .ok_or(ClusterError::NoEigenvalues { width, iterations })?;
        let mut order: Vec<usize> = (0..width).collect();
        order.sort_by(|&a, &b| eigen.eigenvalues[b].total_cmp(&eigen.eigenvalues[a]));
        // Rounding can leave a tiny negative eigenvalue where a variance is 0.
        let variances: Vec<f64> = order.iter().map(|&j| eigen.eigenvalues[j].max(0.0)).collect();
        let total_variance: f64 = variances.iter().sum();
        let kept = kept(keep, &variances, total_variance);
        let column = |&j: &usize| with_sign(eigen.eigenvectors.column(j).iter().copied().collect());
        let components = order[..kept].iter().flat_map(column).collect();
        let mean = moments.mean().to_vec();
        Ok(Self { mean, components, variances: variances[..kept].to_vec(), total_variance, whiten: false })
    }

    /// The same components, whose [`Pca::transform`] gives coordinates of variance 1 (0 where there is no variance).
    #[must_use]
    pub fn whitened(self) -> Self {
        Self { whiten: true, ..self }
    }

    /// Whether coordinates have variance 1.
    pub const fn whitens(&self) -> bool {
        self.whiten
    }

    /// Columns that go in.
    pub fn width(&self) -> usize {
        self.mean.len()
    }

    /// Columns that come out.
    pub fn dimensions(&self) -> usize {
        self.variances.len()
    }

    /// The columns' means, which [`Pca::transform`] takes off.
    pub fn mean(&self) -> &[f64] {
        &self.mean
    }

    /// Component `i`, a vector of length 1.
    ///
    /// # Panics
    /// If there are not as many.
    pub fn component(&self, i: usize) -> &[f64] {
        &self.components[i * self.width()..][..self.width()]
    }

    /// The variance along each component (the divisor is rows - 1), the largest first.
    pub fn variances(&self) -> &[f64] {
        &self.variances
    }

    /// The variance of all columns together.
    pub const fn total_variance(&self) -> f64 {
        self.total_variance
    }

    /// Each component's share of the whole variance; 0 if there is none at all.
    pub fn shares(&self) -> Vec<f64> {
        let whole = self.total_variance;
        self.variances.iter().map(|variance| if whole > 0.0 { variance / whole } else { 0.0 }).collect()
    }

    /// Checks components that were read from a file.
    ///
    /// # Errors
    /// If their numbers do not fit each other, or one is not finite.
    pub fn check(&self) -> Result<(), ClusterError> {
        let (width, dimensions) = (self.mean.len(), self.variances.len());
        let numbers = || self.mean.iter().chain(&self.components).chain(&self.variances);
        if dimensions == 0 || self.components.len() != width * dimensions || !numbers().all(|v| v.is_finite()) {
            let found = format!("{dimensions} of width {width} with {} numbers", self.components.len());
            return Err(ClusterError::Setting { name: "components", expected: "whole rows of finite numbers", found });
        }
        Ok(())
    }

    /// Each row's coordinates along the components, row-major.
    ///
    /// # Errors
    /// If the rows have another width than those that it was fitted to.
    pub fn transform(&self, rows: &Rows<'_>) -> Result<Vec<f32>, ClusterError> {
        rows.expect_width("components", self.width())?;
        let mut out = vec![0.0; rows.count() * self.dimensions()];
        let scale = |variance: &f64| match (self.whiten, *variance > 0.0) {
            (true, true) => 1.0 / variance.sqrt(),
            (true, false) => 0.0,
            (false, _) => 1.0,
        };
        let scales: Vec<f64> = self.variances.iter().map(scale).collect();
        let block = |(values, out): (&[f32], &mut [f32])| {
            for (row, place) in values.chunks_exact(self.width()).zip(out.chunks_exact_mut(self.dimensions())) {
                let components = self.components.chunks_exact(self.width()).zip(&scales);
                for (value, (component, scale)) in place.iter_mut().zip(components) {
                    let centred = row.iter().zip(&self.mean).map(|(x, mean)| f64::from(*x) - mean);
                    *value = (centred.zip(component).map(|(x, c)| x * c).sum::<f64>() * scale) as f32;
                }
            }
        };
        let values = rows.values().par_chunks(BLOCK_ROWS * self.width());
        values.zip(out.par_chunks_mut(BLOCK_ROWS * self.dimensions())).for_each(block);
        Ok(out)
    }
}

fn check(keep: Keep, width: usize) -> Result<(), ClusterError> {
    let bad = |name, expected, found| Err(ClusterError::Setting { name, expected, found });
    match keep {
        Keep::Dimensions(0) => bad("dimensions", "at least 1", "0".to_owned()),
        Keep::Dimensions(wanted) if wanted > width => {
            bad("dimensions", "at most as many as there are columns", format!("{wanted} of {width}"))
        }
        Keep::Share(share) if !(share > 0.0 && share <= 1.0) => {
            bad("share", "a number above 0 and at most 1", share.to_string())
        }
        Keep::Dimensions(_) | Keep::Share(_) => Ok(()),
    }
}

fn kept(keep: Keep, variances: &[f64], total: f64) -> usize {
    let share = match keep {
        Keep::Dimensions(wanted) => return wanted,
        Keep::Share(share) => share,
    };
    let mut running = 0.0;
    for (i, variance) in variances.iter().enumerate() {
        running += variance;
        // The last sums differ from the whole by rounding only.
        if running >= share * total * (1.0 - 1e-12) {
            return i + 1;
        }
    }
    variances.len()
}

fn with_sign(mut component: Vec<f64>) -> Vec<f64> {
    let largest = component.iter().fold(0.0_f64, |known, value| if value.abs() > known.abs() { *value } else { known });
    if largest < 0.0 {
        for value in &mut component {
            *value = -*value;
        }
    }
    component
}

#[cfg(test)]
mod tests;
