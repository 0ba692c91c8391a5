//! K-means: one assignment, Lloyd's iterations, or mini-batches.

use std::collections::BTreeMap;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::blocks::{InMemory, RowBlocks, UnitBlocks, to_unit_length};
use super::spec::{EmptyRule, Init, KMeans, Mode};
use super::tiles::{Means, Tiles, tile_rows};
use super::{BLOCK_ROWS, ClusterError, Metric, Rows, init, mini_batch, squared_distance};
use crate::backend::Backend;

/// Rows in clusters. Labels, distances, sizes and inertia belong to the centres as they are here.
#[derive(Debug, Clone, PartialEq)]
pub struct Clustering {
    /// The centres, row-major.
    pub centres: Vec<f32>,
    /// Each row's centre; of equally near ones the lowest.
    pub labels: Vec<u32>,
    /// Each row's distance to its centre: squared, or 1 less the cosine.
    pub distances: Vec<f32>,
    /// Each centre's members.
    pub sizes: Vec<usize>,
    /// The sum of the distances, each times its row's weight, in f64.
    pub inertia: f64,
    /// How often the centres moved.
    pub iterations: usize,
    /// What ended it.
    pub end: End,
    /// How many centres without members were given a new place, over all iterations.
    pub reseeded: usize,
    /// Which start this is, from 0.
    pub restart: usize,
}

impl Clustering {
    /// The rows of centre `j`, in order.
    pub fn members(&self, j: usize) -> impl Iterator<Item = usize> + '_ {
        let labels = self.labels.iter().enumerate();
        labels.filter(move |(_, label)| **label as usize == j).map(|(row, _)| row)
    }
}

/// What ends a K-means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum End {
    /// Every row kept its centre.
    Labels,
    /// No centre moved further than the tolerance.
    Tolerance,
    /// `iterations_max` moves were made, and the centres had not come to rest; with fixed centres there were to be none.
    Iterations,
}

impl End {
    /// Whether the centres came to rest.
    pub fn settled(self) -> bool {
        self != Self::Iterations
    }
}

/// How far a K-means has come.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Progress {
    /// Which start, from 0.
    pub restart: usize,
    /// Moves of the centres so far.
    pub iteration: usize,
    /// The sum of the distances before the next move (of a mini-batch: the mean of its rows).
    pub inertia: f64,
}

/// Whether to go on.
pub type Watch<'a> = dyn FnMut(Progress) -> bool + 'a;

/// What one run needs besides its settings.
pub(super) struct Work<'a, 'w> {
    pub tiles: Tiles<'a>,
    pub weights: Option<&'a [f32]>,
    pub metric: Metric,
    pub restart: usize,
    pub watch: &'w mut Watch<'w>,
}

impl KMeans {
    /// Clusters `rows` on `backend`.
    ///
    /// # Errors
    /// If given centres have another width than the rows; if there are fewer rows than centres (only given centres that
    /// stay where they are may be more than the rows); if a row is all zeros and the metric is the cosine; if the device
    /// fails.
    pub fn fit(&self, backend: &Backend, rows: &Rows<'_>) -> Result<Clustering, ClusterError> {
        self.fit_weighted(backend, rows, None, &mut |_| true)
    }

    /// As [`KMeans::fit`], each row with a weight, watched: when `watch` says no, it ends with
    /// [`ClusterError::Stopped`].
    ///
    /// # Errors
    /// As [`KMeans::fit`]; if the weights are not one a row, finite, at least 0, and above 0 for at least one.
    pub fn fit_weighted(
        &self,
        backend: &Backend,
        rows: &Rows<'_>,
        weights: Option<&[f32]>,
        watch: &mut Watch<'_>,
    ) -> Result<Clustering, ClusterError> {
        let tile = tile_rows(backend, rows.count(), self.spec.k, rows.width());
        self.fit_in_tiles(backend, rows, weights, tile, watch)
    }

