//! `nightloom synth`.

use std::path::PathBuf;

use crate::artifact::table::TableFormat;
use crate::dataset::synth::SynthCustomers;
use crate::run::{Console, ExitCode, LogChoice, RunError, use_threads};

use super::{Failure, print, with_exit_codes};

const EXAMPLES: &str = "\
Examples:
  nightloom synth push --customers 10000000 --out /data/synthetic
  nightloom synth push --customers 1000 --format csv --out synthetic

Writes synthetic_customers.parquet (or .csv) and synthetic.json, which says what it is. Made-up data are for measuring time and
memory, never for judging a method.";

/// Write made-up data of any size, labelled as such.
#[derive(Debug, clap::Args)]
#[command(after_help = with_exit_codes(EXAMPLES))]
pub(super) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Customers with features and holdings, for `push` jobs.
    Push(Push),
}

#[derive(Debug, clap::Args)]
struct Push {
    /// How many customers.
    #[arg(long, value_name = "N", default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(1..))]
    customers: u32,
    /// Columns of numbers a customer.
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=4096))]
    features: u16,
    /// Products.
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u16).range(2..=4096))]
    products: u16,
    /// Seed of all draws.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u32,
    /// How the table is stored.
    #[arg(long, value_enum, default_value_t = Form::Parquet)]
    format: Form,
    /// The folder to write into.
    #[arg(long, value_name = "DIR", default_value = "synthetic")]
    out: PathBuf,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Form {
    /// Smaller, and with its types.
    Parquet,
    /// Text.
    Csv,
}

pub(super) fn call(args: &Args) -> Result<ExitCode, Failure> {
    let What::Push(push) = &args.what;
    use_threads(0)?;
    let synth = SynthCustomers {
        customers: push.customers as usize,
        features: usize::from(push.features),
        products: usize::from(push.products),
        seed: push.seed,
    };
    let format = match push.format {
        Form::Parquet => TableFormat::Parquet,
        Form::Csv => TableFormat::Csv,
    };
    let path = synth.write(&push.out, format, |_| true).map_err(RunError::from)?;
    Console::on_stderr(LogChoice::Plain, false).note("synthetic data: of no company");
    print(&path.display().to_string());
    Ok(ExitCode::Done)
}
