//! A K-means run, stage by stage.

use std::path::Path;

use serde_json::json;

use super::results::{Header, Picture, Quality, Results};
use super::settings::{Distance, Method, Settings};
use super::{Clusters, TASK, report};
use crate::artifact;
use crate::artifact::tensors::TensorData;
use crate::backend::Backend;
use crate::cluster::quality::{adjusted_rand, davies_bouldin, silhouette};
use crate::cluster::{ClusterError, Clustering, Init, KMeans, KMeansSpec, Keep, Mode, Pca, Progress, Rows, init};
use crate::pipelines::tabular::{Held, Layout, Points, RunFacts, Saved, TableJob, TabularError, cluster_error};
use crate::run::{Outcome, RunContext, RunError};

/// The stage that clusters.
const STAGE: &str = "clustering";

/// What can be told before the run.
pub(super) fn check_rows(settings: &Settings, points: &Points) -> Result<(), TabularError> {
    let (width, rows) = match points {
        Points::Memory { values, layout, .. } => (layout.inputs.len(), Some(Rows::new(values, layout.inputs.len())?)),
        Points::Later { names, .. } => (names.len(), None),
    };
    if let Some(centres) = &settings.centres {
        let found = centres.first().map_or(0, Vec::len);
        if found != width {
            return Err(ClusterError::Width { what: "centres", expected: width, found }.into());
        }
    }
    let most = settings.curve.iter().copied().chain([settings.k]).max().unwrap_or(0);
    let may_outnumber = settings.method == Method::Fixed;
    if let Some(rows) = rows.filter(|rows| rows.count() < most && !may_outnumber) {
        let error = ClusterError::TooFewRows { what: "k-means", wanted: most, rows: rows.count() };
        return Err(error.into());
    }
    Ok(())
}

pub(super) fn run(
    job: &TableJob<Clusters>,
    points: &Points,
    backend: &Backend,
    ctx: &RunContext,
) -> Result<Outcome, RunError> {
    let settings = &job.settings;
    let (mut held, layout) = points.open(ctx, &settings.data)?;
    let weights = if let Points::Memory { weights, .. } = points { weights.as_deref() } else { None };
    let seed = ctx.seed();
    let mut fit = |spec: KMeansSpec, watch: &mut dyn FnMut(Progress) -> bool| -> Result<Clustering, RunError> {
        let kmeans = spec.check().map_err(cluster_error)?;
        fit(&kmeans, backend, &mut held, weights, watch).map_err(cluster_error)
    };
    let bytes = ctx.stage_bytes(STAGE, || {
        let mut courses: Vec<Vec<f64>> = vec![vec![]; settings.restarts];
        let mut found = fit(settings.spec(settings.k, seed), &mut |progress| {
            courses[progress.restart].push(progress.inertia);
            !ctx.interrupted()
        })?;
        let mut curve = vec![];
        for k in &settings.curve {
            let inertia = fit(settings.spec(*k, seed), &mut |_| !ctx.interrupted())?.inertia;
            curve.push((*k, inertia));
        }
        if !curve.is_empty() {
            curve.push((settings.k, found.inertia));
            curve.sort_unstable_by_key(|(k, _)| *k);
            curve.dedup_by_key(|(k, _)| *k);
        }
        let header = Header {
            data: layout.clone(),
            metric: settings.metric,
            k: settings.k,
            course: courses.swap_remove(found.restart),
            iterations: found.iterations,
            end: found.end,
            reseeded: found.reseeded,
            curve,
        };
        let width = layout.inputs.len();
        let centres = TensorData::F32(std::mem::take(&mut found.centres));
        Ok(Saved::new(header).with("centres", &[settings.k, width], centres)?.to_bytes(TASK)?)
    })?;
    let saved: Saved<Header> = Saved::from_bytes(&bytes, TASK, Path::new(STAGE))?;
    let width = layout.inputs.len();
    let centres = saved.tensors.f32("centres", &[settings.k, width])?.to_vec();
    let fixed = KMeansSpec {
        metric: settings.metric.into(),
        ..KMeansSpec::new(settings.k, Init::Given(centres.clone()), Mode::Fixed)
    };
    let clustering = fit(fixed, &mut |_| !ctx.interrupted())?;
    ctx.check_interrupt()?;
    let results = judge(settings, points, &mut held, backend, (saved.header, &centres, clustering, &layout), seed)?;
    let folder = ctx.folder();
    artifact::ensure_folder(&folder.models())?;
    artifact::write_bytes(&folder.models().join("model.safetensors"), &bytes)?;
    results.write_tables(&folder.tables(), job.head.output.format)?;
    let page = report::build(&results, &RunFacts::of(ctx)).map_err(RunError::work)?;
    page.write(&folder.report()).map_err(RunError::work)?;
    Ok(outcome(&results))
}

