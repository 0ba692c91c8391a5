//! A party's side: it trains, encrypts, waits for the sum, opens it and moves its model (A3 to A7).

mod answers;
mod files;
mod work;

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::update::ModelState;
use super::wire::{Applied, Hello, Message, Objection, Poll, Share, Wanted};
use super::{AllianceError, Hash, Opener, Plan, Trainer, model_hash};
use crate::artifact::ensure_folder;
use crate::model::Weights;
use crate::paillier::encrypt::{Encryptor, Obfuscation};
use crate::paillier::key::PublicKey;
use crate::paillier::public::Scheme;

/// The message that asks a server for its plan.
pub fn hello(key: &PublicKey) -> Vec<u8> {
    Message::Hello(Hello { key: key.fingerprint() }).encode()
}

/// What a party is made of.
pub struct PartyParts<'a> {
    /// The plan.
    pub plan: Plan,
    /// The party's place in it.
    pub place: usize,
    /// The starting model.
    pub start: Weights,
    /// The public key.
    pub scheme: &'a Scheme,
    /// What hides plaintexts.
    pub obfuscation: Obfuscation,
    /// What opens sums.
    pub opener: Box<dyn Opener + 'a>,
    /// What trains.
    pub trainer: Box<dyn Trainer + 'a>,
}

/// What to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Send these bytes, and hand the answer to [`Party::answer`].
    Send(Vec<u8>),
    /// Nothing can be done before others have done theirs: step again after a pause.
    Wait,
    /// All rounds are done.
    Done,
}

/// What a party did in a round, and how long it took.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoundFacts {
    /// The round, from 0.
    pub round: u32,
    /// The places of the parties whose updates are in the sum.
    pub contributors: Vec<usize>,
    /// Values of the party's own update that were held at their bounds; none if it sent none.
    pub held: usize,
    /// The length of the mean update.
    pub moved: f64,
    /// Bytes of its upload; 0 if it sent none.
    pub upload_bytes: usize,
    /// Bytes of the sum.
    pub sum_bytes: usize,
    /// Seconds of local training.
    pub training_seconds: f64,
    /// Seconds of quantising, packing and encrypting.
    pub encryption_seconds: f64,
    /// Seconds of opening and checking the sum.
    pub decryption_seconds: f64,
}

/// What a party has to say next.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Need {
    Ask,
    Upload,
    Share,
    AskShares,
    Vote(u32),
    Object(String),
}

/// A party's state. It lives in a folder.
pub struct Party<'a> {
    plan: Plan,
    place: usize,
    scheme: &'a Scheme,
    encryptor: Encryptor<'a>,
    opener: Box<dyn Opener + 'a>,
    trainer: Box<dyn Trainer + 'a>,
    folder: PathBuf,
    state: ModelState,
    models: Vec<Hash>,
    facts: Vec<RoundFacts>,
    current: RoundFacts,
    need: Need,
    wait: bool,
    upload: Option<Vec<u8>>,
    /// The sum's message, while shares of its decryption are gathered.
    sum: Option<Vec<u8>>,
    share: Option<Vec<u8>>,
}

impl<'a> Party<'a> {
    /// Makes a party's state in a folder, or resumes the one that is there.
    ///
    /// # Errors
    /// If key, place or model are not the plan's, or the folder belongs to another plan.
    pub fn open(parts: PartyParts<'a>, folder: &Path) -> Result<Self, AllianceError> {
        let PartyParts { plan, place, start, scheme, obfuscation, opener, trainer } = parts;
        plan.check_key(scheme.key())?;
        start.check(plan.model())?;
        if place >= plan.parties() {
            return Err(AllianceError::plan("parties", format!("has no place {place}")));
        }
        ensure_folder(folder)?;
        let mut party = Self {
            encryptor: Encryptor::new(scheme, obfuscation)?,
            state: ModelState::new(start.clone()),
            models: vec![model_hash(&start)],
            folder: folder.to_owned(),
            facts: vec![],
            current: RoundFacts::default(),
            need: Need::Ask,
            wait: false,
            upload: None,
            sum: None,
            share: None,
            plan,
            place,
            scheme,
            opener,
            trainer,
        };
        party.load(&start)?;
        if let Some(last) = party.round().checked_sub(1) {
            // Whether the server heard of the last model is not known: it may be told twice.
            party.need = Need::Vote(last);
        }
        Ok(party)
    }

    /// What to do next. Local training and encryption happen here.
    ///
    /// # Errors
    /// If training, encryption or a file fails.
    pub fn step(&mut self) -> Result<Step, AllianceError> {
        if std::mem::take(&mut self.wait) {
            return Ok(Step::Wait);
        }
        let plan = *self.plan.id();
        let bytes = match &self.need {
            Need::Ask if self.round() == self.plan.raw().rounds => return Ok(Step::Done),
            Need::Ask => Message::Poll(Poll { plan, round: self.round(), wanted: Wanted::Sum }).encode(),
            Need::AskShares => Message::Poll(Poll { plan, round: self.round(), wanted: Wanted::Shares }).encode(),
            Need::Vote(round) => {
                let model = self.models[*round as usize + 1];
                Message::Applied(Applied { plan, round: *round, model }).encode()
            }
            Need::Object(reason) => Message::Objection(Objection { plan, round: self.round(), reason }).encode(),
            Need::Share => {
                let (party, sum) = (self.place as u16, self.sum.as_deref().map(super::hash).unwrap_or_default());
                let values = self.share.as_deref().unwrap_or_default();
                Message::Share(Share { plan, round: self.round(), party, sum, values }).encode()
            }
            Need::Upload => self.prepared()?,
        };
        Ok(Step::Send(bytes))
    }

    /// A connection broke, or its answer made no sense: the same will be said again.
    pub fn lost(&mut self) {
        self.wait = true;
    }

    /// The round that the party is in, from 0: as many are done.
    pub fn round(&self) -> u32 {
        self.models.len() as u32 - 1
    }

    /// The plan.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The party's model: the same as all others' after the same round.
    pub fn weights(&self) -> &Weights {
        &self.state.weights
    }

    /// The hash of its model before each round, and after the last.
    pub fn models(&self) -> &[Hash] {
        &self.models
    }

    /// What was done in each finished round.
    pub fn facts(&self) -> &[RoundFacts] {
        &self.facts
    }
}
