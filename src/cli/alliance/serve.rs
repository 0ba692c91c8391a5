//! `nightloom alliance serve`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::alliance::transport::{self, ServeSettings};
use crate::alliance::{Server, hash_text};
use crate::artifact::ensure_folder;
use crate::model::initial_weights;
use crate::paillier::KeyFileError;
use crate::paillier::key::{KeyFile, PublicKey, Sizes};
use crate::paillier::public::Scheme;
use crate::paillier::selftest::proven;
use crate::run::{Console, Interrupt, Lock, LogChoice, RunError, use_threads};

use super::{CredentialOptions, of_alliance, print, read_plan, run_error, with_exit_codes};

const EXAMPLES: &str = "\
Examples:
  nightloom alliance serve --plan plan.toml --public-key alliance.pub --folder state --listen 0.0.0.0:7443 \\
      --authority certs/authority.pem --certificate certs/server.pem --certificate-key certs/server.key

Its folder holds the journal, the completed sums, and transcript.jsonl: all that the server saw.";

/// Serve the rounds of an alliance until all parties are done.
#[derive(Debug, clap::Args)]
#[command(after_help = with_exit_codes(EXAMPLES))]
pub(super) struct Args {
    /// What was agreed upon (TOML or JSON).
    #[arg(long, value_name = "FILE")]
    plan: PathBuf,
    /// The alliance's public key.
    #[arg(long, value_name = "FILE")]
    public_key: PathBuf,
    /// Where the server keeps its state.
    #[arg(long, value_name = "DIR")]
    folder: PathBuf,
    /// Address and port to listen at; port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS")]
    listen: SocketAddr,
    #[command(flatten)]
    credentials: CredentialOptions,
    /// Seconds that a request or its answer may take.
    #[arg(long, value_name = "S", default_value_t = 120, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    request_deadline: u64,
    /// Seconds to stay after the end for parties that have not heard of it.
    #[arg(long, value_name = "S", default_value_t = 600, value_parser = clap::value_parser!(u64).range(..=86_400))]
    linger: u64,
    /// CPU threads; 0 means one for each core.
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u16).range(0..=1024))]
    threads: u16,
}

pub(super) fn call(args: &Args) -> Result<(), RunError> {
    let console = Console::on_stderr(LogChoice::Plain, false);
    let interrupt = Interrupt::on_signals()?;
    use_threads(usize::from(args.threads))?;
    let plan = read_plan(&args.plan)?;
    let key = public_key(args)?;
    plan.check_key(&key).map_err(of_alliance)?;
    let kernel = proven(key.bits()).map_err(RunError::work)?;
    let scheme = Scheme::new(key, kernel).map_err(RunError::work)?;
    ensure_folder(&args.folder)?;
    let _lock = Lock::take(&args.folder)?;
    let start = initial_weights(plan.model(), plan.raw().seed);
    print(&format!("plan: {}", hash_text(plan.id())));
    let server = Server::open(plan, &start, scheme, &args.folder, now_ms()).map_err(of_alliance)?;
    if server.torn_bytes() > 0 {
        console.warn(&format!("the journal's last record was torn: {} bytes are cut off", server.torn_bytes()));
    }
    console.note(&format!("round {}, {} uploads here", server.round(), server.came()));
    let settings = ServeSettings {
        listen: args.listen,
        credentials: args.credentials.credentials(),
        deadline: Duration::from_secs(args.request_deadline),
        linger: Duration::from_secs(args.linger),
    };
    let listening = |address: SocketAddr| print(&format!("listening: {address}"));
    let served = transport::serve(server, &settings, &|| interrupt.is_raised(), &listening, &|line| console.note(line));
    served.map_err(run_error)?;
    print("all rounds are done");
    Ok(())
}

fn now_ms() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.unwrap_or_default().as_millis() as u64
}

/// A public key; a private one has no place here.
fn public_key(args: &Args) -> Result<PublicKey, RunError> {
    match KeyFile::read(&args.public_key, Sizes::Real) {
        Ok(KeyFile::Public(key)) => Ok(key),
        Ok(other) => Err(RunError::data(format!(
            "{}: expected a public key, got a {}: the server must not be able to decrypt",
            args.public_key.display(),
            other.kind()
        ))),
        Err(KeyFileError::File(error)) => Err(RunError::Files(error)),
        Err(error) => Err(RunError::data(error)),
    }
}
