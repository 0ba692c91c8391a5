//! How good the scores are on late contacts (R12), and what managers add.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::contacts::Contacts;
use super::managers::Draws;
use crate::train::metrics::roc_auc;

/// Resamples of the bootstrap.
pub(super) const RESAMPLES: usize = 1000;

/// A mean over seeds and their deviation (divisor n - 1).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Spread {
    pub mean: f64,
    pub deviation: f64,
}

impl Spread {
    pub(super) fn of(values: &[f64]) -> Self {
        let count = values.len() as f64;
        let mean = values.iter().sum::<f64>() / count.max(1.0);
        let squares: f64 = values.iter().map(|v| (v - mean).powi(2)).sum();
        let deviation = if values.len() > 1 { (squares / (count - 1.0)).sqrt() } else { 0.0 };
        Self { mean, deviation }
    }
}

/// How well scores order contacts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Quality {
    pub auc: f64,
    /// The mean over tasks, weighted by their contacts.
    pub within: f64,
    /// The response rate of the best tenth.
    pub top_rate: f64,
    /// The same over the whole rate.
    pub lift: f64,
}

/// One way to rank, over its seeds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Ranked {
    pub name: String,
    pub auc: Spread,
    pub within: Spread,
    pub top_rate: Spread,
    pub lift: Spread,
    /// How many seeds, 1 where nothing is drawn.
    pub seeds: usize,
}

/// The contacts that can be judged.
#[derive(Debug)]
pub(super) struct Truth {
    /// Places among the late contacts.
    pub places: Vec<usize>,
    pub outcomes: Vec<bool>,
    pub tasks: Vec<u32>,
    pub customers: Vec<u32>,
}

impl Truth {
    /// `None` if there are not both outcomes.
    pub(super) fn of(contacts: &Contacts, late: &[usize]) -> Option<Self> {
        let known = |place: &usize| contacts.rows[late[*place]].outcome.is_some();
        let places: Vec<usize> = (0..late.len()).filter(known).collect();
        let row = |place: &usize| &contacts.rows[late[*place]];
        let outcomes: Vec<bool> = places.iter().map(|p| row(p).outcome == Some(true)).collect();
        let tasks = places.iter().map(|p| row(p).task).collect();
        let customers = places.iter().map(|p| row(p).customer).collect();
        let both = outcomes.contains(&true) && outcomes.contains(&false);
        both.then_some(Self { places, outcomes, tasks, customers })
    }

    /// The share that responded.
    pub(super) fn rate(&self) -> f64 {
        self.outcomes.iter().filter(|o| **o).count() as f64 / self.outcomes.len() as f64
    }

    /// Judges scores of all late contacts.
    pub(super) fn quality(&self, scores: &[f64]) -> Quality {
        let own: Vec<f64> = self.places.iter().map(|&place| scores[place]).collect();
        let mut order: Vec<usize> = (0..own.len()).collect();
        order.sort_by(|&a, &b| own[b].total_cmp(&own[a]).then(a.cmp(&b)));
        let top = (own.len() / 10).max(1);
        let hits = order.iter().take(top).filter(|&&i| self.outcomes[i]).count();
        let top_rate = hits as f64 / top as f64;
        let auc = roc_auc(&own, &self.outcomes).unwrap_or(0.5);
        Quality { auc, within: within(&own, &self.outcomes, &self.tasks), top_rate, lift: top_rate / self.rate() }
    }

    /// Judges several seeds' scores.
    pub(super) fn ranked(&self, name: &str, by_seed: &[Vec<f64>]) -> Ranked {
        let found: Vec<Quality> = by_seed.iter().map(|scores| self.quality(scores)).collect();
        let spread = |of: fn(&Quality) -> f64| Spread::of(&found.iter().map(of).collect::<Vec<_>>());
        Ranked {
            name: name.to_owned(),
            auc: spread(|q| q.auc),
            within: spread(|q| q.within),
            top_rate: spread(|q| q.top_rate),
            lift: spread(|q| q.lift),
            seeds: by_seed.len(),
        }
    }

