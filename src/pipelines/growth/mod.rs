//! `growth`: which products will grow, and when to promote them.
//!
//! From the early steps of a product's sales the classifier ([`classify`]) says whether it will grow; the history's
//! products that began alike are its sales references; a network of its own, trained on them together with all the
//! others' in one fleet ([`points`]), says at which steps of its cycle to promote it. The steps are those of a published
//! method for finding products with growth potential from history logs; `growth.md` of the requirements (G1 to G8).

mod assemble;
pub mod classify;
mod data_spec;
mod error;
pub mod evaluate;
mod history;
pub mod increments;
mod job;
pub mod points;
mod predict;
mod references;
mod report;
pub mod results;
mod rounds;
pub mod settings;
mod tables;

pub use data_spec::{DataSpec, Like};
pub use error::GrowthError;
pub use history::Expected;
pub use job::Growth;
pub use predict::{NewData, predict};
