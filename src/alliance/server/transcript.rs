//! What the server saw, so that it can be audited: one line a message, in the order of their coming.

use std::path::Path;

use serde_json::json;

use crate::alliance::wire::Message;
use crate::alliance::{AllianceError, Plan, Refusal, hash, hash_text};
use crate::artifact::AppendLog;

/// The transcript's file: JSON, a line a message. Questions that were answered with "not yet" are left out.
pub(super) struct Transcript(AppendLog);

impl Transcript {
    pub(super) fn open(folder: &Path) -> Result<Self, AllianceError> {
        Ok(Self(AppendLog::open(&folder.join("transcript.jsonl"))?))
    }

    pub(super) fn note(
        &mut self,
        plan: &Plan,
        peer: usize,
        (message, bytes): (&str, &[u8]),
        answer: &[u8],
        now_ms: u64,
    ) -> Result<(), AllianceError> {
        let said = Message::decode(answer)?;
        if matches!(said, Message::Status(_)) {
            return Ok(());
        }
        let line = json!({
            "at_ms": now_ms,
            "from": plan.raw().parties.get(peer).map(|party| &party.name),
            "message": message,
            "round": round_of(bytes),
            "bytes": bytes.len(),
            "sha256": hash_text(&hash(bytes)),
            "answer": said.name(),
            "answer_bytes": answer.len(),
            "answer_sha256": hash_text(&hash(answer)),
        });
        Ok(self.0.line(&line.to_string())?)
    }

    pub(super) fn note_refusal(
        &mut self,
        plan: &Plan,
        peer: usize,
        (message, bytes): (&str, &[u8]),
        refusal: &Refusal,
        now_ms: u64,
    ) -> Result<(), AllianceError> {
        let line = json!({
            "at_ms": now_ms,
            "from": plan.raw().parties.get(peer).map(|party| &party.name),
            "message": message,
            "round": round_of(bytes),
            "bytes": bytes.len(),
            "sha256": hash_text(&hash(bytes)),
            "answer": "refused",
            "code": format!("{:?}", refusal.code),
            "reason": refusal.reason,
        });
        Ok(self.0.line(&line.to_string())?)
    }
}

fn round_of(bytes: &[u8]) -> Option<u32> {
    match Message::decode(bytes).ok()? {
        Message::Upload(m) => Some(m.round),
        Message::Poll(m) => Some(m.round),
        Message::Share(m) => Some(m.round),
        Message::Applied(m) => Some(m.round),
        Message::Objection(m) => Some(m.round),
        _ => None,
    }
}
