//! `alliance`: companies train one model together, and nobody sees another's data, updates or gradients.
//!
//! The job plays it through in one process (`simulate`): every company with its own rows, its own folder and its own copy
//! of the model, and the server between them, over the same bytes as over a network. Beside it stand what the result must
//! be compared with: each company alone, and all of them in the clear. Then it says whether a company should adopt what
//! another does (A9), and where a product could be promoted (A10).

mod adopt;
mod audit;
mod check;
mod course;
mod encrypted;
mod error;
mod examples;
mod job;
mod loaded;
mod panel;
mod promote;
mod report;
pub mod results;
mod run;
pub mod settings;
mod tables;

pub use error::AllianceJobError;
pub use job::Alliance;

/// The name of these models in model files.
pub const TASK: &str = "alliance.panel";
