//! Which holdings are hidden.

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Holdings;

/// How much of each user's holdings is hidden. At least one always stays.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Hide {
    /// This share of each user's holdings, above 0 and below 1, rounded.
    Share(f64),
    /// One holding of each user who has at least two.
    One,
}

impl Hide {
    fn of(self, held: usize) -> usize {
        let wanted = match self {
            Self::Share(share) => (held as f64 * share).round() as usize,
            Self::One => 1,
        };
        wanted.min(held.saturating_sub(1))
    }
}

/// Hides holdings by seed: those that stay, and each user's hidden products, ascending.
pub fn hide(holdings: &Holdings, how: Hide, seed: u64) -> (Holdings, Vec<Vec<u32>>) {
    let mut gone = vec![false; holdings.len()];
    let mut hidden = vec![vec![]; holdings.users()];
    for (user, hidden) in hidden.iter_mut().enumerate() {
        let mut places: Vec<usize> = holdings.places(user).collect();
        let (first, wanted) = (holdings.places(user).start, how.of(places.len()));
        // A stream for each user: what one user holds does not change what is hidden of another.
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(user as u64);
        let (drawn, _) = places.partial_shuffle(&mut rng, wanted);
        for place in drawn.iter() {
            gone[*place] = true;
            hidden.push(holdings.of(user)[*place - first]);
        }
        hidden.sort_unstable();
    }
    (holdings.filtered(|place| !gone[place]), hidden)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p7_what_is_hidden_and_what_stays_make_up_the_whole() {
        let list = |n: u32| (0..n).map(|p| (p, 1.0)).collect::<Vec<_>>();
        let holdings = Holdings::new(&[list(10), list(1), list(0), list(4)], 10).expect("fine");
        let (left, hidden) = hide(&holdings, Hide::Share(0.2), 3);
        assert_eq!(hidden.iter().map(Vec::len).collect::<Vec<_>>(), [2, 0, 0, 1]);
        for (user, own) in hidden.iter().enumerate() {
            let mut all = [left.of(user), own.as_slice()].concat();
            all.sort_unstable();
            assert_eq!(all, holdings.of(user), "user {user}");
        }
        let (_, one) = hide(&holdings, Hide::One, 3);
        assert_eq!(one.iter().map(Vec::len).collect::<Vec<_>>(), [1, 0, 0, 1], "a user's last holding stays");
        assert_eq!(hide(&holdings, Hide::One, 3).1, one);
        assert!((0..20).any(|seed| hide(&holdings, Hide::One, seed).1 != one));
        let (left, _) = hide(&holdings, Hide::Share(0.99), 3);
        assert!(left.of(0).len() == 1 && left.of(3).len() == 1);
    }
}
