//! One pass over all rows on a device: nearest centres, and the members' means if wanted.
//!
//! Rows in memory that a device can bind at once stay on it; others are uploaded block by block in every pass. The means
//! of the blocks are merged on the host in f64, in the order of the blocks.

use std::collections::BTreeMap;

use super::ClusterError;
use super::blocks::RowBlocks;
use crate::backend::Backend;
use crate::ops::centroid::{Centroid, CentroidSpec};
use crate::ops::distance::{Distance, DistanceSpec, Metric};
use crate::plan::{ListId, Plan, PlanBuilder, TensorId};

/// Words of a tile on the CPU: 1 GiB, since a plan holds a copy of its rows.
const CPU_WORDS_MAX: usize = 1 << 28;

/// Multiplications of one dispatch on a GPU: a tenth of a second on a small one.
const GPU_PRODUCTS_MAX: usize = 1 << 34;

/// How many rows a tile has: a rule of the shape and the device's limits alone.
pub(super) fn tile_rows(backend: &Backend, n: usize, k: usize, d: usize) -> usize {
    let rows_max = match backend {
        Backend::Cpu(_) => CPU_WORDS_MAX / d,
        Backend::Gpu(gpu) => {
            let words = usize::try_from(gpu.binding_bytes_max() / 4).unwrap_or(usize::MAX).min(u32::MAX as usize);
            (words / d).min(GPU_PRODUCTS_MAX / k.saturating_mul(d))
        }
    };
    n.div_ceil(n.div_ceil(rows_max.max(1)))
}

/// Means of the members and what they weigh, over all rows.
#[derive(Debug)]
pub(super) struct Means {
    pub centres: Vec<f32>,
    pub counts: Vec<f64>,
}

/// The passes over one source of rows.
pub(super) struct Tiles<'a> {
    source: &'a mut dyn RowBlocks,
    weights: Option<&'a [f32]>,
    backend: &'a Backend,
    k: usize,
    /// By their number of rows: the last block may be shorter.
    stages: BTreeMap<usize, Stage>,
    resident: bool,
}

/// Plans for tiles of one length.
#[derive(Debug)]
struct Stage {
    plan: Plan,
    assign: ListId,
    update: ListId,
    x: TensorId,
    w: Option<TensorId>,
    c: TensorId,
    label: TensorId,
    dist: TensorId,
    count: TensorId,
}

impl Stage {
    fn new(backend: &Backend, n: usize, k: usize, d: usize, weighted: bool) -> Result<Self, ClusterError> {
        let mut builder = PlanBuilder::new(1);
        let x = builder.tensor("rows", n * d);
        let c = builder.tensor("centres", k * d);
        let label = builder.tensor_u32("labels", n);
        let dist = builder.tensor("distances", n);
        let count = builder.tensor("counts", k);
        let w = weighted.then(|| builder.tensor("weights", n));
        let (assign, update) = (builder.list(), builder.list());
        let distance = Distance::new(DistanceSpec { fleet: 1, n, k, d, metric: Metric::Euclidean, nearest: 1 })?;
        builder.push(assign, distance, &[x, c, label, dist])?;
        let centroid = Centroid::new(CentroidSpec { fleet: 1, n, k, d, weighted })?;
        let inputs: Vec<TensorId> = [x, label, c, count].into_iter().chain(w).collect();
        builder.push(update, centroid, &inputs)?;
        Ok(Self { plan: builder.build(backend)?, assign, update, x, w, c, label, dist, count })
    }

    fn place(&mut self, values: &[f32], weights: Option<&[f32]>) -> Result<(), ClusterError> {
        self.plan.upload_f32(self.x, values)?;
        if let (Some(w), Some(weights)) = (self.w, weights) {
            self.plan.upload_f32(w, weights)?;
        }
        Ok(())
    }
}

/// What a pass writes to and adds up.
struct Results<'a> {
    width: usize,
    centres: &'a [f32],
    labels: &'a mut [u32],
    distances: &'a mut [f32],
    update: bool,
    sums: Vec<f64>,
    counts: Vec<f64>,
}

impl<'a> Tiles<'a> {
    /// Ready for passes with `k` centres.
    pub(super) fn new(
        source: &'a mut dyn RowBlocks,
        weights: Option<&'a [f32]>,
        k: usize,
        backend: &'a Backend,
    ) -> Result<Self, ClusterError> {
        let mut stages = BTreeMap::new();
        let (n, width) = (source.count(), source.width());
        let whole = source.resident().filter(|_| n <= source.block_rows());
        if let Some(values) = whole {
            let mut stage = Stage::new(backend, n, k, width, weights.is_some())?;
            stage.place(values, weights)?;
            stages.insert(n, stage);
        }
        let resident = whole.is_some();
        Ok(Self { source, weights, backend, k, stages, resident })
    }

