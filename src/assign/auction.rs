//! The auction.

use super::allocation::{Allocation, bound};
use super::bids::Bids;
use super::problem::Pair;
use super::{AssignError, Problem};

/// Stands for "no manager" and "no pair".
const NONE: u32 = u32::MAX;

/// How the auction ends.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AuctionSpec {
    /// It is good enough when no allocation can be worth more than this share of the value above it.
    pub gap: f64,
    /// How often epsilon is divided by four before the best that was found is taken with the gap that it has.
    pub rounds_max: u32,
    /// How many bids a customer may make on the average of a round; who then has no place takes what is free.
    pub bids_max: u32,
}

impl Default for AuctionSpec {
    fn default() -> Self {
        Self { gap: 1e-3, rounds_max: 8, bids_max: 1000 }
    }
}

impl AuctionSpec {
    fn check(&self) -> Result<(), AssignError> {
        if !(0.0..1.0).contains(&self.gap) {
            let found = self.gap.to_string();
            return Err(AssignError::Setting { name: "gap", expected: "a share from 0 to below 1", found });
        }
        for (name, value) in [("rounds_max", self.rounds_max), ("bids_max", self.bids_max)] {
            if value == 0 {
                return Err(AssignError::Setting { name, expected: "at least 1", found: "0".to_owned() });
            }
        }
        Ok(())
    }
}

impl Problem {
    /// Allocates, and proves how good it is.
    ///
    /// # Errors
    /// [`AssignError::Setting`].
    pub fn solve(&self, spec: &AuctionSpec) -> Result<Allocation, AssignError> {
        spec.check()?;
        // An epsilon of `gap * scale` suffices; in most trials thirty times as much did, at a small part of the bids.
        let mut epsilon = self.scale() * spec.gap.max(1e-6) * FIRST;
        let mut house = House::new(self);
        let most = u64::from(spec.bids_max) * self.customers() as u64;
        house.auction(epsilon, most);
        let mut best = house.result(epsilon);
        for _ in 1..spec.rounds_max {
            if best.gap() <= spec.gap {
                break;
            }
            epsilon /= 4.0;
            house.auction(epsilon, most);
            best = best.joined(house.result(epsilon));
        }
        Ok(best)
    }
}

/// The first epsilon, in gaps.
const FIRST: f64 = 30.0;
/// How many customers' candidates are fetched together.
const BLOCK: usize = 32;

/// What an auction works on.
struct House<'a> {
    problem: &'a Problem,
    managers: Vec<Bids>,
    /// As `managers` say, side by side for the scan of a customer's candidates.
    prices: Vec<f32>,
    /// By customer: the pair, counted over all.
    at: Vec<u32>,
    waiting: Vec<u32>,
    next: Vec<u32>,
    bids_made: u64,
}

/// What a customer does at the present prices.
struct Choice {
    pair: u32,
    manager: u32,
    price: f32,
}

impl<'a> House<'a> {
    fn new(problem: &'a Problem) -> Self {
        Self {
            problem,
            managers: problem.capacities.iter().map(|capacity| Bids::new(*capacity)).collect(),
            prices: vec![0.0; problem.managers()],
            at: vec![NONE; problem.customers()],
            waiting: Vec::new(),
            next: Vec::new(),
            bids_made: 0,
        }
    }

    /// From empty places and prices of 0 until nobody wants to bid.
    fn auction(&mut self, epsilon: f64, bids_max: u64) {
        self.managers.iter_mut().for_each(Bids::clear);
        self.prices.fill(0.0);
        self.at.fill(NONE);
        self.bids_made = 0;
        self.waiting.clear();
        self.waiting.extend(0..self.problem.customers() as u32);
        while !self.waiting.is_empty() && self.bids_made < bids_max {
            let waiting = std::mem::take(&mut self.waiting);
            for block in waiting.chunks(BLOCK) {
                self.touch(block);
                for customer in block {
                    self.bid(*customer, epsilon);
                }
            }
            self.bids_made += waiting.len() as u64;
            self.waiting = std::mem::replace(&mut self.next, waiting);
            self.next.clear();
        }
        self.fill_free_places();
    }

