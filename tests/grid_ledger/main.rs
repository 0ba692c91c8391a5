//! Claims and outbox over real processes, which are killed.

mod claims;
mod outbox;
mod site;
