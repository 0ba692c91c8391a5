//! `nightloom bench differences`: what changed among many rows, beside the bare read of their Parquet.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use arrow_array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::json;

use crate::artifact::ArtifactError;
use crate::differences::{Dataset, DifferencesError, Next, PartitionedWriter};
use crate::run::{RunError, use_threads};

use super::{print, seconds};
use crate::cli::with_exit_codes;

const EXAMPLES: &str = "\
Examples:
  nightloom bench differences --folder /data     ten million rows, on that folder's disk
  nightloom bench differences --rows 1000000 --threads 1 --json";

/// Time differences: rows of 9 columns in partitions, of which a share changes everywhere, against their state before. The
/// bare read decodes all rows of the new state. Files are read from the system's cache.
#[derive(Debug, clap::Args)]
#[command(after_help = with_exit_codes(EXAMPLES))]
pub(super) struct Args {
    /// Where the dataset is made, and removed again.
    #[arg(long, value_name = "FOLDER", default_value = ".")]
    folder: PathBuf,
    /// Rows.
    #[arg(long, value_name = "N", default_value_t = 10_000_000)]
    rows: u32,
    /// Partitions.
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    partitions: u32,
    /// The share of rows of which one field changes.
    #[arg(long, value_name = "SHARE", default_value_t = 0.01)]
    changed: f64,
    /// CPU threads; 0 means one for each core.
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u16).range(0..=1024))]
    threads: u16,
    /// One JSON object instead of text.
    #[arg(long)]
    json: bool,
}

pub(super) fn call(args: &Args) -> Result<(), RunError> {
    use_threads(usize::from(args.threads))?;
    let io = |e| ArtifactError::io("make a folder in", &args.folder, e);
    let folder = tempfile::tempdir_in(&args.folder).map_err(io)?;
    write(args, folder.path(), 0.0).and_then(Next::promote).map_err(RunError::work)?;
    let next = write(args, folder.path(), args.changed).map_err(RunError::work)?;
    let [mut bare, mut hashed, mut compared] = [const { Vec::new() }; 3];
    let mut changed = 0;
    for _ in 0..3 {
        bare.push(timed(|| read(next.dataset()))?.1);
        hashed.push(timed(|| next.dataset().verify())?.1);
        let mut cells = 0;
        let (summary, took) = timed(|| {
            next.compare(|changes| {
                cells += changes.fields().count();
                Ok(())
            })
        })?;
        compared.push(took);
        changed = summary.changed;
        if cells as u64 != changed {
            return Err(RunError::work(format!("expected one field a changed row, found {cells} in {changed} rows")));
        }
    }
    let [bare, hashed, compared] = [bare, hashed, compared].map(median);
    let memory = peak_memory();
    if args.json {
        let value = json!({
            "rows": args.rows, "changed": changed, "bare_read_s": bare, "read_and_hash_s": hashed, "compare_s": compared,
            "ratio": (hashed + compared) / bare, "ratio_with_stored_hashes": compared / bare, "memory_peak_bytes": memory,
        });
        print(&value.to_string());
        return Ok(());
    }
    print(&format!("{} rows of 9 columns, {changed} changed; bare read {}", args.rows, seconds(bare)));
    print(&format!("read and hash {}, compare {}", seconds(hashed), seconds(compared)));
    print(&format!(
        "{:.2} times the bare read, {:.2} where hashes are stored",
        (hashed + compared) / bare,
        compared / bare
    ));
    if let Some(bytes) = memory {
        print(&format!(
            "memory of the whole run, writing included: {:.0} MiB at most",
            bytes as f64 / f64::from(1 << 20)
        ));
    }
    Ok(())
}

fn timed<T>(work: impl FnOnce() -> Result<T, DifferencesError>) -> Result<(T, f64), RunError> {
    let begun = Instant::now();
    let found = work().map_err(RunError::work)?;
    Ok((found, begun.elapsed().as_secs_f64()))
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// Decodes everything, as many partitions at a time as there are threads.
fn read(dataset: &Dataset) -> Result<(), DifferencesError> {
    use rayon::prelude::*;
    let names: Vec<&String> = dataset.manifest().partitions.keys().collect();
    names.par_iter().try_for_each(|name| dataset.read(name).map(drop))
}

fn schema() -> SchemaRef {
    let field = |name: &str, kind| Field::new(name, kind, false);
    let numbers = ["visits", "spend", "age", "tenure"].map(|name| field(name, DataType::Float64));
    let counts = ["orders", "calls"].map(|name| field(name, DataType::Int64));
    let texts = ["city", "device"].map(|name| field(name, DataType::Utf8));
    Arc::new(Schema::new(
        [vec![field("customer", DataType::Utf8)], numbers.into(), counts.into(), texts.into()].concat(),
    ))
}

fn write(args: &Args, folder: &std::path::Path, changed: f64) -> Result<Next, DifferencesError> {
    let mut writer = PartitionedWriter::create(folder, schema(), "customer")?;
    let each = args.rows / args.partitions;
    for partition in 0..args.partitions {
        let more = if partition + 1 == args.partitions { args.rows % args.partitions } else { 0 };
        let rows = batch(partition, each + more, changed).map_err(DifferencesError::taken)?;
        writer.partition(&format!("part{partition:04}"), &[rows])?;
    }
    writer.finish()
}

/// The same rows every time, but for the changed ones.
fn batch(partition: u32, rows: u32, changed: f64) -> Result<RecordBatch, arrow_schema::ArrowError> {
    let mut rng = ChaCha8Rng::seed_from_u64(u64::from(partition));
    let mut change = ChaCha8Rng::seed_from_u64(u64::from(partition) + (1 << 32));
    let mut numbers = [const { Vec::new() }; 4];
    let mut counts = [const { Vec::new() }; 2];
    let mut texts = [const { Vec::new() }; 2];
    for _ in 0..rows {
        for column in &mut numbers {
            column.push((rng.random::<f64>() * 1000.0).round() / 8.0);
        }
        for column in &mut counts {
            column.push(rng.random_range(0..50_i64));
        }
        for column in &mut texts {
            column.push(format!("name {}", rng.random_range(0..200)));
        }
        if change.random_bool(changed)
            && let Some(last) = numbers[0].last_mut()
        {
            *last += 1000.0;
        }
    }
    let ids: ArrayRef =
        Arc::new((0..rows).map(|row| Some(format!("c{partition:04}-{row:08}"))).collect::<StringArray>());
    let mut columns = vec![ids];
    columns.extend(numbers.map(|column| Arc::new(Float64Array::from(column)) as ArrayRef));
    columns.extend(counts.map(|column| Arc::new(Int64Array::from(column)) as ArrayRef));
    columns.extend(texts.map(|column| Arc::new(StringArray::from(column)) as ArrayRef));
    RecordBatch::try_new(schema(), columns)
}

/// The most memory that the process has had, where the system says so.
fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok().map(|kib| kib * 1024)
}
