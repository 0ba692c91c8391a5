//! The journal's records.

use crate::alliance::wire::{Reader, WireError, Writer};
use crate::alliance::{Hash, Plan};

/// What is known of all rounds: it stands in the first record of every journal, which begins anew with each round.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct History {
    /// When this round began.
    pub opened_ms: u64,
    /// The model's hash before each round that began, and after the last.
    pub models: Vec<Hash>,
    /// The hash of each completed sum's message.
    pub sums: Vec<Hash>,
    /// Who sent which share of each sum's decryption, in the order of their coming.
    pub shares: Vec<Vec<(u16, Hash)>>,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Record<'a> {
    Begin { plan: Hash, history: History },
    Upload(&'a [u8]),
    Closed { sum: Hash },
    Vote { party: u16, model: Hash },
    Share { party: u16, share: Hash },
    Stopped { reason: &'a str },
    Finished { model: Hash },
}

/// The most bytes that the first record can have.
pub(super) fn history_bytes_max(plan: &Plan) -> usize {
    let round = 32 + 32 + 2 + plan.shares_needed() * 34;
    64 + (plan.raw().rounds as usize + 1) * round
}

impl<'a> Record<'a> {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = Writer::default();
        match self {
            Self::Begin { plan, history } => {
                out.u8(1).bytes(plan).u64(history.opened_ms).u32(history.models.len() as u32);
                for model in &history.models {
                    out.bytes(model);
                }
                out.u32(history.sums.len() as u32);
                for (sum, shares) in history.sums.iter().zip(&history.shares) {
                    out.bytes(sum).u16(shares.len() as u16);
                    for (party, share) in shares {
                        out.u16(*party).bytes(share);
                    }
                }
                &mut out
            }
            Self::Upload(message) => out.u8(2).bytes(message),
            Self::Closed { sum } => out.u8(3).bytes(sum),
            Self::Vote { party, model } => out.u8(4).u16(*party).bytes(model),
            Self::Share { party, share } => out.u8(5).u16(*party).bytes(share),
            Self::Stopped { reason } => out.u8(6).text(reason),
            Self::Finished { model } => out.u8(7).bytes(model),
        }
        .finish()
    }

    pub(super) fn decode(bytes: &'a [u8]) -> Result<Self, WireError> {
        let mut r = Reader::new(bytes);
        let record = match r.u8("record")? {
            1 => Self::Begin { plan: r.array("plan")?, history: history(&mut r)? },
            2 => Self::Upload(r.rest()),
            3 => Self::Closed { sum: r.array("sum")? },
            4 => Self::Vote { party: r.u16("party")?, model: r.array("model")? },
            5 => Self::Share { party: r.u16("party")?, share: r.array("share")? },
            6 => Self::Stopped { reason: r.text("reason")? },
            7 => Self::Finished { model: r.array("model")? },
            got => return Err(WireError::Kind { got }),
        };
        r.finish()?;
        Ok(record)
    }
}

fn history(r: &mut Reader<'_>) -> Result<History, WireError> {
    let mut history = History { opened_ms: r.u64("time")?, ..History::default() };
    // Counts are believed one entry at a time: a wrong one ends with the bytes.
    for _ in 0..r.u32("rounds")? {
        history.models.push(r.array("model")?);
    }
    for _ in 0..r.u32("sums")? {
        history.sums.push(r.array("sum")?);
        let mut shares = vec![];
        for _ in 0..r.u16("shares")? {
            shares.push((r.u16("party")?, r.array("share")?));
        }
        history.shares.push(shares);
    }
    Ok(history)
}
