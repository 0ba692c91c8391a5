//! One pass over all rows on a device: nearest centres, and the members' means if wanted.
//!
//! The CPU works on the rows where they lie. On a GPU rows that it can bind at once stay there; others are uploaded block
//! by block in every pass. The means of the blocks are merged on the host in f64, in the order of the blocks.

use std::collections::BTreeMap;

use super::ClusterError;
use super::blocks::RowBlocks;
use crate::backend::{Backend, Cpu};
use crate::ops::Arg;
use crate::ops::centroid::{Centroid, CentroidSpec};
use crate::ops::distance::{Distance, DistanceSpec, Metric};
use crate::plan::{ListId, Plan, PlanBuilder, TensorId, host_scratch, run_on_host};

/// Words of a tile on the CPU: 1 GiB.
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

/// What passes over tiles of one length need.
#[derive(Debug)]
enum Stage {
    Cpu(OnCpu),
    Gpu(OnGpu),
}

/// Kernels that work on rows where they lie.
#[derive(Debug)]
struct OnCpu {
    cpu: Cpu,
    distance: Distance,
    centroid: Centroid,
    centres: Vec<f32>,
    counts: Vec<f32>,
    scratch: Vec<f32>,
}

/// A plan that holds the rows.
#[derive(Debug)]
struct OnGpu {
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
        let distance = Distance::new(DistanceSpec { fleet: 1, n, k, d, metric: Metric::Euclidean, nearest: 1 })?;
        let centroid = Centroid::new(CentroidSpec { fleet: 1, n, k, d, weighted })?;
        match backend {
            Backend::Cpu(cpu) => Ok(Self::Cpu(OnCpu::new(*cpu, distance, centroid))),
            Backend::Gpu(_) => OnGpu::new(backend, distance, centroid).map(Self::Gpu),
        }
    }

    /// The rows' nearest centres and distances; with `update`, the members' means and what they weigh.
    fn run(&mut self, rows: &Block<'_>, update: bool, to: &mut Nearest<'_>) -> Result<Option<Moved>, ClusterError> {
        match self {
            Self::Cpu(stage) => Ok(stage.run(rows, update, to)),
            Self::Gpu(stage) => {
                stage.place(rows.values, rows.weights)?;
                stage.run(rows.centres, update, to)
            }
        }
    }
}

/// Rows of one tile, and the centres they are held against.
struct Block<'a> {
    values: &'a [f32],
    weights: Option<&'a [f32]>,
    centres: &'a [f32],
}

/// A tile's means and what each weighs.
type Moved = (Vec<f32>, Vec<f32>);

/// Where a tile's labels and distances go.
struct Nearest<'a> {
    labels: &'a mut [u32],
    distances: &'a mut [f32],
}

impl OnCpu {
    fn new(cpu: Cpu, distance: Distance, centroid: Centroid) -> Self {
        let CentroidSpec { k, d, .. } = *centroid.spec();
        let scratch = host_scratch(&distance).max(host_scratch(&centroid));
        let (centres, counts) = (vec![0.0; k * d], vec![0.0; k]);
        Self { cpu, distance, centroid, centres, counts, scratch: vec![0.0; scratch] }
    }

    fn run(&mut self, rows: &Block<'_>, update: bool, to: &mut Nearest<'_>) -> Option<Moved> {
        let Self { cpu, distance, centroid, centres, counts, scratch } = self;
        let x = Arg::Read(bytemuck::cast_slice(rows.values));
        let searched = [
            x,
            Arg::Read(bytemuck::cast_slice(rows.centres)),
            Arg::Write(&mut *to.labels),
            Arg::Write(bytemuck::cast_slice_mut(&mut *to.distances)),
            Arg::Write(bytemuck::cast_slice_mut(&mut scratch[..host_scratch(distance)])),
        ];
        run_on_host(*cpu, distance, searched);
        if !update {
            return None;
        }
        centres.copy_from_slice(rows.centres);
        let x = Arg::Read(bytemuck::cast_slice(rows.values));
        let moved = [
            x,
            Arg::Read(&*to.labels),
            Arg::Write(bytemuck::cast_slice_mut(centres)),
            Arg::Write(bytemuck::cast_slice_mut(counts)),
            Arg::Write(bytemuck::cast_slice_mut(&mut scratch[..host_scratch(centroid)])),
        ];
        let weights = rows.weights.map(|weights| Arg::Read(bytemuck::cast_slice(weights)));
        run_on_host(*cpu, centroid, moved.into_iter().chain(weights));
        Some((centres.clone(), counts.clone()))
    }
}

