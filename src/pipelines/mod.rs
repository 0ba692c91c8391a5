//! Pipelines: they compose data, models and clusters, and compute nothing themselves that an engine module could.

pub mod growth;
