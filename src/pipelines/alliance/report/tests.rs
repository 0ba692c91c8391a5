//! The report as a reader gets it.
