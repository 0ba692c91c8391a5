//! A push run, stage by stage.

use std::path::Path;

use serde_json::json;

use super::error::PushError;
use super::judge::{self, Choice, SeedFigures, Work};
use super::load::{Loaded, Sources};
use super::model::Model;
use super::results::{self, Evaluated, Lists, Map, Results, Totals};
use super::settings::{From, Settings};
use super::stream::Stream;
use super::{Pushes, predict, report, tables};
use crate::artifact;
use crate::backend::Backend;
use crate::cluster::{Keep, Pca, Rows, init};
use crate::pipelines::tabular::{RunFacts, TableJob, TabularError};
use crate::recommend::Hide;
use crate::run::{Outcome, RunContext, RunError};

/// The most products with which holdings can make classes, or with which baselines are fitted.
const PRODUCTS_MAX: usize = 4096;

/// Customers on the class map.
const MAP_POINTS: usize = 3000;

/// The data of a job.
#[derive(Debug)]
pub struct Data {
    loaded: Loaded,
    /// Customers of the whole table, where `loaded` is a sample of them.
    streamed: Option<usize>,
}

pub(super) fn load(job: &TableJob<Pushes>) -> Result<Data, TabularError> {
    let settings = &job.settings;
    let mut next = 1;
    let mut optional = |there: bool| -> Result<_, TabularError> {
        if !there {
            return Ok(None);
        }
        next += 1;
        job.source(next - 1).map(Some)
    };
    let sources = Sources {
        customers: job.source(0)?,
        holdings: optional(settings.holdings.source.is_some())?,
        products: optional(settings.products.is_some())?,
        exclude: optional(settings.exclude.is_some())?,
    };
    let (loaded, streamed) = Loaded::read(settings, &sources)?;
    check(settings, &loaded)?;
    Ok(Data { loaded, streamed })
}

/// What can only be told with the data at hand.
fn check(settings: &Settings, loaded: &Loaded) -> Result<(), TabularError> {
    let wrong = |reason: String| Err(TabularError::data(&loaded.file, reason));
    let learn = loaded.learn().len();
    let chosen = settings.choose.iter().flat_map(|choose| &choose.classes);
    if let Some(most) = chosen.chain([&settings.classes.count]).max().filter(|most| **most >= learn) {
        let found = format!("{learn} of them hold something");
        return wrong(format!("{most} classes: expected fewer classes than customers who hold something; {found}"));
    }
    let products = loaded.products.ids.len();
    let holdings = settings.choose.iter().flat_map(|choose| &choose.from).chain([&settings.classes.from]);
    let needs = settings.evaluation.is_some() || holdings.into_iter().any(|from| *from != From::Attributes);
    if needs && products > PRODUCTS_MAX {
        return wrong(format!(
            "classes from holdings, and an evaluation: expected at most {PRODUCTS_MAX} products, found {products}"
        ));
    }
    // Values that do not fit their columns are found before anything is written.
    crate::prep::AttributePrep::fit(&loaded.columns, &loaded.learn())
        .and_then(|prep| prep.apply(&loaded.columns))
        .map_err(|error| super::load::of_file(&loaded.file, error))?;
    Ok(())
}

pub(super) fn facts(_: &TableJob<Pushes>, data: &Data) -> Vec<String> {
    let Data { loaded, streamed } = data;
    let learn = loaded.learn().len();
    let unheld = loaded.holdings.holders().iter().filter(|holders| **holders == 0).count();
    let sampled = streamed.map(|total| format!("stream: {total} customers; what follows is said of a sample"));
    let facts = [
        format!(
            "customers: {}, of whom {} hold nothing and are candidates only",
            loaded.ids.len(),
            loaded.ids.len() - learn
        ),
        format!(
            "holdings: {} of {} products, {unheld} of which nobody holds",
            loaded.holdings.len(),
            loaded.products.ids.len()
        ),
        format!("attributes: {} columns", loaded.columns.len()),
        format!("exclusions: {}", loaded.exclusions.len()),
    ];
    sampled.into_iter().chain(facts).collect()
}

pub(super) fn run(
    job: &TableJob<Pushes>,
    data: &Data,
    backend: &Backend,
    ctx: &RunContext,
) -> Result<Outcome, RunError> {
    let (settings, loaded, seed) = (&job.settings, &data.loaded, ctx.seed());
    let stop = || ctx.interrupted();
    let work = Work { settings, loaded, backend, stop: &stop };
    let choice: Choice = ctx.stage("choice", || Ok(judge::choose(&work, &loaded.holdings, seed)?))?;
    let bytes = ctx.stage_bytes("classes", || Ok(Model::fit(&work, choice.best, seed)?.to_bytes()?))?;
    let evaluation = evaluate(&work, ctx)?;
    let mut model = Model::from_bytes(&bytes, Path::new("classes"))?;
    ctx.check_interrupt()?;
    if data.streamed.is_some() {
        return streamed(job, &work, (&mut model, choice), ctx);
    }
    let (results, lists) = assemble(&work, model, choice, evaluation, seed)?;
    finish(job, ctx, (&results, Some(&lists)), &bytes)
}

