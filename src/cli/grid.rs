//! `nightloom grid`: claims (R11) and the outbox (R10) of a ledger.

use std::io::{BufRead, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Value, json};

use crate::claims::{Claim, ClaimError, ClaimStore, Release, SqliteClaims};
use crate::ledger::{Ledger, LedgerError};
use crate::outbox::{Edit, Outbox, OutboxError};
use crate::run::{ExitCode, RunError};

use super::{Failure, print, with_exit_codes};

const EXAMPLES: &str = "\
Examples:
  nightloom grid list --ledger grid.ledger store-12 ann         what ann sees: open to her, or hers
  nightloom grid claim --ledger grid.ledger store-12 ann c17    0: hers from now on (or already), 1: not won
  nightloom grid claim --ledger grid.ledger store-12 ann --json < customers.txt
                                                                one answer a line, each on the disk before it is printed
  nightloom grid release --ledger grid.ledger store-12 ann c17
  nightloom grid messages --ledger grid.ledger --manager ann    with their keys
  nightloom grid edit --ledger grid.ledger KEY ann --text 'Dear ...'
  nightloom grid optout --ledger grid.ledger c17                cancels what is queued, and all from now on
  nightloom grid export --ledger grid.ledger outbox.jsonl       appends; every message once

The ledger is the file that the job names. Exit code 1 says that something was not granted (a claim that somebody else
won, a message that has left), 4 that another process has kept the ledger for 10 seconds.";

/// Claim customers; edit, cancel and export messages.
#[derive(Debug, clap::Args)]
#[command(after_help = with_exit_codes(EXAMPLES))]
pub(super) struct Args {
    #[command(subcommand)]
    what: What,
}

/// What all of them take.
#[derive(Debug, clap::Args)]
struct Common {
    /// The ledger that the job names.
    #[arg(long, value_name = "FILE")]
    ledger: PathBuf,
    /// One JSON value a line.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Claim customers for a manager: those named, or one a line from stdin.
    Claim {
        #[command(flatten)]
        common: Common,
        /// The customers' grid.
        grid: String,
        /// Who claims.
        manager: String,
        /// The customers; without any, they are read from stdin.
        customers: Vec<String>,
    },
    /// Give customers back.
    Release {
        #[command(flatten)]
        common: Common,
        /// The customers' grid.
        grid: String,
        /// Whose they are.
        manager: String,
        /// The customers.
        #[arg(required = true)]
        customers: Vec<String>,
    },
    /// What a manager sees of a grid.
    List {
        #[command(flatten)]
        common: Common,
        /// The grid.
        grid: String,
        /// The manager.
        manager: String,
    },
    /// Frozen messages.
    Messages {
        #[command(flatten)]
        common: Common,
        /// Only this manager's.
        #[arg(long)]
        manager: Option<String>,
    },
    /// Change a message before it leaves.
    Edit {
        #[command(flatten)]
        common: Common,
        /// The message's key.
        key: String,
        /// Whose message it is.
        manager: String,
        /// Another text.
        #[arg(long)]
        text: Option<String>,
        /// Another link.
        #[arg(long)]
        link: Option<String>,
        /// Another slogan.
        #[arg(long)]
        slogan: Option<String>,
        /// Another picture.
        #[arg(long)]
        picture: Option<String>,
    },
    /// A customer wants no more messages.
    Optout {
        #[command(flatten)]
        common: Common,
        /// The customer.
        customer: String,
        /// The customer wants messages again.
        #[arg(long)]
        undo: bool,
    },
    /// Append what is queued to a file of JSON lines.
    Export {
        #[command(flatten)]
        common: Common,
        /// The file.
        file: PathBuf,
        /// Write a lost or damaged file again instead, with all that ever went into it.
        #[arg(long)]
        restore: bool,
    },
}

pub(super) fn call(args: &Args) -> Result<ExitCode, Failure> {
    match &args.what {
        What::Claim { common, grid, manager, customers } => Ok(claim(common, grid, manager, customers)?),
        What::Release { common, grid, manager, customers } => Ok(release(common, grid, manager, customers)?),
        What::List { common, grid, manager } => {
            let open = claims(common)?.list(grid, manager).map_err(of_claims)?;
            for one in open {
                let text = || {
                    let yours = if one.yours { "  yours" } else { "" };
                    format!("{}  {}  {}  {:.4}{yours}", one.task, one.mode.as_str(), one.customer, one.weight)
                };
                say(common, &json!(one), text);
            }
            Ok(ExitCode::Done)
        }
        What::Messages { common, manager } => {
            for one in outbox(common)?.messages(manager.as_deref()).map_err(of_outbox)? {
                let text = || {
                    let text = one.message.text.replace('\n', " ");
                    format!(
                        "{}  {}  {}  {}  {}  {text}",
                        one.key,
                        one.state.as_str(),
                        one.task,
                        one.customer,
                        one.manager
                    )
                };
                say(common, &json!(one), text);
            }
            Ok(ExitCode::Done)
        }
        What::Edit { common, key, manager, text, link, slogan, picture } => {
            let [text, link, slogan, picture] = [text, link, slogan, picture].map(Clone::clone);
            let edited = outbox(common)?.edit(key, manager, Edit { text, link, slogan, picture });
            edited.map_err(of_outbox)?;
            say(common, &json!({ "key": key, "edited": true }), || format!("{key}: changed"));
            Ok(ExitCode::Done)
        }
        What::Optout { common, customer, undo: true } => {
            outbox(common)?.opt_in(customer).map_err(of_outbox)?;
            say(common, &json!({ "customer": customer, "opted_out": false }), || {
                format!("{customer}: gets messages again")
            });
            Ok(ExitCode::Done)
        }
        What::Optout { common, customer, undo: false } => {
            let cancelled = outbox(common)?.opt_out(customer).map_err(of_outbox)?;
            let value = json!({ "customer": customer, "opted_out": true, "cancelled": cancelled });
            say(common, &value, || format!("{customer}: gets no messages; {cancelled} cancelled"));
            Ok(ExitCode::Done)
        }
        What::Export { common, file, restore } => {
            let outbox = outbox(common)?;
            let done = if *restore { outbox.restore(file) } else { outbox.export(file) };
            let done = done.map_err(of_outbox)?;
            say(common, &json!(done), || {
                format!("{}: {} messages, {} bytes", file.display(), done.messages, done.bytes)
            });
            Ok(ExitCode::Done)
        }
    }
}

