//! `nightloom bench emotion`: how well a text model tells the classes of texts that it has not seen.

use std::path::{Path, PathBuf};
use std::time::Instant;

use serde_json::json;

use super::{print, seconds};
use crate::backend::Backend;
use crate::cli::with_exit_codes;
use crate::replies::RepliesError;
use crate::replies::emotion::{Grams, Lexicon, Network, TextModel, TextSpec, Unit};
use crate::run::RunError;
use crate::train::metrics::classes::ClassScores;
use crate::train::{Control, TrainError};

const EXAMPLES: &str = "\
Examples:
  nightloom bench emotion train.tsv test.tsv --unit characters --seed 1
  nightloom bench emotion train.tsv test.tsv --unit words --longest 2 --lexicon datasets/intent/vader_lexicon.txt --json";

/// Train a text model on one file and judge it on another: a class from 0 on, a tab, a text a line, in UTF-8.
#[derive(Debug, clap::Args)]
#[command(after_help = with_exit_codes(EXAMPLES))]
pub(super) struct Args {
    /// What it trains on.
    train: PathBuf,
    /// What it is judged on.
    test: PathBuf,
    /// What n-grams are made of.
    #[arg(long, value_enum, default_value_t = UnitName::Characters)]
    unit: UnitName,
    /// The most units of an n-gram.
    #[arg(long, value_name = "N", default_value_t = 3)]
    longest: usize,
    /// Positions of a row.
    #[arg(long, value_name = "N", default_value_t = 256)]
    length: usize,
    /// The most n-grams that have a vector.
    #[arg(long, value_name = "N", default_value_t = 100_000)]
    vocabulary: usize,
    /// Values a vector.
    #[arg(long, value_name = "N", default_value_t = 16)]
    channels: usize,
    /// Members of the ensemble.
    #[arg(long, value_name = "N", default_value_t = 3)]
    members: usize,
    /// Epochs of training.
    #[arg(long, value_name = "N", default_value_t = 2)]
    epochs: usize,
    /// The learning rate.
    #[arg(long, value_name = "X", default_value_t = 1e-5)]
    rate: f32,
    /// Weight decay.
    #[arg(long, value_name = "X", default_value_t = 0.01)]
    weight_decay: f32,
    /// What is dropped in training.
    #[arg(long, value_name = "SHARE", default_value_t = 0.1)]
    dropout: f32,
    /// What mistakes cost in the linear model that training starts from.
    #[arg(long, value_name = "X", default_value_t = 4.0)]
    cost: f64,
    /// 0: every text counts the same; 1: every class does.
    #[arg(long, value_name = "SHARE", default_value_t = 0.0)]
    balance: f64,
    /// A lexicon: word, tab, valence.
    #[arg(long, value_name = "FILE")]
    lexicon: Option<PathBuf>,
    /// What all draws follow from.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// One JSON object instead of text.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum UnitName {
    Characters,
    Words,
}

impl Args {
    fn spec(&self) -> TextSpec {
        let unit = match self.unit {
            UnitName::Characters => Unit::Characters,
            UnitName::Words => Unit::Words,
        };
        let Self { length, vocabulary, channels, dropout, .. } = *self;
        TextSpec {
            grams: Grams { unit, longest: self.longest, texts_min: 2 },
            network: Network { length, vocabulary, channels, heads: 2, feed_forward: 2 * channels, dropout },
            members: self.members,
            epochs: self.epochs,
            batch: 32,
            rate: self.rate,
            weight_decay: self.weight_decay,
            linear_cost: self.cost,
            balance: self.balance,
            seed: self.seed,
        }
    }
}

pub(super) fn call(args: &Args) -> Result<(), RunError> {
    let (train, train_labels) = texts(&args.train)?;
    let (test, labels) = texts(&args.test)?;
    let lexicon = args.lexicon.as_deref().map(Lexicon::load).transpose().map_err(RunError::data)?;
    let backend = Backend::cpu().map_err(RunError::device)?;
    let mut quiet = |_: &crate::train::EpochReport| {};
    let mut control = Control { on_epoch: &mut quiet, stop: &|| false, checkpoint: None };
    let begun = Instant::now();
    let train: Vec<&str> = train.iter().map(String::as_str).collect();
    let model = TextModel::train(&train, &train_labels, &args.spec(), lexicon, &backend, &mut control)
        .map_err(RunError::data)?;
    let trained = begun.elapsed().as_secs_f64();
    let classes = model.classes();
    if let Some(label) = labels.iter().find(|&&label| label as usize >= classes) {
        let reason = format!("{}: class {label} has no text to train on", args.test.display());
        return Err(RunError::data(RepliesError::Train(TrainError::Data(reason))));
    }
    let begun = Instant::now();
    let probabilities = model.probabilities(&test, &backend).map_err(RunError::data)?;
    let judged = begun.elapsed().as_secs_f64();
    let scores = ClassScores::of(&probabilities, &labels, classes);
    if args.json {
        let value = json!({
            "train": train.len(), "test": test.len(), "classes": classes, "accuracy": scores.accuracy(),
            "macro_f1": scores.macro_f1(), "log_loss": scores.log_loss, "confusion": scores.confusion,
            "train_seconds": trained, "test_seconds": judged,
        });
        print(&value.to_string());
        return Ok(());
    }
    print(&format!("{} texts of {classes} classes trained in {}", train.len(), seconds(trained)));
    print(&format!("{} others judged in {}", test.len(), seconds(judged)));
    let (accuracy, f1) = (scores.accuracy(), scores.macro_f1());
    print(&format!("accuracy {accuracy:.4}, macro-F1 {f1:.4}, majority {:.4}", scores.majority()));
    Ok(())
}

/// Texts with their classes.
fn texts(path: &Path) -> Result<(Vec<String>, Vec<u32>), RunError> {
    let bad = |reason: String| {
        let reason = format!("{}: {reason}", path.display());
        RunError::data(RepliesError::Train(TrainError::Data(reason)))
    };
    let all = std::fs::read_to_string(path).map_err(|e| bad(e.to_string()))?;
    let row = |line: &str| {
        let (label, text) = line.split_once('\t')?;
        Some((text.to_owned(), label.parse::<u32>().ok()?))
    };
    let mut found = (vec![], vec![]);
    for (number, line) in all.lines().enumerate() {
        let (text, label) =
            row(line).ok_or_else(|| bad(format!("line {}: expected a class, a tab and a text", number + 1)))?;
        found.0.push(text);
        found.1.push(label);
    }
    Ok(found)
}