/// Pushes to all customers of a table of which only a sample is in memory.
fn streamed(
    job: &TableJob<Pushes>,
    work: &Work<'_>,
    (model, choice): (&mut Model, Choice),
    ctx: &RunContext,
) -> Result<Outcome, RunError> {
    let Work { loaded, backend, stop, .. } = *work;
    let source = job.source(0)?;
    artifact::ensure_folder(&ctx.folder().tables())?;
    artifact::ensure_folder(&ctx.folder().checkpoints())?;
    let (tables, scratch) = (ctx.folder().tables(), ctx.folder().checkpoints());
    let header = &model.header;
    let (id, wide) = (header.id.clone(), header.wide.clone());
    ctx.info("classifying and pushing in one stream")?;
    let format = job.head.output.format;
    let stream = Stream {
        source: &source,
        id: id.as_deref(),
        wide: &wide,
        backend,
        tables: &tables,
        scratch: &scratch,
        format,
        stop,
    };
    let found = stream.run(model)?;
    let by_class = results::classes(model, &found.by_class, &found.totals);
    let held: u64 = model.counts.iter().flat_map(|counts| &counts.holders).sum();
    debug_assert_eq!(held as usize, found.holdings);
    let (places, _) = model.place(&loaded.columns, &loaded.holdings, backend)?;
    let (labels, _) = model.classify(&places, backend)?;
    let map = map(backend, &places, loaded.ids.len(), &labels[0], &model.centres[0], ctx.seed())?;
    let totals = &model.counts[0];
    let holders = |p: usize| (0..totals.classes()).map(|class| totals.holders_in(class)[p]).sum::<u64>();
    let bytes = model.to_bytes()?;
    let header = &model.header;
    let results = Results {
        customers: found.customers,
        candidates: found.candidates,
        holdings: found.holdings,
        unheld: (0..totals.products()).filter(|p| holders(*p) == 0).count(),
        products: loaded.products.clone(),
        exclusions: loaded.exclusions.len(),
        id: tables::id_name(header.id.as_ref()),
        totals: found.totals,
        by_class,
        columns: header.prep.columns().to_vec(),
        course: header.course.clone(),
        draws: header.draws.clone(),
        setting: header.setting,
        choice,
        evaluation: None,
        map,
        threshold: work.settings.classes.distance_threshold,
        sample: Some(loaded.ids.len()),
    };
    finish(job, ctx, (&results, None), &bytes)
}

/// Writes model, tables and report.
fn finish(
    job: &TableJob<Pushes>,
    ctx: &RunContext,
    (results, lists): (&Results, Option<&Lists>),
    bytes: &[u8],
) -> Result<Outcome, RunError> {
    warn(results, ctx)?;
    let folder = ctx.folder();
    artifact::ensure_folder(&folder.models())?;
    artifact::write_bytes(&folder.models().join("model.safetensors"), bytes)?;
    results.write_tables(lists, &folder.tables(), job.head.output.format)?;
    let page = report::build(results, &RunFacts::of(ctx)).map_err(RunError::work)?;
    page.write(&folder.report()).map_err(RunError::work)?;
    Ok(outcome(results))
}

/// Seeds one after the other, each a stage.
fn evaluate(work: &Work<'_>, ctx: &RunContext) -> Result<Option<Evaluated>, RunError> {
    let Some(evaluation) = &work.settings.evaluation else { return Ok(None) };
    let mut seeds = vec![];
    let progress = ctx.progress("evaluation", evaluation.seeds as u64);
    for number in 0..evaluation.seeds {
        let seed = ctx.seed().wrapping_add((number as u64 + 1) << 20);
        let name = format!("evaluation-{}", number + 1);
        let figures: SeedFigures = ctx.stage(&name, || Ok(judge::evaluate(work, evaluation, seed)?))?;
        seeds.push(figures);
        progress.advance(1);
    }
    let hidden = match evaluation.hide {
        Hide::Share(share) => format!("{} of each customer's holdings", crate::report::number::percent(share, 0)),
        Hide::One => "one holding of each customer who has at least two".to_owned(),
    };
    Ok(Some(Evaluated { k: evaluation.k, tail: evaluation.tail, hidden, seeds }))
}

