//! Which moments of users' histories train, choose and judge.

use super::features::Moment;
use super::load::Loaded;
use super::settings::Evaluation;
use crate::train::member_seed;

/// Moments in order of users and time.
#[derive(Debug)]
pub(super) struct Split {
    /// What the final networks train on: all before the test.
    pub train: Vec<Moment>,
    /// Its earlier part, on which choices are tried,
    pub early: Vec<Moment>,
    /// and its later part, on which they are judged.
    pub inner: Vec<Moment>,
    pub test: Vec<Moment>,
    /// Rows of `train` of users who are not held out.
    pub other_users: Vec<Moment>,
    /// Rows of `test` of users who are.
    pub held_users: Vec<Moment>,
}

impl Split {
    pub(super) fn of(loaded: &Loaded, evaluation: &Evaluation, rows_max: usize, seed: u64) -> Self {
        let users = loaded.users.len();
        let (mut early, mut inner, mut test) = (vec![], vec![], vec![]);
        for user in 0..users {
            let count = loaded.events.of(user).len();
            let from_test = part(count, 1.0 - evaluation.test);
            let from_inner = part(count, (1.0 - evaluation.test) * (1.0 - evaluation.inner));
            // Before the first event nothing is known.
            for events in 1..count {
                let moment = Moment { user: user as u32, events: events as u32 };
                match () {
                    () if events < from_inner => early.push(moment),
                    () if events < from_test => inner.push(moment),
                    () => test.push(moment),
                }
            }
        }
        let all = early.len() + inner.len();
        let keep = |list: &mut Vec<Moment>, most: usize, of: usize| {
            if of > most {
                let share = most as f64 / of as f64;
                list.retain(|moment| draw(seed, 0, *moment) < share);
            }
        };
        keep(&mut early, rows_max, all);
        keep(&mut inner, rows_max, all);
        let tests = test.len();
        keep(&mut test, evaluation.rows_max, tests);
        let mut train: Vec<Moment> = early.iter().chain(&inner).copied().collect();
        train.sort_unstable_by_key(|moment| (moment.user, moment.events));
        let held = |moment: &&Moment| draw(seed, 1, Moment { events: 0, ..**moment }) < evaluation.users;
        let other_users = train.iter().filter(|moment| !held(moment)).copied().collect();
        let held_users = test.iter().filter(held).copied().collect();
        Self { train, early, inner, test, other_users, held_users }
    }
}

fn part(count: usize, share: f64) -> usize {
    (count as f64 * share + 1e-9).floor() as usize
}

/// A number from 0 to 1 that follows from seed, purpose and moment alone.
pub(super) fn draw(seed: u64, purpose: u64, moment: Moment) -> f64 {
    let place = (u64::from(moment.user) << 32) | u64::from(moment.events);
    (member_seed(member_seed(seed, purpose as usize) ^ place, 0) >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::super::features::Moment;
    use super::{draw, part};

    #[test]
    fn i3_parts_of_a_history_follow_its_order() {
        assert_eq!((part(10, 0.8), part(10, 0.64), part(2, 0.8), part(1, 0.8)), (8, 6, 1, 0));
        let draws: Vec<f64> = (0..1000).map(|user| draw(1, 1, Moment { user, events: 0 })).collect();
        let held = draws.iter().filter(|d| **d < 0.2).count();
        assert!((150..250).contains(&held), "{held} of 1,000 are held out");
        assert_ne!(draws[0], draw(2, 1, Moment { user: 0, events: 0 }));
    }
}
