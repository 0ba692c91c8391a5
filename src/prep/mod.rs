//! Fitted preparation steps: what is learned from the training rows, applied to all rows, and saved with the model.

mod attributes;
mod clean;
mod error;
mod rows;
mod scale;
mod series;

pub use attributes::{Attribute, AttributePrep, ColumnPrep, ColumnSpec, Replacement};
pub use clean::{CleanRule, CleanSpec, Cleaned, Cleaner, Fate};
pub use error::PrepError;
pub use rows::{RowPrep, Scaling};
pub use scale::Scale;
pub use series::{Demand, Feature, Layout, SeriesPrep};
