//! Who holds what, and what to offer to whom: weights of products by class, baselines (most popular, item-item cosine,
//! EASE), and how good a ranking is when some holdings were hidden.
//!
//! A [`Holdings`] is the checked form of the data that all of them take. A [`Scorer`] gives each product a score for one
//! user; [`rank`] turns scores into a list whose ties break by the product's number, and [`judge`] holds lists against
//! hidden holdings.

mod baselines;
mod classes;
mod hide;
mod holdings;
mod judge;

pub use baselines::{Cosine, Ease, Popular};
pub use classes::{Bag, ClassCounts};
pub use hide::{Hide, hide};
pub use holdings::{Holdings, Profile, RecommendError};
pub use judge::{Figures, Judged, Scorer, judge, rank};
