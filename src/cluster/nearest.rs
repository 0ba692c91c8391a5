//! The nearest rows of queries, on either device.

use std::cmp::Ordering;

use rayon::prelude::*;

use super::{ClusterError, Rows, squared_distance};
use crate::backend::Backend;
use crate::ops::distance::{CENTRES_MAX, Distance, DistanceSpec, Metric};
use crate::plan::PlanBuilder;

/// Rows found beyond those wanted. The device ranks in f32; the ranking in f64 that follows can only miss a row if more
/// than so many others lie within f32's rounding of the last one.
const SPARE: usize = 8;

/// Words that one search may bind on the CPU: 1 GiB, since a plan holds a copy of its rows.
const CPU_WORDS_MAX: usize = 1 << 28;

/// Multiplications of one search on a GPU: a tenth of a second on a small one.
const GPU_PRODUCTS_MAX: usize = 1 << 34;

/// The most queries of one search.
const QUERIES_MAX: usize = 1 << 14;

/// A row and how far it is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Neighbour {
    /// The row, from 0.
    pub row: usize,
    /// Its distance, as [`Metric`] says; the squared one for [`Metric::Euclidean`].
    pub distance: f64,
}

/// What is asked for; [`NearestSpec::check`] checks it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NearestSpec {
    /// How far a row is.
    pub metric: Metric,
    /// How many rows each query gets.
    pub k: usize,
}

impl NearestSpec {
    /// Checks what does not depend on the rows.
    ///
    /// # Errors
    /// If no row is asked for.
    pub fn check(self) -> Result<Nearest, ClusterError> {
        if self.k == 0 {
            let found = self.k.to_string();
            return Err(ClusterError::Setting { name: "k", expected: "at least 1 nearest row", found });
        }
        Ok(Nearest { spec: self })
    }
}

/// A checked search.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Nearest {
    spec: NearestSpec,
}

impl Nearest {
    /// For each query its `k` nearest rows, the nearest first; of equally near ones the lowest first.
    ///
    /// Every row is looked at, in f32 by the op `distance` on `backend`, tile by tile where there are more rows than it
    /// can bind or number at once; what it finds (and a few more) is ranked by distances in f64.
    ///
    /// # Errors
    /// If the widths differ, there are fewer than `k` rows, or the device fails.
    pub fn find(
        &self,
        backend: &Backend,
        rows: &Rows<'_>,
        queries: &Rows<'_>,
    ) -> Result<Vec<Vec<Neighbour>>, ClusterError> {
        let tile = tile_rows(backend, rows.width(), rows.count());
        self.find_in_tiles(backend, rows, queries, tile)
    }

    fn find_in_tiles(
        &self,
        backend: &Backend,
        rows: &Rows<'_>,
        queries: &Rows<'_>,
        tile: usize,
    ) -> Result<Vec<Vec<Neighbour>>, ClusterError> {
        let NearestSpec { metric, k } = self.spec;
        rows.expect_width("queries", queries.width())?;
        if k > rows.count() {
            return Err(ClusterError::TooFewRows { what: "nearest rows", wanted: k, rows: rows.count() });
        }
        let width = rows.width();
        let mut found = Vec::with_capacity(queries.count());
        for queries in queries.values().chunks(queries_at_once(backend, width, tile, k) * width) {
            let mut candidates = vec![vec![]; queries.len() / width];
            for (t, part) in rows.values().chunks(tile * width).enumerate() {
                let labels = search(backend, metric, (k + SPARE).min(part.len() / width), width, queries, part)?;
                let each = labels.chunks_exact(labels.len() / candidates.len());
                for (candidates, labels) in candidates.iter_mut().zip(each) {
                    candidates.extend(labels.iter().map(|label| t * tile + *label as usize));
                }
            }
            let ranked = candidates.into_par_iter().zip(queries.par_chunks_exact(width));
            found.par_extend(ranked.map(|(candidates, query)| rank(rows, query, metric, k, candidates)));
        }
        Ok(found)
    }
}

