//! The tables that the host writes once an epoch: which rows each step takes, their weights, and the schedule.
//!
//! Everything in a member's tables depends on that member alone: its rows, its seed, its rate, the epoch. The number of
//! steps in the fleet's tables is the largest member's; a member with fewer rows sits the others out.

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use super::fleet::Member;
use super::spec::TrainSpec;
use crate::ops::schedule;

/// The tables of a fleet, member after member.
#[derive(Debug, Default)]
pub(super) struct Tables {
    /// Row numbers, [fleet, steps * batch].
    pub rows: Vec<u32>,
    /// Weights of those rows.
    pub weights: Vec<f32>,
    /// [fleet, steps, 8], see `ops::schedule`.
    pub schedule: Vec<f32>,
}

/// Room for `fleet` members of `steps` steps.
#[derive(Debug, Clone, Copy)]
pub(super) struct TableShape {
    pub fleet: usize,
    pub steps: usize,
    pub batch: usize,
}

impl Tables {
    pub(super) fn new(shape: TableShape) -> Self {
        let TableShape { fleet, steps, batch } = shape;
        Self {
            rows: vec![0; fleet * steps * batch],
            weights: vec![0.0; fleet * steps * batch],
            schedule: vec![0.0; fleet * steps * schedule::WIDTH],
        }
    }

    /// One member's rows in this order with these weights; `rate` gives the learning rate of a step and `count` the
    /// member's steps before this epoch.
    fn fill_member(
        &mut self,
        shape: TableShape,
        member: usize,
        order: &[(u32, f32)],
        step_row: impl Fn(usize) -> StepRow,
    ) {
        let TableShape { steps, batch, .. } = shape;
        let rows = &mut self.rows[member * steps * batch..][..steps * batch];
        let weights = &mut self.weights[member * steps * batch..][..steps * batch];
        let table = &mut self.schedule[member * steps * schedule::WIDTH..][..steps * schedule::WIDTH];
        rows.fill(order.first().map_or(0, |(row, _)| *row));
        weights.fill(0.0);
        table.fill(0.0);
        let total: f64 = order.iter().map(|(_, w)| f64::from(*w)).sum();
        for (step, chunk) in order.chunks(batch).enumerate() {
            let mut sum = 0.0;
            for (i, (row, weight)) in chunk.iter().enumerate() {
                rows[step * batch + i] = *row;
                weights[step * batch + i] = *weight;
                sum += f64::from(*weight);
            }
            let StepRow { rate, corrections, count } = step_row(step);
            let line = &mut table[step * schedule::WIDTH..][..schedule::WIDTH];
            line[schedule::RATE] = rate;
            line[schedule::CORRECTION_1] = corrections.0;
            line[schedule::CORRECTION_2] = corrections.1;
            line[schedule::LIVE] = chunk.len() as f32;
            line[schedule::LOSS_SCALE] = if sum > 0.0 { (1.0 / sum) as f32 } else { 0.0 };
            line[schedule::ACTIVE] = 1.0;
            line[schedule::COUNT] = count;
            line[schedule::SHARE] = if total > 0.0 { (sum / total) as f32 } else { 0.0 };
        }
    }

    /// A member that takes no step.
    pub(super) fn rest(&mut self, shape: TableShape, member: usize) {
        self.fill_member(shape, member, &[], |_| StepRow::default());
    }

