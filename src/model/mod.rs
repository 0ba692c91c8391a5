//! Models: lists of layers with checked shapes, and how they compile to plans.
//!
//! A [`ModelSpec`] is what a job file says; [`Model::new`] checks it and knows every shape and parameter;
//! [`compile`] records the kernels of a training step, an evaluation step and a prediction for a fleet.

pub mod compile;
mod error;
mod init;
mod input;
mod layer;
mod objective;
mod params;
mod readout;
mod shape;
mod sides;
mod weights;

pub use error::ModelError;
pub use init::initial_weights;
pub use input::InputForm;
pub use layer::LayerSpec;
pub use objective::{Loss, Optimizer, Precision};
pub use readout::AssociationShape;
pub use shape::{Model, ModelSpec, ParamInfo, ParamKind, TensorShape};
pub use sides::{NamedPadding, Padding, PlanePadding, Sides};
pub use weights::Weights;
