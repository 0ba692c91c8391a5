//! Job files: TOML text -> raw serde types -> checked values.
//!
//! A job file has a [`Head`] that all kinds share (`kind`, `name`, `seed`, `device`, `threads`, `[output]`); every
//! other key belongs to the kind. A kind writes one raw struct (serde + `JsonSchema`) and one `check` function:
//!
//! ```
//! use nightloom::spec::{self, JobErrors, JobText};
//!
//! #[derive(serde::Deserialize, schemars::JsonSchema)]
//! struct Raw {
//!     brew: RawBrew,
//! }
//!
//! #[derive(serde::Deserialize, schemars::JsonSchema)]
//! struct RawBrew {
//!     minutes: u32,
//! }
//!
//! fn check(text: &JobText) -> Result<u32, JobErrors> {
//!     let job = spec::parse::<Raw>(text)?;
//!     let mut issues = job.issues();
//!     issues.in_range("brew.minutes", job.raw.brew.minutes, 1..=10);
//!     issues.finish()?;
//!     Ok(job.raw.brew.minutes)
//! }
//!
//! let text = JobText::new("tea.toml", "kind = \"tea\"\n[brew]\nminutes = 99\n").unwrap();
//! let errors = check(&text).unwrap_err().to_string();
//! assert_eq!(errors, "tea.toml:3:11: brew.minutes: expected 1 to 10, got 99");
//! ```
//!
//! Unknown keys are errors whether or not the raw types say `deny_unknown_fields`, except below `#[serde(flatten)]`
//! and untagged enums, where serde hides the fields from the reader: avoid the first, give the second an `expecting`
//! text that starts with `expected`.

mod de;
mod error;
mod fault;
mod head;
mod located;
mod schema;
mod text;
mod tidy;
mod tree;
mod words;

pub use crate::artifact::table::TableFormat;
pub use crate::backend::{DeviceChoice, DeviceChoiceError, GpuSelector};
pub use crate::words::nearest;
pub use error::{JobError, JobErrors};
pub use head::{Head, Output};
pub use located::{Issues, Located, parse};
pub use schema::{all_kinds_schema, job_schema};
pub use text::{JobText, Overrides};
