//! The GPU by way of wgpu: adapters, the device, its pipelines and its errors.

mod adapter;
mod device;
mod pipeline;

pub use adapter::{AdapterFacts, adapters};
pub use device::Gpu;
pub use pipeline::{BindAccess, Pipeline, PipelineKey};

/// Bytes of immediates that every shader may use.
pub const IMMEDIATES_BYTES: u32 = 128;
