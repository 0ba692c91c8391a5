//! The growth job end to end: drives the real program on small made-up sales and once on the bundled data.
#![cfg(unix)]

mod bad_input;
mod bundled;
mod devices;
mod forms;
mod predict;
mod results;
mod resume;
mod sales;
mod settings;
mod site;
