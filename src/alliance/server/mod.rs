//! The server's side: it adds what it cannot read, and says which round it is (A5, A12, A13).

mod files;
mod records;
mod requests;
mod rounds;
mod transcript;

use std::path::{Path, PathBuf};

use super::wire::{FRAME_BYTES, Message, Refused, seal_of};
use super::{AllianceError, Hash, Plan, Refusal, RefusalCode, bytes_of, model_hash};
use crate::artifact::{Journal, ensure_folder};
use crate::model::Weights;
use crate::paillier::PaillierError;
use crate::paillier::public::Scheme;
use crate::paillier::sum::Sum as RunningSum;
use records::{History, Record};
use transcript::{Said, Transcript};

/// What the server is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServerPhase {
    /// Uploads come in.
    Collecting,
    /// The sum is there; parties open and apply it.
    Published,
    /// All rounds are done.
    Finished,
    /// It cannot go on.
    Stopped {
        /// Why.
        reason: String,
    },
}

/// What became of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heard {
    /// The bytes to send back.
    pub answer: Vec<u8>,
    /// What it was.
    pub message: &'static str,
    /// Why it was not taken, if it was not.
    pub refused: Option<Refusal>,
}

/// The server's state. It lives in a folder: all that is acknowledged is on the disk before.
pub struct Server {
    plan: Plan,
    start: Vec<u8>,
    scheme: Scheme,
    folder: PathBuf,
    journal: Journal,
    transcript: Transcript,
    history: History,
    phase: ServerPhase,
    uploads: Vec<Option<Hash>>,
    sum: Option<RunningSum>,
    votes: Vec<Option<Hash>>,
    torn_bytes: u64,
    seconds: f64,
}

/// Why a request is not done: its sender's fault, or the server's own.
enum Trouble {
    Refused(Refusal),
    Failed(AllianceError),
}

impl<E: Into<AllianceError>> From<E> for Trouble {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

fn refuse<T>(code: RefusalCode, reason: impl Into<String>) -> Result<T, Trouble> {
    Err(Trouble::Refused(Refusal::new(code, reason)))
}

impl Server {
    /// Makes the state in a folder, or resumes the one that is there. `start` is the model before the first round.
    ///
    /// # Errors
    /// If key or model are not the plan's, the folder belongs to another plan, or its files cannot be read.
    pub fn open(
        plan: Plan,
        start: &Weights,
        scheme: Scheme,
        folder: &Path,
        now_ms: u64,
    ) -> Result<Self, AllianceError> {
        plan.check_key(scheme.key())?;
        start.check(plan.model())?;
        ensure_folder(folder)?;
        let parties = plan.parties();
        let record_max = plan.upload_bytes().max(records::history_bytes_max(&plan)) + 1;
        let mut records = Replay { plan: &plan, scheme: &scheme, state: Replayed::new(parties) };
        let path = folder.join("journal");
        let (journal, torn_bytes) = Journal::open(&path, record_max, |bytes| records.take(bytes, &path))?;
        let Replayed { history, phase, uploads, sum, votes } = records.state;
        let mut server = Self {
            start: bytes_of(start),
            history: history.unwrap_or_default(),
            transcript: Transcript::open(folder)?,
            folder: folder.to_owned(),
            plan,
            scheme,
            journal,
            phase,
            uploads,
            sum,
            votes,
            torn_bytes,
            seconds: 0.0,
        };
        if server.history.models.is_empty() {
            server.history.opened_ms = now_ms;
            server.history.models.push(model_hash(start));
            server.restart_journal()?;
        } else if server.history.models[0] != model_hash(start) {
            return Err(AllianceError::journal(path.display().to_string(), "it began with another starting model"));
        }
        server.adopt_sum()?;
        server.settle(now_ms)?;
        Ok(server)
    }

    /// Takes a party's request; `peer` is the party's place in the plan, as the transport has made sure.
    ///
    /// # Errors
    /// If the server itself cannot go on: its files cannot be written or read. Whatever is wrong with the request is an
    /// answer.
    pub fn handle(&mut self, peer: usize, bytes: &[u8], now_ms: u64) -> Result<Heard, AllianceError> {
        self.tick(now_ms)?;
        let (said, result) = self.hear(peer, bytes, now_ms);
        let message = said.message;
        let refused = match result {
            Ok(answer) => {
                self.transcript.note(&self.plan, &said, &answer)?;
                return Ok(Heard { answer, message, refused: None });
            }
            Err(Trouble::Failed(error)) => return Err(error),
            Err(Trouble::Refused(refusal)) => refusal,
        };
        self.transcript.note_refusal(&self.plan, &said, &refused)?;
        let answer = Message::Refused(Refused { code: refused.code, reason: &refused.reason }).encode();
        Ok(Heard { answer, message, refused: Some(refused) })
    }

    fn hear<'b>(&mut self, peer: usize, bytes: &'b [u8], now_ms: u64) -> (Said<'b>, Result<Vec<u8>, Trouble>) {
        let mut said = Said { peer, bytes, at_ms: now_ms, message: "unknown", round: None };
        if peer >= self.plan.parties() {
            return (said, refuse(RefusalCode::UnknownParty, "the sender is not in the plan"));
        }
        match Message::decode(bytes) {
            Ok(message) => {
                (said.message, said.round) = (message.name(), message.round());
                (said, self.request(peer, &message, bytes, now_ms))
            }
            Err(error) => {
                said.message = "malformed";
                (said, Err(Trouble::Refused(error.into())))
            }
        }
    }

