//! Decision trees and boosted trees for tables, by histograms of binned features.
//!
//! [`Features`] is the checked form of the data: numbers and categories, either of which may be missing. [`TreeSpec::fit`]
//! grows one tree, [`BoostSpec::fit`] many that correct each other. [`export`] writes a tree as text, [`picture`] draws it.
//!
//! The same data and settings give the same bits, whatever the number of threads.

mod bins;
pub mod boost;
mod decision;
mod error;
pub mod export;
mod features;
mod grow;
mod histogram;
mod node;
pub mod picture;
mod prune;
mod split;

pub use bins::SAMPLE_ROWS;
pub use boost::{BoostLoss, BoostSpec, Boosted, Round};
pub use decision::{Impurity, Target, TreeSpec, balanced_weights};
pub use error::TreeError;
pub use features::{BINS_MAX, FeatureKind, Features};
pub use node::{Node, Rule, Split, Tree};