fn claim(common: &Common, grid: &str, manager: &str, customers: &[String]) -> Result<ExitCode, RunError> {
    let store = claims(common)?;
    let mut code = ExitCode::Done;
    let mut one = |customer: &str| {
        let answer = store.claim(grid, customer, manager).map_err(of_claims)?;
        let (won, text) = match &answer {
            Claim::Won => (true, "won".to_owned()),
            Claim::AlreadyYours => (true, "yours already".to_owned()),
            Claim::OwnedBy(owner) => (false, format!("owned by {owner}")),
            Claim::NotOffered => (false, format!("not offered to {manager}")),
        };
        if !won {
            code = ExitCode::Failed;
        }
        say(common, &json!({ "customer": customer, "claim": answer }), || format!("{customer}: {text}"));
        Ok::<(), RunError>(())
    };
    if customers.is_empty() {
        for line in std::io::stdin().lock().lines() {
            let line = line.map_err(RunError::data)?;
            one(line.trim())?;
            // Whoever reads along learns of each claim when it is on the disk.
            let _ = std::io::stdout().flush();
        }
    } else {
        customers.iter().try_for_each(|customer| one(customer))?;
    }
    Ok(code)
}

fn release(common: &Common, grid: &str, manager: &str, customers: &[String]) -> Result<ExitCode, RunError> {
    let store = claims(common)?;
    let mut code = ExitCode::Done;
    for customer in customers {
        let answer = store.release(grid, customer, manager).map_err(of_claims)?;
        let text = match &answer {
            Release::Released => "open again".to_owned(),
            Release::NotYours(owner) => format!("owned by {owner}"),
            Release::NotClaimed => "claimed by nobody".to_owned(),
        };
        if answer != Release::Released {
            code = ExitCode::Failed;
        }
        say(common, &json!({ "customer": customer, "release": answer }), || format!("{customer}: {text}"));
    }
    Ok(code)
}

/// The ledger; a command that asks makes none.
fn open(path: &Path) -> Result<Arc<Ledger>, RunError> {
    if !path.exists() {
        let none = std::io::ErrorKind::NotFound.into();
        return Err(RunError::Files(crate::artifact::ArtifactError::io("open", path, none)));
    }
    Ledger::open(path).map_err(of_ledger)
}

fn claims(common: &Common) -> Result<SqliteClaims, RunError> {
    Ok(SqliteClaims::new(open(&common.ledger)?))
}

fn outbox(common: &Common) -> Result<Outbox, RunError> {
    Ok(Outbox::new(open(&common.ledger)?))
}

fn say(common: &Common, value: &Value, text: impl Fn() -> String) {
    print(&if common.json { value.to_string() } else { text() });
}

fn of_ledger(error: LedgerError) -> RunError {
    match error {
        LedgerError::Busy { path, waited_ms } => {
            RunError::Locked { folder: path, holder: format!("another process has been writing for {waited_ms} ms") }
        }
        LedgerError::NoLedger { .. } | LedgerError::Version { .. } => RunError::data(error),
        LedgerError::Folder { path, source } => {
            let source = std::io::Error::new(source.kind(), source.to_string());
            RunError::Files(crate::artifact::ArtifactError::io("open", &path, source))
        }
        LedgerError::Sqlite { action, path, source } => {
            let source = std::io::Error::other(source.to_string());
            RunError::Files(crate::artifact::ArtifactError::io(action, &path, source))
        }
        other => RunError::work(other),
    }
}

fn of_claims(error: ClaimError) -> RunError {
    match error {
        ClaimError::Ledger(error) => of_ledger(error),
        other => RunError::data(other),
    }
}

fn of_outbox(error: OutboxError) -> RunError {
    match error {
        OutboxError::Ledger(error) => of_ledger(error),
        OutboxError::Artifact(error) => RunError::Files(error),
        OutboxError::File { path, reason } => RunError::Files(crate::artifact::ArtifactError::format(&path, reason)),
        OutboxError::NotYours { .. } | OutboxError::NotQueued { .. } | OutboxError::Unknown { .. } => {
            RunError::work(error)
        }
        other => RunError::data(other),
    }
}
