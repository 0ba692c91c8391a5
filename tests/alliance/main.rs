//! The alliance job end to end: drives the real program on a small made-up table and on the bundled sales.
#![cfg(unix)]

mod bad_input;
mod bundled;
mod rounds;
mod site;
