//! Weights of products by class.

use super::{Holdings, Scorer};

/// How many users each class has, and how many of them hold each product.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClassCounts {
    /// Users who count.
    pub users: Vec<u64>,
    /// [classes, products].
    pub holders: Vec<u64>,
    products: usize,
}

impl ClassCounts {
    /// Nobody yet.
    pub fn new(classes: usize, products: usize) -> Self {
        Self { users: vec![0; classes], holders: vec![0; classes * products], products }
    }

    /// From what a file holds; `None` if the numbers do not fit each other.
    pub fn of(users: Vec<u64>, holders: Vec<u64>) -> Option<Self> {
        let products = holders.len().checked_div(users.len())?;
        (products * users.len() == holders.len()).then_some(Self { users, holders, products })
    }

    /// All holding users in the classes that `labels` gives; a user without holdings is a candidate only and does not
    /// count.
    pub fn count(labels: &[u32], holdings: &Holdings, classes: usize) -> Self {
        let mut counts = Self::new(classes, holdings.products());
        labels.iter().enumerate().for_each(|(user, label)| counts.add(*label, holdings.of(user)));
        counts
    }

    /// One user more.
    pub fn add(&mut self, class: u32, held: &[u32]) {
        let class = class as usize;
        self.users[class] += u64::from(!held.is_empty());
        for product in held {
            self.holders[class * self.products + *product as usize] += 1;
        }
    }

    /// Adds the counts of other users in the same classes.
    pub fn merge(&mut self, other: &Self) {
        self.users.iter_mut().zip(&other.users).for_each(|(sum, count)| *sum += count);
        self.holders.iter_mut().zip(&other.holders).for_each(|(sum, count)| *sum += count);
    }

    /// Classes.
    pub fn classes(&self) -> usize {
        self.users.len()
    }

    /// Products.
    pub const fn products(&self) -> usize {
        self.products
    }

    /// Holders of each product in a class.
    ///
    /// # Panics
    /// If there is no such class.
    pub fn holders_in(&self, class: usize) -> &[u64] {
        &self.holders[class * self.products..][..self.products]
    }

    /// The weights g = (b + m s) / (a + m) of every product in every class: b of a users hold it, and m users are added of
    /// whom the share s holds it, as among all users. With m = 0 this is b / a, and 0 in a class without users.
    pub fn weights(&self, shrink: f64) -> Vec<f64> {
        let all: u64 = self.users.iter().sum();
        let mut shares = vec![0.0; self.products];
        for class in 0..self.classes() {
            shares.iter_mut().zip(self.holders_in(class)).for_each(|(sum, b)| *sum += *b as f64);
        }
        for sum in &mut shares {
            *sum /= all.max(1) as f64;
        }
        let weigh = |class: usize| {
            let users = self.users[class] as f64 + shrink;
            let weight =
                move |(b, share): (&u64, &f64)| if users > 0.0 { (*b as f64 + shrink * share) / users } else { 0.0 };
            self.holders_in(class).iter().zip(&shares).map(weight).collect::<Vec<f64>>()
        };
        (0..self.classes()).flat_map(weigh).collect()
    }
}

/// The mean of the weights of several independent rounds, each with classes of its own.
#[derive(Debug, Clone, Default)]
pub struct Bag {
    rounds: Vec<(Vec<u32>, Vec<f64>)>,
}

impl Bag {
    /// Adds a round: each user's class, and [`ClassCounts::weights`].
    pub fn push(&mut self, labels: Vec<u32>, weights: Vec<f64>) {
        self.rounds.push((labels, weights));
    }

    /// Rounds so far.
    pub fn rounds(&self) -> usize {
        self.rounds.len()
    }
}

impl Scorer for Bag {
    fn score(&self, user: usize, _: &Holdings, scores: &mut [f64]) {
        let n = scores.len();
        scores.fill(0.0);
        for (labels, weights) in &self.rounds {
            let own = &weights[labels[user] as usize * n..][..n];
            scores.iter_mut().zip(own).for_each(|(score, weight)| *score += weight);
        }
        let rounds = self.rounds.len().max(1) as f64;
        for score in scores.iter_mut() {
            *score /= rounds;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holdings() -> Holdings {
        let lists = [vec![(0, 1.0), (1, 1.0)], vec![(0, 1.0)], vec![], vec![(1, 1.0)]];
        Holdings::new(&lists, 3).expect("fine")
    }

    #[test]
    fn p5_a_weight_is_the_share_of_holders_and_candidates_do_not_count() {
        let counts = ClassCounts::count(&[0, 0, 0, 1], &holdings(), 3);
        assert_eq!((&counts.users, counts.holders_in(0)), (&vec![2, 1, 0], &[2, 1, 0][..]));
        assert_eq!(counts.weights(0.0), [1.0, 0.5, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0]);
    }

    #[test]
    fn p5_shrink_adds_users_who_hold_as_all_do() {
        let weights = ClassCounts::count(&[0, 0, 0, 1], &holdings(), 3).weights(3.0);
        // Two thirds of the three holding users hold product 0, two thirds product 1.
        let wanted = [4.0 / 5.0, 3.0 / 5.0, 0.0, 2.0 / 4.0, 3.0 / 4.0, 0.0, 2.0 / 3.0, 2.0 / 3.0, 0.0];
        assert!(weights.iter().zip(wanted).all(|(a, b)| (a - b).abs() < 1e-12), "{weights:?}");
    }

    #[test]
    fn p6_a_bag_averages_the_weights_of_its_rounds() {
        let holdings = holdings();
        let mut bag = Bag::default();
        for labels in [vec![0, 0, 0, 1], vec![1, 0, 1, 1]] {
            let weights = ClassCounts::count(&labels, &holdings, 2).weights(0.0);
            bag.push(labels, weights);
        }
        let mut scores = vec![0.0; 3];
        bag.score(0, &holdings, &mut scores);
        // Class 0 of round one: 1, 1/2; class 1 of round two (users 0 and 3): 1/2, 1.
        assert_eq!((bag.rounds(), scores), (2, vec![0.75, 0.75, 0.0]));
    }
}
