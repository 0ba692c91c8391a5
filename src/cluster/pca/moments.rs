//! Mean and covariance of rows that come in parts.

use std::collections::BTreeMap;

use nalgebra::DMatrix;

use crate::backend::Backend;
use crate::cluster::{ClusterError, Rows};
use crate::ops::covariance::{Covariance, CovarianceSpec};
use crate::plan::{ListId, Plan, PlanBuilder, TensorId};

/// Words of a tile on the CPU: what is copied into its plan is still near when it is read.
const CPU_WORDS_MAX: usize = 1 << 20;

/// Mean and covariance of all rows met so far.
///
/// The op `covariance` takes those of tiles in f32, whose moments are merged in f64 in their order (Chan, Golub and LeVeque,
/// "Updating formulae and a pairwise algorithm for computing sample variances", 1979).
#[derive(Debug)]
pub struct Moments {
    count: usize,
    mean: Vec<f64>,
    squares: DMatrix<f64>,
    /// By their number of rows.
    tiles: BTreeMap<usize, Tile>,
}

/// A plan for tiles of one length.
#[derive(Debug)]
struct Tile {
    plan: Plan,
    list: ListId,
    x: TensorId,
    mean: TensorId,
    cov: TensorId,
}

impl Tile {
    fn new(backend: &Backend, n: usize, d: usize) -> Result<Self, ClusterError> {
        let mut builder = PlanBuilder::new(1);
        let (x, mean, cov) = (builder.tensor("rows", n * d), builder.tensor("mean", d), builder.tensor("cov", d * d));
        let list = builder.list();
        builder.push(list, Covariance::new(CovarianceSpec { fleet: 1, n, d })?, &[x, mean, cov])?;
        Ok(Self { plan: builder.build(backend)?, list, x, mean, cov })
    }

    fn moments(&mut self, values: &[f32]) -> Result<(Vec<f32>, Vec<f32>), ClusterError> {
        self.plan.upload_f32(self.x, values)?;
        self.plan.replay(self.list, 0..1)?;
        Ok((self.plan.download_f32(self.mean)?, self.plan.download_f32(self.cov)?))
    }
}

impl Moments {
    /// No rows yet.
    pub fn new(width: usize) -> Self {
        Self { count: 0, mean: vec![0.0; width], squares: DMatrix::zeros(width, width), tiles: BTreeMap::new() }
    }

    /// Columns.
    pub fn width(&self) -> usize {
        self.mean.len()
    }

    /// Rows met so far.
    pub const fn rows(&self) -> usize {
        self.count
    }

    /// The columns' means.
    pub fn mean(&self) -> &[f64] {
        &self.mean
    }

    /// The covariance; the divisor is rows - 1.
    ///
    /// # Errors
    /// If there are fewer than two rows.
    pub fn covariance(&self) -> Result<DMatrix<f64>, ClusterError> {
        if self.count < 2 {
            return Err(ClusterError::TooFewRows { what: "covariance", wanted: 2, rows: self.count });
        }
        Ok(&self.squares / (self.count - 1) as f64)
    }

    /// Adds rows. All calls must be on the same device.
    ///
    /// # Errors
    /// If the rows have another width, or the device fails.
    pub fn update(&mut self, backend: &Backend, rows: &Rows<'_>) -> Result<(), ClusterError> {
        rows.expect_width("covariance", self.width())?;
        let (n, width) = (rows.count(), rows.width());
        let tiles = n.div_ceil(rows_max(backend, width));
        let bound = |t: usize| (t as u64 * n as u64 / tiles as u64) as usize;
        for t in 0..tiles {
            let values = &rows.values()[bound(t) * width..bound(t + 1) * width];
            self.add(backend, values)?;
        }
        Ok(())
    }

    fn add(&mut self, backend: &Backend, values: &[f32]) -> Result<(), ClusterError> {
        let width = self.width();
        let rows = values.len() / width;
        if rows == 1 {
            // A covariance needs two rows.
            self.merge(1, values, &vec![0.0; width * width]);
            return Ok(());
        }
        if let std::collections::btree_map::Entry::Vacant(e) = self.tiles.entry(rows) {
            e.insert(Tile::new(backend, rows, width)?);
        }
        if let Some(tile) = self.tiles.get_mut(&rows) {
            let (mean, covariance) = tile.moments(values)?;
            self.merge(rows, &mean, &covariance);
        }
        Ok(())
    }

    fn merge(&mut self, rows: usize, mean: &[f32], covariance: &[f32]) {
        let width = self.width();
        let (known, own) = (self.count as f64, rows as f64);
        let whole = known + own;
        let apart: Vec<f64> = mean.iter().zip(&self.mean).map(|(own, known)| f64::from(*own) - known).collect();
        for i in 0..width {
            for j in 0..width {
                self.squares[(i, j)] +=
                    f64::from(covariance[i * width + j]) * (own - 1.0) + apart[i] * apart[j] * (known * own / whole);
            }
        }
        self.mean.iter_mut().zip(&apart).for_each(|(mean, apart)| *mean += apart * (own / whole));
        self.count += rows;
    }
}

/// The most rows of a tile.
fn rows_max(backend: &Backend, width: usize) -> usize {
    let words = match backend {
        Backend::Cpu(_) => CPU_WORDS_MAX,
        Backend::Gpu(gpu) => usize::try_from(gpu.binding_bytes_max() / 4).unwrap_or(usize::MAX).min(u32::MAX as usize),
    };
    // Few rows of many columns would spend their time on merging.
    (words / width).max(1024)
}
