//! The numerical core, op by op.
//!
//! One folder an op: its checked shape types, a naive f64 reference, the CPU kernel, the GPU kernel, and the cases that
//! drive agreement tests, gradient tests and benchmarks alike. To add an op: one folder, one shader, one line in
//! [`Registry::standard`].

pub mod activation;
pub mod add;
pub mod association;
pub mod attention;
pub mod batch_norm;
mod case;
pub mod centroid;
pub mod columns;
pub mod conv;
pub mod covariance;
pub mod distance;
pub mod dropout;
pub mod embedding;
mod error;
mod facts;
mod fold;
pub mod gather;
pub mod keep_best;
mod kernel;
pub mod layer_norm;
pub mod loss;
pub mod math;
pub mod matmul;
pub mod mixed;
pub mod network;
pub mod optimiser;
pub mod pool;
mod program;
pub mod reduce;
pub mod rng;
pub mod schedule;
pub mod softmax;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
pub mod tuning;
pub mod winograd;

pub use activation::Activation;
pub use case::{Call, Case, Fill};
pub use error::ShapeError;
pub use facts::OpFacts;
pub use kernel::{
    ARGS_MAX, Access, Arg, ArgSpec, Args, Axis, Bind, DType, Dispatch, Floats, FloatsMut, Kernel, PARAMS_MAX, Shader,
    Target, Tile, Work, prelude, reads, writes,
};
pub use program::Program;

use tuning::TuningGroup;

/// One operation, as the registry lists it.
pub trait Op: Sync + std::fmt::Debug {
    /// Its name, the folder's and the shader's.
    fn name(&self) -> &'static str;
    /// Its equation in one line.
    fn summary(&self) -> &'static str;
    /// The WGSL texts of its kernels.
    fn shaders(&self) -> Vec<Shader>;
    /// Shapes and tolerances for tests and benches.
    fn cases(&self) -> Vec<Case>;
    /// Groups of GPU forms among which a device's measurements choose.
    fn tuning(&self) -> Vec<TuningGroup> {
        vec![]
    }
}

/// The list that tests, benches and `nightloom ops` walk. The default one is empty.
#[derive(Debug, Clone, Default)]
pub struct Registry {
    ops: Vec<&'static dyn Op>,
}

impl Registry {
    /// All operations of this library.
    pub fn standard() -> Self {
        Self {
            ops: vec![
                &matmul::MatmulOp,
                &conv::ConvOp,
                &activation::ActivationOp,
                &distance::DistanceOp,
                &centroid::CentroidOp,
                &covariance::CovarianceOp,
                &reduce::ReduceOp,
                &loss::LossOp,
                &softmax::SoftmaxOp,
                &optimiser::OptimiserOp,
                &pool::PoolOp,
                &dropout::DropoutOp,
                &keep_best::KeepBestOp,
                &mixed::MixedOp,
                &gather::GatherOp,
                &batch_norm::BatchNormOp,
                &embedding::EmbeddingOp,
                &add::AddOp,
                &layer_norm::LayerNormOp,
                &attention::AttentionOp,
                &association::AssociationOp,
                &columns::ColumnsOp,
            ],
        }
    }

    /// The same list with one more operation.
    #[must_use]
    pub fn with(mut self, op: &'static dyn Op) -> Self {
        self.ops.push(op);
        self
    }

    /// The operations in order.
    pub fn ops(&self) -> &[&'static dyn Op] {
        &self.ops
    }
}
