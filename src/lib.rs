//! nightloom: the numerical engine behind a company's nightly sales intelligence.
//!
//! One library and one program. The program runs *jobs* (TOML files); a job composes a *pipeline* from models,
//! clusters and tables; models compile to *plans*; plans replay *ops*; ops run on a *backend*, the GPU through wgpu or
//! the CPU through rayon and SIMD. See `ARCHITECTURE.md` for the picture and the reasons.

pub mod alliance;
pub mod artifact;
pub mod assign;
pub mod backend;
pub mod card;
pub mod claims;
pub mod cli;
pub mod cluster;
pub mod dataset;
pub mod differences;
pub mod ledger;
pub mod model;
pub mod ops;
pub mod outbox;
pub mod paillier;
pub mod pipelines;
pub mod plan;
pub mod prep;
pub mod recommend;
pub mod replies;
pub mod report;
pub mod run;
pub mod speaking;
pub mod spec;
pub mod train;
pub mod tree;
mod words;
