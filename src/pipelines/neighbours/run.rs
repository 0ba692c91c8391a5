//! A run that looks for neighbours.

use serde_json::json;

use super::{Distance, Header, Loaded, Neighbours, TASK, report};
use crate::artifact::table::{Cells, Table};
use crate::artifact::tensors::TensorData;
use crate::artifact::{self, ArtifactError, PartsWriter};
use crate::backend::Backend;
use crate::cluster::{NearestSpec, Neighbour, Rows};
use crate::pipelines::tabular::{RunFacts, Saved, TableJob, cluster_error, new_rows};
use crate::run::{Outcome, RunContext, RunError};

/// Queries of one part of the table.
const QUERIES: usize = 1 << 16;

pub(super) fn run(
    job: &TableJob<Neighbours>,
    loaded: &Loaded,
    backend: &Backend,
    ctx: &RunContext,
) -> Result<Outcome, RunError> {
    let settings = &job.settings;
    let width = loaded.layout.inputs.len();
    let rows = Rows::new(&loaded.values, width).map_err(cluster_error)?;
    let folder = ctx.folder();
    let (format, id) = (job.head.output.format, loaded.layout.id.as_deref());
    artifact::ensure_folder(&folder.tables())?;
    let path = |name: &str| folder.tables().join(name).with_extension(format.extension());
    let own = settings.queries.is_none();
    let spec = NearestSpec { metric: settings.metric.into(), k: settings.k + usize::from(own) };
    let nearest = spec.check().map_err(cluster_error)?;
    let total = if own { rows.count() as u64 } else { 0 };
    let progress = ctx.progress("neighbours", total);
    let mut parts = PartsWriter::new(&path("neighbours"), format)?;
    let mut far = Distances::default();
    let mut answer = |own_ids: &[String], queries: &[f32]| -> Result<(), RunError> {
        ctx.check_interrupt()?;
        let queries = Rows::new(queries, width).map_err(cluster_error)?;
        let mut found = nearest.find(backend, &rows, &queries).map_err(cluster_error)?;
        for (i, list) in found.iter_mut().enumerate().filter(|_| own) {
            // A row is at distance 0 of itself, but so may others be that come first.
            let row = far.nearest.len() + i;
            let place = list.iter().position(|n| n.row == row).unwrap_or(list.len() - 1);
            list.remove(place);
        }
        far.add(settings.metric, &found);
        parts.write(&table(id, own_ids, &loaded.ids, settings.metric, &found)?)?;
        progress.advance(queries.count() as u64);
        Ok(())
    };
    if own {
        for (queries, ids) in loaded.values.chunks(QUERIES * width).zip(loaded.ids.chunks(QUERIES)) {
            answer(ids, queries)?;
        }
    } else {
        new_rows(&loaded.layout, job.source(1)?.path(), answer)?;
    }
    parts.finish()?;
    if settings.pairwise {
        let all = NearestSpec { metric: settings.metric.into(), k: rows.count() }.check().map_err(cluster_error)?;
        let mut lists = all.find(backend, &rows, &rows).map_err(cluster_error)?;
        for list in &mut lists {
            list.sort_unstable_by_key(|n| n.row);
        }
        table(id, &loaded.ids, &loaded.ids, settings.metric, &lists)?.write(&path("pairs"), format)?;
    }
    let header =
        Header { data: loaded.layout.clone(), metric: settings.metric, k: settings.k, ids: loaded.ids.clone() };
    let values = TensorData::F32(loaded.values.clone());
    let bytes = Saved::new(header).with("rows", &[rows.count(), width], values)?.to_bytes(TASK)?;
    artifact::ensure_folder(&folder.models())?;
    artifact::write_bytes(&folder.models().join("model.safetensors"), &bytes)?;
    let Distances { nearest, last } = far;
    let page = report::build(job, loaded, (&nearest, &last), &RunFacts::of(ctx)).map_err(RunError::work)?;
    page.write(&folder.report()).map_err(RunError::work)?;
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len().max(1) as f64;
    let headline = vec![("mean_nearest".to_owned(), mean(&nearest)), ("mean_last".to_owned(), mean(&last))];
    let details = json!({ "rows": rows.count(), "queries": nearest.len(), "k": settings.k, "inputs": width });
    Ok(Outcome { headline, details, failed: vec![] })
}

/// How far each query's nearest and last neighbours are.
#[derive(Default)]
struct Distances {
    nearest: Vec<f64>,
    last: Vec<f64>,
}

impl Distances {
    fn add(&mut self, metric: Distance, found: &[Vec<Neighbour>]) {
        let of = |neighbour: Option<&Neighbour>| neighbour.map(|n| readable(metric, n.distance));
        self.nearest.extend(found.iter().filter_map(|list| of(list.first())));
        self.last.extend(found.iter().filter_map(|list| of(list.last())));
    }
}

fn readable(metric: Distance, distance: f64) -> f64 {
    if metric == Distance::Euclidean { distance.sqrt() } else { distance }
}

/// A row for each pair of a row and one of its neighbours, the nearest first.
pub(super) fn table(
    id: Option<&str>,
    own: &[String],
    ids: &[String],
    metric: Distance,
    found: &[Vec<Neighbour>],
) -> Result<Table, ArtifactError> {
    let name = id.filter(|name| !["rank", "neighbour", "distance"].contains(name)).unwrap_or("row");
    let pairs = || own.iter().zip(found).flat_map(|(id, list)| list.iter().enumerate().map(move |(r, n)| (id, r, n)));
    Table::new([
        (name, Cells::text(pairs().map(|(id, ..)| id.as_str()))),
        ("rank", Cells::i64(pairs().map(|(_, rank, _)| rank as i64 + 1))),
        ("neighbour", Cells::text(pairs().map(|(.., n)| ids[n.row].as_str()))),
        ("distance", Cells::f64(pairs().map(|(.., n)| readable(metric, n.distance)))),
    ])
}
