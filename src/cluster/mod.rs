//! Clusters and projections on either device: K-means, k-centre training, nearest rows by a [`Metric`], PCA.
//!
//! [`Rows`] is the checked form of the data that all of them take, [`RowBlocks`] that of rows which need not lie in memory.
//! [`KMeansSpec::check`] gives a [`KMeans`], whose [`KMeans::fit`] runs the ops `distance` and `centroid` on a
//! [`crate::backend::Backend`], tile by tile where the rows are more than the device can bind at once. [`quality`] judges
//! what was found.
//!
//! The same data, spec and device give the same bits, whatever the number of threads.

mod blocks;
mod classify;
mod error;
pub mod init;
mod kcentre;
mod kmeans;
mod mini_batch;
mod nearest;
mod pca;
pub mod quality;
mod rows;
mod spec;
mod spool;
mod tiles;

pub use blocks::{RowBlocks, TakeBlock};
pub use classify::Classifier;
pub use error::ClusterError;
pub use kcentre::{Centres, KCentre, KCentreSpec};
pub use kmeans::{Clustering, End, Progress, Watch};
pub use nearest::{Nearest, NearestSpec, Neighbour};
pub use pca::{Keep, Moments, Pca, RandomPca};
pub use rows::{MAGNITUDE_MAX, Rows};
pub use spec::{EmptyRule, Init, KMeans, KMeansSpec, Mode};
pub use spool::Spool;

pub use crate::ops::distance::Metric;

/// Rows of one piece of a sum that threads share: fixed, so that sums do not depend on their number.
const BLOCK_ROWS: usize = 1024;

/// The squared distance in f64, with eight partial sums in a fixed order.
#[inline(always)]
fn squared_distance(a: &[f32], b: &[f32]) -> f64 {
    let mut sums = [0.0_f64; 8];
    let (wholes_a, wholes_b) = (a.chunks_exact(8), b.chunks_exact(8));
    let rest = wholes_a.remainder().iter().zip(wholes_b.remainder());
    for (sum, (x, y)) in sums.iter_mut().zip(rest) {
        let difference = f64::from(*x) - f64::from(*y);
        *sum += difference * difference;
    }
    for (a, b) in wholes_a.zip(wholes_b) {
        for ((sum, x), y) in sums.iter_mut().zip(a).zip(b) {
            let difference = f64::from(*x) - f64::from(*y);
            *sum += difference * difference;
        }
    }
    sums.iter().sum()
}