impl OnGpu {
    fn new(backend: &Backend, distance: Distance, centroid: Centroid) -> Result<Self, ClusterError> {
        let CentroidSpec { n, k, d, weighted, .. } = *centroid.spec();
        let mut builder = PlanBuilder::new(1);
        let x = builder.tensor("rows", n * d);
        let c = builder.tensor("centres", k * d);
        let label = builder.tensor_u32("labels", n);
        let dist = builder.tensor("distances", n);
        let count = builder.tensor("counts", k);
        let w = weighted.then(|| builder.tensor("weights", n));
        let (assign, update) = (builder.list(), builder.list());
        builder.push(assign, distance, &[x, c, label, dist])?;
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

    fn run(&mut self, centres: &[f32], update: bool, to: &mut Nearest<'_>) -> Result<Option<Moved>, ClusterError> {
        self.plan.upload_f32(self.c, centres)?;
        self.plan.replay(self.assign, 0..1)?;
        if update {
            self.plan.replay(self.update, 0..1)?;
        }
        self.plan.download_into(self.label, &mut *to.labels)?;
        self.plan.download_into(self.dist, bytemuck::cast_slice_mut(&mut *to.distances))?;
        if !update {
            return Ok(None);
        }
        Ok(Some((self.plan.download_f32(self.c)?, self.plan.download_f32(self.count)?)))
    }
}

/// What a pass writes to and adds up.
struct Results<'a> {
    width: usize,
    labels: &'a mut [u32],
    distances: &'a mut [f32],
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
        let whole = source.resident().filter(|_| n <= source.block_rows() && matches!(backend, Backend::Gpu(_)));
        if let Some(values) = whole {
            let mut stage = Stage::new(backend, n, k, width, weights.is_some())?;
            if let Stage::Gpu(stage) = &mut stage {
                stage.place(values, weights)?;
            }
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
        let mut results = Results { width, labels, distances, sums, counts };
        if self.resident {
            let n = results.labels.len();
            if let Some(Stage::Gpu(stage)) = self.stages.get_mut(&n) {
                let found = stage.run(centres, update, &mut results.at(0, n))?;
                results.add(found);
            }
        } else {
            let Self { source, weights, backend, k, stages, .. } = self;
            source.pass(&mut |first, values| {
                let n = values.len() / width;
                if let std::collections::btree_map::Entry::Vacant(e) = stages.entry(n) {
                    e.insert(Stage::new(backend, n, *k, width, weights.is_some())?);
                }
                let Some(stage) = stages.get_mut(&n) else { return Ok(()) };
                let weights = weights.map(|weights| &weights[first..first + n]);
                let found = stage.run(&Block { values, weights, centres }, update, &mut results.at(first, n))?;
                results.add(found);
                Ok(())
            })?;
        }
        Ok(update.then(|| finish(width, centres, &results.sums, results.counts)))
    }
}

/// A plan for batches of rows that are picked, not passed over.
pub(super) struct Batch {
    stage: Stage,
    labels: Vec<u32>,
    distances: Vec<f32>,
}

impl Batch {
    /// For batches of `rows` rows of what `tiles` passes over.
    pub(super) fn new(tiles: &Tiles<'_>, rows: usize) -> Result<Self, ClusterError> {
        let width = tiles.source.width();
        let stage = Stage::new(tiles.backend, rows, tiles.k, width, tiles.weights.is_some())?;
        Ok(Self { stage, labels: vec![0; rows], distances: vec![0.0; rows] })
    }

    /// The members' means within a batch.
    pub(super) fn means(
        &mut self,
        values: &[f32],
        weights: Option<&[f32]>,
        centres: &[f32],
    ) -> Result<Means, ClusterError> {
        let mut to = Nearest { labels: &mut self.labels, distances: &mut self.distances };
        let found = self.stage.run(&Block { values, weights, centres }, true, &mut to)?;
        let (centres, counts) = found.unwrap_or_default();
        Ok(Means { centres, counts: counts.into_iter().map(f64::from).collect() })
    }

    /// Squared distances of the last batch's rows to their centres before the move.
    pub(super) fn distances(&self) -> &[f32] {
        &self.distances
    }
}

impl Results<'_> {
    /// The places of `n` rows from row `first` on.
    fn at(&mut self, first: usize, n: usize) -> Nearest<'_> {
        Nearest { labels: &mut self.labels[first..first + n], distances: &mut self.distances[first..first + n] }
    }

    /// Adds a tile's means.
    fn add(&mut self, found: Option<Moved>) {
        if let Some((means, members)) = found {
            merge(self.width, &means, &members, &mut self.sums, &mut self.counts);
        }
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
