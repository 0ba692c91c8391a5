//! How to speak with whom: personality types, ways of speaking, greetings (I6 to I8).
//!
//! ```text
//! a user's fields --> LookUp ----------+
//!                                      +--> Personality --> Communication --> WayOfSpeaking --> Greetings --> Greeting
//! a user's features -> PersonalityNet -+                    + language                         + product
//! ```
//!
//! All tables are small files of words, held in maps: what is asked for one user takes some look-ups, however long the
//! tables are. Whatever is wrong with a table is a [`DataError`](crate::dataset::DataError) that names the file, the row
//! and the column. In these tables only an empty cell is a missing value: `NA` is a word like others.

mod error;
mod greeting;
mod language;
mod look_up;
mod manner;
mod network;
mod personality;
mod settings;
mod template;
mod words;

pub use error::SpeakingError;
pub use greeting::{Greeting, GreetingCounts, Greetings};
pub use language::{Fallback, language_tag};
pub use look_up::LookUp;
pub use manner::{Communication, WayOfSpeaking};
pub use network::{NetReport, NetRunner, PersonalityNet};
pub use personality::{By, Personality, SpokeCounts, Users, personalities};
pub use settings::NetSettings;
pub use template::{Slot, SlotValues, Template};

/// What matches anything in a table of words.
pub const ANY: &str = "*";

#[cfg(test)]
mod tests;
