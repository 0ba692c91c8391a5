//! What can go wrong in an alliance: errors of one's own, and refusals that go back to whoever sent something.

use crate::artifact::ArtifactError;
use crate::model::ModelError;
use crate::paillier::PaillierError;
use crate::train::TrainError;

use super::wire::WireError;

/// An error of the alliance module.
#[derive(Debug, thiserror::Error)]
pub enum AllianceError {
    /// A plan that cannot be.
    #[error("plan: `{key}` {reason}")]
    Plan {
        /// The setting.
        key: &'static str,
        /// What was expected and what came.
        reason: String,
    },
    /// The plan that came is not the one that the party knows, or not one that it accepts.
    #[error("the server's plan: {0}")]
    Terms(String),
    /// Bytes that are no message.
    #[error(transparent)]
    Wire(#[from] WireError),
    /// The server does not take what this party sent.
    #[error("the server refused: {reason}")]
    Refused {
        /// Why, for programs.
        code: RefusalCode,
        /// Why, for people.
        reason: String,
    },
    /// A completed sum that cannot be used.
    #[error("the sum of round {round}: {reason}")]
    Sum {
        /// The round, from 0.
        round: u32,
        /// What was expected and what came.
        reason: String,
    },
    /// An answer that does not belong to what was asked.
    #[error("expected {expected}, the other side sent `{got}`")]
    Answer {
        /// What was expected.
        expected: &'static str,
        /// What came.
        got: &'static str,
    },
    /// A journal that is not this run's.
    #[error("{what}: {reason}")]
    Journal {
        /// Which.
        what: String,
        /// What was expected and what came.
        reason: String,
    },
    /// A local update that no range holds.
    #[error("local training: {0}")]
    Update(String),
    /// Keys, ciphertexts, packing.
    #[error(transparent)]
    Paillier(#[from] PaillierError),
    /// The model.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// Local training.
    #[error(transparent)]
    Train(#[from] TrainError),
    /// A file.
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
}

impl AllianceError {
    /// A setting of a plan that cannot be.
    pub(super) fn plan(key: &'static str, reason: impl Into<String>) -> Self {
        Self::Plan { key, reason: reason.into() }
    }

    /// A journal that is not this run's.
    pub(super) fn journal(what: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Journal { what: what.into(), reason: reason.into() }
    }
}

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $number:literal,)*) => {
        /// Why a message is refused (A12).
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum RefusalCode {
            $($(#[$doc])* $name,)*
        }

        impl RefusalCode {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// Its number on the wire.
            pub fn number(self) -> u8 {
                match self {
                    $(Self::$name => $number,)*
                }
            }

            /// The code of this number.
            pub fn of(number: u8) -> Option<Self> {
                match number {
                    $($number => Some(Self::$name),)*
                    _ => None,
                }
            }
        }
    };
}

codes! {
    /// No message, or one with a changed bit.
    Malformed = 1,
    /// Another version of the protocol.
    Version = 2,
    /// The sender is not in the plan.
    UnknownParty = 3,
    /// It is sent for another party than the sender.
    OtherParty = 4,
    /// It is for another plan.
    OtherPlan = 5,
    /// It is for a round that is over: the sum is complete, fetch it.
    Late = 6,
    /// It is for a round that has not begun.
    Early = 7,
    /// The update starts from another model.
    OtherModel = 8,
    /// It is packed in another layout.
    OtherLayout = 9,
    /// It is encrypted for another key.
    OtherKey = 10,
    /// It is not as long as the plan says.
    Length = 11,
    /// A number that can be no ciphertext of this key.
    Ciphertext = 12,
    /// The party has sent another one for this round already.
    Twice = 13,
    /// Nobody asks for it now, or the plan never does.
    Unexpected = 14,
    /// The party's model is not the others'.
    ModelsDiffer = 15,
    /// The alliance has stopped.
    Stopped = 16,
}

/// A message that is not taken, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Refusal {
    /// Why, for programs.
    pub code: RefusalCode,
    /// Why, for people: what was expected and what came.
    pub reason: String,
}

impl Refusal {
    /// A refusal.
    pub fn new(code: RefusalCode, reason: impl Into<String>) -> Self {
        Self { code, reason: reason.into() }
    }
}

impl From<WireError> for Refusal {
    fn from(error: WireError) -> Self {
        let code =
            if matches!(error, WireError::Version { .. }) { RefusalCode::Version } else { RefusalCode::Malformed };
        Self::new(code, error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::RefusalCode;

    #[test]
    fn a13_every_refusal_has_a_number_of_its_own() {
        for (i, code) in RefusalCode::ALL.iter().enumerate() {
            assert_eq!(RefusalCode::of(code.number()), Some(*code));
            assert_eq!(usize::from(code.number()), i + 1);
        }
        assert_eq!(RefusalCode::of(0), None);
        assert_eq!(RefusalCode::of(17), None);
    }
}
