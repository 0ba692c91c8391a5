//! The leading components of wide rows without their covariance (Halko, Martinsson and Tropp, "Finding structure with
//! randomness", SIAM Review 53(2), 2011): a few random directions, multiplied by the covariance again and again, turn to
//! where the variance is.

use nalgebra::{DMatrix, SymmetricEigen};
use rayon::prelude::*;

use super::{ITERATIONS_A_COLUMN, Pca, with_sign};
use crate::backend::SimdLevel;
use crate::backend::simd::{Simd, Vector};
use crate::cluster::blocks::{InMemory, RowBlocks};
use crate::cluster::init::uniform_at;
use crate::cluster::{BLOCK_ROWS, ClusterError, Rows};

/// The stream of the generator that directions are drawn from.
const DIRECTIONS: u32 = 3;

/// Blocks whose products are held at a time.
const WAVE: usize = 16;

/// Rows that are multiplied at a time.
const ROWS: usize = 4;

/// How the components are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RandomPca {
    /// Components that are kept.
    pub dimensions: usize,
    /// Directions beside them, so that the last ones are found as well.
    pub spare: usize,
    /// Passes that turn the directions; more tell components of nearly equal variance apart.
    pub powers: usize,
    /// The same seed draws the same directions.
    pub seed: u64,
}

impl RandomPca {
    /// As [`RandomPca::fit`], for rows in memory.
    ///
    /// # Errors
    /// As there.
    pub fn fit_rows(&self, rows: &Rows<'_>) -> Result<Pca, ClusterError> {
        self.fit(&mut InMemory { rows: *rows, block_rows: rows.count() })
    }

    /// Fits components in `powers + 4` passes over the rows.
    ///
    /// # Errors
    /// If there are fewer than two rows, more dimensions are wanted than there are columns or rows, or the rows cannot be
    /// read.
    pub fn fit(&self, source: &mut dyn RowBlocks) -> Result<Pca, ClusterError> {
        let (n, width) = (source.count(), source.width());
        super::check(super::Keep::Dimensions(self.dimensions), width)?;
        if n < self.dimensions.max(2) {
            return Err(ClusterError::TooFewRows { what: "components", wanted: self.dimensions.max(2), rows: n });
        }
        let directions = (self.dimensions + self.spare).min(width);
        let (mean, total_variance) = spread(source)?;
        let draw = |i: usize, j: usize| 2.0 * uniform_at(self.seed, DIRECTIONS, i * directions + j) - 1.0;
        let mut basis = DMatrix::from_fn(width, directions, draw).qr().q();
        for _ in 0..=self.powers {
            basis = times_covariance(source, &mean, &basis)?.qr().q();
        }
        let within = basis.transpose() * times_covariance(source, &mean, &basis)?;
        let within = (&within + within.transpose()) * 0.5;
        let iterations = ITERATIONS_A_COLUMN * directions;
        let eigen = SymmetricEigen::try_new(within, f64::EPSILON, iterations)
            .ok_or(ClusterError::NoEigenvalues { width, iterations })?;
        let mut order: Vec<usize> = (0..directions).collect();
        order.sort_by(|&a, &b| eigen.eigenvalues[b].total_cmp(&eigen.eigenvalues[a]));
        let kept = &order[..self.dimensions];
        let component = |&j: &usize| with_sign((&basis * eigen.eigenvectors.column(j)).iter().copied().collect());
        let components = kept.iter().flat_map(component).collect();
        let variances = kept.iter().map(|&j| eigen.eigenvalues[j].max(0.0)).collect();
        Ok(Pca { mean, components, variances, total_variance, whiten: false })
    }
}

