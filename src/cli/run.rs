//! `nightloom run`.

use serde_json::{Map, Value, json};

use crate::run::{Console, ExitCode, Interrupt, LogChoice, RunError, Summary, prepare, use_threads};

use super::options::{JobOptions, LogOptions};
use super::{Failure, kinds, print, with_exit_codes};

const EXAMPLES: &str = "\
Examples:
  nightloom run jobs/growth.toml
  nightloom run jobs/growth.toml --device cpu --threads 8
  nightloom run jobs/growth.toml --log json 2> night.log";

/// Run a job, or resume it, and print where its report is.
///
/// The run gets a folder of its own, named after the job and a hash of everything that decides its results. A finished
/// run is not run again; a killed or interrupted one goes on where it was.
#[derive(Debug, clap::Args)]
#[command(after_help = with_exit_codes(EXAMPLES))]
pub(super) struct Args {
    #[command(flatten)]
    job: JobOptions,
    #[command(flatten)]
    log: LogOptions,
    /// Run it again though it is finished: its old results are removed first.
    #[arg(long)]
    force: bool,
}

pub(super) fn call(args: &Args) -> Result<ExitCode, Failure> {
    let console = args.log.console();
    match execute(args, &console) {
        Ok(summary) => {
            show(&summary, args.log.log);
            Ok(if summary.failed.is_empty() { ExitCode::Done } else { ExitCode::Failed })
        }
        Err(error) => {
            let hint = matches!(error, RunError::Interrupted).then(resume_hint);
            Err(Failure { error, console, hint })
        }
    }
}

fn execute(args: &Args, console: &Console) -> Result<Summary, RunError> {
    let interrupt = Interrupt::on_signals()?;
    let prepared = prepare(kinds(), &args.job.read()?)?;
    interrupt.check()?;
    use_threads(prepared.head().threads)?;
    prepared.execute(console, &interrupt, args.force)
}

fn resume_hint() -> String {
    // Forced again, the run would start from nothing.
    let words: Vec<String> = std::env::args().filter(|word| word != "--force").collect();
    format!("to go on: {}", words.join(" "))
}

fn show(summary: &Summary, log: LogChoice) {
    let folder = &summary.folder;
    if log == LogChoice::Json {
        let headline: Map<String, Value> = summary.headline.iter().map(|(k, v)| (k.clone(), json!(v))).collect();
        let value = json!({
            "run": folder.path(),
            "report": folder.report(),
            "done_before": summary.done_before,
            "headline": headline,
            "failed": summary.failed,
        });
        return print(&value.to_string());
    }
    if summary.done_before {
        print("finished before; --force runs it again");
    }
    for (name, value) in &summary.headline {
        let value = value.map_or_else(|| "not a number".to_owned(), |v| format!("{}", (v * 1e6).round() / 1e6));
        print(&format!("{name}: {value}"));
    }
    for failed in &summary.failed {
        print(&format!("failed: {}: {}", failed.step, failed.reason));
    }
    print(&format!("run: {}", folder.path().display()));
    print(&format!("report: {}", folder.report().display()));
}
