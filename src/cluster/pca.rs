//! Principal components through the covariance, which the op of that name computes, and all its eigenvectors in f64.

use nalgebra::{DMatrix, SymmetricEigen};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::{BLOCK_ROWS, ClusterError, Rows};
use crate::backend::Backend;
use crate::ops::covariance::{Covariance, CovarianceSpec};
use crate::plan::PlanBuilder;

/// Words of a tile on the CPU: 1 GiB, since a plan holds a copy of its rows.
const CPU_WORDS_MAX: usize = 1 << 28;

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
}

impl Pca {
    /// Fits components to `rows`; `backend` takes their mean and covariance, in f32.
    ///
    /// # Errors
    /// If there are fewer than two rows, more dimensions are wanted than there are columns, a share is not in (0, 1], or
    /// the device fails.
    pub fn fit(backend: &Backend, rows: &Rows<'_>, keep: Keep) -> Result<Self, ClusterError> {
        Self::fit_in_tiles(backend, rows, keep, rows_max(backend, rows.width()))
    }

    fn fit_in_tiles(backend: &Backend, rows: &Rows<'_>, keep: Keep, rows_max: usize) -> Result<Self, ClusterError> {
        let width = rows.width();
        if rows.count() < 2 {
            return Err(ClusterError::TooFewRows { what: "covariance", wanted: 2, rows: rows.count() });
        }
        check(keep, width)?;
        let (mean, covariance) = moments(backend, rows, rows_max)?;
        let iterations = ITERATIONS_A_COLUMN * width;
        let eigen = SymmetricEigen::try_new(covariance, f64::EPSILON, iterations)
            .ok_or(ClusterError::NoEigenvalues { width, iterations })?;
        let mut order: Vec<usize> = (0..width).collect();
        order.sort_by(|&a, &b| eigen.eigenvalues[b].total_cmp(&eigen.eigenvalues[a]));
        // Rounding can leave a tiny negative eigenvalue where a variance is 0.
        let variances: Vec<f64> = order.iter().map(|&j| eigen.eigenvalues[j].max(0.0)).collect();
        let total_variance: f64 = variances.iter().sum();
        let kept = kept(keep, &variances, total_variance);
        let column = |&j: &usize| with_sign(eigen.eigenvectors.column(j).iter().copied().collect());
        let components = order[..kept].iter().flat_map(column).collect();
        Ok(Self { mean, components, variances: variances[..kept].to_vec(), total_variance })
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

    /// Each component's share of the whole variance; 0 if there is none at all.
    pub fn shares(&self) -> Vec<f64> {
        let whole = self.total_variance;
        self.variances.iter().map(|variance| if whole > 0.0 { variance / whole } else { 0.0 }).collect()
    }

    /// Each row's coordinates along the components, row-major.
    ///
    /// # Errors
    /// If the rows have another width than those that it was fitted to.
    pub fn transform(&self, rows: &Rows<'_>) -> Result<Vec<f32>, ClusterError> {
        rows.expect_width("components", self.width())?;
        let mut out = vec![0.0; rows.count() * self.dimensions()];
        let block = |(values, out): (&[f32], &mut [f32])| {
            for (row, place) in values.chunks_exact(self.width()).zip(out.chunks_exact_mut(self.dimensions())) {
                for (value, component) in place.iter_mut().zip(self.components.chunks_exact(self.width())) {
                    let centred = row.iter().zip(&self.mean).map(|(x, mean)| f64::from(*x) - mean);
                    *value = centred.zip(component).map(|(x, c)| x * c).sum::<f64>() as f32;
                }
            }
        };
        let values = rows.values().par_chunks(BLOCK_ROWS * self.width());
        values.zip(out.par_chunks_mut(BLOCK_ROWS * self.dimensions())).for_each(block);
        Ok(out)
    }
}

/// The most rows of a tile.
fn rows_max(backend: &Backend, width: usize) -> usize {
    let words = match backend {
        Backend::Cpu(_) => CPU_WORDS_MAX,
        Backend::Gpu(gpu) => usize::try_from(gpu.binding_bytes_max() / 4).unwrap_or(usize::MAX).min(u32::MAX as usize),
    };
    (words / width).max(4)
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

/// Mean and covariance. Rows that a device cannot bind at once are cut into tiles of nearly equal length, whose moments
/// are merged in f64 in their order (Chan, Golub and LeVeque, "Updating formulae and a pairwise algorithm for computing
/// sample variances", 1979).
fn moments(backend: &Backend, rows: &Rows<'_>, rows_max: usize) -> Result<(Vec<f64>, DMatrix<f64>), ClusterError> {
    let (n, width) = (rows.count(), rows.width());
    // A tile has two rows at least, as a covariance needs.
    let tiles = n.div_ceil(rows_max).min(n / 2);
    let bound = |t: usize| (t as u64 * n as u64 / tiles as u64) as usize;
    let mut count = 0.0;
    let mut mean = vec![0.0; width];
    let mut squares = DMatrix::zeros(width, width);
    for t in 0..tiles {
        let values = &rows.values()[bound(t) * width..bound(t + 1) * width];
        let (own_mean, own) = tile_moments(backend, values, width)?;
        let own_count = (bound(t + 1) - bound(t)) as f64;
        let whole = count + own_count;
        let apart: Vec<f64> = own_mean.iter().zip(&mean).map(|(own, known)| f64::from(*own) - known).collect();
        for i in 0..width {
            for j in 0..width {
                squares[(i, j)] += f64::from(own[i * width + j]) * (own_count - 1.0)
                    + apart[i] * apart[j] * (count * own_count / whole);
            }
        }
        mean.iter_mut().zip(&apart).for_each(|(mean, apart)| *mean += apart * (own_count / whole));
        count = whole;
    }
    Ok((mean, squares / (count - 1.0)))
}

/// What the op `covariance` makes of a tile.
fn tile_moments(backend: &Backend, values: &[f32], d: usize) -> Result<(Vec<f32>, Vec<f32>), ClusterError> {
    let n = values.len() / d;
    let mut builder = PlanBuilder::new(1);
    let (x, mean, cov) = (builder.tensor("rows", n * d), builder.tensor("mean", d), builder.tensor("cov", d * d));
    let list = builder.list();
    builder.push(list, Covariance::new(CovarianceSpec { fleet: 1, n, d })?, &[x, mean, cov])?;
    let mut plan = builder.build(backend)?;
    plan.upload_f32(x, values)?;
    plan.replay(list, 0..1)?;
    Ok((plan.download_f32(mean)?, plan.download_f32(cov)?))
}

#[cfg(test)]
mod tests {
    use super::{Keep, Pca};
    use crate::backend::Backend;
    use crate::cluster::Rows;
    use crate::ops::rng::counter_bits;
    use crate::ops::testing::backends;

    fn cpu() -> Backend {
        Backend::cpu().expect("a CPU")
    }

    fn close(found: &[f64], expected: &[f64]) {
        assert_eq!(found.len(), expected.len());
        for (a, b) in found.iter().zip(expected) {
            assert!((a - b).abs() < 1e-9, "{found:?}, expected {expected:?}");
        }
    }

    #[test]
    fn e15_pca_finds_the_known_axes_of_a_small_table() {
        // Around (1, 2): 3 along (3, 4)/5 and 1 along (-4, 3)/5, each to both sides. Variances 2*9/3 and 2*1/3.
        let values = [1.0 + 1.8, 2.0 + 2.4, 1.0 - 1.8, 2.0 - 2.4, 1.0 - 0.8, 2.0 + 0.6, 1.0 + 0.8, 2.0 - 0.6];
        let values64 = values.map(|v: f64| v as f32);
        let rows = Rows::new(&values64, 2).expect("fine");
        let pca = Pca::fit(&cpu(), &rows, Keep::Dimensions(2)).expect("fits");
        let loose = |found: &[f64], expected: &[f64]| {
            assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6), "{found:?}, expected {expected:?}");
        };
        loose(pca.mean(), &[1.0, 2.0]);
        loose(pca.component(0), &[0.6, 0.8]);
        loose(pca.component(1), &[0.8, -0.6]);
        loose(pca.variances(), &[6.0, 2.0 / 3.0]);
        loose(&pca.shares(), &[0.9, 0.1]);
        let out: Vec<f64> = pca.transform(&rows).expect("same width").into_iter().map(f64::from).collect();
        loose(&out, &[3.0, 0.0, -3.0, 0.0, 0.0, -1.0, 0.0, 1.0]);
        assert_eq!(Pca::fit(&cpu(), &rows, Keep::Share(0.89)).expect("fits").dimensions(), 1);
        assert_eq!(Pca::fit(&cpu(), &rows, Keep::Share(0.91)).expect("fits").dimensions(), 2);
        assert_eq!(Pca::fit(&cpu(), &rows, Keep::Share(1.0)).expect("fits").dimensions(), 2);
    }

