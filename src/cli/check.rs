//! `nightloom check`.

use crate::run::{Console, ExitCode, LogChoice, RunError, RunState, prepare, use_threads};

use super::options::JobOptions;
use super::{Failure, kinds, print, with_exit_codes};

const EXAMPLES: &str = "\
Examples:
  nightloom check jobs/growth.toml
  nightloom check jobs/growth.toml --device gpu";

/// Check a job file and all that it reads, without running it.
///
/// Reads the job, its data and asks for its device; writes nothing. All errors of the job file come at once, each with
/// its line.
#[derive(Debug, clap::Args)]
#[command(after_help = with_exit_codes(EXAMPLES))]
pub(super) struct Args {
    #[command(flatten)]
    job: JobOptions,
}

pub(super) fn call(args: &Args) -> Result<ExitCode, Failure> {
    let console = Console::on_stderr(LogChoice::Plain, false);
    check(args).map_err(|error| Failure { error, console, hint: None })
}

fn check(args: &Args) -> Result<ExitCode, RunError> {
    let prepared = prepare(kinds(), &args.job.read()?)?;
    use_threads(prepared.head().threads)?;
    let facts = prepared.check_data()?;
    let state = match prepared.state()? {
        RunState::New => "not run yet",
        RunState::Started => "started; `run` resumes it",
        RunState::Finished => "finished; `run --force` runs it again",
    };
    print(&format!("job: {} ({}), all right", prepared.head().name, prepared.head().kind));
    for fact in facts {
        print(&format!("data: {fact}"));
    }
    print(&format!("device: {}", prepared.device().detail));
    print(&format!("run: {} ({state})", prepared.folder().path().display()));
    Ok(ExitCode::Done)
}
