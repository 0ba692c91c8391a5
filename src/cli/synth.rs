//! `nightloom synth`.

use std::path::PathBuf;

use crate::artifact::table::TableFormat;
use crate::dataset::synth::SynthCustomers;
use crate::dataset::synth_intent::SynthIntent;
use crate::run::{Console, ExitCode, LogChoice, RunError, use_threads};

use super::{Failure, print, with_exit_codes};

const EXAMPLES: &str = "\
Examples:
  nightloom synth push --customers 10000000 --out /data/synthetic
  nightloom synth push --customers 1000 --format csv --out synthetic
  nightloom synth intent --users 1000000 --seed 7 --out /data/users

`push` writes synthetic_customers.parquet (or .csv); `intent` writes users, usage, history, products and replies. Beside them
stands synthetic.json, which says what they are. Made-up data are for trying things out and for measuring time and memory, never
for judging a method.";

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
    /// Users with apps, browsing, personality answers and replies, for `intent` jobs.
    Intent(Intent),
}

#[derive(Debug, clap::Args)]
struct Intent {
    /// How many users.
    #[arg(long, value_name = "N", default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(1..))]
    users: u32,
    /// Seed of all draws.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u32,
    /// How the tables are stored.
    #[arg(long, value_enum, default_value_t = Form::Parquet)]
    format: Form,
    /// The folder to write into.
    #[arg(long, value_name = "DIR", default_value = "synthetic")]
    out: PathBuf,
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

impl Form {
    const fn of_table(self) -> TableFormat {
        match self {
            Self::Parquet => TableFormat::Parquet,
            Self::Csv => TableFormat::Csv,
        }
    }
}

pub(super) fn call(args: &Args) -> Result<ExitCode, Failure> {
    use_threads(0)?;
    let paths = match &args.what {
        What::Push(push) => {
            let synth = SynthCustomers {
                customers: push.customers as usize,
                features: usize::from(push.features),
                products: usize::from(push.products),
                seed: push.seed,
            };
            vec![synth.write(&push.out, push.format.of_table(), |_| true).map_err(RunError::from)?]
        }
        What::Intent(intent) => {
            let synth = SynthIntent { users: intent.users, seed: intent.seed };
            synth.write(&intent.out, intent.format.of_table(), |_| true).map_err(RunError::from)?
        }
    };
    Console::on_stderr(LogChoice::Plain, false).note("synthetic data: of no company");
    for path in paths {
        print(&path.display().to_string());
    }
    Ok(ExitCode::Done)
}
