//! The rounds on encrypted updates, all parties in one process.
//!
//! Server and parties keep their states in the run's checkpoints: a run that was killed resumes at the round it was in, and
//! a party sends the bytes again that it sent before.

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use super::course::local;
use super::error::AllianceJobError;
use super::loaded::Loaded;
use super::results::Seconds;
use crate::alliance::simulate::run;
use crate::alliance::{AllianceError, Hash, Party, PartyParts, Plan, RoundFacts, Server, SharedKey};
use crate::artifact::{ArtifactError, ensure_folder, write_json};
use crate::backend::Backend;
use crate::model::Weights;
use crate::paillier::decrypt::Decryptor;
use crate::paillier::encrypt::Obfuscation;
use crate::paillier::key::{PrivateKey, Sizes, generate};
use crate::paillier::public::Scheme;
use crate::paillier::selftest::proven;
use crate::run::{RunContext, RunError};

/// What came of the encrypted rounds.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Encrypted {
    /// The hash of every party's model before each round, and after the last.
    pub models: Vec<Vec<Hash>>,
    /// Values that were held at their bounds in each round, of all parties.
    pub held: Vec<usize>,
    /// What took how long.
    pub seconds: Seconds,
}

/// The folder of server and parties.
pub(super) fn folder(ctx: &RunContext) -> std::path::PathBuf {
    ctx.checkpoint("alliance")
}

/// The run's key: made at the first start, read at every other.
pub(super) fn key(ctx: &RunContext, bits: u32) -> Result<PrivateKey, RunError> {
    let path = folder(ctx).join("private.key");
    ensure_folder(&folder(ctx))?;
    if !path.exists() {
        generate(bits, Sizes::Real).map_err(RunError::work)?.write(&path)?;
    }
    let key = PrivateKey::read(&path, Sizes::Real).map_err(RunError::work)?;
    if let Some(warning) = key.public().warning() {
        ctx.warn(&warning)?;
    }
    Ok(key)
}

/// The public key, ready for work.
pub(super) fn scheme(key: &PrivateKey) -> Result<Scheme, AllianceError> {
    Ok(Scheme::new(key.public().clone(), proven(key.public().bits())?)?)
}

/// Runs all rounds, or what is left of them.
pub(super) fn rounds(
    ctx: &RunContext,
    loaded: &Loaded,
    plan: &Plan,
    start: &Weights,
    key: &PrivateKey,
    backend: &Backend,
) -> Result<Encrypted, AllianceJobError> {
    let (folder, stop) = (folder(ctx), || ctx.interrupted());
    let scheme_of_parties = scheme(key)?;
    let mut server = Server::open(plan.clone(), start, scheme(key)?, &folder.join("server"), now_ms())?;
    let mut parties = vec![];
    for place in 0..plan.parties() {
        let decryptor = Decryptor::new(&scheme_of_parties, key).map_err(AllianceError::from)?;
        let parts = PartyParts {
            plan: plan.clone(),
            place,
            start: start.clone(),
            scheme: &scheme_of_parties,
            obfuscation: Obfuscation::default(),
            opener: Box::new(SharedKey(decryptor)),
            trainer: Box::new(local(loaded, place, backend, &stop)),
        };
        parties.push(Party::open(parts, &folder.join(format!("party-{place}")))?);
    }
    let progress = ctx.progress("rounds", u64::from(plan.raw().rounds));
    progress.advance(u64::from(parties.iter().map(Party::round).min().unwrap_or(0)));
    let aggregated = folder.join("aggregation-seconds.json");
    let before = read_seconds(&aggregated)?;
    run(&mut server, &mut parties, &now_ms, |server, _| {
        progress.advance(1);
        Ok(write_json(&aggregated, &(before + server.aggregation_seconds()))?)
    })?;
    #[expect(clippy::redundant_closure_for_method_calls, reason = "the method's type has no public name")]
    let sum = |of: fn(&RoundFacts) -> f64| parties.iter().flat_map(|p| p.facts()).map(of).sum();
    let held = |round: usize| parties.iter().filter_map(|p| p.facts().get(round)).map(|f| f.held).sum();
    Ok(Encrypted {
        models: parties.iter().map(|party| party.models().to_vec()).collect(),
        held: (0..plan.raw().rounds as usize).map(held).collect(),
        seconds: Seconds {
            training: sum(|f| f.training_seconds),
            encryption: sum(|f| f.encryption_seconds),
            aggregation: before + server.aggregation_seconds(),
            decryption: sum(|f| f.decryption_seconds),
        },
    })
}

/// Seconds of aggregation of earlier processes.
fn read_seconds(path: &Path) -> Result<f64, AllianceJobError> {
    if !path.exists() {
        return Ok(0.0);
    }
    let bytes = std::fs::read(path).map_err(|e| ArtifactError::io("read", path, e))?;
    Ok(serde_json::from_slice(&bytes).map_err(|e| ArtifactError::format(path, e.to_string()))?)
}

fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_millis() as u64)
}
