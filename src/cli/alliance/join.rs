//! `nightloom alliance join`.

use std::path::PathBuf;
use std::time::Duration;

use crate::alliance::transport::{self, JoinSettings, Link};
use crate::alliance::wire::Message;
use crate::alliance::{AllianceError, KeyShares, Opener, Party, PartyParts, Plan, SharedKey, hash_text, hello};
use crate::artifact::{ensure_folder, write_bytes};
use crate::backend::Backend;
use crate::cli::options::DeviceOptions;
use crate::model::{Precision, Weights};
use crate::paillier::KeyFileError;
use crate::paillier::decrypt::Decryptor;
use crate::paillier::encrypt::Obfuscation;
use crate::paillier::key::{KeyFile, Sizes};
use crate::paillier::public::Scheme;
use crate::paillier::selftest::proven;
use crate::run::{Console, Interrupt, Lock, LogChoice, RunError};
use crate::train::SavedFleet;

use super::{CredentialOptions, data, of_alliance, print, read_plan, run_error, with_exit_codes};

const EXAMPLES: &str = "\
Examples:
  nightloom alliance join --server https://aggregator.example:7443 --party north --plan plan.toml \\
      --key alliance.key --data north.csv --targets growth --folder north \\
      --authority certs/authority.pem --certificate certs/north.pem --certificate-key certs/north.key

The data is a CSV file of numbers with a line of names: the columns of --targets are what the model is to give (one
column of classes, from 0, for the loss `cross_entropy`), the others are its inputs in the file's order. It stays here.
The model after the last round is model.safetensors in the folder.";

/// Take part in an alliance until its last round.
#[derive(Debug, clap::Args)]
#[command(after_help = with_exit_codes(EXAMPLES))]
pub(super) struct Args {
    /// The server, https://host:port.
    #[arg(long, value_name = "URL")]
    server: String,
    /// The name in the server's certificate, if it is not the host.
    #[arg(long, value_name = "NAME")]
    server_name: Option<String>,
    /// This party's name in the plan.
    #[arg(long, value_name = "NAME")]
    party: String,
    /// The plan that was agreed upon: if the server has another one, nothing is sent.
    #[arg(long, value_name = "FILE")]
    plan: PathBuf,
    /// The alliance's private key, or this party's share of it.
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// This party's rows.
    #[arg(long, value_name = "CSV")]
    data: PathBuf,
    /// The columns that the model is to give, with commas between them.
    #[arg(long, value_name = "COLUMNS", value_delimiter = ',', required = true)]
    targets: Vec<String>,
    /// Where this party keeps its state.
    #[arg(long, value_name = "DIR")]
    folder: PathBuf,
    #[command(flatten)]
    credentials: CredentialOptions,
    /// Seconds that a request and its answer may take.
    #[arg(long, value_name = "S", default_value_t = 120, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    request_deadline: u64,
    /// Milliseconds before asking again for what is not there yet.
    #[arg(long, value_name = "MS", default_value_t = 1000, value_parser = clap::value_parser!(u64).range(10..=3_600_000))]
    pause: u64,
    /// Seconds to go on trying while nobody answers.
    #[arg(long, value_name = "S", default_value_t = 3600, value_parser = clap::value_parser!(u64).range(..=31_536_000))]
    patience: u64,
    #[command(flatten)]
    device: DeviceOptions,
}

