//! The problem, raw and checked.

use super::AssignError;

/// Larger values would leave nothing of the smaller ones in a sum.
const MAGNITUDE_MAX: f32 = 1e15;

/// A problem as it comes: candidates customer by customer.
#[derive(Debug, Clone, Default)]
pub struct RawProblem {
    /// How many customers a manager takes, by manager.
    pub capacities: Vec<u32>,
    /// Where each customer's candidates begin, and where the last one's end: one more than there are customers.
    pub offsets: Vec<u32>,
    /// The candidates; no manager is a customer's candidate twice.
    pub managers: Vec<u32>,
    /// What the candidates are worth, as many as `managers`.
    pub gains: Vec<f32>,
    /// What a customer without a manager is worth: one value for all, or one a customer.
    pub stay: Vec<f32>,
}

/// A pair that may be allocated.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pair {
    pub(super) manager: u32,
    pub(super) gain: f32,
}

/// A checked problem.
#[derive(Debug, Clone)]
pub struct Problem {
    pub(super) capacities: Vec<u32>,
    pub(super) offsets: Vec<u32>,
    /// Pairs with managers of capacity 0 are left out: nobody can have them.
    pub(super) pairs: Vec<Pair>,
    /// By customer: whether there was a candidate at all.
    pub(super) had_candidate: Vec<bool>,
    stay: Vec<f32>,
}

impl RawProblem {
    /// Checks lengths, managers and values.
    ///
    /// # Errors
    /// [`AssignError`] with the first customer at fault.
    pub fn check(self) -> Result<Problem, AssignError> {
        let customers = self.offsets.len().saturating_sub(1);
        for (what, found) in
            [("customers", customers), ("managers", self.capacities.len()), ("pairs", self.managers.len())]
        {
            // The last number stands for "none".
            if found >= u32::MAX as usize {
                return Err(AssignError::TooMany { what, found });
            }
        }
        self.check_offsets()?;
        expect_length("gains", self.managers.len(), self.gains.len())?;
        if self.stay.len() != 1 {
            expect_length("stay", customers, self.stay.len())?;
        }
        for (customer, &found) in self.stay.iter().enumerate() {
            check_value("stay", customer, found)?;
        }
        self.open_pairs(customers)
    }

    fn check_offsets(&self) -> Result<(), AssignError> {
        if self.offsets.first() != Some(&0) {
            let found = self.offsets.first().copied().unwrap_or(0);
            return if self.offsets.is_empty() {
                Err(AssignError::Length { name: "offsets", expected: 1, found: 0 })
            } else {
                Err(AssignError::Offsets { customer: 0, before: 0, found })
            };
        }
        for (customer, ends) in self.offsets.windows(2).enumerate() {
            if ends[1] < ends[0] {
                return Err(AssignError::Offsets { customer, before: ends[0], found: ends[1] });
            }
        }
        let end = self.offsets.last().map_or(0, |end| *end as usize);
        expect_length("managers", end, self.managers.len())
    }

    /// The pairs with managers who have places.
    fn open_pairs(self, customers: usize) -> Result<Problem, AssignError> {
        let mut pairs = Vec::with_capacity(self.managers.len());
        let mut offsets = Vec::with_capacity(customers + 1);
        let mut had_candidate = Vec::with_capacity(customers);
        // By manager, the last customer who named him, counted from 1.
        let mut named = vec![0_u32; self.capacities.len()];
        offsets.push(0);
        for (customer, ends) in self.offsets.windows(2).enumerate() {
            let span = ends[0] as usize..ends[1] as usize;
            had_candidate.push(!span.is_empty());
            for (&manager, &gain) in self.managers[span.clone()].iter().zip(&self.gains[span]) {
                let Some(&capacity) = self.capacities.get(manager as usize) else {
                    let managers = self.capacities.len();
                    return Err(AssignError::Manager { customer, managers, found: manager });
                };
                if std::mem::replace(&mut named[manager as usize], customer as u32 + 1) == customer as u32 + 1 {
                    return Err(AssignError::Twice { customer, manager });
                }
                check_value("gain", customer, gain)?;
                if capacity > 0 {
                    pairs.push(Pair { manager, gain });
                }
            }
            offsets.push(pairs.len() as u32);
        }
        Ok(Problem { capacities: self.capacities, offsets, pairs, had_candidate, stay: self.stay })
    }
}

fn expect_length(name: &'static str, expected: usize, found: usize) -> Result<(), AssignError> {
    if expected == found { Ok(()) } else { Err(AssignError::Length { name, expected, found }) }
}

fn check_value(name: &'static str, customer: usize, found: f32) -> Result<(), AssignError> {
    if found.abs() <= MAGNITUDE_MAX { Ok(()) } else { Err(AssignError::Value { customer, name, found }) }
}

impl Problem {
    /// How many customers there are.
    pub fn customers(&self) -> usize {
        self.had_candidate.len()
    }

    /// How many managers there are.
    pub fn managers(&self) -> usize {
        self.capacities.len()
    }

    /// What a customer is worth without a manager.
    pub fn stay(&self, customer: usize) -> f32 {
        if self.stay.len() == 1 { self.stay[0] } else { self.stay[customer] }
    }

    /// The pairs that a customer can have.
    #[inline]
    pub(super) fn pairs_of(&self, customer: usize) -> &[Pair] {
        &self.pairs[self.offsets[customer] as usize..self.offsets[customer + 1] as usize]
    }

    /// How much the customers would win if each had the best candidate, on the average of those who would win anything.
    pub(super) fn scale(&self) -> f64 {
        let (mut sum, mut count) = (0.0, 0_u64);
        for customer in 0..self.customers() {
            let best = self.pairs_of(customer).iter().map(|pair| pair.gain).fold(f32::NEG_INFINITY, f32::max);
            let won = f64::from(best) - f64::from(self.stay(customer));
            if won > 0.0 {
                sum += won;
                count += 1;
            }
        }
        if count == 0 { 0.0 } else { sum / count as f64 }
    }
}

/// Builds a problem customer after customer.
#[derive(Debug, Clone)]
pub struct Candidates {
    raw: RawProblem,
}

impl Candidates {
    /// No customers yet; how many each manager takes.
    pub fn new(capacities: Vec<u32>) -> Self {
        Self { raw: RawProblem { capacities, offsets: vec![0], ..RawProblem::default() } }
    }

    /// Adds the next customer: managers and what they are worth to him. There may be none.
    pub fn push(&mut self, candidates: impl IntoIterator<Item = (u32, f32)>) {
        for (manager, gain) in candidates {
            self.raw.managers.push(manager);
            self.raw.gains.push(gain);
        }
        // A count that does not fit is refused by `check`, which sees the pairs themselves.
        self.raw.offsets.push(u32::try_from(self.raw.managers.len()).unwrap_or(u32::MAX));
    }

    /// Checks what was pushed; `stay` is one value for all, or one a customer.
    ///
    /// # Errors
    /// As [`RawProblem::check`].
    pub fn check(mut self, stay: Vec<f32>) -> Result<Problem, AssignError> {
        self.raw.stay = stay;
        self.raw.check()
    }
}