    #[test]
    fn e15_pca_components_are_orthonormal_and_the_projection_has_their_variances() {
        let (n, d) = (3000, 7);
        let noise = |i: usize| f64::from(counter_bits(5, 0, 0, i as u32)) / f64::from(u32::MAX) - 0.5;
        let values: Vec<f32> = (0..n * d).map(|i| (noise(i) * (i % d + 1) as f64 + noise(i / d)) as f32).collect();
        let rows = Rows::new(&values, d).expect("fine");
        let pca = Pca::fit(&cpu(), &rows, Keep::Dimensions(d)).expect("fits");
        for i in 0..d {
            for j in 0..d {
                let dot: f64 = pca.component(i).iter().zip(pca.component(j)).map(|(a, b)| a * b).sum();
                assert!((dot - f64::from(u8::from(i == j))).abs() < 1e-10, "{i}, {j}: {dot}");
            }
            let largest = pca.component(i).iter().copied().max_by(|a, b| a.abs().total_cmp(&b.abs()));
            assert!(largest.expect("not empty") > 0.0);
        }
        let out = pca.transform(&rows).expect("same width");
        for (j, variance) in pca.variances().iter().enumerate() {
            let along: f64 = out.iter().skip(j).step_by(d).map(|v| f64::from(*v).powi(2)).sum();
            assert!((along / (n - 1) as f64 / variance - 1.0).abs() < 1e-5, "component {j}");
        }
        assert!(pca.variances().is_sorted_by(|a, b| a >= b));
        let text = serde_json::to_string(&pca).expect("plain numbers");
        let back: Pca = serde_json::from_str(&text).expect("what was written");
        close(back.mean(), pca.mean());
        close(back.component(d - 1), pca.component(d - 1));
    }