pub(super) fn call(args: &Args) -> Result<(), RunError> {
    let console = Console::on_stderr(LogChoice::Plain, false);
    let interrupt = Interrupt::on_signals()?;
    let stop = || interrupt.is_raised();
    let agreed = read_plan(&args.plan)?;
    let place = agreed.place(&args.party).ok_or_else(|| {
        RunError::data(format!("{}: no party of the plan is called `{}`", args.plan.display(), args.party))
    })?;
    let chosen = args.device.choose()?;
    let key = KeyFile::read(&args.key, Sizes::Real).map_err(|error| match error {
        KeyFileError::File(error) => RunError::Files(error),
        other => RunError::data(other),
    })?;
    agreed.check_key(key.public()).map_err(of_alliance)?;
    let kernel = proven(key.public().bits()).map_err(RunError::work)?;
    let scheme = Scheme::new(key.public().clone(), kernel).map_err(RunError::work)?;
    let opener = opener(&key, &agreed, place, &scheme).map_err(of_alliance)?;
    let trainer = trainer(args, &agreed, place, &chosen.backend, &stop)?;

    let settings = JoinSettings {
        server: args.server.clone(),
        server_name: args.server_name.clone(),
        credentials: args.credentials.credentials(),
        deadline: Duration::from_secs(args.request_deadline),
        pause: Duration::from_millis(args.pause),
        patience: Duration::from_secs(args.patience),
    };
    let mut link = Link::new(&settings).map_err(run_error)?;
    let log = |line: &str| console.note(line);
    let answer = link.say(&hello(key.public()), &stop, &log).map_err(run_error)?;
    let start = terms(&answer, &agreed).map_err(of_alliance)?;
    print(&format!("plan: {}", hash_text(agreed.id())));
    ensure_folder(&args.folder)?;
    let _lock = Lock::take(&args.folder)?;
    let obfuscation = Obfuscation::ShortExponent;
    let parts = PartyParts { plan: agreed, place, start, scheme: &scheme, obfuscation, opener, trainer };
    let mut party = Party::open(parts, &args.folder).map_err(of_alliance)?;
    if party.round() > 0 {
        console.note(&format!("resumes before round {}", party.round()));
    }
    let mut after_round = |party: &Party<'_>| {
        describe(party);
        Ok(())
    };
    transport::join(&mut party, &mut link, &settings, &stop, &log, &mut after_round).map_err(run_error)?;
    let model = save(args, &party).map_err(RunError::work)?;
    print(&format!("model: {model}"));
    Ok(())
}

fn opener<'a>(
    key: &KeyFile,
    plan: &Plan,
    place: usize,
    scheme: &'a Scheme,
) -> Result<Box<dyn Opener + 'a>, AllianceError> {
    let wants_share = plan.shares_needed() > 0;
    match key {
        KeyFile::Private(key) if !wants_share => Ok(Box::new(SharedKey(Decryptor::new(scheme, key)?))),
        KeyFile::Share(share) if wants_share => Ok(Box::new(KeyShares::new(plan, place, scheme, share)?)),
        other => {
            let expected = if wants_share { "key share" } else { "private key" };
            Err(AllianceError::Terms(format!("it wants a {expected}, this party has a {}", other.kind())))
        }
    }
}

/// The starting model, if the server's plan is the one that was agreed upon.
fn terms(answer: &[u8], agreed: &Plan) -> Result<Weights, AllianceError> {
    match Message::decode(answer)? {
        Message::Terms(terms) => {
            let (plan, start) = Plan::from_terms(&terms)?;
            if plan.id() == agreed.id() {
                return Ok(start);
            }
            let (ours, theirs) = (hash_text(agreed.id()), hash_text(plan.id()));
            Err(AllianceError::Terms(format!("it is not the one that was agreed upon: expected {ours}, got {theirs}")))
        }
        Message::Refused(refused) => {
            Err(AllianceError::Refused { code: refused.code, reason: refused.reason.to_owned() })
        }
        other => Err(AllianceError::Answer { expected: "terms", got: other.name() }),
    }
}

fn trainer<'a>(
    args: &Args,
    plan: &Plan,
    place: usize,
    backend: &'a Backend,
    stop: &'a (dyn Fn() -> bool + Sync),
) -> Result<Box<dyn crate::alliance::Trainer + 'a>, RunError> {
    let rows = data::read(&args.data, &args.targets, plan.model(), plan.raw().loss).map_err(RunError::data)?;
    let declared = plan.raw().parties[place].samples;
    if rows.count as u64 != declared {
        let file = args.data.display();
        return Err(RunError::data(format!(
            "{file}: the plan declares {declared} rows for this party, found {}",
            rows.count
        )));
    }
    Ok(Box::new(rows.into_local(place, backend, stop)))
}

fn describe(party: &Party<'_>) {
    let (Some(facts), Some(model)) = (party.facts().last(), party.models().last()) else { return };
    print(&format!(
        "round {}: {} contributors, {} bytes sent, training {:.2} s, encryption {:.2} s, decryption {:.2} s, model {}",
        facts.round,
        facts.contributors.len(),
        facts.upload_bytes,
        facts.training_seconds,
        facts.encryption_seconds,
        facts.decryption_seconds,
        hash_text(model)
    ));
}

/// Writes the model; says its hash.
fn save(args: &Args, party: &Party<'_>) -> Result<String, AllianceError> {
    let fleet = SavedFleet {
        task: "alliance".to_owned(),
        model: party.plan().raw().model.clone(),
        names: vec![party.plan().raw().name.clone()],
        members: vec![party.weights().clone()],
        precision: Precision::F32,
        settings: serde_json::Value::Null,
    };
    write_bytes(&args.folder.join("model.safetensors"), &fleet.to_bytes()?)?;
    Ok(party.models().last().map(hash_text).unwrap_or_default())
}
