//! Sales series out of a log (G1): one row per product and time (long form), or one row per product (wide form).
//!
//! **Long form.** Times are dates (or dates with a time of day), which are bucketed by day, week or month, or integers,
//! which are the steps. Several times of one product in one bucket add up; the same time twice is an error. A row without
//! a product, a time or a quantity is an error; a *step* without a row is 0 or an error, as `missing` says.
//! `span` says from where to where a product's series runs.
//!
//! **Wide form.** Every series begins at the first step column. Empty cells after a row's last quantity mean that the
//! product's cycle is over; empty cells before it are 0 or an error, as `missing` says. With `start` and `step` the columns
//! have dates: the first of the listed columns, dropped or not, begins on `start`.

mod calendar;
mod long;
mod set;
mod spec;
mod wide;

pub use calendar::{Calendar, Step, WeekStart};
pub use set::{Attribute, SeriesSet};
pub use spec::{Form, MissingStep, RawSeries, RawSteps, SeriesSpec, Span};

#[cfg(test)]
mod tests;
