//! How good predicted numbers are.

/// Errors of predicted numbers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NumberScores {
    /// Root of the mean squared error.
    pub rmse: f64,
    /// Mean absolute error.
    pub mae: f64,
    /// The share of the truth's variance that is explained; `None` where the truth does not vary.
    pub r2: Option<f64>,
    /// The truth's own deviation: the error of always saying its mean.
    pub deviation: f64,
}

impl NumberScores {
    /// Scores predictions against the truth.
    pub fn of(predicted: &[f64], truth: &[f64]) -> Self {
        let count = truth.len().max(1) as f64;
        let mean = truth.iter().sum::<f64>() / count;
        let variance = truth.iter().map(|t| (t - mean).powi(2)).sum::<f64>() / count;
        let errors = || predicted.iter().zip(truth).map(|(p, t)| p - t);
        let square = errors().map(|e| e * e).sum::<f64>() / count;
        let mae = errors().map(f64::abs).sum::<f64>() / count;
        let r2 = (variance > 0.0).then(|| 1.0 - square / variance);
        Self { rmse: square.sqrt(), mae, r2, deviation: variance.sqrt() }
    }
}

#[cfg(test)]
mod tests {
    use super::NumberScores;

    #[test]
    fn e13_number_scores_of_a_small_example_by_hand() {
        let scores = NumberScores::of(&[1.0, 2.0, 5.0], &[1.0, 3.0, 5.0]);
        assert!((scores.rmse - (1.0_f64 / 3.0).sqrt()).abs() < 1e-12 && (scores.mae - 1.0 / 3.0).abs() < 1e-12);
        assert!((scores.r2.expect("it varies") - (1.0 - 1.0 / 8.0)).abs() < 1e-12);
        assert_eq!(NumberScores::of(&[2.0], &[1.0]).r2, None);
    }
}
