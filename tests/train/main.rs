//! The train job end to end: drives the real program on small made-up tables and on the bundled digits.
#![cfg(unix)]

mod bad_input;
mod bundled;
mod forms;
mod predict;
mod resume;
mod site;
