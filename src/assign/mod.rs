//! Allocation of customers to managers with capacities, by a capacity auction that certifies its own result (R5).
//!
//! ```text
//! maximise  sum_i gain[i, m(i)]  with every m(i) among i's candidates or none (worth stay[i]), at most c_j customers a manager
//! bound(p)  = sum_j c_j p_j + sum_i max(stay[i], max_j (gain[i, j] - p_j))      for any prices p >= 0
//! ```
//!
//! No allocation is worth more than `bound(p)`, whatever the prices are: of the pairs of an allocation each gives at most
//! `gain - p_j` to the second sum and `p_j` to the first. The auction is a way to find good prices and an allocation at
//! once; that they are good is shown by [`Allocation::gap`], not believed.
//!
//! *The auction.* A manager keeps the `c_j` highest bids that came; his price is the lowest of them once he is full, 0
//! before. A customer without a place bids at the candidate that gives most at the present prices, and as much as that one
//! is better than the next best, plus epsilon. Whoever falls out bids again. Prices of managers with room are 0, so at the
//! end the gap is at most epsilon a place taken. Epsilon begins wide and is divided by four, with prices from 0 again, until
//! the gap asked for is reached: what a round costs grows with 1 / epsilon, so the last one is most of it.
//!
//! Ties go to the candidate that is named first and, between equal bids, to the customer with the smaller number; one
//! thread does the work. The same problem gives the same allocation to the bit.

mod allocation;
mod auction;
mod bids;
mod error;
mod problem;
#[cfg(test)]
mod tests;

pub use allocation::{Allocation, Left, LeftReason};
pub use auction::AuctionSpec;
pub use error::AssignError;
pub use problem::{Candidates, Problem, RawProblem};
