//! One pass over all rows on a device: nearest centres, and the members' means if wanted.
//!
//! Rows that a device cannot bind at once are cut into tiles of nearly equal length. A single tile stays on the device;
//! several are uploaded one after the other in every pass. The means of the tiles are merged on the host in f64, in the
//! order of the tiles.

use super::{ClusterError, Rows};
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

/// Means of the members and how many there are, over all rows.
#[derive(Debug)]
pub(super) struct Means {
    pub centres: Vec<f32>,
    pub counts: Vec<f64>,
}

/// All rows, ready for passes.
#[derive(Debug)]
pub(super) struct Tiles<'a> {
    rows: Rows<'a>,
    tile_rows: usize,
    /// For tiles of full length, then for a shorter last one if there is one.
    stages: Vec<Stage>,
}

/// Plans for tiles of one length.
#[derive(Debug)]
struct Stage {
    plan: Plan,
    assign: ListId,
    update: ListId,
    x: TensorId,
    c: TensorId,
    label: TensorId,
    dist: TensorId,
    count: TensorId,
}

impl Stage {
    fn new(backend: &Backend, n: usize, k: usize, d: usize) -> Result<Self, ClusterError> {
        let mut builder = PlanBuilder::new(1);
        let x = builder.tensor("rows", n * d);
        let c = builder.tensor("centres", k * d);
        let label = builder.tensor_u32("labels", n);
        let dist = builder.tensor("distances", n);
        let count = builder.tensor("counts", k);
        let (assign, update) = (builder.list(), builder.list());
        let distance = Distance::new(DistanceSpec { fleet: 1, n, k, d, metric: Metric::Euclidean, nearest: 1 })?;
        builder.push(assign, distance, &[x, c, label, dist])?;
        let centroid = Centroid::new(CentroidSpec { fleet: 1, n, k, d, weighted: false })?;
        builder.push(update, centroid, &[x, label, c, count])?;
        Ok(Self { plan: builder.build(backend)?, assign, update, x, c, label, dist, count })
    }
}

impl<'a> Tiles<'a> {
    /// Lays out the plans for `k` centres.
    pub(super) fn new(rows: Rows<'a>, k: usize, backend: &Backend, tile_rows: usize) -> Result<Self, ClusterError> {
        let rest = rows.count() % tile_rows;
        let lengths = [tile_rows, rest].into_iter().filter(|&n| n > 0 && n <= rows.count());
        let stages: Result<Vec<_>, _> = lengths.map(|n| Stage::new(backend, n, k, rows.width())).collect();
        let mut tiles = Self { rows, tile_rows, stages: stages? };
        if tiles.resident() {
            let stage = &mut tiles.stages[0];
            stage.plan.upload_f32(stage.x, rows.values())?;
        }
        Ok(tiles)
    }

    fn resident(&self) -> bool {
        self.rows.count() <= self.tile_rows
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
        let resident = self.resident();
        let width = self.rows.width();
        let mut sums = vec![0.0; centres.len()];
        let mut counts = vec![0.0; centres.len() / width];
        let outputs = labels.chunks_mut(self.tile_rows).zip(distances.chunks_mut(self.tile_rows));
        for (values, (labels, distances)) in self.rows.values().chunks(self.tile_rows * width).zip(outputs) {
            let short = labels.len() < self.tile_rows;
            let stage = &mut self.stages[usize::from(short)];
            if !resident {
                stage.plan.upload_f32(stage.x, values)?;
            }
            stage.plan.upload_f32(stage.c, centres)?;
            stage.plan.replay(stage.assign, 0..1)?;
            if update {
                stage.plan.replay(stage.update, 0..1)?;
            }
            stage.plan.download_into(stage.label, labels)?;
            stage.plan.download_into(stage.dist, bytemuck::cast_slice_mut(distances))?;
            if update {
                let means = stage.plan.download_f32(stage.c)?;
                let members = stage.plan.download_f32(stage.count)?;
                merge(width, &means, &members, &mut sums, &mut counts);
            }
        }
        Ok(update.then(|| finish(width, centres, &sums, counts)))
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
