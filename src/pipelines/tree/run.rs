//! A tree run.

use std::path::Path;

use serde_json::json;

use super::report::{self, HeldOut, Scores};
use super::settings::{Impurity, Method, Settings};
use super::{Header, Loaded, Model, TASK, Trees, Truth};
use crate::artifact::table::{Cells, Table};
use crate::artifact::{self, ArtifactError};
use crate::pipelines::tabular::{RunFacts, Saved, TableJob, TabularError};
use crate::pipelines::train::settings::{ClassWeights, Task};
use crate::pipelines::train::{Output, answer_columns, id_name};
use crate::run::{Outcome, RunContext, RunError};
use crate::train::metrics::classes::ClassScores;
use crate::train::metrics::numbers::NumberScores;
use crate::train::metrics::{roc, roc_auc};
use crate::tree::boost::{BoostSpec, Round, Rows};
use crate::tree::export::Names;
use crate::tree::{FeatureKind, Features, Target, TreeSpec, balanced_weights, export, picture};

/// The stage that grows.
const STAGE: &str = "growing";

pub(super) fn run(job: &TableJob<Trees>, loaded: &Loaded, ctx: &RunContext) -> Result<Outcome, RunError> {
    let bytes = ctx.stage_bytes(STAGE, || {
        let header = grow(&job.settings, loaded, ctx)?;
        Ok(Saved::new(header).to_bytes(TASK)?)
    })?;
    let header = Saved::<Header>::from_bytes(&bytes, TASK, Path::new(STAGE))?.header;
    ctx.check_interrupt()?;
    let (frame, places, truth) = match &loaded.test {
        Some((frame, truth)) => (frame, (0..frame.len()).collect(), truth.clone()),
        None => (&loaded.frame, loaded.split.test.clone(), loaded.truth.of(&loaded.split.test)),
    };
    let kinds = loaded.columns.kinds();
    let values = frame.pick(&places);
    let features = Features::new(&values, &kinds).map_err(TabularError::from)?;
    let answers = header.model.answers(&features);
    let scores = scores(&answers, &truth, &header.output);
    let held_out = HeldOut { ids: places.iter().map(|&row| frame.ids[row].clone()).collect(), truth, answers, scores };
    let folder = ctx.folder();
    artifact::ensure_folder(&folder.models())?;
    artifact::write_bytes(&folder.models().join("model.safetensors"), &bytes)?;
    artifact::ensure_folder(&folder.tables())?;
    let format = job.head.output.format;
    let path = |name: &str| folder.tables().join(name).with_extension(format.extension());
    predictions(job.settings.data.id.as_deref(), &held_out, &header.output)?.write(&path("predictions"), format)?;
    let gains = gains(&header, kinds.len());
    importance(&loaded.columns.names(), &gains)?.write(&path("importance"), format)?;
    let text = tree_files(&header, &folder.tables())?;
    let page = report::build(job, loaded, &header, &held_out, (&gains, text.as_deref()), &RunFacts::of(ctx));
    page.map_err(RunError::work)?.write(&folder.report()).map_err(RunError::work)?;
    Ok(outcome(job, loaded, &header, &held_out))
}

fn grow(settings: &Settings, loaded: &Loaded, ctx: &RunContext) -> Result<Header, RunError> {
    let kinds = loaded.columns.kinds();
    let (train, validation) = (&loaded.split.train, &loaded.split.validation);
    let (values, truth) = (loaded.frame.pick(train), loaded.truth.of(train));
    let (beside, beside_truth) = (loaded.frame.pick(validation), loaded.truth.of(validation));
    let classes = if let Output::Classes { names, .. } = &loaded.output { names.len() } else { 0 };
    let features = Features::new(&values, &kinds).map_err(TabularError::from)?;
    let weights = match (&truth, settings.class_weights) {
        (Truth::Classes(labels), ClassWeights::Balanced) => Some(balanced_weights(labels, classes, None)),
        _ => None,
    };
    let mut losses = vec![];
    let model = match settings.method {
        Method::Tree => Model::Tree(
            tree_spec(settings)
                .fit(&features, target(&truth, classes), weights.as_deref())
                .map_err(TabularError::from)?,
        ),
        Method::Boost => {
            let rows = Rows { features, target: target(&truth, classes), weights: weights.as_deref() };
            let judged = if validation.is_empty() {
                None
            } else {
                let features = Features::new(&beside, &kinds).map_err(TabularError::from)?;
                Some(Rows { features, target: target(&beside_truth, classes), weights: None })
            };
            let progress = ctx.progress("rounds", settings.boosting().rounds as u64);
            let mut watch = |round: Round| {
                losses.push((round.train_loss, round.validation_loss));
                progress.advance(1);
                !ctx.interrupted()
            };
            Model::Boosted(boost_spec(settings).fit(rows, judged, &mut watch).map_err(TabularError::from)?)
        }
    };
    Ok(Header {
        source: settings.data.source.clone(),
        columns: loaded.columns.clone(),
        id: settings.data.id.clone(),
        output: loaded.output.clone(),
        model,
        losses,
    })
}

fn target(truth: &Truth, classes: usize) -> Target<'_> {
    match truth {
        Truth::Classes(labels) => Target::Classes(labels, classes),
        Truth::Numbers(numbers) => Target::Numbers(numbers),
    }
}

