//! K-means: one assignment, or Lloyd's iterations.

use rayon::prelude::*;

use super::tiles::{Means, Tiles, tile_rows};
use super::{BLOCK_ROWS, ClusterError, Rows, init, squared_distance};
use crate::backend::Backend;

/// Where the centres start.
#[derive(Debug, Clone, PartialEq)]
pub enum Init {
    /// Here, row-major.
    Given(Vec<f32>),
    /// At rows drawn by k-means++.
    PlusPlus {
        /// The same seed draws the same rows.
        seed: u64,
    },
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
}

/// What happens to a centre that has no members after an assignment of Lloyd's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum EmptyRule {
    /// It stays where it is.
    #[default]
    Keep,
    /// It moves to the row that is farthest from its own centre (of equally far ones the lowest); several such centres
    /// take the farthest rows in turn. It stays where it is when no row is away from its centre.
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
}

impl KMeansSpec {
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
        }
        if let Mode::Lloyd { iterations_max, tolerance } = self.mode {
            if iterations_max == 0 {
                return bad("iterations_max", "at least 1", "0".to_owned());
            }
            if !(tolerance.is_finite() && tolerance >= 0.0) {
                return bad("tolerance", "a finite number, at least 0", tolerance.to_string());
            }
        }
        Ok(KMeans { spec: self })
    }
}

/// A checked K-means.
#[derive(Debug, Clone, PartialEq)]
pub struct KMeans {
    spec: KMeansSpec,
}

/// Rows in clusters. Labels, distances, sizes and inertia belong to the centres as they are here.
#[derive(Debug, Clone, PartialEq)]
pub struct Clustering {
    /// The centres, row-major.
    pub centres: Vec<f32>,
    /// Each row's centre; of equally near ones the lowest.
    pub labels: Vec<u32>,
    /// Each row's squared distance to its centre.
    pub distances: Vec<f32>,
    /// Each centre's members.
    pub sizes: Vec<usize>,
    /// The sum of the squared distances, in f64.
    pub inertia: f64,
    /// How often the centres moved.
    pub iterations: usize,
    /// Whether they came to rest, rather than being stopped by `iterations_max`.
    pub settled: bool,
    /// How many centres without members were given a new place, over all iterations.
    pub reseeded: usize,
}

impl Clustering {
    /// The rows of centre `j`, in order.
    pub fn members(&self, j: usize) -> impl Iterator<Item = usize> + '_ {
        let labels = self.labels.iter().enumerate();
        labels.filter(move |(_, label)| **label as usize == j).map(|(row, _)| row)
    }
}

impl KMeans {
    /// What was asked for.
    pub const fn spec(&self) -> &KMeansSpec {
        &self.spec
    }

    /// Clusters `rows` on `backend`.
    ///
    /// # Errors
    /// If given centres have another width than the rows; if there are fewer rows than centres (only given centres that
    /// stay where they are may be more than the rows); if the device fails.
    pub fn fit(&self, backend: &Backend, rows: &Rows<'_>) -> Result<Clustering, ClusterError> {
        self.fit_in_tiles(backend, rows, tile_rows(backend, rows.count(), self.spec.k, rows.width()))
    }

    fn fit_in_tiles(&self, backend: &Backend, rows: &Rows<'_>, tile_rows: usize) -> Result<Clustering, ClusterError> {
        let k = self.spec.k;
        let start = self.start(rows)?;
        let mut tiles = Tiles::new(*rows, k, backend, tile_rows)?;
        let mut found = Clustering {
            centres: start,
            labels: vec![0; rows.count()],
            distances: vec![0.0; rows.count()],
            sizes: vec![0; k],
            inertia: 0.0,
            iterations: 0,
            settled: true,
            reseeded: 0,
        };
        match self.spec.mode {
            Mode::Fixed => {
                tiles.pass(&found.centres, false, &mut found.labels, &mut found.distances)?;
            }
            Mode::Lloyd { iterations_max, tolerance } => {
                self.lloyd(rows, &mut tiles, &mut found, iterations_max, tolerance)?;
            }
        }
        for label in &found.labels {
            found.sizes[*label as usize] += 1;
        }
        found.inertia = inertia(rows, &found.centres, &found.labels);
        Ok(found)
    }

    fn start(&self, rows: &Rows<'_>) -> Result<Vec<f32>, ClusterError> {
        let k = self.spec.k;
        let may_outnumber = matches!((&self.spec.init, self.spec.mode), (Init::Given(_), Mode::Fixed));
        if k > rows.count() && !may_outnumber {
            return Err(ClusterError::TooFewRows { what: "k-means", wanted: k, rows: rows.count() });
        }
        match &self.spec.init {
            Init::Given(values) => {
                rows.expect_width("centres", values.len() / k)?;
                Ok(values.clone())
            }
            Init::PlusPlus { seed } => Ok(init::plus_plus(rows, k, *seed)),
        }
    }

