//! How well products are ranked: hits among the first, the mean reciprocal rank, and intervals by drawing users.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::features::Moment;
use super::split::draw;

/// The ranks that hits are counted for.
pub(super) const HITS: [usize; 3] = [1, 3, 10];

/// Names of the figures.
pub(super) const FIGURES: [&str; 4] = ["hit@1", "hit@3", "hit@10", "MRR"];

/// The rank of the product that came, from 1; of equal scores it has the middle.
pub(super) fn rank(scores: &[f32], target: u32) -> f32 {
    let own = scores[target as usize];
    let (mut above, mut equal) = (0_u32, 0_u32);
    for score in scores {
        above += u32::from(*score > own);
        equal += u32::from(*score == own);
    }
    1.0 + above as f32 + (equal as f32 - 1.0) / 2.0
}

/// hit@1, hit@3, hit@10 and the reciprocal rank of one rank.
pub(super) fn figures(rank: f32) -> [f64; 4] {
    let hit = |most: usize| f64::from(u8::from(rank <= most as f32));
    [hit(HITS[0]), hit(HITS[1]), hit(HITS[2]), 1.0 / f64::from(rank)]
}

/// Figures of each row.
pub(super) type Rows = Vec<[f64; 4]>;

pub(super) fn of_ranks(ranks: &[f32]) -> Rows {
    ranks.iter().map(|rank| figures(*rank)).collect()
}

/// Means over rows.
pub(super) fn mean(rows: &[[f64; 4]]) -> [f64; 4] {
    let count = rows.len().max(1) as f64;
    std::array::from_fn(|i| rows.iter().map(|row| row[i]).sum::<f64>() / count)
}

/// The rows' means over several seeds.
pub(super) fn over_seeds(seeds: &[Rows]) -> Rows {
    let count = seeds.len().max(1) as f64;
    let rows = seeds.first().map_or(0, Vec::len);
    (0..rows).map(|row| std::array::from_fn(|i| seeds.iter().map(|s| s[row][i]).sum::<f64>() / count)).collect()
}

/// A way of ranking with its figures, and their deviation over seeds.
#[derive(Debug, Clone, Serialize, Deserialize, PartialEq)]
pub(super) struct Ranked {
    pub name: String,
    pub figures: [f64; 4],
    pub deviation: Option<[f64; 4]>,
}

impl Ranked {
    pub(super) fn one(name: &str, rows: &[[f64; 4]]) -> Self {
        Self { name: name.to_owned(), figures: mean(rows), deviation: None }
    }

    pub(super) fn many(name: &str, seeds: &[Rows]) -> Self {
        let each: Vec<[f64; 4]> = seeds.iter().map(|rows| mean(rows)).collect();
        let centre = mean(&each);
        let spread = |i: usize| {
            let squares: f64 = each.iter().map(|figures| (figures[i] - centre[i]).powi(2)).sum();
            (squares / (each.len().max(2) - 1) as f64).sqrt()
        };
        Self { name: name.to_owned(), figures: centre, deviation: Some(std::array::from_fn(spread)) }
    }
}

/// The difference of two rankings of the same rows, and its interval.
#[derive(Debug, Clone, Serialize, Deserialize, PartialEq)]
pub(super) struct Difference {
    pub of: String,
    pub less: String,
    pub mean: [f64; 4],
    /// 2.5% and 97.5% of draws of users with replacement.
    pub low: [f64; 4],
    pub high: [f64; 4],
}

impl Difference {
    pub(super) fn of(
        (of, a): (&str, &[[f64; 4]]),
        (less, b): (&str, &[[f64; 4]]),
        moments: &[Moment],
        draws: usize,
        seed: u64,
    ) -> Self {
        // Sums by user: rows of one user stand together.
        let mut users: Vec<([f64; 4], f64)> = vec![];
        let mut last = None;
        for ((a, b), moment) in a.iter().zip(b).zip(moments) {
            if last != Some(moment.user) {
                users.push(([0.0; 4], 0.0));
                last = Some(moment.user);
            }
            if let Some((sums, count)) = users.last_mut() {
                sums.iter_mut().zip(a.iter().zip(b)).for_each(|(sum, (a, b))| *sum += a - b);
                *count += 1.0;
            }
        }
        let whole = |picked: &mut dyn Iterator<Item = usize>| -> [f64; 4] {
            let (mut sums, mut rows) = ([0.0; 4], 0.0);
            for user in picked {
                sums.iter_mut().zip(&users[user].0).for_each(|(sum, own)| *sum += own);
                rows += users[user].1;
            }
            sums.map(|sum| sum / f64::max(rows, 1.0))
        };
        let count = users.len();
        let mut found: Vec<[f64; 4]> = (0..draws)
            .into_par_iter()
            .map(|number| {
                let pick = |at: usize| {
                    let moment = Moment { user: at as u32, events: number as u32 };
                    ((draw(seed, 2, moment) * count as f64) as usize).min(count - 1)
                };
                whole(&mut (0..count).map(pick))
            })
            .collect();
        let mut bound = |share: f64| -> [f64; 4] {
            std::array::from_fn(|i| {
                found.sort_by(|a, b| a[i].total_cmp(&b[i]));
                found.get(((draws as f64 - 1.0) * share).round() as usize).map_or(f64::NAN, |v| v[i])
            })
        };
        let (low, high) = (bound(0.025), bound(0.975));
        Self { of: of.to_owned(), less: less.to_owned(), mean: whole(&mut (0..count)), low, high }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn i3_ranks_and_figures_are_those_by_hand() {
        let scores = [0.1, 0.5, 0.2, 0.2];
        assert_eq!([1, 2, 3, 0].map(|t| rank(&scores, t)), [1.0, 2.5, 2.5, 4.0]);
        assert_eq!(figures(2.0), [0.0, 1.0, 1.0, 0.5]);
        assert_eq!(figures(11.0)[..3], [0.0, 0.0, 0.0]);
        let seeds = [vec![figures(1.0), figures(4.0)], vec![figures(2.0), figures(4.0)]];
        assert_eq!(mean(&over_seeds(&seeds))[0], 0.25);
        let many = Ranked::many("m", &seeds);
        assert_eq!((many.figures[0], many.figures[3]), (0.25, 0.5));
        assert!((many.deviation.expect("seeds")[0] - 0.5_f64.sqrt() / 2.0).abs() < 1e-12);
    }

    #[test]
    fn i3_intervals_hold_the_mean_and_no_difference_is_no_width() {
        let moments: Vec<Moment> = (0..300).map(|i| Moment { user: i / 3, events: i % 3 + 1 }).collect();
        let a: Rows = (0..300).map(|i| figures(if i % 2 == 0 { 1.0 } else { 4.0 })).collect();
        let b: Rows = (0..300).map(|_| figures(4.0)).collect();
        let found = Difference::of(("a", &a), ("b", &b), &moments, 500, 1);
        assert!((found.mean[0] - 0.5).abs() < 1e-12);
        assert!(found.low[0] < 0.5 && 0.5 < found.high[0] && found.high[0] - found.low[0] < 0.2, "{found:?}");
        let none = Difference::of(("a", &a), ("a", &a), &moments, 100, 1);
        assert_eq!((none.low, none.high), ([0.0; 4], [0.0; 4]));
    }
}
