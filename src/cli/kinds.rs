//! The kinds of job that this program knows.

use crate::pipelines::alliance::Alliance;
use crate::pipelines::growth::Growth;
use crate::pipelines::train::Train;
use crate::run::{Kinds, SelfTest};

/// One line a kind.
pub fn kinds() -> Kinds {
    Kinds(&[&Growth, &Train, &Alliance, &SelfTest])
}