    /// Brings the candidates of these customers close, all at once: one after the other each would be waited for.
    fn touch(&self, customers: &[u32]) {
        let ends = |customer: &u32| match self.problem.pairs_of(*customer as usize) {
            [first, .., last] => first.gain + last.gain,
            _ => 0.0,
        };
        std::hint::black_box(customers.iter().map(ends).sum::<f32>());
    }

    fn bid(&mut self, customer: u32, epsilon: f64) {
        let Some(choice) = self.choose(customer as usize, epsilon) else { return };
        let manager = choice.manager as usize;
        self.at[customer as usize] = choice.pair;
        if let Some(out) = self.managers[manager].take(choice.price, customer) {
            self.at[out as usize] = NONE;
            self.next.push(out);
        }
        self.prices[manager] = self.managers[manager].price();
    }

    /// The best pair and the bid for it, if it gives more than no manager.
    #[inline]
    fn choose(&self, customer: usize, epsilon: f64) -> Option<Choice> {
        let stay = self.problem.stay(customer);
        let (mut best, mut second, mut index) = (f32::NEG_INFINITY, stay, 0);
        let pairs = self.problem.pairs_of(customer);
        for (place, Pair { manager, gain }) in pairs.iter().enumerate() {
            let worth = gain - self.prices[*manager as usize];
            second = second.max(worth.min(best));
            index = if worth > best { place } else { index };
            best = best.max(worth);
        }
        if best <= stay {
            return None;
        }
        let manager = pairs[index].manager;
        let price = self.prices[manager as usize];
        let raised = f64::from(price) + (f64::from(best) - f64::from(second)) + epsilon;
        // An epsilon below the last bit of a price must still raise it, or the auction would not end.
        let price = (raised as f32).max(price.next_up());
        Some(Choice { pair: self.problem.offsets[customer] + index as u32, manager, price })
    }

    /// Who was still waiting when bids ran out takes the best candidate with room.
    fn fill_free_places(&mut self) {
        for customer in std::mem::take(&mut self.waiting) {
            let stay = self.problem.stay(customer as usize);
            let first = self.problem.offsets[customer as usize];
            let mut best: Option<(usize, Pair)> = None;
            for (place, pair) in self.problem.pairs_of(customer as usize).iter().enumerate() {
                let manager = pair.manager as usize;
                let room = self.managers[manager].len() < self.problem.capacities[manager] as usize;
                if room && pair.gain > best.map_or(stay, |(_, best)| best.gain) {
                    best = Some((place, *pair));
                }
            }
            if let Some((place, pair)) = best {
                self.at[customer as usize] = first + place as u32;
                self.managers[pair.manager as usize].take(0.0, customer);
            }
        }
    }

    /// What was found. A price may stand anywhere within about epsilon of what it should be, so the bound is taken at a few
    /// shifts of all full managers' prices: whichever proves most.
    fn result(&self, epsilon: f64) -> Allocation {
        let problem = self.problem;
        let mut value = 0.0;
        let mut loads = vec![0; problem.managers()];
        let mut manager = Vec::with_capacity(problem.customers());
        for (customer, &pair) in self.at.iter().enumerate() {
            let taken = (pair != NONE).then(|| problem.pairs[pair as usize]);
            value += f64::from(taken.map_or(problem.stay(customer), |pair| pair.gain));
            if let Some(pair) = taken {
                loads[pair.manager as usize] += 1;
            }
            manager.push(taken.map(|pair| pair.manager));
        }
        let shifted = |share: f64| -> Vec<f64> {
            let shift = |price: &f32| if *price > 0.0 { (f64::from(*price) + share * epsilon).max(0.0) } else { 0.0 };
            self.prices.iter().map(shift).collect()
        };
        let mut prices = shifted(0.0);
        let mut lowest = bound(problem, &prices);
        for share in [-1.0, -0.5, 0.5, 1.0] {
            let others = shifted(share);
            let other = bound(problem, &others);
            if other < lowest {
                (prices, lowest) = (others, other);
            }
        }
        Allocation { manager, value, bound: lowest, prices, loads, bids: self.bids_made, epsilon }
    }
}
