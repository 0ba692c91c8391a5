//! `nightloom card`.

use std::path::PathBuf;

use crate::artifact;
use crate::pipelines::intent;
use crate::run::{ExitCode, RunError};

use super::{Failure, print, with_exit_codes};

const EXAMPLES: &str = "\
Examples:
  nightloom card user-17 --run runs/intent-0123456789ab --out user-17.html
  nightloom card user-17 --run runs/intent-0123456789ab > card.html

The card is one file that opens in any browser and loads nothing. A run writes all of them by itself with `cards.write`.";

/// Make the smart card of a user of a finished `intent` run.
#[derive(Debug, clap::Args)]
#[command(after_help = with_exit_codes(EXAMPLES))]
pub(super) struct Args {
    /// The user's id.
    user: String,
    /// The run's folder.
    #[arg(long, value_name = "DIR")]
    run: PathBuf,
    /// The file to write; without it the card goes to stdout.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

pub(super) fn call(args: &Args) -> Result<ExitCode, Failure> {
    let html = intent::card_of(&args.run, &args.user)?;
    match &args.out {
        Some(path) => artifact::write_bytes(path, html.as_bytes()).map_err(RunError::from)?,
        None => print(&html),
    }
    Ok(ExitCode::Done)
}
