//! The intent job end to end: drives the real program on a small made-up company and on the bundled households.
#![cfg(unix)]

mod bad_input;
mod bundled;
mod cards;
mod consent;
mod replies;
mod results;
mod resume;
mod site;
