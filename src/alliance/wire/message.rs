//! The messages, each with its fields in the order of the wire.

use super::codec::{Reader, Writer};
use super::{MAGIC, VERSION, WireError};
use crate::alliance::{Hash, RefusalCode};

/// A party asks for the plan and the starting model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hello {
    /// The fingerprint of the party's public key.
    pub key: Hash,
}

/// The server's plan and starting model (A2).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Terms<'a> {
    /// The plan as JSON.
    pub plan: &'a str,
    /// The starting model's values, f32 after f32.
    pub weights: &'a [u8],
}

/// A party's encrypted update (A4), bound to all that it is for (A13).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Upload<'a> {
    /// The plan's hash.
    pub plan: Hash,
    /// The round, from 0.
    pub round: u32,
    /// The hash of the model that the update starts from.
    pub model: Hash,
    /// The hash of the layout.
    pub layout: Hash,
    /// The fingerprint of the public key.
    pub key: Hash,
    /// The party's place in the plan.
    pub party: u16,
    /// Random: no two uploads are the same by chance.
    pub nonce: [u8; 16],
    /// The ciphertexts one after another.
    pub ciphertexts: &'a [u8],
}

impl Upload<'_> {
    /// Bytes of an upload's message besides its ciphertexts.
    pub const BYTES: usize = super::FRAME_BYTES + 32 + 4 + 3 * 32 + 2 + 16;
}

/// The server has a message and will not lose it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Taken {
    /// The round that it was for.
    pub round: u32,
    /// The SHA-256 that ends the message.
    pub message: Hash,
}

/// What a party asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// The completed sum.
    Sum,
    /// The other parties' shares of its decryption.
    Shares,
}

/// A party asks how a round stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Poll {
    /// The plan's hash.
    pub plan: Hash,
    /// The round that the party is in.
    pub round: u32,
    /// What for.
    pub wanted: Wanted,
}

/// What the server is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Uploads come in.
    Collecting,
    /// The sum is there; parties open and apply it.
    Published,
    /// All rounds are done.
    Finished,
}

/// There is nothing to hand out yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Status {
    /// What the server is doing.
    pub phase: Phase,
    /// In which round.
    pub round: u32,
    /// Whether it has what this party owes it: the upload while it collects, the model's hash afterwards.
    pub have: bool,
    /// How many parties it has that of.
    pub came: u16,
}

/// The completed sum (A5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sum<'a> {
    /// The plan's hash.
    pub plan: Hash,
    /// The round.
    pub round: u32,
    /// Whose updates it holds: bit i of byte i / 8 for party i.
    pub contributors: [u8; 128],
    /// The sum of their weights.
    pub weights: u64,
    /// The ciphertexts one after another.
    pub ciphertexts: &'a [u8],
}

impl Sum<'_> {
    /// Bytes of a sum's message besides its ciphertexts.
    pub const BYTES: usize = super::FRAME_BYTES + 32 + 4 + 128 + 8;
}

/// A party's share of the decryption, where several must join.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share<'a> {
    /// The plan's hash.
    pub plan: Hash,
    /// The round.
    pub round: u32,
    /// The party's place in the plan.
    pub party: u16,
    /// The SHA-256 of the sum's message.
    pub sum: Hash,
    /// One number a ciphertext.
    pub values: &'a [u8],
}

/// As many shares as are needed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shares<'a> {
    /// The round.
    pub round: u32,
    /// Whose, and what they hold, all of one length.
    pub shares: Vec<(u16, &'a [u8])>,
}

/// A party's model after a round (A7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Applied {
    /// The plan's hash.
    pub plan: Hash,
    /// The round.
    pub round: u32,
    /// The model's hash.
    pub model: Hash,
}

/// A party cannot use a sum: weight slot, canary or contributors are not what was announced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Objection<'a> {
    /// The plan's hash.
    pub plan: Hash,
    /// The round.
    pub round: u32,
    /// Why.
    pub reason: &'a str,
}

/// The server does not take a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused<'a> {
    /// Why, for programs.
    pub code: RefusalCode,
    /// Why, for people.
    pub reason: &'a str,
}

