//! How good predictions of one class of several are.

/// The smallest probability that the log loss takes: one wrong row shall not make it infinite.
const PROBABILITY_MIN: f64 = 1e-15;

/// Counts of true against predicted classes, and what the probabilities were worth.
#[derive(Debug, Clone, PartialEq)]
pub struct ClassScores {
    /// `confusion[i][j]`: rows of class `i` that were taken for class `j`.
    pub confusion: Vec<Vec<usize>>,
    /// The mean of -ln(probability of the true class).
    pub log_loss: f64,
}

/// The most likely class of one row; the first of equals.
pub fn most_likely(probabilities: &[f64]) -> usize {
    (0..probabilities.len()).fold(0, |best, k| if probabilities[k] > probabilities[best] { k } else { best })
}

fn ratio(part: usize, whole: usize) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) = values.fold((0.0, 0_usize), |(sum, count), value| (sum + value, count + 1));
    sum / count.max(1) as f64
}

impl ClassScores {
    /// Scores probabilities, [rows, classes], against the rows' true classes.
    pub fn of(probabilities: &[f64], truth: &[u32], classes: usize) -> Self {
        let mut confusion = vec![vec![0; classes]; classes];
        let mut loss = 0.0;
        for (row, &class) in probabilities.chunks_exact(classes.max(1)).zip(truth) {
            confusion[class as usize][most_likely(row)] += 1;
            loss -= row[class as usize].max(PROBABILITY_MIN).ln();
        }
        Self { confusion, log_loss: loss / truth.len().max(1) as f64 }
    }

    fn classes(&self) -> std::ops::Range<usize> {
        0..self.confusion.len()
    }

    /// All rows.
    pub fn total(&self) -> usize {
        self.confusion.iter().flatten().sum()
    }

    /// Rows of class `k`.
    pub fn support(&self, k: usize) -> usize {
        self.confusion[k].iter().sum()
    }

    /// Rows taken for class `k`.
    pub fn predicted(&self, k: usize) -> usize {
        self.confusion.iter().map(|row| row[k]).sum()
    }

    /// The share of right rows; 0 without rows.
    pub fn accuracy(&self) -> f64 {
        ratio(self.classes().map(|k| self.confusion[k][k]).sum(), self.total()).unwrap_or(0.0)
    }

    /// The share of the largest class: what always saying it would reach.
    pub fn majority(&self) -> f64 {
        ratio(self.classes().map(|k| self.support(k)).max().unwrap_or(0), self.total()).unwrap_or(0.0)
    }

    /// Of the rows taken for class `k`, the share that was right; `None` where none was.
    pub fn precision(&self, k: usize) -> Option<f64> {
        ratio(self.confusion[k][k], self.predicted(k))
    }

    /// Of the rows of class `k`, the share that was found; `None` without such rows.
    pub fn recall(&self, k: usize) -> Option<f64> {
        ratio(self.confusion[k][k], self.support(k))
    }

    /// The harmonic mean of the two; `None` where the class is neither there nor predicted.
    pub fn f1(&self, k: usize) -> Option<f64> {
        ratio(2 * self.confusion[k][k], self.support(k) + self.predicted(k))
    }

    /// The mean F1 of the classes that are there or predicted.
    pub fn macro_f1(&self) -> f64 {
        mean(self.classes().filter_map(|k| self.f1(k)))
    }

    /// The mean recall of the classes that are there.
    pub fn balanced_accuracy(&self) -> f64 {
        mean(self.classes().filter_map(|k| self.recall(k)))
    }
}

#[cfg(test)]
mod tests {
    use super::ClassScores;

    #[test]
    fn e13_class_scores_of_a_small_example_by_hand() {
        // Predicted 0, 1, 1, 0; the third class is neither there nor predicted.
        let probabilities = [0.5, 0.3, 0.2, 0.1, 0.8, 0.1, 0.2, 0.6, 0.2, 0.9, 0.1, 0.0];
        let scores = ClassScores::of(&probabilities, &[0, 1, 0, 0], 3);
        assert_eq!(scores.confusion, [vec![2, 1, 0], vec![0, 1, 0], vec![0, 0, 0]]);
        assert!((scores.accuracy() - 0.75).abs() < 1e-12 && (scores.majority() - 0.75).abs() < 1e-12);
        let loss = -(0.5_f64.ln() + 0.8_f64.ln() + 0.2_f64.ln() + 0.9_f64.ln()) / 4.0;
        assert!((scores.log_loss - loss).abs() < 1e-12);
        assert_eq!((scores.precision(0), scores.precision(1), scores.precision(2)), (Some(1.0), Some(0.5), None));
        assert_eq!((scores.recall(1), scores.recall(2), scores.f1(2)), (Some(1.0), None, None));
        assert!((scores.macro_f1() - f64::midpoint(0.8, 2.0 / 3.0)).abs() < 1e-12);
        assert!((scores.balanced_accuracy() - f64::midpoint(2.0 / 3.0, 1.0)).abs() < 1e-12);
    }

    #[test]
    fn e13_a_certain_mistake_costs_much_but_not_everything() {
        let scores = ClassScores::of(&[1.0, 0.0], &[1], 2);
        assert!(scores.log_loss.is_finite() && scores.log_loss > 30.0);
        assert_eq!(ClassScores::of(&[], &[], 2).accuracy(), 0.0);
    }
}
