//! How good predictions are.

pub mod classes;
mod correlation;
pub mod numbers;

pub use correlation::mean_correlation;

use serde::{Deserialize, Serialize};

/// Counts of a yes-or-no decision against the truth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Confusion {
    /// Yes, and it was so.
    pub true_positive: usize,
    /// Yes, and it was not so.
    pub false_positive: usize,
    /// No, and it was not so.
    pub true_negative: usize,
    /// No, and it was so.
    pub false_negative: usize,
}

fn ratio(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

impl Confusion {
    /// Counts decisions.
    pub fn of(pairs: impl IntoIterator<Item = (bool, bool)>) -> Self {
        let mut counts = Self::default();
        for (said, truth) in pairs {
            match (said, truth) {
                (true, true) => counts.true_positive += 1,
                (true, false) => counts.false_positive += 1,
                (false, false) => counts.true_negative += 1,
                (false, true) => counts.false_negative += 1,
            }
        }
        counts
    }

    /// All decisions.
    pub const fn total(&self) -> usize {
        self.true_positive + self.false_positive + self.true_negative + self.false_negative
    }

    /// The share of right decisions.
    pub fn accuracy(&self) -> f64 {
        ratio(self.true_positive + self.true_negative, self.total())
    }

    /// The mean of the two classes' recalls.
    pub fn balanced_accuracy(&self) -> f64 {
        let specificity = ratio(self.true_negative, self.true_negative + self.false_positive);
        f64::midpoint(self.recall(), specificity)
    }

    /// The share of right ones among those said yes to; 0 if there is none.
    pub fn precision(&self) -> f64 {
        ratio(self.true_positive, self.true_positive + self.false_positive)
    }

    /// The share found among those that were so; 0 if there is none.
    pub fn recall(&self) -> f64 {
        ratio(self.true_positive, self.true_positive + self.false_negative)
    }

    /// The harmonic mean of precision and recall.
    pub fn f1(&self) -> f64 {
        ratio(2 * self.true_positive, 2 * self.true_positive + self.false_positive + self.false_negative)
    }
}

/// Order of scores from high to low; equal scores keep their order.
fn descending(scores: &[f64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]));
    order
}

/// The points of the receiver operating characteristic, (false positive rate, true positive rate), one a distinct score.
pub fn roc(scores: &[f64], truth: &[bool]) -> Vec<(f64, f64)> {
    let positives = truth.iter().filter(|&&t| t).count();
    let negatives = truth.len() - positives;
    let mut points = vec![(0.0, 0.0)];
    let (mut hits, mut alarms) = (0, 0);
    let order = descending(scores);
    for (place, &i) in order.iter().enumerate() {
        if truth[i] {
            hits += 1;
        } else {
            alarms += 1;
        }
        let ends_tie = order.get(place + 1).is_none_or(|&next| scores[next] != scores[i]);
        if ends_tie {
            points.push((ratio(alarms, negatives), ratio(hits, positives)));
        }
    }
    points
}

/// The area under the ROC curve: the chance that a positive scores above a negative, ties counting half. `None` when
/// one of the classes is missing.
pub fn roc_auc(scores: &[f64], truth: &[bool]) -> Option<f64> {
    let positives = truth.iter().filter(|&&t| t).count();
    if positives == 0 || positives == truth.len() {
        return None;
    }
    let points = roc(scores, truth);
    Some(points.windows(2).map(|w| (w[1].0 - w[0].0) * f64::midpoint(w[0].1, w[1].1)).sum())
}

/// The standard error of an area under the ROC curve that was found on so many positives and negatives (Hanley and
/// McNeil 1982). `None` when one of the classes is missing.
pub fn roc_auc_error(area: f64, positives: usize, negatives: usize) -> Option<f64> {
    if positives == 0 || negatives == 0 {
        return None;
    }
    let (p, n) = (positives as f64, negatives as f64);
    let square = area * area;
    let two_positives = area / (2.0 - area);
    let two_negatives = 2.0 * square / (1.0 + area);
    let variance = area * (1.0 - area) + (p - 1.0) * (two_positives - square) + (n - 1.0) * (two_negatives - square);
    Some((variance.max(0.0) / (p * n)).sqrt())
}

