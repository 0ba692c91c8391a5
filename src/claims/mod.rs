//! Who looks after which customer: lists of offers and claims on them (R11).
//!
//! A list offers a grid's customers for a task in one of three [`Mode`]s, which say who sees them. Whoever claims a customer
//! first owns the customer in that grid, for all tasks; the others no longer see it. A claim is on the disk before it is
//! answered, and one that its owner repeats (after a kill, say, when the answer was lost) is won again.

mod error;
mod sqlite;
mod store;
#[cfg(test)]
mod tests;

pub use error::ClaimError;
pub use sqlite::SqliteClaims;
pub(crate) use sqlite::put_list;
pub use store::{Claim, ClaimStore, Mode, OfferList, Offered, Open, Release};
