//! Training fleets of models: the loop, early stopping, checkpoints, and the measures of what came out.

mod checkpoint;
mod control;
mod curves;
#[cfg(test)]
mod epoch_tests;
mod error;
mod fleet;
mod logistic;
pub mod metrics;
mod predict;
mod saved;
mod seeds;
mod spec;
mod state;
mod tables;
mod window;

pub use control::{CheckpointPlan, Control, EpochReport};
pub use curves::mean_losses;
pub use error::TrainError;
pub use fleet::{Data, Member, Targets, TrainedMember, fleet_max, train, train_in_fleets};
pub use logistic::Logistic;
pub use predict::{Predictor, Probed, predict, predict_own};
pub use saved::SavedFleet;
pub use seeds::member_seed;
pub use spec::{EarlyStop, RateSchedule, TrainSpec};