    fn fit_in_tiles(
        &self,
        backend: &Backend,
        rows: &Rows<'_>,
        weights: Option<&[f32]>,
        block_rows: usize,
        watch: &mut Watch<'_>,
    ) -> Result<Clustering, ClusterError> {
        if self.spec.metric == Metric::Cosine {
            let mut scaled = rows.values().to_vec();
            to_unit_length(&mut scaled, rows.width(), 0)?;
            let rows = Rows::new(&scaled, rows.width())?;
            return self.fit_source(backend, &mut InMemory { rows, block_rows }, weights, watch);
        }
        self.fit_source(backend, &mut InMemory { rows: *rows, block_rows }, weights, watch)
    }

    /// Clusters rows that need not lie in memory.
    ///
    /// # Errors
    /// As [`KMeans::fit_weighted`]; if the rows cannot be read.
    pub fn fit_blocks(
        &self,
        backend: &Backend,
        source: &mut dyn RowBlocks,
        weights: Option<&[f32]>,
        watch: &mut Watch<'_>,
    ) -> Result<Clustering, ClusterError> {
        if self.spec.metric == Metric::Cosine {
            return self.fit_source(backend, &mut UnitBlocks::new(source), weights, watch);
        }
        self.fit_source(backend, source, weights, watch)
    }

    /// All restarts on rows that are scaled already where the metric asks for it.
    fn fit_source(
        &self,
        backend: &Backend,
        source: &mut dyn RowBlocks,
        weights: Option<&[f32]>,
        watch: &mut Watch<'_>,
    ) -> Result<Clustering, ClusterError> {
        self.check_rows(source, weights)?;
        let mut best: Option<Clustering> = None;
        for restart in 0..self.spec.restarts {
            let start = self.start(backend, source, weights, restart)?;
            let tiles = Tiles::new(source, weights, self.spec.k, backend)?;
            let mut work = Work { tiles, weights, metric: self.spec.metric, restart, watch: &mut *watch };
            let found = self.run(&mut work, start)?;
            if best.as_ref().is_none_or(|best| found.inertia < best.inertia) {
                best = Some(found);
            }
        }
        best.ok_or(ClusterError::NoRows { at_least: 1 })
    }

    fn check_rows(&self, source: &dyn RowBlocks, weights: Option<&[f32]>) -> Result<(), ClusterError> {
        let (k, n) = (self.spec.k, source.count());
        let may_outnumber = matches!((&self.spec.init, self.spec.mode), (Init::Given(_), Mode::Fixed));
        if k > n && !may_outnumber {
            return Err(ClusterError::TooFewRows { what: "k-means", wanted: k, rows: n });
        }
        if let Init::Given(values) = &self.spec.init
            && values.len() / k != source.width()
        {
            return Err(ClusterError::Width { what: "centres", expected: source.width(), found: values.len() / k });
        }
        let Some(weights) = weights else { return Ok(()) };
        let bad =
            |found: String| ClusterError::Setting { name: "weights", expected: "one a row, finite, at least 0", found };
        if weights.len() != n {
            return Err(bad(format!("{} for {n} rows", weights.len())));
        }
        if let Some(row) = weights.iter().position(|weight| !(0.0..=super::MAGNITUDE_MAX).contains(weight)) {
            return Err(bad(format!("{} at row {row}", weights[row])));
        }
        if weights.iter().all(|weight| *weight == 0.0) { Err(bad("0 at every row".to_owned())) } else { Ok(()) }
    }

    fn start(
        &self,
        backend: &Backend,
        source: &mut dyn RowBlocks,
        weights: Option<&[f32]>,
        restart: usize,
    ) -> Result<Vec<f32>, ClusterError> {
        let mut centres = match self.spec.init.restart(restart) {
            Init::Given(values) => values,
            Init::PlusPlus { seed } => init::plus_plus_of(source, weights, self.spec.k, seed)?,
            Init::Parallel { seed } => init::parallel(backend, source, weights, self.spec.k, seed)?,
        };
        if self.spec.metric == Metric::Cosine {
            to_unit_length(&mut centres, source.width(), 0).map_err(|_| ClusterError::NoCentreDirection)?;
        }
        Ok(centres)
    }