fn tree_spec(settings: &Settings) -> TreeSpec {
    use crate::tree::Impurity as Of;
    let impurity = match (settings.task, settings.impurity) {
        (Task::Regression, _) => Of::SquaredError,
        (Task::Classes, None | Some(Impurity::Gini)) => Of::Gini,
        (Task::Classes, Some(Impurity::Entropy)) => Of::Entropy,
    };
    TreeSpec {
        depth_max: settings.depth,
        leaves_max: settings.leaves,
        leaf_rows_min: settings.leaf_rows.unwrap_or(1),
        prune_alpha: settings.prune_alpha,
        bins: settings.bins,
        ..TreeSpec::new(impurity)
    }
}

fn boost_spec(settings: &Settings) -> BoostSpec {
    let base = BoostSpec::default();
    let boosting = settings.boosting();
    BoostSpec {
        rounds: boosting.rounds,
        rate: boosting.rate,
        lambda: boosting.lambda,
        leaves_max: settings.leaves.unwrap_or(base.leaves_max),
        depth_max: settings.depth,
        leaf_rows_min: settings.leaf_rows.unwrap_or(base.leaf_rows_min),
        bins: settings.bins,
        patience: (boosting.patience > 0).then_some(boosting.patience),
        train_loss: true,
        ..base
    }
}

fn scores(answers: &[f64], truth: &Truth, output: &Output) -> Scores {
    match truth {
        Truth::Numbers(numbers) => Scores::Numbers(NumberScores::of(answers, numbers)),
        Truth::Classes(labels) => {
            let of_second = || {
                let second: Vec<f64> = answers.chunks_exact(2).map(|row| row[1]).collect();
                let is: Vec<bool> = labels.iter().map(|label| *label == 1).collect();
                Some((roc_auc(&second, &is)?, roc(&second, &is)))
            };
            let roc = if output.width() == 2 { of_second() } else { None };
            Scores::Classes { scores: ClassScores::of(answers, labels, output.width()), roc }
        }
    }
}

fn predictions(id: Option<&str>, found: &HeldOut, output: &Output) -> Result<Table, ArtifactError> {
    let classes: &[String] = if let Output::Classes { names, .. } = output { names } else { &[] };
    let truth = match &found.truth {
        Truth::Numbers(numbers) => Cells::f64(numbers.iter().copied()),
        Truth::Classes(labels) => Cells::text(labels.iter().map(|label| classes[*label as usize].as_str())),
    };
    let own = [(id_name(id), Cells::text(found.ids.iter().map(String::as_str))), ("target".to_owned(), truth)];
    Table::new(own.into_iter().chain(answer_columns(classes, &found.answers)))
}

/// Each input's share of all gains.
fn gains(header: &Header, width: usize) -> Vec<f64> {
    let mut gains = vec![0.0; width];
    match &header.model {
        Model::Tree(tree) => tree.add_gains(&mut gains),
        Model::Boosted(boosted) => boosted.trees.iter().for_each(|tree| tree.add_gains(&mut gains)),
    }
    let whole: f64 = gains.iter().sum();
    gains.iter_mut().filter(|_| whole > 0.0).for_each(|gain| *gain /= whole);
    gains
}

fn importance(names: &[String], gains: &[f64]) -> Result<Table, ArtifactError> {
    let mut order: Vec<usize> = (0..gains.len()).collect();
    order.sort_by(|&a, &b| gains[b].total_cmp(&gains[a]).then(a.cmp(&b)));
    Table::new([
        ("input", Cells::text(order.iter().map(|&i| names[i].as_str()))),
        ("gain_share", Cells::f64(order.iter().map(|&i| gains[i]))),
    ])
}

/// Writes a single tree as text and as a picture; the text.
fn tree_files(header: &Header, folder: &Path) -> Result<Option<String>, ArtifactError> {
    let Model::Tree(tree) = &header.model else { return Ok(None) };
    let classes: &[String] = if let Output::Classes { names, .. } = &header.output { names } else { &[] };
    let (features, categories) = (header.columns.names(), header.columns.texts());
    let names = Names { features: &features, categories: &categories, classes };
    let text = export::text(tree, &names);
    artifact::write_bytes(&folder.join("tree.txt"), text.as_bytes())?;
    artifact::write_bytes(&folder.join("tree.svg"), picture::svg(tree, &names).as_bytes())?;
    Ok(Some(text))
}

fn outcome(job: &TableJob<Trees>, loaded: &Loaded, header: &Header, found: &HeldOut) -> Outcome {
    let named = |pairs: Vec<(&str, f64)>| pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    let headline = match &found.scores {
        Scores::Numbers(scores) => {
            let mut headline = vec![("rmse", scores.rmse), ("mae", scores.mae)];
            headline.extend(scores.r2.map(|r2| ("r2", r2)));
            named(headline)
        }
        Scores::Classes { scores, roc } => {
            let mut headline = vec![("accuracy", scores.accuracy()), ("log_loss", scores.log_loss)];
            headline.extend(roc.as_ref().map(|(area, _)| ("roc_auc", *area)));
            named(headline)
        }
    };
    let model = match &header.model {
        Model::Tree(tree) => json!({ "leaves": tree.leaves(), "depth": tree.depth() }),
        Model::Boosted(boosted) => json!({ "trees": boosted.trees.len(), "rounds": header.losses.len() }),
    };
    let numbers = header.columns.kinds().iter().filter(|kind| **kind == FeatureKind::Number).count();
    let details = json!({
        "rows": {
            "train": loaded.split.train.len(), "validation": loaded.split.validation.len(), "test": found.ids.len(),
        },
        "numbers": numbers,
        "categories": header.columns.categories.len(),
        "target": job.settings.data.target,
        "model": model,
    });
    Outcome { headline, details, failed: vec![] }
}
