//! `nightloom bench clusters`: K-means, nearest rows, components and trees on rows from a file.

use std::path::{Path, PathBuf};
use std::time::Instant;

use serde_json::{Value, json};

use crate::artifact::ArtifactError;
use crate::backend::{Backend, Cpu};
use crate::cluster::{ClusterError, Init, KMeansSpec, Keep, Mode, Pca, Rows};
use crate::run::{RunError, use_threads};
use crate::train::metrics::roc_auc;
use crate::tree::boost::{BoostSpec, Rows as BoostRows};
use crate::tree::{FeatureKind, Features, Target};

use super::{print, seconds};
use crate::cli::with_exit_codes;

const EXAMPLES: &str = "\
Examples:
  nightloom bench clusters kmeans --rows x.f32 --width 32 --centres c.f32 --iterations 10 --threads 1 --json
  nightloom bench clusters boost --rows x.f32 --width 28 --labels y.f32 --held-out 100000

Files hold 32-bit floats, little-endian, row after row. `benches/peers/run clusters` makes them and holds the figures against
those of other libraries.";

/// What is timed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Work {
    /// Lloyd's iterations from given centres.
    Kmeans,
    /// The nearest of the centres for each row.
    Nearest,
    /// All principal components.
    Pca,
    /// Boosted trees that tell two classes.
    Boost,
}

/// Time clustering, components and trees on rows of a file (CPU).
#[derive(Debug, clap::Args)]
#[command(after_help = with_exit_codes(EXAMPLES))]
pub(super) struct Args {
    /// What to time.
    work: Work,
    /// The rows.
    #[arg(long, value_name = "FILE")]
    rows: PathBuf,
    /// Values a row.
    #[arg(long, value_name = "N")]
    width: usize,
    /// The centres that K-means starts from, or that are looked for.
    #[arg(long, value_name = "FILE")]
    centres: Option<PathBuf>,
    /// Iterations of K-means.
    #[arg(long, value_name = "N", default_value_t = 10)]
    iterations: usize,
    /// 0 or 1 for each row.
    #[arg(long, value_name = "FILE")]
    labels: Option<PathBuf>,
    /// So many last rows judge boosted trees.
    #[arg(long, value_name = "N", default_value_t = 0)]
    held_out: usize,
    /// Rounds of boosting.
    #[arg(long, value_name = "N", default_value_t = 100)]
    rounds: usize,
    /// CPU threads; 0 means one for each core.
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u16).range(0..=1024))]
    threads: u16,
    /// One JSON object instead of text.
    #[arg(long)]
    json: bool,
}

pub(super) fn call(args: &Args) -> Result<(), RunError> {
    use_threads(usize::from(args.threads))?;
    let values = floats(&args.rows)?;
    let found = match args.work {
        Work::Kmeans => kmeans(args, &values, false),
        Work::Nearest => kmeans(args, &values, true),
        Work::Pca => pca(args, &values),
        Work::Boost => boost(args, &values),
    }?;
    if args.json {
        print(&found.to_string());
    } else {
        let taken = found["seconds"].as_f64().unwrap_or_default();
        print(&format!("{} with {} threads: {found}", seconds(taken), rayon::current_num_threads()));
    }
    Ok(())
}

fn floats(path: &Path) -> Result<Vec<f32>, RunError> {
    let bytes = std::fs::read(path).map_err(|e| ArtifactError::io("read", path, e))?;
    let (words, rest) = bytes.as_chunks::<4>();
    if !rest.is_empty() {
        return Err(RunError::data(format!("{}: expected 32-bit floats, found {} bytes", path.display(), bytes.len())));
    }
    Ok(words.iter().map(|word| f32::from_le_bytes(*word)).collect())
}

fn needed<'a>(path: Option<&'a PathBuf>, option: &str) -> Result<&'a PathBuf, RunError> {
    path.ok_or_else(|| RunError::data(format!("this work needs {option}")))
}

fn cpu() -> Result<Backend, RunError> {
    Ok(Backend::Cpu(Cpu::from_env().map_err(RunError::device)?))
}

fn kmeans(args: &Args, values: &[f32], fixed: bool) -> Result<Value, RunError> {
    let rows = Rows::new(values, args.width).map_err(RunError::data)?;
    let centres = floats(needed(args.centres.as_ref(), "--centres")?)?;
    let k = centres.len() / args.width.max(1);
    let mode = if fixed { Mode::Fixed } else { Mode::Lloyd { iterations_max: args.iterations, tolerance: 0.0 } };
    let kmeans = KMeansSpec::new(k, Init::Given(centres), mode).check().map_err(RunError::data)?;
    let backend = cpu()?;
    let start = Instant::now();
    let found = kmeans.fit(&backend, &rows).map_err(RunError::data)?;
    let taken = start.elapsed().as_secs_f64();
    Ok(json!({
        "seconds": taken,
        "seconds_an_iteration": taken / found.iterations.max(1) as f64,
        "iterations": found.iterations,
        "inertia": found.inertia,
    }))
}

fn pca(args: &Args, values: &[f32]) -> Result<Value, RunError> {
    let rows = Rows::new(values, args.width).map_err(RunError::data)?;
    let backend = cpu()?;
    let start = Instant::now();
    let found: Result<Pca, ClusterError> = Pca::fit(&backend, &rows, Keep::Dimensions(args.width));
    let taken = start.elapsed().as_secs_f64();
    Ok(json!({ "seconds": taken, "variances": found.map_err(RunError::data)?.variances() }))
}

fn boost(args: &Args, values: &[f32]) -> Result<Value, RunError> {
    let labels: Vec<u32> =
        floats(needed(args.labels.as_ref(), "--labels")?)?.into_iter().map(|label| u32::from(label > 0.5)).collect();
    let count = values.len() / args.width.max(1);
    let cut = count.saturating_sub(args.held_out);
    if labels.len() != count || cut == 0 {
        return Err(RunError::data(format!("expected {count} labels and fewer held-out rows, found {}", labels.len())));
    }
    let kinds = vec![FeatureKind::Number; args.width];
    let features = Features::new(&values[..cut * args.width], &kinds).map_err(RunError::data)?;
    let rows = BoostRows { features, target: Target::Classes(&labels[..cut], 2), weights: None };
    let spec = BoostSpec { rounds: args.rounds, ..BoostSpec::default() };
    let start = Instant::now();
    let model = spec.fit(rows, None, &mut |_| true).map_err(RunError::data)?;
    let taken = start.elapsed().as_secs_f64();
    let mut area = None;
    if args.held_out > 0 {
        let beside = Features::new(&values[cut * args.width..], &kinds).map_err(RunError::data)?;
        let second: Vec<f64> = model.predict(&beside).chunks_exact(2).map(|row| row[1]).collect();
        let truth: Vec<bool> = labels[cut..].iter().map(|label| *label == 1).collect();
        area = roc_auc(&second, &truth);
    }
    Ok(json!({ "seconds": taken, "roc_auc": area, "trees": model.trees.len() }))
}