    #[test]
    fn e15_pca_is_the_same_on_one_thread_and_on_two() {
        let values: Vec<f32> = (0..9000 * 5).map(|i| counter_bits(1, 2, 3, i) as f32 / 1e9).collect();
        let fit = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
            pool.install(|| {
                let rows = Rows::new(&values, 5).expect("fine");
                Pca::fit(&cpu(), &rows, Keep::Share(0.7)).expect("fits")
            })
        };
        assert_eq!(fit(1), fit(2));
    }

    #[test]
    fn e4_pca_of_rows_in_tiles_is_that_of_all_rows_at_once() {
        let values: Vec<f32> =
            (0..1003 * 5).map(|i| (counter_bits(1, 2, 3, i) as f32 / 1e9 + 50.0) * (i % 5 + 1) as f32).collect();
        let rows = Rows::new(&values, 5).expect("fine");
        for backend in backends() {
            let whole = Pca::fit(&backend, &rows, Keep::Dimensions(5)).expect("fits");
            for rows_max in [4, 100, 502] {
                if rows_max == 4 && matches!(backend, Backend::Gpu(_)) {
                    continue;
                }
                let tiled = Pca::fit_in_tiles(&backend, &rows, Keep::Dimensions(5), rows_max).expect("fits");
                let close = |a: &[f64], b: &[f64]| a.iter().zip(b).all(|(a, b)| (a / b - 1.0).abs() < 1e-5);
                assert!(close(tiled.mean(), whole.mean()), "{rows_max}: {tiled:?}, expected {whole:?}");
                assert!(close(tiled.variances(), whole.variances()), "{rows_max}: {tiled:?}, expected {whole:?}");
            }
        }
    }

    #[test]
    fn e15_pca_of_constant_rows_has_no_variance_and_bad_wishes_are_refused() {
        let rows = Rows::new(&[4.0; 6], 2).expect("fine");
        let pca = Pca::fit(&cpu(), &rows, Keep::Dimensions(2)).expect("fits");
        assert_eq!(pca.shares(), [0.0, 0.0]);
        assert_eq!(pca.transform(&rows).expect("same width"), [0.0; 6]);
        let refused = |keep| Pca::fit(&cpu(), &rows, keep).expect_err("refused").to_string();
        assert_eq!(refused(Keep::Dimensions(0)), "`dimensions`: expected at least 1, found 0");
        assert_eq!(
            refused(Keep::Dimensions(3)),
            "`dimensions`: expected at most as many as there are columns, found 3 of 2"
        );
        assert_eq!(refused(Keep::Share(f64::NAN)), "`share`: expected a number above 0 and at most 1, found NaN");
        assert_eq!(refused(Keep::Share(1.01)), "`share`: expected a number above 0 and at most 1, found 1.01");
        let one = Rows::new(&[1.0, 2.0], 2).expect("fine");
        let error = Pca::fit(&cpu(), &one, Keep::Dimensions(1)).expect_err("one row");
        assert_eq!(error.to_string(), "covariance: at least 2 rows are needed, found 1");
        let narrow = Rows::new(&[1.0], 1).expect("fine");
        assert_eq!(
            pca.transform(&narrow).expect_err("narrow").to_string(),
            "components of width 2, expected the rows' width 1"
        );
    }
}
