//! `nightloom schema`.

use crate::run::{ExitCode, RunError};
use crate::spec::all_kinds_schema;

use super::{Failure, kinds, print, with_exit_codes};

const EXAMPLES: &str = "\
Examples:
  nightloom schema                       the kinds, a line each
  nightloom schema selftest              the schema of one kind
  nightloom schema --all > job.schema.json";

/// List the kinds of job, or print the JSON Schema of job files.
///
/// Editors that know JSON Schema (Even Better TOML, Taplo) complete and check job files with it.
#[derive(Debug, clap::Args)]
#[command(after_help = with_exit_codes(EXAMPLES))]
pub(super) struct Args {
    /// A kind of job.
    #[arg(conflicts_with = "all")]
    kind: Option<String>,
    /// One schema for all kinds.
    #[arg(long)]
    all: bool,
}

pub(super) fn call(args: &Args) -> Result<ExitCode, Failure> {
    let kinds = kinds();
    if args.all {
        print(&format!("{:#}", all_kinds_schema(kinds.0.iter().map(|k| (k.name(), k.schema())))));
    } else if let Some(name) = &args.kind {
        let kind = kinds.named(name).ok_or_else(|| RunError::data(kinds.unknown(name)))?;
        print(&format!("{:#}", kind.schema()));
    } else {
        for kind in kinds.0 {
            print(&format!("{:12} {}", kind.name(), kind.summary()));
        }
    }
    Ok(ExitCode::Done)
}
