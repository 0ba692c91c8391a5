//! A run that looks for neighbours.

use serde_json::json;

use super::{Distance, Header, Loaded, Neighbours, TASK, report};
use crate::artifact::table::{Cells, Table};
use crate::artifact::tensors::TensorData;
use crate::artifact::{self, ArtifactError};
use crate::backend::Backend;
use crate::cluster::{NearestSpec, Neighbour, Rows};
use crate::pipelines::tabular::{RunFacts, Saved, TableJob, cluster_error};
use crate::run::{Outcome, RunContext, RunError};

/// Queries between two looks at the interrupt.
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
    let (ids, queries) = loaded.queries.as_ref().map_or((&loaded.ids, &loaded.values), |(ids, values)| (ids, values));
    let own = loaded.queries.is_none();
    let spec = NearestSpec { metric: settings.metric.into(), k: settings.k + usize::from(own) };
    let nearest = spec.check().map_err(cluster_error)?;
    let progress = ctx.progress("neighbours", ids.len() as u64);
    let mut found: Vec<Vec<Neighbour>> = Vec::with_capacity(ids.len());
    for queries in queries.chunks(QUERIES * width) {
        ctx.check_interrupt()?;
        let first = found.len();
        let queries = Rows::new(queries, width).map_err(cluster_error)?;
        let mut part = nearest.find(backend, &rows, &queries).map_err(cluster_error)?;
        for (i, list) in part.iter_mut().enumerate().filter(|_| own) {
            // A row is at distance 0 of itself, but so may others be that come first.
            let place = list.iter().position(|n| n.row == first + i).unwrap_or(list.len() - 1);
            list.remove(place);
        }
        found.extend(part);
        progress.advance(queries.count() as u64);
    }
    let folder = ctx.folder();
    let (format, id) = (job.head.output.format, loaded.layout.id.as_deref());
    artifact::ensure_folder(&folder.tables())?;
    let path = |name: &str| folder.tables().join(name).with_extension(format.extension());
    table(id, ids, &loaded.ids, settings.metric, &found)?.write(&path("neighbours"), format)?;
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
    let (nearest, last) = (distances(&found, settings.metric, 0), distances(&found, settings.metric, settings.k - 1));
    let page = report::build(job, loaded, (&nearest, &last), &RunFacts::of(ctx)).map_err(RunError::work)?;
    page.write(&folder.report()).map_err(RunError::work)?;
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len().max(1) as f64;
    let headline = vec![("mean_nearest".to_owned(), mean(&nearest)), ("mean_last".to_owned(), mean(&last))];
    let details = json!({ "rows": rows.count(), "queries": ids.len(), "k": settings.k, "inputs": width });
    Ok(Outcome { headline, details, failed: vec![] })
}

/// The distance of each row's neighbour of that rank.
fn distances(found: &[Vec<Neighbour>], metric: Distance, rank: usize) -> Vec<f64> {
    found.iter().filter_map(|list| list.get(rank)).map(|n| readable(metric, n.distance)).collect()
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