/// Any message.
#[derive(Debug, Clone, PartialEq)]
pub enum Message<'a> {
    /// Party to server.
    Hello(Hello),
    /// Server to party.
    Terms(Terms<'a>),
    /// Party to server.
    Upload(Upload<'a>),
    /// Server to party.
    Taken(Taken),
    /// Party to server.
    Poll(Poll),
    /// Server to party.
    Status(Status),
    /// Server to party.
    Sum(Sum<'a>),
    /// Party to server.
    Share(Share<'a>),
    /// Server to party.
    Shares(Shares<'a>),
    /// Party to server.
    Applied(Applied),
    /// Party to server.
    Objection(Objection<'a>),
    /// Server to party.
    Refused(Refused<'a>),
}

/// The messages' names by their kind.
const NAMES: [&str; 13] = [
    "malformed",
    "hello",
    "terms",
    "upload",
    "taken",
    "poll",
    "status",
    "sum",
    "share",
    "shares",
    "applied",
    "objection",
    "refused",
];

/// What a message that this program has written is called, without reading it.
pub fn name_of(message: &[u8]) -> &'static str {
    let kind = message.get(MAGIC.len() + 2).copied().unwrap_or(0);
    NAMES.get(usize::from(kind)).copied().unwrap_or(NAMES[0])
}

impl<'a> Message<'a> {
    /// What it is called in the transcript.
    pub fn name(&self) -> &'static str {
        NAMES[usize::from(self.kind())]
    }

    /// The round that a party's message is about.
    pub fn round(&self) -> Option<u32> {
        match self {
            Self::Upload(m) => Some(m.round),
            Self::Poll(m) => Some(m.round),
            Self::Share(m) => Some(m.round),
            Self::Applied(m) => Some(m.round),
            Self::Objection(m) => Some(m.round),
            _ => None,
        }
    }

    fn kind(&self) -> u8 {
        match self {
            Self::Hello(_) => 1,
            Self::Terms(_) => 2,
            Self::Upload(_) => 3,
            Self::Taken(_) => 4,
            Self::Poll(_) => 5,
            Self::Status(_) => 6,
            Self::Sum(_) => 7,
            Self::Share(_) => 8,
            Self::Shares(_) => 9,
            Self::Applied(_) => 10,
            Self::Objection(_) => 11,
            Self::Refused(_) => 12,
        }
    }

    /// The message as bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Writer::default();
        out.bytes(&MAGIC).u16(VERSION).u8(self.kind());
        match self {
            Self::Hello(m) => out.bytes(&m.key),
            Self::Terms(m) => out.u32(m.plan.len() as u32).bytes(m.plan.as_bytes()).bytes(m.weights),
            Self::Upload(m) => out
                .bytes(&m.plan)
                .u32(m.round)
                .bytes(&m.model)
                .bytes(&m.layout)
                .bytes(&m.key)
                .u16(m.party)
                .bytes(&m.nonce)
                .bytes(m.ciphertexts),
            Self::Taken(m) => out.u32(m.round).bytes(&m.message),
            Self::Poll(m) => out.bytes(&m.plan).u32(m.round).u8(match m.wanted {
                Wanted::Sum => 0,
                Wanted::Shares => 1,
            }),
            Self::Status(m) => out
                .u8(match m.phase {
                    Phase::Collecting => 0,
                    Phase::Published => 1,
                    Phase::Finished => 2,
                })
                .u32(m.round)
                .u8(u8::from(m.have))
                .u16(m.came),
            Self::Sum(m) => out.bytes(&m.plan).u32(m.round).bytes(&m.contributors).u64(m.weights).bytes(m.ciphertexts),
            Self::Share(m) => out.bytes(&m.plan).u32(m.round).u16(m.party).bytes(&m.sum).bytes(m.values),
            Self::Shares(m) => {
                out.u32(m.round).u16(m.shares.len() as u16);
                for (party, _) in &m.shares {
                    out.u16(*party);
                }
                for (_, values) in &m.shares {
                    out.bytes(values);
                }
                &mut out
            }
            Self::Applied(m) => out.bytes(&m.plan).u32(m.round).bytes(&m.model),
            Self::Objection(m) => out.bytes(&m.plan).u32(m.round).text(m.reason),
            Self::Refused(m) => out.u8(m.code.number()).text(m.reason),
        };
        out.sealed()
    }

    /// Reads a message.
    ///
    /// # Errors
    /// What is wrong with the bytes.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, WireError> {
        let mut r = Reader::unsealed(bytes)?;
        if r.array::<4>("beginning")? != MAGIC {
            return Err(WireError::Magic);
        }
        let version = r.u16("version")?;
        if version != VERSION {
            return Err(WireError::Version { got: version });
        }
        let message = match r.u8("kind")? {
            1 => Self::Hello(Hello { key: r.array("key")? }),
            2 => {
                let len = r.u32("plan")?;
                let plan = std::str::from_utf8(r.take("plan", len as usize)?);
                Self::Terms(Terms { plan: plan.map_err(|_| WireError::Text { what: "plan" })?, weights: r.rest() })
            }
            3 => Self::Upload(Upload {
                plan: r.array("plan")?,
                round: r.u32("round")?,
                model: r.array("model")?,
                layout: r.array("layout")?,
                key: r.array("key")?,
                party: r.u16("party")?,
                nonce: r.array("nonce")?,
                ciphertexts: r.rest(),
            }),
            4 => Self::Taken(Taken { round: r.u32("round")?, message: r.array("message")? }),
            5 => Self::Poll(Poll { plan: r.array("plan")?, round: r.u32("round")?, wanted: wanted(&mut r)? }),
            6 => Self::Status(Status {
                phase: phase(&mut r)?,
                round: r.u32("round")?,
                have: r.flag("have")?,
                came: r.u16("came")?,
            }),
            7 => Self::Sum(Sum {
                plan: r.array("plan")?,
                round: r.u32("round")?,
                contributors: r.array("contributors")?,
                weights: r.u64("weights")?,
                ciphertexts: r.rest(),
            }),
            8 => Self::Share(Share {
                plan: r.array("plan")?,
                round: r.u32("round")?,
                party: r.u16("party")?,
                sum: r.array("sum")?,
                values: r.rest(),
            }),
            9 => Self::Shares(shares(&mut r)?),
            10 => Self::Applied(Applied { plan: r.array("plan")?, round: r.u32("round")?, model: r.array("model")? }),
            11 => {
                Self::Objection(Objection { plan: r.array("plan")?, round: r.u32("round")?, reason: r.text("reason")? })
            }
            12 => Self::Refused(Refused { code: code(&mut r)?, reason: r.text("reason")? }),
            got => return Err(WireError::Kind { got }),
        };
        r.finish()?;
        Ok(message)
    }
}

fn wanted(r: &mut Reader<'_>) -> Result<Wanted, WireError> {
    match r.u8("wanted")? {
        0 => Ok(Wanted::Sum),
        1 => Ok(Wanted::Shares),
        got => Err(WireError::Value { what: "wanted", got: u64::from(got) }),
    }
}

fn phase(r: &mut Reader<'_>) -> Result<Phase, WireError> {
    match r.u8("phase")? {
        0 => Ok(Phase::Collecting),
        1 => Ok(Phase::Published),
        2 => Ok(Phase::Finished),
        got => Err(WireError::Value { what: "phase", got: u64::from(got) }),
    }
}

fn code(r: &mut Reader<'_>) -> Result<RefusalCode, WireError> {
    let got = r.u8("refusal")?;
    RefusalCode::of(got).ok_or(WireError::Value { what: "refusal", got: u64::from(got) })
}

fn shares<'a>(r: &mut Reader<'a>) -> Result<Shares<'a>, WireError> {
    let round = r.u32("round")?;
    let count = usize::from(r.u16("shares")?);
    // The names stand in the message: their number cannot be larger than it.
    let names = r.take("parties of shares", 2 * count)?;
    let values = r.rest();
    let len = values.len().checked_div(count).unwrap_or(0);
    if len * count != values.len() {
        return Err(WireError::Long { left: values.len() - len * count });
    }
    let party = |name: &[u8]| u16::from_le_bytes([name[0], name[1]]);
    let part = |i: usize| &values[i * len..(i + 1) * len];
    Ok(Shares { round, shares: names.chunks_exact(2).enumerate().map(|(i, name)| (party(name), part(i))).collect() })
}