/// Words that a device binds at once. Half of what it can: the panels of the CPU and the lists of the GPU come on top.
fn words_max(backend: &Backend) -> usize {
    match backend {
        Backend::Cpu(_) => CPU_WORDS_MAX,
        Backend::Gpu(gpu) => {
            usize::try_from(gpu.binding_bytes_max() / 8).unwrap_or(usize::MAX).min(u32::MAX as usize / 2)
        }
    }
}

/// Rows of a tile: a rule of the shape and the device's limits alone. Room is left for the panels' padding.
fn tile_rows(backend: &Backend, width: usize, rows: usize) -> usize {
    let rows_max = (words_max(backend) / (width + 3)).saturating_sub(64).clamp(1, CENTRES_MAX);
    rows.div_ceil(rows.div_ceil(rows_max))
}

/// Queries of one search.
fn queries_at_once(backend: &Backend, width: usize, tile: usize, k: usize) -> usize {
    // The GPU keeps two words a place for each of its at most 64 shares of the rows.
    let lists = (k + SPARE).saturating_mul(2 * 64);
    let most = (words_max(backend) / width.max(lists)).min(QUERIES_MAX);
    let most = match backend {
        Backend::Cpu(_) => most,
        Backend::Gpu(_) => most.min(GPU_PRODUCTS_MAX / tile.saturating_mul(width)),
    };
    most.max(1)
}

/// The `nearest` rows of each query by the op alone.
fn search(
    backend: &Backend,
    metric: Metric,
    nearest: usize,
    d: usize,
    queries: &[f32],
    rows: &[f32],
) -> Result<Vec<u32>, ClusterError> {
    let (n, k) = (queries.len() / d, rows.len() / d);
    let mut builder = PlanBuilder::new(1);
    let x = builder.tensor("queries", n * d);
    let c = builder.tensor("rows", k * d);
    let label = builder.tensor_u32("labels", n * nearest);
    let dist = builder.tensor("distances", n * nearest);
    let list = builder.list();
    let distance = Distance::new(DistanceSpec { fleet: 1, n, k, d, metric, nearest })?;
    builder.push(list, distance, &[x, c, label, dist])?;
    let mut plan = builder.build(backend)?;
    plan.upload_f32(x, queries)?;
    plan.upload_f32(c, rows)?;
    plan.replay(list, 0..1)?;
    Ok(plan.download(label)?)
}

/// The `k` nearest of the candidates.
fn rank(rows: &Rows<'_>, query: &[f32], metric: Metric, k: usize, candidates: Vec<usize>) -> Vec<Neighbour> {
    let neighbour = |row| Neighbour { row, distance: distance(metric, rows.row(row), query) };
    let mut all: Vec<Neighbour> = candidates.into_iter().map(neighbour).collect();
    all.sort_unstable_by(order);
    all.truncate(k);
    all
}

fn order(a: &Neighbour, b: &Neighbour) -> Ordering {
    a.distance.total_cmp(&b.distance).then(a.row.cmp(&b.row))
}

