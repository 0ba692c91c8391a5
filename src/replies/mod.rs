//! Replies: what language, emotion, satisfaction and deal rate they have, what to answer, and what follows.
//!
//! Word lists and answer tables are data ([`WordLists`], [`AnswerTable`]); the emotion comes from the lists or from a
//! trained text model ([`TextModel`]). Nothing here knows of pipelines: a batch of replies goes in, scores, answers and
//! [`Decision`]s come out in the same order.

mod answers;
mod decide;
pub mod emotion;
mod error;
mod language;
mod score;
mod table;
mod tokens;
mod words;

#[cfg(test)]
mod bundled_tests;

pub use answers::{Answer, AnswerTable, Question, Slots};
pub use decide::{Decision, HandOver, HandOverReason, Intended, ReplyRow, Speaker, TURN_MAX, Thresholds, Turn};
pub use emotion::TextModel;
pub use error::RepliesError;
pub use language::{Detected, Language, detect};
pub use score::{Emotion, Formula, Scorer, Scores};
pub use tokens::{Span, Tokens};
pub use words::{Found, List, WordLists};
