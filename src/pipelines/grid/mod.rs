//! `grid`: the right customer to the right manager, for the right task (R1 to R12).
//!
//! One table says who was contacted for which task and what came of it; late tasks are to be allocated. Customers lie in
//! grids by feature class (R1, R3). An ensemble of networks, trained as one fleet, scores pairs of manager and customer
//! (R5), first without and then with what the two did together (R7); an auction allocates within the managers' capacities.
//! Intent weights (R8) and tiers (R9) follow, and an evaluation on the late tasks' real outcomes (R12).

mod allocate;
mod baselines;
mod check;
mod contacts;
mod correspond;
mod dispatch;
mod error;
mod evaluate;
mod features;
mod gain;
mod index;
mod inputs;
mod intent;
mod job;
mod managers;
mod network;
mod report;
mod results;
mod run;
mod settings;
mod tables;
mod world;

pub use error::GridError;
pub use job::Grid;
pub use settings::Settings;
