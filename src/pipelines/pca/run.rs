//! A PCA run.

use std::path::Path;

use serde_json::json;

use super::{Components, Header, Method, Settings, TASK, report};
use crate::artifact::table::{Cells, Table, TableFormat};
use crate::artifact::{self, ArtifactError};
use crate::backend::Backend;
use crate::cluster::{ClusterError, Keep, Pca, RandomPca, RowBlocks, Rows};
use crate::pipelines::tabular::{Held, Points, RunFacts, Saved, TableJob, cluster_error};
use crate::run::{Outcome, RunContext, RunError};

/// The stage that finds the components.
const STAGE: &str = "components";

/// The share of the variance that is kept where the job does not say.
const SHARE: f64 = 0.95;

/// Rows that are projected between two looks at the interrupt.
const ROWS: usize = 1 << 16;

pub(super) fn run(
    job: &TableJob<Components>,
    points: &Points,
    backend: &Backend,
    ctx: &RunContext,
) -> Result<Outcome, RunError> {
    let settings = &job.settings;
    let (mut held, layout) = points.open(ctx, &settings.data)?;
    let rows = held.count();
    let bytes = ctx.stage_bytes(STAGE, || {
        let pca = fit(settings, ctx.seed(), backend, &mut held).map_err(cluster_error)?;
        let pca = if settings.whiten { pca.whitened() } else { pca };
        Ok(Saved::new(Header { data: layout.clone(), pca, rows }).to_bytes(TASK)?)
    })?;
    let saved: Saved<Header> = Saved::from_bytes(&bytes, TASK, Path::new(STAGE))?;
    let pca = &saved.header.pca;
    let mut out: Vec<f32> = Vec::with_capacity(rows * pca.dimensions());
    let mut project = |values: &[f32]| -> Result<(), ClusterError> {
        if ctx.interrupted() {
            return Err(ClusterError::Stopped);
        }
        out.extend(pca.transform(&Rows::new(values, layout.inputs.len())?)?);
        Ok(())
    };
    match &mut held {
        Held::Memory(all) => all.values().chunks(ROWS * all.width()).try_for_each(&mut project),
        Held::Disk(spool) => spool.pass(&mut |_, values| project(values)),
    }
    .map_err(cluster_error)?;
    let ids = if let Points::Memory { ids, .. } = points { Some(ids.as_slice()) } else { None };
    let folder = ctx.folder();
    let format = job.head.output.format;
    let projection = coordinates(layout.id.as_deref(), ids, &out, pca.dimensions())?;
    write_tables(&folder.tables(), format, &layout.inputs, pca, &projection)?;
    artifact::ensure_folder(&folder.models())?;
    artifact::write_bytes(&folder.models().join("model.safetensors"), &bytes)?;
    let page = report::build(&saved.header, &out, &RunFacts::of(ctx)).map_err(RunError::work)?;
    page.write(&folder.report()).map_err(RunError::work)?;
    let kept: f64 = pca.shares().iter().sum();
    let headline = vec![("dimensions".to_owned(), pca.dimensions() as f64), ("share".to_owned(), kept)];
    let details = json!({
        "rows": rows,
        "inputs": layout.inputs.len(),
        "variances": pca.variances(),
        "shares": pca.shares(),
        "total_variance": pca.total_variance(),
        "whitened": pca.whitens(),
    });
    Ok(Outcome { headline, details, failed: vec![] })
}

fn fit(settings: &Settings, seed: u64, backend: &Backend, held: &mut Held<'_>) -> Result<Pca, ClusterError> {
    let keep = match (settings.dimensions, settings.share) {
        (Some(dimensions), _) => Keep::Dimensions(dimensions),
        (None, share) => Keep::Share(share.unwrap_or(SHARE)),
    };
    match (settings.method, settings.dimensions, held) {
        (Method::Random, Some(dimensions), held) => {
            let random = RandomPca { dimensions, spare: settings.spare, powers: settings.powers, seed };
            match held {
                Held::Memory(rows) => random.fit_rows(rows),
                Held::Disk(spool) => random.fit(spool.as_mut()),
            }
        }
        (_, _, Held::Memory(rows)) => Pca::fit(backend, rows, keep),
        (_, _, Held::Disk(spool)) => Pca::fit_blocks(backend, spool.as_mut(), keep),
    }
}

/// A row's coordinates.
pub(super) fn coordinates(
    id: Option<&str>,
    ids: Option<&[String]>,
    out: &[f32],
    dimensions: usize,
) -> Result<Table, ArtifactError> {
    let name = id.filter(|name| !name.starts_with("component_")).unwrap_or("row").to_owned();
    let own = match ids {
        Some(ids) => Cells::text(ids.iter().map(String::as_str)),
        None => Cells::i64((1..=out.len() / dimensions).map(|row| row as i64)),
    };
    let columns = (0..dimensions).map(|c| {
        let values = out.iter().skip(c).step_by(dimensions).copied();
        (format!("component_{}", c + 1), Cells::f32(values))
    });
    Table::new(std::iter::once((name, own)).chain(columns))
}

fn write_tables(
    folder: &Path,
    format: TableFormat,
    inputs: &[String],
    pca: &Pca,
    projection: &Table,
) -> Result<(), ArtifactError> {
    artifact::ensure_folder(folder)?;
    let columns =
        (0..pca.dimensions()).map(|c| (format!("component_{}", c + 1), Cells::f64(pca.component(c).to_vec())));
    let input = ("input".to_owned(), Cells::text(inputs.iter().map(String::as_str)));
    let mean = ("mean".to_owned(), Cells::f64(pca.mean().to_vec()));
    let components = Table::new([input, mean].into_iter().chain(columns))?;
    let shares = pca.shares();
    let running = shares.iter().scan(0.0, |sum, share| {
        *sum += share;
        Some(*sum)
    });
    let variances = Table::new([
        ("component", Cells::i64((1..=pca.dimensions()).map(|c| c as i64))),
        ("variance", Cells::f64(pca.variances().to_vec())),
        ("share", Cells::f64(shares.clone())),
        ("cumulative", Cells::f64(running)),
    ])?;
    for (name, table) in [("projection", projection), ("components", &components), ("variances", &variances)] {
        table.write(&folder.join(name).with_extension(format.extension()), format)?;
    }
    Ok(())
}