    /// The rows.
    pub(super) fn source(&mut self) -> &mut dyn RowBlocks {
        self.source
    }

    /// Writes each row's nearest centre and its squared distance. With `update`, also returns the members' means; a
    /// centre without members keeps its place.
    pub(super) fn pass(
        &mut self,
        centres: &[f32],
        update: bool,
        labels: &mut [u32],
        distances: &mut [f32],
    ) -> Result<Option<Means>, ClusterError> {
        let width = self.source.width();
        let (sums, counts) = (vec![0.0; centres.len()], vec![0.0; self.k]);
        let mut results = Results { width, centres, labels, distances, update, sums, counts };
        if self.resident {
            if let Some(stage) = self.stages.get_mut(&results.labels.len()) {
                results.of(stage, 0)?;
            }
        } else {
            let Self { source, weights, backend, k, stages, .. } = self;
            source.pass(&mut |first, values| {
                let n = values.len() / width;
                if let std::collections::btree_map::Entry::Vacant(e) = stages.entry(n) {
                    e.insert(Stage::new(backend, n, *k, width, weights.is_some())?);
                }
                let Some(stage) = stages.get_mut(&n) else { return Ok(()) };
                stage.place(values, weights.map(|weights| &weights[first..first + n]))?;
                results.of(stage, first)
            })?;
        }
        Ok(update.then(|| finish(width, centres, &results.sums, results.counts)))
    }
}

/// A plan for batches of rows that are picked, not passed over.
pub(super) struct Batch {
    stage: Stage,
    distances: Vec<f32>,
}

impl Batch {
    /// For batches of `rows` rows of what `tiles` passes over.
    pub(super) fn new(tiles: &Tiles<'_>, rows: usize) -> Result<Self, ClusterError> {
        let width = tiles.source.width();
        let stage = Stage::new(tiles.backend, rows, tiles.k, width, tiles.weights.is_some())?;
        Ok(Self { stage, distances: vec![0.0; rows] })
    }

    /// The members' means within a batch.
    pub(super) fn means(
        &mut self,
        values: &[f32],
        weights: Option<&[f32]>,
        centres: &[f32],
    ) -> Result<Means, ClusterError> {
        let Stage { assign, update, c, dist, count, .. } = self.stage;
        self.stage.place(values, weights)?;
        let plan = &mut self.stage.plan;
        plan.upload_f32(c, centres)?;
        plan.replay_all(&[(assign, 0..1), (update, 0..1)])?;
        plan.download_into(dist, bytemuck::cast_slice_mut(&mut self.distances))?;
        let counts = plan.download_f32(count)?.into_iter().map(f64::from).collect();
        Ok(Means { centres: plan.download_f32(c)?, counts })
    }

    /// Squared distances of the last batch's rows to their centres before the move.
    pub(super) fn distances(&self) -> &[f32] {
        &self.distances
    }
}

impl Results<'_> {
    /// Runs the tile whose rows lie in `stage` and begin at row `first`.
    fn of(&mut self, stage: &mut Stage, first: usize) -> Result<(), ClusterError> {
        stage.plan.upload_f32(stage.c, self.centres)?;
        stage.plan.replay(stage.assign, 0..1)?;
        if self.update {
            stage.plan.replay(stage.update, 0..1)?;
        }
        let rows = first..first + stage.plan.words(stage.label);
        stage.plan.download_into(stage.label, &mut self.labels[rows.clone()])?;
        stage.plan.download_into(stage.dist, bytemuck::cast_slice_mut(&mut self.distances[rows]))?;
        if self.update {
            let means = stage.plan.download_f32(stage.c)?;
            let members = stage.plan.download_f32(stage.count)?;
            merge(self.width, &means, &members, &mut self.sums, &mut self.counts);
        }
        Ok(())
    }
}

fn merge(width: usize, means: &[f32], members: &[f32], sums: &mut [f64], counts: &mut [f64]) {
    let cells = means.chunks_exact(width).zip(sums.chunks_exact_mut(width));
    for (((means, sums), members), count) in cells.zip(members).zip(counts) {
        *count += f64::from(*members);
        for (sum, mean) in sums.iter_mut().zip(means) {
            *sum += f64::from(*members) * f64::from(*mean);
        }
    }
}

fn finish(width: usize, old: &[f32], sums: &[f64], counts: Vec<f64>) -> Means {
    let mut centres = old.to_vec();
    for ((centre, sums), count) in centres.chunks_exact_mut(width).zip(sums.chunks_exact(width)).zip(&counts) {
        if *count > 0.0 {
            for (value, sum) in centre.iter_mut().zip(sums) {
                *value = (sum / count) as f32;
            }
        }
    }
    Means { centres, counts }
}
