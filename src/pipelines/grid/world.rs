//! The disclosed effect of made-up managers on outcomes.
//!
//! The outcomes of the contacts are real, the managers are not. What a contact's log-odds are without a manager is taken
//! from a logistic regression on all contacts; a manager `m` adds
//!
//! `e(m, c) = skill (sqrt(1 - h^2) sum_k a_mk z_ck / sqrt(K) + h (f_mc - p) / sqrt(p (1 - p)))`
//!
//! with aptitudes `a`, the customer's scaled numbers `z`, `h` the part of friendship, `f` 1 for friends, and `p` the share of
//! friends. With the probability `q` before and `q'` after, an outcome turns from 0 to 1 with chance `(q' - q) / (1 - q)`
//! where `q'` is larger, and from 1 to 0 with chance `1 - q' / q` where it is smaller: outcomes stay as they are as far as
//! that is possible, and are 1 with probability `q'`.

use super::contacts::Contacts;
use super::error::GridError;
use super::features::Prepared;
use super::managers::{Draws, Managers};
use super::settings::Generated;
use crate::train::Logistic;

/// The ridge of the regression.
const RIDGE: f64 = 1.0;

/// What is true of made-up managers.
#[derive(Debug)]
pub(super) struct World {
    /// Each contact's log-odds without a manager.
    pub base: Vec<f64>,
    /// Each contact's outcome with the manager who made it.
    pub outcomes: Vec<Option<bool>>,
    /// Outcomes that the managers turned.
    pub turned: usize,
    /// [rows, traits].
    z: Vec<f32>,
    spec: Generated,
}

fn probability(log_odds: f64) -> f64 {
    1.0 / (1.0 + (-log_odds).exp())
}

impl World {
    pub(super) fn new(
        contacts: &Contacts,
        prepared: &Prepared,
        managers: &Managers,
        spec: &Generated,
        seed: u64,
    ) -> Result<Self, GridError> {
        let width = prepared.names.len();
        let known: Vec<usize> = (0..contacts.rows.len()).filter(|&r| contacts.rows[r].outcome.is_some()).collect();
        let rows: Vec<f32> = known.iter().flat_map(|&r| &prepared.features[r * width..][..width]).copied().collect();
        let truth: Vec<bool> = known.iter().map(|&r| contacts.rows[r].outcome == Some(true)).collect();
        let base = Logistic::fit(&rows, width, &truth, RIDGE)?.log_odds(&prepared.features);
        let columns: Vec<&Vec<f32>> = spec
            .traits
            .iter()
            .filter_map(|name| prepared.numbers.iter().find(|(own, _)| own == name).map(|(_, values)| values))
            .collect();
        let z = (0..contacts.rows.len()).flat_map(|row| columns.iter().map(move |c| c[row])).collect();
        let mut world = Self { base, outcomes: vec![], turned: 0, z, spec: spec.clone() };
        for (place, row) in contacts.rows.iter().enumerate() {
            let with = match (row.outcome, managers.served_by[place]) {
                (Some(outcome), Some(manager)) => {
                    let (customer, task) =
                        (&contacts.customers[row.customer as usize], &contacts.tasks[row.task as usize].id);
                    let chance = Draws::of(seed, &["outcome", customer, task]).uniform();
                    let after = world.probability(contacts, managers, place, manager);
                    Some(turn(outcome, probability(world.base[place]), after, chance))
                }
                (outcome, _) => outcome,
            };
            world.turned += usize::from(with != row.outcome);
            world.outcomes.push(with);
        }
        Ok(world)
    }

    /// What a manager adds to a contact's log-odds.
    fn effect(&self, contacts: &Contacts, managers: &Managers, row: usize, manager: u32) -> f64 {
        let k = self.spec.traits.len();
        let own = &managers.list[manager as usize].traits;
        let sum: f64 = own.iter().zip(&self.z[row * k..][..k]).map(|(a, z)| f64::from(*a) * f64::from(*z)).sum();
        let (h, p) = (self.spec.friendship, self.spec.friends);
        let deviation = (p * (1.0 - p)).sqrt();
        let friend = f64::from(u8::from(managers.friends.contains(&(manager, contacts.rows[row].customer))));
        let friendship = if deviation > 0.0 { (friend - p) / deviation } else { 0.0 };
        self.spec.skill * ((1.0 - h * h).sqrt() * sum / (k as f64).sqrt() + h * friendship)
    }

    /// The true probability that a contact responds to a manager.
    pub(super) fn probability(&self, contacts: &Contacts, managers: &Managers, row: usize, manager: u32) -> f64 {
        probability(self.base[row] + self.effect(contacts, managers, row, manager))
    }
}

fn turn(outcome: bool, before: f64, after: f64, chance: f64) -> bool {
    match outcome {
        false if after > before => chance < (after - before) / (1.0 - before),
        true if after < before => chance < after / before,
        same => same,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r5_turned_outcomes_have_the_wanted_share_and_turn_one_way_only() {
        let mut draws = Draws::of(3, &["turn"]);
        for (before, after) in [(0.2, 0.5), (0.5, 0.2), (0.3, 0.3)] {
            let (mut yes, mut wrong_way) = (0, 0);
            for _ in 0..20_000 {
                let outcome = draws.uniform() < before;
                let with = turn(outcome, before, after, draws.uniform());
                yes += u32::from(with);
                let against = if after >= before { outcome && !with } else { !outcome && with };
                wrong_way += u32::from(against);
            }
            assert!((f64::from(yes) / 20_000.0 - after).abs() < 0.012, "{before} to {after}: {yes}");
            assert_eq!(wrong_way, 0);
        }
    }
}