fn assemble(
    work: &Work<'_>,
    model: Model,
    choice: Choice,
    evaluation: Option<Evaluated>,
    seed: u64,
) -> Result<(Results, Lists), PushError> {
    let Work { loaded, backend, .. } = *work;
    let (places, replaced) = model.place(&loaded.columns, &loaded.holdings, backend)?;
    let (mut labels, distances) = model.classify(&places, backend)?;
    let (offers, without) = predict::offers(&model, &loaded.ids, &labels, &loaded.holdings);
    let classes = labels.swap_remove(0);
    let ids = loaded.ids.clone();
    let lists = Lists { ids, classes, distances, offers, without, replaced };
    let totals = Totals::of(&lists, model.header.prep.columns().len());
    let mut customers = vec![0; model.header.setting.classes];
    lists.classes.iter().for_each(|class| customers[*class as usize] += 1);
    let by_class = results::classes(&model, &customers, &totals);
    let classes = &lists.classes;
    let map = map(backend, &places, loaded.ids.len(), classes, &model.centres[0], seed)?;
    let learn = loaded.learn().len();
    let header = model.header;
    let results = Results {
        customers: loaded.ids.len(),
        candidates: loaded.ids.len() - learn,
        holdings: loaded.holdings.len(),
        unheld: loaded.holdings.holders().iter().filter(|holders| **holders == 0).count(),
        products: loaded.products.clone(),
        exclusions: loaded.exclusions.len(),
        id: tables::id_name(header.id.as_ref()),
        totals,
        by_class,
        columns: header.prep.columns().to_vec(),
        course: header.course,
        draws: header.draws,
        setting: header.setting,
        choice,
        evaluation,
        map,
        threshold: work.settings.classes.distance_threshold,
        sample: None,
    };
    Ok((results, lists))
}

fn map(
    backend: &Backend,
    places: &[f32],
    rows: usize,
    labels: &[u32],
    centres: &[f32],
    seed: u64,
) -> Result<Option<Map>, PushError> {
    let width = places.len() / rows.max(1);
    if width < 2 || rows < 3 {
        return Ok(None);
    }
    let drawn = init::sample(rows, MAP_POINTS, seed);
    let picked: Vec<f32> = drawn.iter().flat_map(|&row| &places[row * width..][..width]).copied().collect();
    let pca = Pca::fit(backend, &Rows::new(&picked, width)?, Keep::Dimensions(2))?;
    let plane = |values: &[f32]| -> Result<Vec<(f64, f64)>, PushError> {
        let flat = pca.transform(&Rows::new(values, width)?)?;
        Ok(flat.chunks_exact(2).map(|p| (f64::from(p[0]), f64::from(p[1]))).collect())
    };
    let points = drawn.iter().zip(plane(&picked)?).map(|(&row, (x, y))| (labels[row], x, y)).collect();
    Ok(Some(Map { points, centres: plane(centres)?, share: pca.shares().iter().sum() }))
}

fn warn(results: &Results, ctx: &RunContext) -> Result<(), RunError> {
    for (name, share) in report::suspicious(results) {
        let share = crate::report::number::percent(share, 0);
        ctx.warn(&format!(
            "column `{name}`: {share} of its values lie outside the normal interval; `log1p = true` or another `rule` may \
             suit it better"
        ))?;
    }
    let unreached = results.draws.iter().filter(|draws| !draws.reached).count();
    ctx.event("classes", json!({ "rounds": results.draws.len(), "not_below_threshold": unreached }))
}

fn outcome(results: &Results) -> Outcome {
    let mut headline = vec![
        ("pushes".to_owned(), results.totals.pushes as f64),
        ("customers_without".to_owned(), results.totals.without() as f64),
    ];
    let spreads = results.evaluation.as_ref().map(Evaluated::spreads).unwrap_or_default();
    if let Some((_, figures)) = spreads.iter().find(|(name, _)| name == judge::BEST) {
        let wanted = [("recall", figures[1]), ("ndcg", figures[2]), ("tail_recall", figures[4])];
        headline.extend(wanted.map(|(name, spread)| (name.to_owned(), spread.mean)));
    }
    let names = results::FIGURES.map(|(name, _)| name);
    let methods: Vec<_> = spreads
        .iter()
        .map(|(name, figures)| {
            let each = names.iter().zip(figures).map(|(name, spread)| {
                ((*name).to_owned(), json!({ "mean": spread.mean, "deviation": spread.deviation }))
            });
            json!({ "method": name, "figures": each.collect::<serde_json::Map<_, _>>() })
        })
        .collect();
    let reasons: serde_json::Map<String, serde_json::Value> =
        results.totals.reasons.iter().map(|(why, count)| (why.text().to_owned(), json!(count))).collect();
    let details = json!({
        "customers": results.customers,
        "candidates": results.candidates,
        "products": results.products.ids.len(),
        "products_of_nobody": results.unheld,
        "holdings": results.holdings,
        "setting": results.setting,
        "replaced": results.totals.anomalies(),
        "missing": results.totals.missing(),
        "features": { "similarity": results.course.kept, "pca": results.course.pca, "reached": results.course.reached },
        "without": reasons,
        "evaluation": methods,
    });
    Outcome { headline, details, failed: vec![] }
}
