//! Push jobs end to end: the bundled jobs, small made-up tables, bad input, kills, predictions, streams.
#![cfg(unix)]

mod bad_input;
mod bundled;
mod resume;
mod rules;
mod site;
mod stream;
