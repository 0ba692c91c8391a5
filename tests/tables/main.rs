//! Jobs on one table end to end: K-means, neighbours, PCA and trees, on the bundled data and on small made-up tables.
#![cfg(unix)]

mod bad_input;
mod golden;
mod jobs;
mod out_of_core;
mod site;
