//! `nightloom predict`.

use std::io::Write;
use std::path::PathBuf;

use crate::artifact::PartsWriter;
use crate::artifact::table::{Table, TableFormat};
use crate::pipelines::growth::{self, DataSpec, Like, NewData};
use crate::pipelines::{Prediction, TakePart, kmeans, neighbours, pca, push, tabular, train, tree};
use crate::run::{Console, ExitCode, LogChoice, RunError};
use crate::spec::JobText;
use crate::train::SavedFleet;

use super::options::DeviceOptions;
use super::{Failure, with_exit_codes};

const EXAMPLES: &str = "\
Examples:
  nightloom predict runs/growth-0123456789ab/models/classifier.safetensors --data new_products.csv
  nightloom predict runs/growth-0123456789ab/models/growth_points.safetensors --data new_products.csv --out points.csv
  nightloom predict classifier.safetensors --data weeks.parquet --job jobs/growth.toml --like history
  nightloom predict runs/train_digits-0123456789ab/models/model.safetensors --data new_digits.csv

A model of a `train` job needs its input columns (and its column of ids, if the job names one) and gives a row a row:
`predicted`, and for classes a probability each.

A model of a `kmeans`, `neighbours`, `pca` or `tree` job needs its input columns (and its column of ids): it gives each row its
cluster, its nearest rows, its coordinates, or its class or number.

A model of a `push` job needs the customers' columns of attributes and gives a row a push. Where the job's holdings are columns
of the customers' table, a new table may have them, too; else its customers are taken to hold nothing.

A model of a `growth` job needs the columns that the job names for the product and the steps; of a wide table, the early
steps are enough. A classifier gives a row a product: `predicted` (growth or steady) and `probability`. Growth-point
networks give a row a step at which to promote; steps count from 0, as in a run's own tables.";

/// Run a saved model on new data.
///
/// The model file knows how its inputs are prepared and how the tables of its job are laid out, so that the model and the
/// data are enough.
#[derive(Debug, clap::Args)]
#[command(after_help = with_exit_codes(EXAMPLES))]
pub(super) struct Args {
    /// A model from a run's `models` folder.
    model: PathBuf,
    /// The new table: CSV, CSV.gz or Parquet.
    #[arg(long, value_name = "TABLE")]
    data: PathBuf,
    /// Growth models: take the table's layout from this job file instead of the model.
    #[arg(long, value_name = "JOB")]
    job: Option<PathBuf>,
    /// Growth models: which of the job's tables the new one is laid out like; by default the current products', if they have one.
    #[arg(long, value_enum)]
    like: Option<Like>,
    /// The result, .csv or .parquet; without it CSV on stdout.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    device: DeviceOptions,
}

pub(super) fn call(args: &Args) -> Result<ExitCode, Failure> {
    let console = Console::on_stderr(LogChoice::Plain, false);
    if let Some(out) = &args.out {
        TableFormat::of_path(out).map_err(RunError::data)?;
    }
    let task = tabular::task_of(&args.model).map_err(RunError::data)?;
    if task == train::TASK || task == push::TASK || TABULAR.contains(&task.as_str()) {
        refuse_growth_options(args)?;
    }
    if TABULAR.contains(&task.as_str()) {
        of_table(args, &task, &console)?;
        return Ok(ExitCode::Done);
    }
    let found = predict(args, &task, &console)?;
    for note in &found.notes {
        console.note(note);
    }
    write(args, &found)?;
    Ok(ExitCode::Done)
}

fn predict(args: &Args, task: &str, console: &Console) -> Result<Prediction, RunError> {
    if task == push::TASK {
        let chosen = args.device.choose()?;
        console.note(&format!("device: {}: {}", chosen.backend.describe(), chosen.reason));
        return Ok(push::predict(&args.model, &args.data, &chosen.backend)?);
    }
    let tables = args.job.as_deref().map(|job| DataSpec::of_job(&JobText::read(job)?)).transpose()?;
    let fleet = SavedFleet::load(&args.model).map_err(RunError::data)?;
    let chosen = args.device.choose()?;
    console.note(&format!("device: {}: {}", chosen.backend.describe(), chosen.reason));
    if fleet.task == train::TASK {
        return Ok(train::predict(fleet, &args.model, &args.data, &chosen.backend)?);
    }
    let data = NewData { path: &args.data, tables, like: args.like };
    Ok(growth::predict(fleet, &args.model, &data, &chosen.backend)?)
}

/// What models of jobs on one table do.
const TABULAR: [&str; 4] = [kmeans::TASK, neighbours::TASK, pca::TASK, tree::TASK];

fn refuse_growth_options(args: &Args) -> Result<(), RunError> {
    if args.job.is_none() && args.like.is_none() {
        return Ok(());
    }
    let reason = "--job and --like belong to models of `growth` jobs; this one knows its table's columns itself";
    Err(RunError::data(format!("{}: {reason}", args.model.display())))
}

/// Part by part into the file, which appears when all rows are in it; on stdout all at once, so that a table with a wrong
/// row leaves nothing behind there either.
fn of_table(args: &Args, task: &str, console: &Console) -> Result<(), RunError> {
    let Some(path) = &args.out else {
        let mut bytes = vec![];
        answer(args, task, console, &mut |part: &Table| {
            let rows = if bytes.is_empty() { part.csv()? } else { part.csv_rows()? };
            bytes.extend(rows);
            Ok(())
        })?;
        // A reader that has gone away (`| head`) is no error.
        let _ = std::io::stdout().lock().write_all(&bytes);
        return Ok(());
    };
    let mut parts = PartsWriter::new(path, TableFormat::of_path(path)?)?;
    answer(args, task, console, &mut |part: &Table| parts.write(part))?;
    Ok(parts.finish()?)
}

fn answer(args: &Args, task: &str, console: &Console, take: &mut TakePart<'_>) -> Result<(), RunError> {
    // Trees and projections are quick on the CPU.
    match task {
        tree::TASK => return Ok(tree::predict(&args.model, &args.data, take)?),
        pca::TASK => return Ok(pca::predict(&args.model, &args.data, take)?),
        _ => {}
    }
    let chosen = args.device.choose()?;
    console.note(&format!("device: {}: {}", chosen.backend.describe(), chosen.reason));
    match task {
        kmeans::TASK => kmeans::predict(&args.model, &args.data, &chosen.backend, take)?,
        _ => neighbours::predict(&args.model, &args.data, &chosen.backend, take)?,
    }
    Ok(())
}

fn write(args: &Args, found: &Prediction) -> Result<(), RunError> {
    if let Some(path) = &args.out {
        return Ok(found.table.write(path, TableFormat::of_path(path)?)?);
    }
    // A reader that has gone away (`| head`) is no error.
    let _ = std::io::stdout().lock().write_all(&found.table.csv()?);
    Ok(())
}
