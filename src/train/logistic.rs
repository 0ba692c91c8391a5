//! Logistic regression by Newton's method: the baseline beside networks that say yes or no.

use nalgebra::{DMatrix, DVector};
use serde::{Deserialize, Serialize};

use super::TrainError;

/// The most steps; a ridge makes the loss strongly convex, and a few suffice.
const STEPS_MAX: usize = 100;

/// A step after which no coefficient has moved further ends the search.
const MOVED_MIN: f64 = 1e-9;

/// The largest step of a coefficient at a time: rows that can be told apart would otherwise overshoot.
const STEP_MAX: f64 = 5.0;

/// Fitted coefficients: the log-odds of yes are `bias + coefficients . row`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Logistic {
    /// The log-odds of a row of zeros.
    pub bias: f64,
    /// One a column.
    pub coefficients: Vec<f64>,
}

impl Logistic {
    /// Minimises the sum of log losses plus `ridge / 2` times the coefficients' squares (the bias is free).
    ///
    /// # Errors
    /// If rows and truth do not fit each other, one of the two outcomes is missing, a value is no number, the ridge is
    /// not above 0, or the search does not end.
    pub fn fit(rows: &[f32], width: usize, truth: &[bool], ridge: f64) -> Result<Self, TrainError> {
        check(rows, width, truth, ridge)?;
        let yes = truth.iter().filter(|t| **t).count() as f64;
        let mut beta = DVector::zeros(width + 1);
        beta[width] = (yes / (truth.len() as f64 - yes)).ln();
        for _ in 0..STEPS_MAX {
            let (gradient, curvature) = derivatives(rows, truth, ridge, &beta);
            let Some(step) = curvature.cholesky().map(|c| c.solve(&gradient)) else { break };
            let largest = step.amax();
            let share = if largest > STEP_MAX { STEP_MAX / largest } else { 1.0 };
            beta -= step * share;
            if largest < MOVED_MIN {
                let coefficients = beta.iter().take(width).copied().collect();
                return Ok(Self { bias: beta[width], coefficients });
            }
        }
        Err(TrainError::Data("logistic regression did not come to rest".to_owned()))
    }

    /// The log-odds of each row.
    pub fn log_odds(&self, rows: &[f32]) -> Vec<f64> {
        let one = |row: &[f32]| row.iter().zip(&self.coefficients).fold(self.bias, |s, (x, c)| s + f64::from(*x) * c);
        rows.chunks_exact(self.coefficients.len()).map(one).collect()
    }
}

fn check(rows: &[f32], width: usize, truth: &[bool], ridge: f64) -> Result<(), TrainError> {
    let bad = |text: String| Err(TrainError::Data(format!("logistic regression: {text}")));
    if width == 0 || rows.len() != width * truth.len() {
        return bad(format!("expected {} rows of {width} values, found {} values", truth.len(), rows.len()));
    }
    if truth.iter().all(|t| *t == truth[0]) {
        return bad("expected rows of both outcomes".to_owned());
    }
    if !rows.iter().all(|v| v.is_finite()) {
        return bad("expected finite numbers".to_owned());
    }
    if !(ridge.is_finite() && ridge > 0.0) {
        return bad(format!("expected a ridge above 0, got {ridge}"));
    }
    Ok(())
}

/// The gradient of the loss and its matrix of second derivatives; the bias stands last.
fn derivatives(rows: &[f32], truth: &[bool], ridge: f64, beta: &DVector<f64>) -> (DVector<f64>, DMatrix<f64>) {
    let width = beta.len() - 1;
    let mut gradient = DVector::zeros(width + 1);
    let mut curvature = DMatrix::zeros(width + 1, width + 1);
    let mut x = vec![1.0; width + 1];
    for (row, yes) in rows.chunks_exact(width).zip(truth) {
        x.iter_mut().zip(row).for_each(|(to, from)| *to = f64::from(*from));
        let z: f64 = x.iter().zip(beta.iter()).map(|(x, b)| x * b).sum();
        let p = 1.0 / (1.0 + (-z).exp());
        let (error, weight) = (p - f64::from(u8::from(*yes)), (p * (1.0 - p)).max(1e-12));
        for (i, xi) in x.iter().enumerate() {
            gradient[i] += error * xi;
            for (j, xj) in x[..=i].iter().enumerate() {
                curvature[(i, j)] += weight * xi * xj;
            }
        }
    }
    for i in 0..=width {
        if i < width {
            gradient[i] += ridge * beta[i];
            curvature[(i, i)] += ridge;
        }
        for j in 0..i {
            curvature[(j, i)] = curvature[(i, j)];
        }
    }
    (gradient, curvature)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r12_logistic_regression_finds_the_odds_of_a_table_of_two_by_two() {
        // With x = 0: 1 of 4 yes; with x = 1: 3 of 4. Without a ridge: bias ln(1/3), slope 2 ln 3.
        let rows = [0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0];
        let truth = [true, false, false, false, true, true, true, false];
        let found = Logistic::fit(&rows, 1, &truth, 1e-9).unwrap();
        assert!((found.bias + 3.0_f64.ln()).abs() < 1e-6, "{found:?}");
        assert!((found.coefficients[0] - 2.0 * 3.0_f64.ln()).abs() < 1e-6, "{found:?}");
        assert!((found.log_odds(&[1.0])[0] - 3.0_f64.ln()).abs() < 1e-6);
    }

    #[test]
    fn r12_logistic_regression_ends_where_rows_can_be_told_apart_and_refuses_what_cannot_be() {
        let found = Logistic::fit(&[-1.0, -2.0, 1.0, 2.0], 1, &[false, false, true, true], 0.01).unwrap();
        assert!(found.coefficients[0] > 1.0 && found.coefficients[0].is_finite());
        for (rows, width, truth, ridge, words) in [
            (&[1.0_f32, 2.0, 3.0][..], 2, &[true, false][..], 1.0, "2 rows of 2 values, found 3"),
            (&[1.0, 2.0], 1, &[true, true], 1.0, "both outcomes"),
            (&[1.0, f32::NAN], 1, &[true, false], 1.0, "finite"),
            (&[1.0, 2.0], 1, &[true, false], 0.0, "above 0"),
        ] {
            let error = Logistic::fit(rows, width, truth, ridge).unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        }
    }
}