    /// The middle 95% of the AUC's difference, `scores` less `other`, when customers are drawn anew.
    pub(super) fn interval(&self, scores: &[f64], other: &[f64], seed: u64) -> [f64; 2] {
        let mut by_customer: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
        self.customers.iter().enumerate().for_each(|(i, c)| by_customer.entry(*c).or_default().push(i));
        let groups: Vec<Vec<usize>> = by_customer.into_values().collect();
        let mut found = Vec::with_capacity(RESAMPLES);
        for sample in 0..RESAMPLES {
            let mut draws = Draws::of(seed, &["bootstrap", &sample.to_string()]);
            let rows: Vec<usize> =
                groups.iter().flat_map(|_| groups[draws.below(groups.len())].iter().copied()).collect();
            let truth: Vec<bool> = rows.iter().map(|&i| self.outcomes[i]).collect();
            let auc = |scores: &[f64]| {
                let own: Vec<f64> = rows.iter().map(|&i| scores[self.places[i]]).collect();
                roc_auc(&own, &truth)
            };
            found.extend(auc(scores).zip(auc(other)).map(|(a, b)| a - b));
        }
        found.sort_by(f64::total_cmp);
        let at = |share: f64| found.get((share * found.len().saturating_sub(1) as f64).round() as usize);
        [at(0.025), at(0.975)].map(|value| value.copied().unwrap_or(0.0))
    }
}

/// The AUC of each task with both outcomes, weighted by its contacts.
fn within(scores: &[f64], outcomes: &[bool], tasks: &[u32]) -> f64 {
    let mut by_task: BTreeMap<u32, (Vec<f64>, Vec<bool>)> = BTreeMap::new();
    for ((score, outcome), task) in scores.iter().zip(outcomes).zip(tasks) {
        let own = by_task.entry(*task).or_default();
        own.0.push(*score);
        own.1.push(*outcome);
    }
    let (mut sum, mut weight) = (0.0, 0.0);
    for (scores, outcomes) in by_task.values() {
        if let Some(auc) = roc_auc(scores, outcomes) {
            sum += auc * scores.len() as f64;
            weight += scores.len() as f64;
        }
    }
    if weight > 0.0 { sum / weight } else { 0.5 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn truth() -> Truth {
        // Two tasks: in the first the scores order perfectly, in the second they are reversed.
        let outcomes = vec![true, false, false, false, false, true];
        let tasks = vec![0, 0, 0, 0, 1, 1];
        Truth { places: (0..6).collect(), outcomes, tasks, customers: vec![1, 2, 3, 4, 5, 6] }
    }

    #[test]
    fn r12_quality_of_a_small_example_by_hand() {
        let scores = [0.9, 0.8, 0.3, 0.2, 0.7, 0.1];
        let found = truth().quality(&scores);
        // Of the 8 pairs of a yes and a no the first yes wins all four, the second none.
        assert!((found.auc - 0.5).abs() < 1e-12);
        assert!((found.within - 4.0 / 6.0).abs() < 1e-12);
        assert_eq!(found.top_rate, 1.0);
        assert!((found.lift - 3.0).abs() < 1e-12);
    }

    #[test]
    fn r12_the_interval_of_equal_scores_is_a_point_and_a_better_ranking_lies_above_0() {
        let count = 200;
        let outcomes: Vec<bool> = (0..count).map(|i| i % 4 == 0).collect();
        let truth = Truth {
            places: (0..count).collect(),
            outcomes: outcomes.clone(),
            tasks: vec![0; count],
            customers: (0..count as u32).collect(),
        };
        let good: Vec<f64> =
            outcomes.iter().zip(0..).map(|(o, i)| f64::from(u8::from(*o)) + f64::from(i % 7)).collect();
        let bad: Vec<f64> = (0..count).map(|i| (i * 37 % 101) as f64).collect();
        assert_eq!(truth.interval(&good, &good, 1), [0.0, 0.0]);
        let perfect: Vec<f64> = outcomes.iter().map(|o| f64::from(u8::from(*o))).collect();
        assert!(truth.interval(&perfect, &bad, 1)[0] > 0.2);
        assert_eq!(truth.interval(&perfect, &bad, 1), truth.interval(&perfect, &bad, 1));
    }

    #[test]
    fn r12_spread_by_hand() {
        let spread = Spread::of(&[1.0, 3.0]);
        assert!((spread.mean - 2.0).abs() < 1e-12 && (spread.deviation - 2.0_f64.sqrt()).abs() < 1e-12);
        assert_eq!(Spread::of(&[4.0]).deviation, 0.0);
    }
}
