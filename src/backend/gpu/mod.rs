//! The GPU by way of wgpu: adapters, the device, its pipelines and its errors.

mod adapter;
mod checks;
mod device;
mod pipeline;
mod traits;
mod tuned;
mod units;

pub use adapter::{AdapterFacts, adapters};
pub use checks::{checks_wanted, demand_checks};
pub use device::{Gpu, ReadBack};
pub use pipeline::{BindAccess, Pipeline, PipelineKey};
pub use traits::GpuTraits;
pub use tuned::{TuningFile, TuningState, cache_folder, read_tuning, tuning_path};
pub use units::{MatrixUnits, UNITS_WGSL, UnitsState, units_wanted};

/// Bytes of immediates that every shader may use.
pub const IMMEDIATES_BYTES: u32 = 128;
