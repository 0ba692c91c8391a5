//! What an auction found, and what it is worth at most.

use super::Problem;

/// An allocation with its certificate.
#[derive(Debug, Clone, PartialEq)]
pub struct Allocation {
    /// By customer.
    pub manager: Vec<Option<u32>>,
    /// What it is worth: the gains of those who have a manager, and `stay` of the others.
    pub value: f64,
    /// What no allocation can exceed.
    pub bound: f64,
    /// What a place costs, by manager: the prices that prove `bound`.
    pub prices: Vec<f64>,
    /// How many customers each manager has.
    pub loads: Vec<u32>,
    /// How many bids were made.
    pub bids: u64,
    /// The epsilon of the auction that was kept.
    pub epsilon: f64,
}

/// Why a customer has no manager.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LeftReason {
    /// Nobody is a candidate.
    NoCandidate,
    /// The candidates who are worth more than no manager are full.
    AllFull,
    /// No candidate is worth more than no manager.
    BetterLeft,
}

impl LeftReason {
    /// For tables.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NoCandidate => "no candidate",
            Self::AllFull => "all candidates full",
            Self::BetterLeft => "better left",
        }
    }
}

/// A customer without a manager.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Left {
    /// The customer, from 0.
    pub customer: usize,
    /// Why.
    pub reason: LeftReason,
}

impl Allocation {
    /// How far from the best allocation this one can be at most, as a share of its value: `.001` is .1%.
    pub fn gap(&self) -> f64 {
        let missing = (self.bound - self.value).max(0.0);
        if missing == 0.0 { 0.0 } else { missing / self.value.abs().max(f64::MIN_POSITIVE) }
    }

    /// The better allocation of two, with the lower bound of two.
    pub(super) fn joined(self, other: Self) -> Self {
        let bids = self.bids + other.bids;
        let (bound, prices) =
            if other.bound < self.bound { (other.bound, other.prices) } else { (self.bound, self.prices) };
        let (manager, value, loads, epsilon) = if other.value >= self.value {
            (other.manager, other.value, other.loads, other.epsilon)
        } else {
            (self.manager, self.value, self.loads, self.epsilon)
        };
        Self { manager, value, bound, prices, loads, bids, epsilon }
    }

    /// Who is left over, in the customers' order.
    pub fn left<'a>(&'a self, problem: &'a Problem) -> impl Iterator<Item = Left> + 'a {
        let without = self.manager.iter().enumerate().filter(|(_, manager)| manager.is_none());
        without.map(|(customer, _)| Left { customer, reason: reason(problem, customer) })
    }
}

fn reason(problem: &Problem, customer: usize) -> LeftReason {
    let stay = problem.stay(customer);
    let pairs = problem.pairs_of(customer);
    if !problem.had_candidate[customer] {
        LeftReason::NoCandidate
    } else if pairs.is_empty() || pairs.iter().any(|pair| pair.gain > stay) {
        LeftReason::AllFull
    } else {
        LeftReason::BetterLeft
    }
}

/// The bound that these prices prove. Rounding can take at most a share of about 1e-16 a customer off a sum; what that may
/// have been is added, so that the bound stays one.
pub(super) fn bound(problem: &Problem, prices: &[f64]) -> f64 {
    let places = prices.iter().zip(&problem.capacities).map(|(price, capacity)| price * f64::from(*capacity));
    let (mut sum, mut magnitude) = (0.0, 0.0);
    for place in places {
        sum += place;
        magnitude += place.abs();
    }
    for customer in 0..problem.customers() {
        let mut best = f64::from(problem.stay(customer));
        for pair in problem.pairs_of(customer) {
            best = best.max(f64::from(pair.gain) - prices[pair.manager as usize]);
        }
        sum += best;
        magnitude += best.abs();
    }
    let additions = (prices.len() + problem.customers()) as f64;
    sum + magnitude * additions * f64::EPSILON
}