    fn lloyd(
        &self,
        rows: &Rows<'_>,
        tiles: &mut Tiles<'_>,
        found: &mut Clustering,
        iterations_max: usize,
        tolerance: f64,
    ) -> Result<(), ClusterError> {
        let mut previous = vec![];
        let mut at_rest = false;
        loop {
            let move_on = found.iterations < iterations_max && !at_rest;
            let means = tiles.pass(&found.centres, move_on, &mut found.labels, &mut found.distances)?;
            found.settled = at_rest || found.labels == previous;
            let (Some(mut means), false) = (means, found.settled) else {
                return Ok(());
            };
            previous.clone_from(&found.labels);
            let reseeded = match self.spec.empty {
                EmptyRule::Keep => 0,
                EmptyRule::Reseed => reseed(rows, &found.distances, &mut means),
            };
            let moves = rows_of(&means.centres, rows).zip(rows_of(&found.centres, rows));
            let farthest = moves.map(|(new, old)| squared_distance(new, old)).fold(0.0, f64::max);
            at_rest = farthest <= tolerance * tolerance;
            found.centres = means.centres;
            found.reseeded += reseeded;
            found.iterations += 1;
        }
    }
}

fn rows_of<'a>(centres: &'a [f32], rows: &Rows<'_>) -> std::slice::ChunksExact<'a, f32> {
    centres.chunks_exact(rows.width())
}

/// Puts centres without members at the rows farthest from their own centres; returns how many.
fn reseed(rows: &Rows<'_>, distances: &[f32], means: &mut Means) -> usize {
    let empty: Vec<usize> = (0..means.counts.len()).filter(|&j| means.counts[j] == 0.0).collect();
    if empty.is_empty() {
        return 0;
    }
    let mut far: Vec<usize> = (0..distances.len()).filter(|&i| distances[i] > 0.0).collect();
    let order = |a: &usize, b: &usize| distances[*b].total_cmp(&distances[*a]).then(a.cmp(b));
    if empty.len() < far.len() {
        far.select_nth_unstable_by(empty.len() - 1, order);
        far.truncate(empty.len());
    }
    far.sort_unstable_by(order);
    for (j, row) in empty.iter().zip(&far) {
        means.centres[j * rows.width()..][..rows.width()].copy_from_slice(rows.row(*row));
    }
    empty.len().min(far.len())
}

fn inertia(rows: &Rows<'_>, centres: &[f32], labels: &[u32]) -> f64 {
    let width = rows.width();
    let block = |(values, labels): (&[f32], &[u32])| -> f64 {
        let pairs = values.chunks_exact(width).zip(labels);
        pairs.map(|(row, label)| squared_distance(row, &centres[*label as usize * width..][..width])).sum()
    };
    let blocks = rows.values().par_chunks(BLOCK_ROWS * width).zip(labels.par_chunks(BLOCK_ROWS));
    let sums: Vec<f64> = blocks.map(block).collect();
    sums.iter().sum()
}

#[cfg(test)]
mod tests {
    use super::{EmptyRule, Init, KMeansSpec, Mode, Rows};
    use crate::backend::{Backend, DeviceChoice, choose};
    use crate::ops::rng::counter_bits;

    fn devices() -> Vec<Backend> {
        let mut found = vec![Backend::cpu().expect("a CPU")];
        if std::env::var_os("NIGHTLOOM_TEST_NO_GPU").is_none() {
            let gpu = choose(&DeviceChoice::Gpu(None)).or_else(|_| choose(&DeviceChoice::SoftwareGpu));
            found.push(gpu.expect("a Vulkan driver: apt-get install mesa-vulkan-drivers").backend);
        }
        found
    }

    #[test]
    fn e4_rows_in_tiles_give_the_clusters_of_all_rows_at_once() {
        let n = 1003;
        let values: Vec<f32> =
            (0..n * 3).map(|i| counter_bits(9, 0, 0, i) as f32 / 4e8 + (i / 3 % 4) as f32 * 7.0).collect();
        let rows = Rows::new(&values, 3).expect("fine");
        let mode = Mode::Lloyd { iterations_max: 50, tolerance: 0.0 };
        let spec = KMeansSpec { k: 4, init: Init::PlusPlus { seed: 3 }, mode, empty: EmptyRule::Reseed };
        let kmeans = spec.check().expect("fine");
        for backend in devices() {
            let whole = kmeans.fit(&backend, &rows).expect("fits");
            assert!(whole.settled && whole.iterations > 0);
            for tile_rows in [1, 100, 501, 1002, 1003] {
                if tile_rows == 1 && matches!(backend, Backend::Gpu(_)) {
                    continue;
                }
                let tiled = kmeans.fit_in_tiles(&backend, &rows, tile_rows).expect("fits");
                assert_eq!(tiled.labels, whole.labels, "tiles of {tile_rows} on {}", backend.id());
                assert_eq!(tiled.iterations, whole.iterations);
                let close = tiled.centres.iter().zip(&whole.centres).all(|(a, b)| (a - b).abs() <= 1e-5 * b.abs());
                assert!(close, "{:?}, expected {:?}", tiled.centres, whole.centres);
            }
        }
    }

    #[test]
    fn e4_tiles_follow_from_the_shape_and_the_device() {
        for backend in devices() {
            for (n, k, d) in [(1, 1, 1), (1000, 5, 13), (70_000_000, 1, 1), (3_000_000_000, 8, 64)] {
                let rows = super::tile_rows(&backend, n, k, d);
                assert!(rows >= 1 && rows <= n);
                if let Backend::Gpu(gpu) = &backend {
                    assert!((rows * d * 4) as u64 <= gpu.binding_bytes_max(), "{rows} rows of {d}");
                }
                assert!(n.div_ceil(rows) * rows - n < n.div_ceil(rows), "tiles are of nearly equal length");
            }
        }
    }
}