    /// What the passing of time does: a round whose deadline is over closes with those who came, or the alliance stops, as
    /// the plan says. Where it goes on but a quorum has not come, it waits for one.
    ///
    /// # Errors
    /// If files cannot be written.
    pub fn tick(&mut self, now_ms: u64) -> Result<(), AllianceError> {
        let over = now_ms.saturating_sub(self.history.opened_ms) >= self.plan.raw().deadline_ms;
        if self.phase == ServerPhase::Collecting && over { self.close_late() } else { Ok(()) }
    }

    /// The round, from 0; the last one once all are done.
    pub fn round(&self) -> u32 {
        self.history.models.len() as u32 - 1
    }

    /// What it is doing.
    pub fn phase(&self) -> &ServerPhase {
        &self.phase
    }

    /// The plan.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The hash of the common model before each round, and after the last.
    pub fn models(&self) -> &[Hash] {
        &self.history.models
    }

    /// The parties whose uploads this round has.
    pub fn came(&self) -> usize {
        self.uploads.iter().flatten().count()
    }

    /// Bytes of a torn record that were cut off the journal when it was opened: a sign of a crash.
    pub fn torn_bytes(&self) -> u64 {
        self.torn_bytes
    }

    /// Seconds of checking and multiplying ciphertexts in this process.
    pub fn aggregation_seconds(&self) -> f64 {
        self.seconds
    }

    /// The most bytes of an answer.
    pub fn answer_bytes_max(&self) -> usize {
        let sum = self.plan.ciphertext_bytes().max(32) + 256;
        let shares = self.plan.shares_needed() * (self.plan.ciphertext_bytes() + 2) + 64;
        FRAME_BYTES + sum.max(shares).max(self.plan.text().len() + self.start.len() + 64).max(1 << 17)
    }
}

/// What a journal says.
struct Replayed {
    history: Option<History>,
    phase: ServerPhase,
    uploads: Vec<Option<Hash>>,
    sum: Option<RunningSum>,
    votes: Vec<Option<Hash>>,
}

impl Replayed {
    fn new(parties: usize) -> Self {
        Self {
            history: None,
            phase: ServerPhase::Collecting,
            uploads: vec![None; parties],
            sum: None,
            votes: vec![None; parties],
        }
    }
}

struct Replay<'a> {
    plan: &'a Plan,
    scheme: &'a Scheme,
    state: Replayed,
}

impl Replay<'_> {
    fn take(&mut self, bytes: &[u8], path: &Path) -> Result<(), AllianceError> {
        let wrong = |reason: &str| AllianceError::journal(path.display().to_string(), reason);
        let record = Record::decode(bytes).map_err(|e| wrong(&format!("expected records of a server: {e}")))?;
        let state = &mut self.state;
        if let Record::Begin { plan, history } = record {
            if plan != *self.plan.id() {
                return Err(wrong("it belongs to another plan"));
            }
            state.history = Some(history);
            return Ok(());
        }
        let history = state.history.as_mut().ok_or_else(|| wrong("expected the plan in the first record"))?;
        let slot = |list: &[Option<Hash>], party: u16| usize::from(party) < list.len();
        match record {
            Record::Upload(message) => {
                let Message::Upload(upload) = Message::decode(message)? else { return Err(wrong("not an upload")) };
                if !slot(&state.uploads, upload.party) {
                    return Err(wrong("an upload of a party that is not in the plan"));
                }
                read(self.scheme, &mut state.sum, upload.ciphertexts)?.add(self.scheme);
                state.uploads[usize::from(upload.party)] = Some(seal_of(message));
            }
            Record::Closed { sum } => {
                history.sums.push(sum);
                history.shares.push(vec![]);
                state.phase = ServerPhase::Published;
                state.sum = None;
            }
            Record::Vote { party, model } if slot(&state.votes, party) => {
                state.votes[usize::from(party)] = Some(model);
            }
            Record::Share { party, share } => {
                history.shares.last_mut().ok_or_else(|| wrong("a share before a sum"))?.push((party, share));
            }
            Record::Stopped { reason } => state.phase = ServerPhase::Stopped { reason: reason.to_owned() },
            Record::Finished { model } => {
                history.models.push(model);
                state.phase = ServerPhase::Finished;
            }
            Record::Vote { .. } | Record::Begin { .. } => {
                return Err(wrong("a vote of a party that is not in the plan"));
            }
        }
        Ok(())
    }
}

/// Checks an upload's ciphertexts for the sum of its round, which the first one begins.
fn read<'a>(
    scheme: &Scheme,
    sum: &'a mut Option<RunningSum>,
    ciphertexts: &[u8],
) -> Result<&'a mut RunningSum, PaillierError> {
    let len = scheme.count(ciphertexts)?;
    let sum = sum.get_or_insert_with(|| RunningSum::new(scheme, len));
    sum.read(scheme, ciphertexts)?;
    Ok(sum)
}
