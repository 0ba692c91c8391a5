//! How well growth points were located, beside the two baselines (G7).

use serde::{Deserialize, Serialize};

use super::settings::Rule;
use crate::train::metrics::{Confusion, average_precision, roc_auc};

/// The steps that a rule takes from probabilities; only steps from `first` on can be growth points, the others are past.
pub fn growth_points(probabilities: &[f64], first: usize, rule: Rule) -> Vec<usize> {
    let steps = first..probabilities.len();
    match rule {
        Rule::Probability { value } => steps.filter(|&s| probabilities[s] >= value).collect(),
        Rule::ExpectedCount => {
            let count = probabilities[first.min(probabilities.len())..].iter().sum::<f64>().round() as usize;
            let mut order: Vec<usize> = steps.collect();
            // The sort is stable: equal probabilities keep the order of time.
            order.sort_by(|&a, &b| probabilities[b].total_cmp(&probabilities[a]));
            order.truncate(count.max(1));
            order.sort_unstable();
            order
        }
    }
}

/// One product as a method sees it, and as it was.
#[derive(Debug, Clone)]
pub struct Located<'a> {
    /// A probability for each step.
    pub probabilities: &'a [f64],
    /// The steps that were located.
    pub points: Vec<usize>,
    /// Which steps were increment items.
    pub truth: &'a [bool],
}

/// How well a method located growth points, over all products and steps after the early ones.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct PointScores {
    /// Of the located steps, the share that were increments.
    pub precision: f64,
    /// Of the increments, the share that was located.
    pub recall: f64,
    /// Their harmonic mean.
    pub f1: f64,
    /// Mean absolute timing error in steps: the mean distance from each true point to the nearest located one and the
    /// mean distance from each located point to the nearest true one, averaged. A point without a partner in its
    /// product counts as the number of steps after the early ones.
    pub timing_error_steps: f64,
    /// Average precision of the probabilities, before any rule.
    pub average_precision: f64,
    /// Area under their ROC curve.
    pub roc_auc: f64,
    /// Located points.
    pub located: usize,
    /// True points.
    pub true_points: usize,
}

/// Scores a method on several products.
pub fn score(products: &[Located<'_>], first: usize) -> PointScores {
    let cells = |p: &Located<'_>| first..p.truth.len().min(p.probabilities.len());
    let mut decisions = vec![];
    let (mut scores, mut truth) = (vec![], vec![]);
    let (mut to_located, mut to_true) = ((0.0, 0_usize), (0.0, 0_usize));
    for product in products {
        let real: Vec<usize> = cells(product).filter(|&s| product.truth[s]).collect();
        for step in cells(product) {
            decisions.push((product.points.binary_search(&step).is_ok(), product.truth[step]));
            scores.push(product.probabilities[step]);
            truth.push(product.truth[step]);
        }
        let missing = cells(product).len() as f64;
        add_distances(&mut to_located, &real, &product.points, missing);
        add_distances(&mut to_true, &product.points, &real, missing);
    }
    let counts = Confusion::of(decisions);
    let mean = |(sum, count): (f64, usize)| sum / count.max(1) as f64;
    PointScores {
        precision: counts.precision(),
        recall: counts.recall(),
        f1: counts.f1(),
        timing_error_steps: f64::midpoint(mean(to_located), mean(to_true)),
        average_precision: average_precision(&scores, &truth).unwrap_or(0.0),
        roc_auc: roc_auc(&scores, &truth).unwrap_or(0.5),
        located: counts.true_positive + counts.false_positive,
        true_points: counts.true_positive + counts.false_negative,
    }
}

fn add_distances(sum: &mut (f64, usize), from: &[usize], to: &[usize], missing: f64) {
    for &point in from {
        sum.0 += to.iter().map(|&other| point.abs_diff(other) as f64).min_by(f64::total_cmp).unwrap_or(missing);
        sum.1 += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::{Located, Rule, growth_points, score};

    #[test]
    fn g7_the_expected_count_takes_the_most_likely_steps() {
        let p = [0.9, 0.9, 0.2, 0.8, 0.5, 0.6];
        // The steps after the first two expect 2.1 points.
        assert_eq!(growth_points(&p, 2, Rule::ExpectedCount), [3, 5]);
        assert_eq!(growth_points(&p, 2, Rule::Probability { value: 0.5 }), [3, 4, 5]);
        assert_eq!(
            growth_points(&[0.0, 0.0, 0.1, 0.1], 2, Rule::ExpectedCount),
            [2],
            "at least one, the earlier of equals"
        );
    }

    #[test]
    fn g7_scores_by_hand() {
        let p = [0.0, 0.9, 0.1, 0.8, 0.2];
        let truth = [true, true, false, false, true];
        let found = score(&[Located { probabilities: &p, points: vec![1, 3], truth: &truth }], 1);
        assert_eq!((found.precision, found.recall, found.f1), (0.5, 0.5, 0.5));
        // True 1 and 4 lie 0 and 1 from the nearest located; located 1 and 3 lie 0 and 1 from the nearest true.
        assert_eq!(found.timing_error_steps, 0.5);
        assert_eq!((found.located, found.true_points), (2, 2));
    }

    #[test]
    fn g7_a_point_without_a_partner_counts_the_whole_span() {
        let found = score(&[Located { probabilities: &[0.5; 5], points: vec![2], truth: &[false; 5] }], 1);
        assert_eq!(found.timing_error_steps, 2.0);
    }
}