/// The columns' means, and the variance of all of them together.
fn spread(source: &mut dyn RowBlocks) -> Result<(Vec<f64>, f64), ClusterError> {
    let (n, width) = (source.count(), source.width());
    let mut mean = vec![0.0; width];
    let mut each = |add: &(dyn Fn(&[f32], &mut [f64]) + Sync), into: &mut [f64]| {
        source.pass(&mut |_, values| {
            let blocks = values.par_chunks(BLOCK_ROWS * width);
            let sums: Vec<Vec<f64>> = blocks
                .map(|block| {
                    let mut sums = vec![0.0; width];
                    block.chunks_exact(width).for_each(|row| add(row, &mut sums));
                    sums
                })
                .collect();
            for sums in sums {
                into.iter_mut().zip(sums).for_each(|(total, sum)| *total += sum);
            }
            Ok(())
        })
    };
    each(&|row, sums| sums.iter_mut().zip(row).for_each(|(sum, x)| *sum += f64::from(*x)), &mut mean)?;
    for sum in &mut mean {
        *sum /= n as f64;
    }
    let mut squares = vec![0.0; width];
    let square = |row: &[f32], sums: &mut [f64]| {
        let centred = row.iter().zip(&mean).map(|(x, mean)| f64::from(*x) - mean);
        sums.iter_mut().zip(centred).for_each(|(sum, x)| *sum += x * x);
    };
    each(&square, &mut squares)?;
    Ok((mean, squares.iter().sum::<f64>() / (n - 1) as f64))
}

/// The covariance times a basis, block by block in f32, added up in f64 in the blocks' order.
fn times_covariance(
    source: &mut dyn RowBlocks,
    mean: &[f64],
    basis: &DMatrix<f64>,
) -> Result<DMatrix<f64>, ClusterError> {
    let (n, width, directions) = (source.count(), source.width(), basis.ncols());
    let level = SimdLevel::detect();
    let flat: Vec<f32> = (0..width).flat_map(|i| (0..directions).map(move |j| basis[(i, j)] as f32)).collect();
    let mean: Vec<f32> = mean.iter().map(|mean| *mean as f32).collect();
    let mut total = vec![0.0_f64; width * directions];
    source.pass(&mut |_, values| {
        for wave in values.chunks(WAVE * BLOCK_ROWS * width) {
            let product = |block: &[f32]| {
                let mut out = vec![0.0_f32; width * directions];
                level.run(Products { block, mean: &mean, basis: &flat, directions, out: &mut out });
                out
            };
            let products: Vec<Vec<f32>> = wave.par_chunks(BLOCK_ROWS * width).map(product).collect();
            for product in products {
                total.iter_mut().zip(product).for_each(|(total, value)| *total += f64::from(value));
            }
        }
        Ok(())
    })?;
    let scale = 1.0 / (n - 1) as f64;
    Ok(DMatrix::from_fn(width, directions, |i, j| total[i * directions + j] * scale))
}

/// What one block adds: its centred rows' coordinates along the basis, times these rows.
struct Products<'a> {
    block: &'a [f32],
    mean: &'a [f32],
    /// [width, directions].
    basis: &'a [f32],
    directions: usize,
    /// The same shape.
    out: &'a mut [f32],
}

impl Simd for Products<'_> {
    type Out = ();

    #[inline(always)]
    fn run<V: Vector>(self) {
        let Self { block, mean, basis, directions, out } = self;
        let width = mean.len();
        let mut centred = vec![0.0_f32; ROWS * width];
        let mut along = vec![0.0_f32; ROWS * directions];
        for rows in block.chunks(ROWS * width) {
            centred.fill(0.0);
            for (row, centred) in rows.chunks_exact(width).zip(centred.chunks_exact_mut(width)) {
                for ((to, x), mean) in centred.iter_mut().zip(row).zip(mean) {
                    *to = x - mean;
                }
            }
            along.fill(0.0);
            for (q, basis) in basis.chunks_exact(directions).enumerate() {
                for (r, along) in along.chunks_exact_mut(directions).enumerate() {
                    let x = centred[r * width + q];
                    for (sum, b) in along.iter_mut().zip(basis) {
                        *sum += x * b;
                    }
                }
            }
            for (q, out) in out.chunks_exact_mut(directions).enumerate() {
                for (r, along) in along.chunks_exact(directions).enumerate() {
                    let x = centred[r * width + q];
                    for (sum, a) in out.iter_mut().zip(along) {
                        *sum += x * a;
                    }
                }
            }
        }
    }
}
