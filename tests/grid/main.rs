//! The grid job end to end: drives the real program on a small made-up table and on the bundled contacts.
#![cfg(unix)]

mod bad_input;
mod bundled;
mod dispatch;
mod incremental;
mod results;
mod resume;
mod site;