    fn run(&self, work: &mut Work<'_, '_>, start: Vec<f32>) -> Result<Clustering, ClusterError> {
        let (k, n) = (self.spec.k, work.tiles.source().count());
        let mut found = Clustering {
            centres: start,
            labels: vec![0; n],
            distances: vec![0.0; n],
            sizes: vec![0; k],
            inertia: 0.0,
            iterations: 0,
            end: End::Iterations,
            reseeded: 0,
            restart: work.restart,
        };
        match self.spec.mode {
            Mode::Fixed => {
                work.tiles.pass(&found.centres, false, &mut found.labels, &mut found.distances)?;
            }
            Mode::Lloyd { iterations_max, tolerance } => {
                self.lloyd(work, &mut found, iterations_max, tolerance)?;
            }
            Mode::MiniBatch { batch, iterations_max, seed } => {
                mini_batch::run(self, work, &mut found, mini_batch::Steps { batch, iterations_max, seed })?;
                work.tiles.pass(&found.centres, false, &mut found.labels, &mut found.distances)?;
            }
        }
        for label in &found.labels {
            found.sizes[*label as usize] += 1;
        }
        found.inertia = inertia(work, &found)?;
        if self.spec.metric == Metric::Cosine {
            found.inertia *= 0.5;
            found.distances.iter_mut().for_each(|distance| *distance *= 0.5);
        }
        Ok(found)
    }

    fn lloyd(
        &self,
        work: &mut Work<'_, '_>,
        found: &mut Clustering,
        iterations_max: usize,
        tolerance: f64,
    ) -> Result<(), ClusterError> {
        let width = work.tiles.source().width();
        let mut previous = vec![];
        let mut at_rest = false;
        loop {
            let move_on = found.iterations < iterations_max && !at_rest;
            let means = work.tiles.pass(&found.centres, move_on, &mut found.labels, &mut found.distances)?;
            let same = found.labels == previous;
            found.end = match (at_rest, same) {
                (true, _) => End::Tolerance,
                (false, true) => End::Labels,
                (false, false) => End::Iterations,
            };
            let (Some(mut means), false) = (means, found.end.settled()) else {
                return Ok(());
            };
            work.report(found.iterations, weighted_sum(&found.distances, work.weights))?;
            previous.clone_from(&found.labels);
            let reseeded = match self.spec.empty {
                EmptyRule::Keep => 0,
                EmptyRule::Reseed => reseed(work, found, &mut means)?,
            };
            if self.spec.metric == Metric::Cosine {
                to_directions(&mut means.centres, &found.centres, width);
            }
            let moves = means.centres.chunks_exact(width).zip(found.centres.chunks_exact(width));
            let farthest = moves.map(|(new, old)| squared_distance(new, old)).fold(0.0, f64::max);
            at_rest = farthest <= tolerance * tolerance;
            found.centres = means.centres;
            found.reseeded += reseeded;
            found.iterations += 1;
        }
    }
}

impl Work<'_, '_> {
    /// Tells the watcher.
    pub(super) fn report(&mut self, iteration: usize, inertia: f64) -> Result<(), ClusterError> {
        let inertia = if self.metric == Metric::Cosine { inertia * 0.5 } else { inertia };
        let go_on = (self.watch)(Progress { restart: self.restart, iteration, inertia });
        if go_on { Ok(()) } else { Err(ClusterError::Stopped) }
    }
}

/// Scales centres to length 1; one without a direction (its members cancel) goes back to where it was.
pub(super) fn to_directions(centres: &mut [f32], old: &[f32], width: usize) {
    for (centre, old) in centres.chunks_exact_mut(width).zip(old.chunks_exact(width)) {
        if to_unit_length(centre, width, 0).is_err() {
            centre.copy_from_slice(old);
        }
    }
}