fn fit(
    kmeans: &KMeans,
    backend: &Backend,
    held: &mut Held<'_>,
    weights: Option<&[f32]>,
    watch: &mut dyn FnMut(Progress) -> bool,
) -> Result<Clustering, ClusterError> {
    match held {
        Held::Memory(rows) => kmeans.fit_weighted(backend, rows, weights, watch),
        Held::Disk(spool) => kmeans.fit_blocks(backend, spool.as_mut(), weights, watch),
    }
}

/// Distances as people read them: not squared.
pub(super) fn readable(metric: Distance, distances: &[f32]) -> Vec<f64> {
    let plain = |d: &f32| match metric {
        Distance::Euclidean => f64::from(*d).sqrt(),
        Distance::Cosine => f64::from(*d),
    };
    distances.iter().map(plain).collect()
}

fn judge(
    settings: &Settings,
    points: &Points,
    held: &mut Held<'_>,
    backend: &Backend,
    (header, centres, found, layout): (Header, &[f32], Clustering, &Layout),
    seed: u64,
) -> Result<Results, RunError> {
    let width = layout.inputs.len();
    let drawn = init::sample(held.count(), settings.sample, seed);
    let values = held.pick(&drawn)?;
    let labels: Vec<u32> = drawn.iter().map(|&row| found.labels[row]).collect();
    let rows = Rows::new(&values, width).map_err(cluster_error)?;
    // One cluster has no neighbour to be held against.
    let quality = silhouette(&rows, &labels, settings.k, drawn.len(), seed).ok().and_then(|silhouette| {
        let davies_bouldin = davies_bouldin(&rows, &labels, settings.k).ok()?;
        let (mean, clusters) = (silhouette.mean, silhouette.clusters);
        Some(Quality { silhouette: mean, clusters, davies_bouldin, rows: drawn.len() })
            .filter(|_| davies_bouldin.is_finite())
    });
    let picture = if width >= 2 && drawn.len() >= 3 { Some(picture(backend, &rows, &labels, centres)?) } else { None };
    let (ids, agreement) = match points {
        Points::Memory { ids, truth, .. } => {
            let agreement = truth.as_ref().map(|truth| adjusted_rand(&numbered(truth), &found.labels));
            (Some(ids.clone()), agreement.transpose().map_err(cluster_error)?)
        }
        Points::Later { .. } => (None, None),
    };
    Ok(Results {
        rows: found.labels.len(),
        inertia: found.inertia,
        ids,
        distances: readable(header.metric, &found.distances),
        labels: found.labels,
        sizes: found.sizes,
        quality,
        agreement,
        picture,
        header,
    })
}

/// Names as numbers.
fn numbered(names: &[String]) -> Vec<u32> {
    let mut sorted: Vec<&String> = names.iter().collect();
    sorted.sort_unstable();
    sorted.dedup();
    names.iter().map(|name| sorted.partition_point(|other| *other < name) as u32).collect()
}

fn picture(backend: &Backend, rows: &Rows<'_>, labels: &[u32], centres: &[f32]) -> Result<Picture, RunError> {
    let pca = Pca::fit(backend, rows, Keep::Dimensions(2)).map_err(cluster_error)?;
    let plane = |rows: &Rows<'_>| -> Result<Vec<(f64, f64)>, RunError> {
        let flat = pca.transform(rows).map_err(cluster_error)?;
        Ok(flat.chunks_exact(2).map(|p| (f64::from(p[0]), f64::from(p[1]))).collect())
    };
    let points = labels.iter().zip(plane(rows)?).map(|(label, (x, y))| (*label, x, y)).collect();
    let centres = plane(&Rows::new(centres, rows.width()).map_err(cluster_error)?)?;
    Ok(Picture { points, centres, share: pca.shares().iter().sum() })
}

fn outcome(results: &Results) -> Outcome {
    let mut headline = vec![("inertia".to_owned(), results.inertia)];
    if let Some(quality) = &results.quality {
        headline.push(("silhouette".to_owned(), quality.silhouette));
        headline.push(("davies_bouldin".to_owned(), quality.davies_bouldin));
    }
    headline.extend(results.agreement.map(|value| ("adjusted_rand".to_owned(), value)));
    let details = json!({
        "rows": results.rows,
        "inputs": results.header.data.inputs.len(),
        "k": results.header.k,
        "iterations": results.header.iterations,
        "settled": results.header.end.settled(),
        "end": results.header.end,
        "reseeded": results.header.reseeded,
        "sizes": results.sizes,
        "curve": results.header.curve,
    });
    Outcome { headline, details, failed: vec![] }
}
