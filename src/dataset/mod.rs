//! Tables in: readers, encodings, hashes, splits, and the sales series of the growth pipeline.
//!
//! A [`Source`] describes one CSV or Parquet file; a [`TableReader`] streams it in batches of typed columns and never
//! holds more than one; [`series`] builds each product's series from a table in long or wide form; [`rows`] reads inputs
//! and a target, row by row, for any model. Whatever is wrong with a file is a [`DataError`] that names the file, the
//! row and the column.

mod column;
mod csv_table;
mod decode;
mod detect;
mod error;
pub mod hash;
pub mod names;
mod numbers;
mod parquet_table;
mod reader;
mod records;
pub mod rows;
pub mod series;
mod source;
pub mod split;
pub mod synth;
pub mod synth_intent;
mod texts;

pub use column::{Column, ColumnType};
pub use error::{DataError, Place, RowRef};
pub use numbers::{NumberBlock, NumberReader};
pub use reader::{Batch, ColumnInfo, ReadOptions, TableReader, TypeOrigin, Wanted};
pub use source::{Encoding, Format, RawSource, Source};
pub use texts::Texts;

#[cfg(test)]
mod tests;