/// The sum of distances times weights, in f64, in an order that does not depend on the threads.
fn weighted_sum(distances: &[f32], weights: Option<&[f32]>) -> f64 {
    let sums: Vec<f64> = match weights {
        None => distances.par_chunks(BLOCK_ROWS).map(|block| block.iter().map(|d| f64::from(*d)).sum()).collect(),
        Some(weights) => {
            let blocks = distances.par_chunks(BLOCK_ROWS).zip(weights.par_chunks(BLOCK_ROWS));
            blocks.map(|(d, w)| d.iter().zip(w).map(|(d, w)| f64::from(*d) * f64::from(*w)).sum()).collect()
        }
    };
    sums.iter().sum()
}

/// Puts centres without members at the rows farthest from their own centres, which lose them; returns how many. A row
/// that is all there is of its centre stays.
fn reseed(work: &mut Work<'_, '_>, found: &Clustering, means: &mut Means) -> Result<usize, ClusterError> {
    let empty: Vec<usize> = (0..means.counts.len()).filter(|&j| means.counts[j] == 0.0).collect();
    if empty.is_empty() {
        return Ok(0);
    }
    let Clustering { labels, distances, .. } = found;
    let weight = |row: usize| work.weights.map_or(1.0, |weights| f64::from(weights[row]));
    let mut far: Vec<usize> = (0..distances.len()).filter(|&i| distances[i] > 0.0 && weight(i) > 0.0).collect();
    let order = |a: &usize, b: &usize| distances[*b].total_cmp(&distances[*a]).then(a.cmp(b));
    // Of every centre one row at most stays.
    let enough = empty.len() + means.counts.len();
    if enough < far.len() {
        far.select_nth_unstable_by(enough - 1, order);
        far.truncate(enough);
    }
    far.sort_unstable_by(order);
    let mut left = means.counts.clone();
    let mut takes = |row: &usize| {
        let (own, weight) = (labels[*row] as usize, weight(*row));
        // What f32 sums leave of a centre's only row.
        let stays = left[own] - weight <= 1e-6 * weight;
        left[own] -= if stays { 0.0 } else { weight };
        !stays
    };
    let taken: Vec<usize> = far.into_iter().filter(|row| takes(row)).take(empty.len()).collect();
    let weights: Vec<f64> = taken.iter().map(|row| weight(*row)).collect();
    let width = work.tiles.source().width();
    let rows = work.tiles.source().pick(&taken)?;
    let mut losers: BTreeMap<usize, Vec<f64>> = BTreeMap::new();
    for (((j, row), i), weight) in empty.iter().zip(rows.chunks_exact(width)).zip(&taken).zip(weights) {
        let own = labels[*i] as usize;
        let mean = &means.centres[own * width..][..width];
        let sums =
            losers.entry(own).or_insert_with(|| mean.iter().map(|mean| f64::from(*mean) * means.counts[own]).collect());
        sums.iter_mut().zip(row).for_each(|(sum, value)| *sum -= weight * f64::from(*value));
        means.centres[j * width..][..width].copy_from_slice(row);
    }
    for (own, sums) in losers {
        for (mean, sum) in means.centres[own * width..].iter_mut().zip(sums) {
            *mean = (sum / left[own]) as f32;
        }
    }
    Ok(taken.len())
}

fn inertia(work: &mut Work<'_, '_>, found: &Clustering) -> Result<f64, ClusterError> {
    let weights = work.weights;
    let width = work.tiles.source().width();
    let mut sums = vec![];
    work.tiles.source().pass(&mut |first, values| {
        let labels = &found.labels[first..][..values.len() / width];
        let block = |(b, (values, labels)): (usize, (&[f32], &[u32]))| -> f64 {
            let pairs = values.chunks_exact(width).zip(labels).enumerate();
            let distance = |(i, (row, label)): (usize, (&[f32], &u32))| {
                let weight = weights.map_or(1.0, |weights| f64::from(weights[first + b * BLOCK_ROWS + i]));
                weight * squared_distance(row, &found.centres[*label as usize * width..][..width])
            };
            pairs.map(distance).sum()
        };
        let blocks = values.par_chunks(BLOCK_ROWS * width).zip(labels.par_chunks(BLOCK_ROWS)).enumerate();
        sums.par_extend(blocks.map(block));
        Ok(())
    })?;
    Ok(sums.iter().sum())
}

#[cfg(test)]
mod tests;
