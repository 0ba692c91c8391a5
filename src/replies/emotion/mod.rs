//! Emotion by a trained text model: embedding and attention on the engine.
//!
//! A text becomes n-grams of characters or words, with steps of its lexicon scores among them where there is a lexicon
//! ([`TextPreparation`]). A linear model says which n-grams tell classes apart: the most telling ones make the
//! vocabulary, and its coefficients are where the embedding's first channels begin. An ensemble of attention encoders
//! then trains from there as one fleet ([`TextModel`]).

mod lexicon;
mod linear;
mod model;
mod prepare;

pub use lexicon::Lexicon;
pub use model::{Network, TextModel, TextSpec};
pub use prepare::{Grams, TextPreparation, Unit};
