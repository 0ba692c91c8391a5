//! Training through the public face, on every device: fleets, gradients, learning, checkpoints, settings, saved models.

#[path = "../common/backends.rs"]
mod backends;
mod checkpoints;
mod data_errors;
mod fleet;
mod golden;
mod gradient;
mod half;
mod learns;
mod naive;
mod probe;
mod replay;
mod saved;
mod settings;
mod small;
mod support;
