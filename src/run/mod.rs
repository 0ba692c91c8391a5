//! The batch runner: run folders, resume, lock, events, signals, exit codes (E16 to E20).
//!
//! # A run and its folder
//!
//! A run's key is the SHA-256 of everything that decides its results: the resolved job, the hashes of its inputs, the
//! program's version, and the device. Its folder is `<output folder>/<name>-<first 12 digits of the key>`:
//!
//! | file | holds | in `DONE` |
//! |---|---|---|
//! | `job.json` | the resolved job, inputs with SHA-256, version, device, key | yes |
//! | `tables/`, `models/`, `metrics.json` | the results: the same job, data, seed and device give the same bytes | yes |
//! | `cards/` | pages for users, which follow from the tables | no |
//! | `report.html` | the report; it shows how long things took, so its bytes differ from run to run | no |
//! | `timing.json` | how long each stage took | no |
//! | `events.jsonl` | what happened, one line an event, written as it happens | no |
//! | `checkpoints/` | finished stages and the state of training, for resume | no |
//! | `LOCK` | who runs here now; empty when nobody does | no |
//! | `DONE` | written last: the manifest of results with sizes and SHA-256 | |
//!
//! The number of threads, the output folder and what `--device` said are not part of the key: they do not change
//! results (the device that was actually chosen is, and does).
//!
//! # Resume
//!
//! A job's work is cut into stages ([`RunContext::stage`]). A finished stage's result is stored; the same command
//! skips it. Inside a long stage, training writes checkpoints to [`RunContext::checkpoint`] and asks
//! [`RunContext::interrupted`] every so often. A stage hands on what was *stored*, read back, also when it has just
//! run, so that a resumed run cannot differ from an undisturbed one.
//!
//! # A kind of job
//!
//! Implement [`JobKind`] and [`Job`], and add one line to `cli::kinds`.

mod amend;
mod console;
mod context;
mod done;
mod engine;
mod error;
mod events;
mod exit;
mod folder;
mod interrupt;
mod key;
mod kind;
mod lock;
mod progress;
mod selftest;
mod stage;
mod threads;

pub use amend::amend;
pub use console::{Console, LogChoice, colour_wanted};
pub use context::RunContext;
pub use done::{Done, ResultFile};
pub use engine::{Prepared, RunState, Summary, prepare};
pub use error::{BoxError, RunError};
pub use events::read_events;
pub use exit::ExitCode;
pub use folder::RunFolder;
pub use interrupt::Interrupt;
pub use kind::{DeviceUsed, FailedStep, Input, Job, JobKind, Kinds, Outcome};
pub use lock::Lock;
pub use progress::Progress;
pub use selftest::SelfTest;
pub use stage::StageTime;
pub use threads::use_threads;
