//! What the server saw, so that it can be audited: one line a message, in the order of their coming.

use std::path::Path;

use serde_json::{Value, json};

use crate::alliance::wire::{name_of, seal_of};
use crate::alliance::{AllianceError, Plan, Refusal, hash_text};
use crate::artifact::AppendLog;

/// A message that came.
pub(super) struct Said<'a> {
    pub peer: usize,
    pub bytes: &'a [u8],
    pub at_ms: u64,
    pub message: &'static str,
    pub round: Option<u32>,
}

/// The transcript's file: JSON, a line a message. A message is named by the SHA-256 that ends it, which is that of all
/// before it. Questions that were answered with "not yet" are left out.
pub(super) struct Transcript(AppendLog);

impl Transcript {
    pub(super) fn open(folder: &Path) -> Result<Self, AllianceError> {
        Ok(Self(AppendLog::open(&folder.join("transcript.jsonl"))?))
    }

    pub(super) fn note(&mut self, plan: &Plan, said: &Said<'_>, answer: &[u8]) -> Result<(), AllianceError> {
        if name_of(answer) == "status" {
            return Ok(());
        }
        let mut line = line(plan, said);
        line["answer"] = json!(name_of(answer));
        line["answer_bytes"] = json!(answer.len());
        line["answer_sha256"] = json!(hash_text(&seal_of(answer)));
        Ok(self.0.line(&line.to_string())?)
    }

    pub(super) fn note_refusal(
        &mut self,
        plan: &Plan,
        said: &Said<'_>,
        refusal: &Refusal,
    ) -> Result<(), AllianceError> {
        let mut line = line(plan, said);
        line["answer"] = json!("refused");
        line["code"] = json!(format!("{:?}", refusal.code));
        line["reason"] = json!(refusal.reason);
        Ok(self.0.line(&line.to_string())?)
    }
}

fn line(plan: &Plan, said: &Said<'_>) -> Value {
    json!({
        "at_ms": said.at_ms,
        "from": plan.raw().parties.get(said.peer).map(|party| &party.name),
        "message": said.message,
        "round": said.round,
        "bytes": said.bytes.len(),
        "sha256": hash_text(&seal_of(said.bytes)),
    })
}
