//! An alliance of real processes over real connections, and everything that can happen to it (A6, A12, A13).
#![cfg(unix)]

mod bodies;
mod kills;
mod messages;
mod site;
mod whole;