    /// A training epoch (from 0) of one member.
    pub(super) fn fill_epoch(
        &mut self,
        shape: TableShape,
        index: usize,
        member: &Member,
        spec: &TrainSpec,
        epoch: usize,
    ) {
        let mut order: Vec<(u32, f32)> = pairs(&member.train, &member.train_weights).collect();
        let mut rng = ChaCha8Rng::seed_from_u64(member.seed);
        rng.set_stream((1 << 32) + epoch as u64);
        order.shuffle(&mut rng);
        let steps = order.len().div_ceil(shape.batch);
        let (beta1, beta2) = spec.betas();
        self.fill_member(shape, index, &order, |step| {
            let count = epoch * steps + step + 1;
            let done = epoch as f64 + step as f64 / steps as f64;
            let correction = |beta: f64| (1.0 / (1.0 - beta.powf(count as f64))) as f32;
            StepRow {
                rate: (f64::from(member.rate) * spec.schedule.share(done, spec.epochs)) as f32,
                corrections: (correction(beta1), correction(beta2)),
                count: count as f32,
            }
        });
    }

    /// The validation rows of one member, in their order.
    pub(super) fn fill_validation(&mut self, shape: TableShape, index: usize, member: &Member) {
        let order: Vec<(u32, f32)> = pairs(&member.validation, &member.validation_weights).collect();
        self.fill_member(shape, index, &order, |_| StepRow::default());
    }
}

/// What differs from step to step.
#[derive(Debug, Default)]
struct StepRow {
    rate: f32,
    corrections: (f32, f32),
    count: f32,
}

fn pairs<'a>(rows: &'a [u32], weights: &'a [f32]) -> impl Iterator<Item = (u32, f32)> + 'a {
    // A row of weight 0 would still count in a batch's statistics (batch norm) and move the others to other batches.
    let pairs = rows.iter().enumerate().map(|(i, row)| (*row, weights.get(i).copied().unwrap_or(1.0)));
    pairs.filter(|(_, weight)| *weight > 0.0)
}

#[cfg(test)]
mod tests {
    use super::{TableShape, Tables};
    use crate::ops::schedule;
    use crate::train::{Member, TrainSpec};

    fn spec() -> TrainSpec {
        toml::from_str("epochs = 4\nbatch = 4\nrate = 0.1").expect("a spec")
    }

    #[test]
    fn e12_a_members_tables_do_not_depend_on_the_fleet() {
        let small = Member::new(1, 0.1, (0..6).collect(), vec![]);
        let large = Member::new(2, 0.1, (0..23).collect(), vec![]);
        let alone = TableShape { fleet: 1, steps: 2, batch: 4 };
        let mut single = Tables::new(alone);
        single.fill_epoch(alone, 0, &small, &spec(), 3);
        let together = TableShape { fleet: 2, steps: 6, batch: 4 };
        let mut fleet = Tables::new(together);
        fleet.fill_epoch(together, 0, &large, &spec(), 3);
        fleet.fill_epoch(together, 1, &small, &spec(), 3);
        assert_eq!(single.rows[..], fleet.rows[24..32]);
        assert_eq!(single.weights[..], fleet.weights[24..32]);
        assert_eq!(single.schedule[..], fleet.schedule[48..64]);
        assert!(fleet.schedule[64..].iter().all(|&v| v == 0.0), "the surplus steps are not taken");
    }

    #[test]
    fn e11_every_row_is_taken_once_an_epoch_and_epochs_differ() {
        let member = Member::new(9, 0.1, (0..23).collect(), vec![]);
        let shape = TableShape { fleet: 1, steps: 6, batch: 4 };
        let epoch = |e| {
            let mut tables = Tables::new(shape);
            tables.fill_epoch(shape, 0, &member, &spec(), e);
            tables
        };
        let (first, second) = (epoch(0), epoch(1));
        assert_ne!(first.rows, second.rows);
        let mut taken: Vec<u32> =
            first.rows.iter().zip(&first.weights).filter(|(_, w)| **w > 0.0).map(|(r, _)| *r).collect();
        taken.sort_unstable();
        assert_eq!(taken, (0..23).collect::<Vec<u32>>());
        let last = schedule::row(&first.schedule, 5);
        assert_eq!((last[schedule::LIVE], last[schedule::COUNT]), (3.0, 6.0));
        assert_eq!(schedule::row(&second.schedule, 0)[schedule::COUNT], 7.0);
    }
}
