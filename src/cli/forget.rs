//! `nightloom forget`.

use std::path::PathBuf;

use crate::pipelines::intent;
use crate::report::number::counted;
use crate::run::ExitCode;

use super::{Failure, print, with_exit_codes};

const EXAMPLES: &str = "\
Examples:
  nightloom forget user-17 --run runs/intent-0123456789ab

Removes the user's rows from intents, portraits, replies and hand-overs of a finished `intent` run, and the card. The run's
manifest is brought up to date, so that it still counts as done. What cannot be taken out of a trained network stays: the program
says what that is. To have a model that never saw the user, take the user out of the tables (or set consent to false) and run
the job again.";

/// Remove a user from a finished `intent` run.
#[derive(Debug, clap::Args)]
#[command(after_help = with_exit_codes(EXAMPLES))]
pub(super) struct Args {
    /// The user's id.
    user: String,
    /// The run's folder.
    #[arg(long, value_name = "DIR")]
    run: PathBuf,
}

pub(super) fn call(args: &Args) -> Result<ExitCode, Failure> {
    let found = intent::forget(&args.run, &args.user)?;
    for (file, rows) in &found.removed {
        print(&format!("{file}: removed {}", counted(*rows, "row")));
    }
    print(&format!(
        "what remains: the models in {} were fitted with up to {} of this user among all others', and so were the popularity of \
         products and the figures of the report; neither holds the user's id or a row of the user's. The job's own tables are \
         not touched.",
        args.run.join("models").display(),
        counted(found.events as usize, "event")
    ));
    Ok(ExitCode::Done)
}
