//! `nightloom alliance`: the server and the parties of an alliance as processes of their own (A13).

mod data;
mod join;
mod serve;

use std::path::{Path, PathBuf};

use crate::alliance::transport::{Credentials, TransportError, certificates};
use crate::alliance::{AllianceError, Plan, RawPlan};
use crate::artifact::ArtifactError;
use crate::run::{ExitCode, RunError};

use super::{Failure, print, with_exit_codes};

const EXAMPLES: &str = "\
Examples:
  nightloom keys new alliance.key                     each party gets this file, the server only the next one
  nightloom keys public alliance.key > alliance.pub
  nightloom alliance certificates certs --server aggregator.example --party north --party south --party west
  nightloom alliance serve --plan plan.toml --public-key alliance.pub --folder state --listen 0.0.0.0:7443 \\
      --authority certs/authority.pem --certificate certs/server.pem --certificate-key certs/server.key
  nightloom alliance join --server https://aggregator.example:7443 --party north --plan plan.toml \\
      --key alliance.key --data north.csv --targets growth --folder north \\
      --authority certs/authority.pem --certificate certs/north.pem --certificate-key certs/north.key

The server holds no key that decrypts. All processes may be killed at any time; the same command resumes.";

/// Train with other companies: each keeps its data, a server adds what it cannot read.
#[derive(Debug, clap::Args)]
#[command(after_help = with_exit_codes(EXAMPLES))]
pub(super) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    Serve(serve::Args),
    Join(join::Args),
    /// Make an authority, and certificates for the server and the parties, each with its key.
    Certificates {
        /// The folder to be made.
        folder: PathBuf,
        /// A name or an address that parties reach the server by.
        #[arg(long, value_name = "NAME", required = true)]
        server: Vec<String>,
        /// A party's name in the plan.
        #[arg(long, value_name = "NAME", required = true)]
        party: Vec<String>,
        /// How long the certificates are valid.
        #[arg(long, value_name = "DAYS", default_value_t = 730, value_parser = clap::value_parser!(u64).range(1..=36_500))]
        days: u64,
    },
}

/// What a process shows and whom it believes.
#[derive(Debug, clap::Args)]
struct CredentialOptions {
    /// The certificate of the alliance's authority (PEM).
    #[arg(long, value_name = "FILE")]
    authority: PathBuf,
    /// This process's certificate (PEM).
    #[arg(long, value_name = "FILE")]
    certificate: PathBuf,
    /// The certificate's private key (PEM), mode 600.
    #[arg(long, value_name = "FILE")]
    certificate_key: PathBuf,
}

impl CredentialOptions {
    fn credentials(&self) -> Credentials {
        let Self { authority, certificate, certificate_key } = self;
        Credentials { authority: authority.clone(), certificate: certificate.clone(), key: certificate_key.clone() }
    }
}

pub(super) fn call(args: &Args) -> Result<ExitCode, Failure> {
    match &args.what {
        What::Serve(args) => serve::call(args)?,
        What::Join(args) => join::call(args)?,
        What::Certificates { folder, server, party, days } => {
            certificates::make(folder, server, party, *days).map_err(run_error)?;
            print(&format!("authority: {}", folder.join("authority.pem").display()));
            print(&format!("certificates: server, {}; for {days} days", party.join(", ")));
        }
    }
    Ok(ExitCode::Done)
}

/// A plan from a TOML or JSON file.
fn read_plan(path: &Path) -> Result<Plan, RunError> {
    let text = std::fs::read_to_string(path).map_err(|e| ArtifactError::io("read", path, e))?;
    let json = path.extension().is_some_and(|extension| extension == "json");
    let raw: Result<RawPlan, String> = if json {
        serde_json::from_str(&text).map_err(|e| e.to_string())
    } else {
        toml::from_str(&text).map_err(|e| e.to_string())
    };
    let raw = raw.map_err(|e| RunError::data(format!("{}: {e}", path.display())))?;
    raw.check().map_err(|e| RunError::data(format!("{}: {e}", path.display())))
}

/// Which of the program's errors this is.
fn run_error(error: TransportError) -> RunError {
    match error {
        TransportError::Interrupted => RunError::Interrupted,
        TransportError::Artifact(error) => RunError::Files(error),
        TransportError::Alliance(error) => of_alliance(error),
        TransportError::Credentials { .. } | TransportError::Certificate { .. } | TransportError::Address { .. } => {
            RunError::data(error)
        }
        other => RunError::work(other),
    }
}

fn of_alliance(error: AllianceError) -> RunError {
    match error {
        AllianceError::Artifact(error) => RunError::Files(error),
        AllianceError::Plan { .. } | AllianceError::Terms(_) => RunError::data(error),
        other => RunError::work(other),
    }
}