/// Average precision: the mean precision over the positives, by falling score; ties are taken together. `None` without
/// positives.
pub fn average_precision(scores: &[f64], truth: &[bool]) -> Option<f64> {
    let positives = truth.iter().filter(|&&t| t).count();
    if positives == 0 {
        return None;
    }
    let order = descending(scores);
    let (mut hits, mut counted, mut sum) = (0, 0, 0.0);
    for (place, &i) in order.iter().enumerate() {
        hits += usize::from(truth[i]);
        if order.get(place + 1).is_none_or(|&next| scores[next] != scores[i]) {
            sum += ratio(hits, place + 1) * (hits - counted) as f64;
            counted = hits;
        }
    }
    Some(sum / positives as f64)
}

/// The mean squared difference between probability and outcome (Brier 1950).
pub fn brier(probabilities: &[f64], truth: &[bool]) -> f64 {
    let squares = probabilities.iter().zip(truth).map(|(p, &t)| (p - f64::from(u8::from(t))).powi(2));
    squares.sum::<f64>() / probabilities.len().max(1) as f64
}

/// A bin of a calibration plot.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct CalibrationBin {
    /// Rows in it.
    pub count: usize,
    /// Their mean probability.
    pub predicted: f64,
    /// The share that came true.
    pub observed: f64,
}

/// Rows grouped by probability into `bins` bins of equal width; empty bins are left out.
pub fn calibration(probabilities: &[f64], truth: &[bool], bins: usize) -> Vec<CalibrationBin> {
    let mut sums = vec![(0_usize, 0.0, 0_usize); bins.max(1)];
    for (&p, &t) in probabilities.iter().zip(truth) {
        let bin = ((p * bins as f64) as usize).min(bins.max(1) - 1);
        let (count, sum, hits) = &mut sums[bin];
        *count += 1;
        *sum += p;
        *hits += usize::from(t);
    }
    let full = sums.into_iter().filter(|(count, ..)| *count > 0);
    full.map(|(count, sum, hits)| CalibrationBin { count, predicted: sum / count as f64, observed: ratio(hits, count) })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{Confusion, average_precision, brier, calibration, roc_auc, roc_auc_error};

    #[test]
    fn g3_measures_of_a_small_example_by_hand() {
        let scores = [0.9, 0.8, 0.7, 0.6, 0.5, 0.4];
        let truth = [true, false, true, true, false, false];
        // Pairs (positive, negative) in the right order: 3 + 2 + 2 of 9.
        assert!((roc_auc(&scores, &truth).expect("two classes") - 7.0 / 9.0).abs() < 1e-12);
        let expected = (1.0 + 2.0 / 3.0 + 3.0 / 4.0) / 3.0;
        assert!((average_precision(&scores, &truth).expect("positives") - expected).abs() < 1e-12);
        let said = scores.iter().map(|&s| s > 0.65).zip(truth);
        let counts = Confusion::of(said);
        assert_eq!((counts.true_positive, counts.false_positive), (2, 1));
        assert!((counts.f1() - 2.0 / 3.0).abs() < 1e-12);
        assert!((counts.balanced_accuracy() - 2.0 / 3.0).abs() < 1e-12);
        assert!((brier(&[1.0, 0.0, 0.5], &[true, true, false]) - 1.25 / 3.0).abs() < 1e-12);
    }

    #[test]
    fn g3_ties_count_half_and_one_class_has_no_area() {
        assert_eq!(roc_auc(&[0.5; 4], &[true, false, true, false]), Some(0.5));
        assert_eq!(roc_auc(&[0.1, 0.2], &[true, true]), None);
        assert_eq!(average_precision(&[0.1, 0.2], &[false, false]), None);
    }

    #[test]
    fn g3_the_error_of_an_area() {
        // Hanley and McNeil's example: an area of 0.893 on 51 abnormal and 58 normal images has an error of 0.032.
        let error = roc_auc_error(0.893, 51, 58).expect("two classes");
        assert!((error - 0.032).abs() < 1e-3, "{error}");
        assert_eq!(roc_auc_error(1.0, 5, 5), Some(0.0));
        assert_eq!(roc_auc_error(0.7, 0, 5), None);
    }

    #[test]
    fn g3_calibration_keeps_every_row() {
        let p = [0.0, 0.05, 0.55, 0.95, 1.0];
        let bins = calibration(&p, &[false, false, true, true, true], 10);
        assert_eq!(bins.iter().map(|b| b.count).sum::<usize>(), p.len());
        assert_eq!(bins.len(), 3);
        assert!((bins[0].predicted - 0.025).abs() < 1e-12 && bins[0].observed == 0.0);
    }
}
