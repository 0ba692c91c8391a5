//! The program: parse -> call -> exit code. One file a subcommand.
//!
//! To add one: a file with an `Args` type and a `call` function, one line in `Command`, one in `dispatch`.

mod alliance;
pub mod bench;
mod card;
mod check;
mod devices;
mod forget;
mod grid;
mod keys;
mod kinds;
mod ops;
mod options;
mod predict;
mod run;
mod schema;
mod synth;
mod tune;

pub use kinds::kinds;

use std::io::Write;

use clap::{Parser, Subcommand};

use crate::run::{Console, ExitCode, LogChoice, RunError};

const AFTER: &str = "\
A job is a TOML file: `kind` says what to do, the kind's own tables say how. Start with
  nightloom schema                 the kinds there are
  nightloom check job.toml         is everything there and right?
  nightloom run job.toml           run it; interrupt it when you like, the same command resumes
  nightloom predict MODEL --data TABLE   ask a trained model about new data
  nightloom devices                what this machine computes on
  nightloom tune                   once a GPU and driver: which forms of its kernels are fastest
To check a machine's job folder, signals and resume without any data, run a file with the one line
  kind = \"selftest\"
Data goes to stdout, logs to stderr.";

/// Numerical batch engine: trains, clusters and predicts from job files, on the GPU or the CPU.
#[derive(Debug, Parser)]
#[command(name = "nightloom", version, after_help = with_exit_codes(AFTER))]
struct Cli {
    /// Has GPU kernels check every index that they use, at some cost in time: to rule an error of theirs out.
    #[arg(long, global = true)]
    checked: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Run(run::Args),
    Check(check::Args),
    Schema(schema::Args),
    Predict(predict::Args),
    Devices(devices::Args),
    Tune(tune::Args),
    Ops(ops::Args),
    Bench(bench::Args),
    Keys(keys::Args),
    Synth(synth::Args),
    Alliance(alliance::Args),
    Grid(grid::Args),
    Card(card::Args),
    Forget(forget::Args),
}

fn dispatch(command: &Command) -> Result<ExitCode, Failure> {
    match command {
        Command::Run(args) => run::call(args),
        Command::Check(args) => check::call(args),
        Command::Schema(args) => schema::call(args),
        Command::Predict(args) => predict::call(args),
        Command::Devices(args) => devices::call(args),
        Command::Tune(args) => tune::call(args),
        Command::Ops(args) => ops::call(args),
        Command::Bench(args) => bench::call(args),
        Command::Keys(args) => keys::call(args),
        Command::Synth(args) => synth::call(args),
        Command::Alliance(args) => alliance::call(args),
        Command::Grid(args) => grid::call(args),
        Command::Card(args) => card::call(args),
        Command::Forget(args) => forget::call(args),
    }
}

/// The end of a help text.
fn with_exit_codes(text: &str) -> String {
    format!("{text}\n\n{}", ExitCode::help_list())
}

/// An error and the console that is to show it.
struct Failure {
    error: RunError,
    console: Console,
    /// What the user can do about it.
    hint: Option<String>,
}

impl From<RunError> for Failure {
    fn from(error: RunError) -> Self {
        Self { error, console: Console::on_stderr(LogChoice::Plain, false), hint: None }
    }
}

/// Runs the program with the process's arguments.
pub fn main() -> std::process::ExitCode {
    let cli = Cli::parse();
    if cli.checked {
        crate::backend::gpu::demand_checks();
    }
    let code = dispatch(&cli.command).unwrap_or_else(|failure| {
        let mut text = with_causes(&failure.error);
        if let Some(hint) = &failure.hint {
            text = format!("{text}; {hint}");
        }
        failure.console.error(&text);
        failure.error.exit_code()
    });
    code.into()
}

/// The error and those below it, unless an error's text holds them already.
fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(below) = cause {
        let words = below.to_string();
        if !text.contains(&words) {
            text = format!("{text}: {words}");
        }
        cause = below.source();
    }
    text
}

/// Prints data to stdout. A reader that has gone away (`| head`) is no error.
fn print(text: &str) {
    let _ = writeln!(std::io::stdout().lock(), "{text}");
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn e4_checks_are_asked_for_before_or_behind_a_command() {
        for line in [["nightloom", "--checked", "devices"], ["nightloom", "devices", "--checked"]] {
            assert!(Cli::parse_from(line).checked);
        }
        assert!(!Cli::parse_from(["nightloom", "devices"]).checked);
    }

    #[test]
    fn e19_the_command_line_is_sound_and_every_command_has_help() {
        let mut command = Cli::command();
        command.clone().debug_assert();
        let help = command.render_long_help().to_string();
        for word in ["selftest", "Exit codes:", " 75  interrupted"] {
            assert!(help.contains(word), "{word}: {help}");
        }
        for sub in command.get_subcommands_mut().filter(|sub| sub.get_name() != "help") {
            assert!(sub.get_about().is_some(), "{} has no about", sub.get_name());
            let help = sub.render_long_help().to_string();
            for part in ["\nExamples:\n  nightloom ", "\nExit codes:\n"] {
                assert!(help.contains(part), "{} has no {part:?}", sub.get_name());
            }
        }
    }
}
