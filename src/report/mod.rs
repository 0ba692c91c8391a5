//! The run's report (E20): one HTML file that needs no network, no script and no other file.
//!
//! A pipeline builds a [`Report`] from sections; a section's [`Body`] holds paragraphs, key figures, tables and
//! charts. Charts ([`chart`]) are inline SVG drawn with the page's own colours, so that they follow the reader's light
//! or dark scheme and print in black on white.
//!
//! Two promises hold everywhere:
//! * every text that comes from data is escaped, whatever it contains;
//! * the same input gives the same bytes: numbers are rounded in one place ([`number`], [`svg`]), nothing depends on
//!   hash order, and no clock is read.
//!
//! Values that cannot be drawn (NaN, infinities, ragged tables) are a [`ReportError`], never a broken picture.

mod body;
pub mod chart;
mod error;
pub mod number;
mod page;
pub mod scale;
pub mod svg;
mod table;
pub mod text;

pub use body::{Body, Card, NoteKind, StepTiming};
pub use error::ReportError;
pub use page::Report;
pub use table::{Cell, Column, Table};