fn distance(metric: Metric, a: &[f32], b: &[f32]) -> f64 {
    let pairs = || a.iter().zip(b).map(|(x, y)| (f64::from(*x), f64::from(*y)));
    match metric {
        Metric::Euclidean => squared_distance(a, b),
        Metric::Manhattan => pairs().map(|(x, y)| (x - y).abs()).sum(),
        Metric::Cosine => {
            let length = |v: &[f32]| v.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt();
            let (of_a, of_b) = (length(a), length(b));
            if of_a == 0.0 || of_b == 0.0 {
                return 1.0;
            }
            // Half the squared distance of the vectors at length 1: nothing cancels.
            0.5 * pairs().map(|(x, y)| (x / of_a - y / of_b).powi(2)).sum::<f64>()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Metric, NearestSpec, Neighbour, Rows, distance, order};
    use crate::backend::Backend;
    use crate::ops::rng::counter_bits;
    use crate::ops::testing::backends;

    fn pairs(found: &[Neighbour]) -> Vec<(usize, f64)> {
        found.iter().map(|n| (n.row, n.distance)).collect()
    }

    #[test]
    fn e15_nearest_rows_come_in_order_with_ties_to_the_lowest() {
        let values = [5.0, 0.0, 1.0, -1.0, 0.0, 9.0];
        let rows = Rows::new(&values, 1).expect("fine");
        let queries = Rows::new(&[0.0, 8.0], 1).expect("fine");
        for backend in backends() {
            let find = |metric, k| {
                let nearest = NearestSpec { metric, k }.check().expect("fine");
                nearest.find(&backend, &rows, &queries).expect("finds")
            };
            let four = find(Metric::Euclidean, 4);
            assert_eq!(pairs(&four[0]), [(1, 0.0), (4, 0.0), (2, 1.0), (3, 1.0)]);
            assert_eq!(pairs(&four[1]), [(5, 1.0), (0, 9.0), (2, 49.0), (1, 64.0)]);
            let all = find(Metric::Euclidean, 6);
            assert_eq!(all[0].iter().map(|n| n.row).collect::<Vec<_>>(), [1, 4, 2, 3, 0, 5]);
            assert_eq!(pairs(&find(Metric::Manhattan, 3)[1]), [(5, 1.0), (0, 3.0), (2, 7.0)]);
            // By cosine a zero query is at distance 1 from all; so are zero rows from any query.
            let cosine = find(Metric::Cosine, 6);
            assert_eq!(pairs(&cosine[0]), [(0, 1.0), (1, 1.0), (2, 1.0), (3, 1.0), (4, 1.0), (5, 1.0)]);
            assert_eq!(pairs(&cosine[1]), [(0, 0.0), (2, 0.0), (5, 0.0), (1, 1.0), (4, 1.0), (3, 2.0)]);
        }
    }

    #[test]
    fn e4_nearest_rows_in_tiles_are_those_of_all_rows_at_once() {
        let (n, d, k) = (403, 18, 5);
        let values: Vec<f32> = (0..n * d).map(|i| counter_bits(7, 0, 0, i as u32) as f32 / 1e9).collect();
        let rows = Rows::new(&values, d).expect("fine");
        let queries = Rows::new(&values[..20 * d], d).expect("fine");
        for metric in [Metric::Euclidean, Metric::Cosine, Metric::Manhattan] {
            let truth: Vec<Vec<Neighbour>> = queries
                .iter()
                .map(|query| {
                    let neighbour = |(row, values)| Neighbour { row, distance: distance(metric, values, query) };
                    let mut all: Vec<Neighbour> = rows.iter().enumerate().map(neighbour).collect();
                    all.sort_by(order);
                    all[..k].to_vec()
                })
                .collect();
            let nearest = NearestSpec { metric, k }.check().expect("fine");
            for backend in backends() {
                for tile in [3, 100, 402, 403] {
                    if tile == 3 && matches!(backend, Backend::Gpu(_)) {
                        continue;
                    }
                    let found = nearest.find_in_tiles(&backend, &rows, &queries, tile).expect("finds");
                    assert_eq!(found, truth, "{metric:?}, tiles of {tile} on {}", backend.id());
                }
            }
        }
    }

    #[test]
    fn e15_nearest_rows_refuse_what_cannot_be() {
        let cpu = Backend::cpu().expect("a CPU");
        let rows = Rows::new(&[1.0, 2.0], 1).expect("fine");
        let wide = Rows::new(&[1.0, 2.0], 2).expect("fine");
        let refused = |queries: &Rows<'_>, k| {
            let nearest = NearestSpec { metric: Metric::Euclidean, k }.check();
            nearest.and_then(|nearest| nearest.find(&cpu, &rows, queries)).expect_err("refused").to_string()
        };
        assert_eq!(refused(&rows, 3), "nearest rows: at least 3 rows are needed, found 2");
        assert_eq!(refused(&rows, 0), "`k`: expected at least 1 nearest row, found 0");
        assert_eq!(refused(&wide, 1), "queries of width 2, expected the rows' width 1");
    }
}
