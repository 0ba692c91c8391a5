//! A linear model of sparse rows: softmax regression, by L-BFGS (Liu and Nocedal 1989).

use std::collections::VecDeque;

use rayon::prelude::*;

/// Iterations at most; a few thousand texts need about fifty.
const ITERATIONS_MAX: usize = 300;

/// The gradient's length, as a share of what it is at first, at which the minimum is near enough.
const NEAR: f64 = 1e-4;

/// Pairs of steps and changes of the gradient that are remembered.
const MEMORY: usize = 10;

/// Parts of the rows, whose sums are added in order: the same bits however many threads there are.
const PARTS: usize = 16;

/// Rows of columns and values.
pub(super) type SparseRow = Vec<(u32, f32)>;

/// A linear model.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Linear {
    /// [columns, classes].
    pub(super) coefficients: Vec<f32>,
    /// One a class.
    pub(super) biases: Vec<f32>,
}

/// Minimises `|coefficients|^2 / 2 + cost * sum of weight_i * cross-entropy_i`; a class's rows are weighted by `weights`.
/// The biases cost nothing. The same bits every time.
pub(super) fn fit(rows: &[SparseRow], labels: &[u32], columns: usize, cost: f64, weights: &[f64]) -> Linear {
    let classes = weights.len();
    let problem = Problem { rows, labels, columns, cost, weights };
    let w = minimise(vec![0.0; (columns + 1) * classes], |w| problem.value_and_gradient(w));
    let (coefficients, biases) = w.split_at(columns * classes);
    let narrow = |values: &[f64]| values.iter().map(|&v| v as f32).collect();
    Linear { coefficients: narrow(coefficients), biases: narrow(biases) }
}

struct Problem<'a> {
    rows: &'a [SparseRow],
    labels: &'a [u32],
    columns: usize,
    cost: f64,
    weights: &'a [f64],
}

impl Problem<'_> {
    /// At `w`, [columns and one for the biases, classes].
    fn value_and_gradient(&self, w: &[f64]) -> (f64, Vec<f64>) {
        let classes = self.weights.len();
        let part = self.rows.len().div_ceil(PARTS).max(1);
        let parts: Vec<(f64, Vec<f64>)> = self
            .rows
            .par_chunks(part)
            .zip(self.labels.par_chunks(part))
            .map(|(rows, labels)| {
                let (mut loss, mut gradient) = (0.0, vec![0.0; w.len()]);
                rows.iter()
                    .zip(labels)
                    .for_each(|(row, &label)| loss += self.row(row, label as usize, w, &mut gradient));
                (loss, gradient)
            })
            .collect();
        let penalised = self.columns * classes;
        let mut value = w[..penalised].iter().map(|x| x * x).sum::<f64>() / 2.0;
        let mut gradient = w.to_vec();
        gradient[penalised..].fill(0.0);
        for (loss, own) in parts {
            value += loss;
            gradient.iter_mut().zip(&own).for_each(|(sum, x)| *sum += x);
        }
        (value, gradient)
    }

    /// Adds the row's gradient; its loss.
    fn row(&self, row: &SparseRow, label: usize, w: &[f64], gradient: &mut [f64]) -> f64 {
        let classes = self.weights.len();
        let of = |column: usize| column * classes..(column + 1) * classes;
        let mut scores = w[of(self.columns)].to_vec();
        for &(column, x) in row {
            scores.iter_mut().zip(&w[of(column as usize)]).for_each(|(score, w)| *score += w * f64::from(x));
        }
        let largest = scores.iter().copied().fold(f64::MIN, f64::max);
        let log_sum = largest + scores.iter().map(|score| (score - largest).exp()).sum::<f64>().ln();
        let weight = self.cost * self.weights[label];
        let loss = weight * (log_sum - scores[label]);
        for (k, score) in scores.iter_mut().enumerate() {
            *score = weight * ((*score - log_sum).exp() - f64::from(u8::from(k == label)));
        }
        for &(column, x) in row {
            gradient[of(column as usize)].iter_mut().zip(&scores).for_each(|(g, slope)| *g += slope * f64::from(x));
        }
        gradient[of(self.columns)].iter_mut().zip(&scores).for_each(|(g, slope)| *g += slope);
        loss
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

/// Where a smooth convex function of which value and gradient are known is least.
fn minimise(mut at: Vec<f64>, of: impl Fn(&[f64]) -> (f64, Vec<f64>)) -> Vec<f64> {
    let (mut value, mut gradient) = of(&at);
    let near = NEAR * dot(&gradient, &gradient).sqrt();
    let mut pairs: VecDeque<(Vec<f64>, Vec<f64>)> = VecDeque::new();
    for _ in 0..ITERATIONS_MAX {
        let length = dot(&gradient, &gradient).sqrt();
        if length <= near {
            break;
        }
        let way = downhill(&gradient, &pairs);
        let slope = dot(&way, &gradient);
        // The first step has no pair to take its length from.
        let mut step = if pairs.is_empty() { 1.0_f64.min(1.0 / length) } else { 1.0 };
        let (next, next_value, next_gradient) = loop {
            let next: Vec<f64> = at.iter().zip(&way).map(|(x, d)| x + step * d).collect();
            let (next_value, next_gradient) = of(&next);
            if next_value <= value + 1e-4 * step * slope {
                break (next, next_value, next_gradient);
            }
            step /= 2.0;
            if step < 1e-12 {
                // Rounding hides what is left of the way.
                return at;
            }
        };
        let moved: Vec<f64> = next.iter().zip(&at).map(|(a, b)| a - b).collect();
        let turned: Vec<f64> = next_gradient.iter().zip(&gradient).map(|(a, b)| a - b).collect();
        if dot(&moved, &turned) > 0.0 {
            pairs.push_back((moved, turned));
        }
        if pairs.len() > MEMORY {
            pairs.pop_front();
        }
        (at, value, gradient) = (next, next_value, next_gradient);
    }
    at
}

/// The direction of a quasi-Newton step, by the two loops over the remembered pairs.
fn downhill(gradient: &[f64], pairs: &VecDeque<(Vec<f64>, Vec<f64>)>) -> Vec<f64> {
    let mut way: Vec<f64> = gradient.iter().map(|g| -g).collect();
    let mut shares = vec![];
    for (moved, turned) in pairs.iter().rev() {
        let share = dot(moved, &way) / dot(moved, turned);
        way.iter_mut().zip(turned).for_each(|(d, y)| *d -= share * y);
        shares.push(share);
    }
    if let Some((moved, turned)) = pairs.back() {
        let scale = dot(moved, turned) / dot(turned, turned);
        for d in &mut way {
            *d *= scale;
        }
    }
    for ((moved, turned), share) in pairs.iter().zip(shares.iter().rev()) {
        let back = share - dot(turned, &way) / dot(moved, turned);
        way.iter_mut().zip(moved).for_each(|(d, s)| *d += back * s);
    }
    way
}

#[cfg(test)]
mod tests {
    use super::{Problem, fit};

    fn rows() -> (Vec<super::SparseRow>, Vec<u32>) {
        let rows = (0..40_u32).map(|i| vec![(i % 3, 1.0 + i as f32 / 40.0), (3 + i % 2, -0.5)]).collect();
        (rows, (0..40).map(|i| (i * i + i / 7) % 3).collect())
    }

    #[test]
    fn i10_the_linear_model_comes_to_its_minimum() {
        // One column, rows x = 1 (class 1) and x = -1 (class 0): by symmetry no bias, and w = (-v, v) where
        // v = 2 C / (1 + exp(2 v)) / 1 for both rows together; with C = 0.5: v (1 + exp(2 v)) = 1.
        let both = fit(&[vec![(0, 1.0)], vec![(0, -1.0)]], &[1, 0], 1, 0.5, &[1.0, 1.0]);
        let v = both.coefficients[1];
        assert!((v * (1.0 + (2.0 * v).exp()) - 1.0).abs() < 1e-3, "{both:?}");
        assert!((both.coefficients[0] + v).abs() < 1e-6 && both.biases[0].abs() < 1e-6, "{both:?}");
    }

    #[test]
    fn i10_the_biases_of_a_linear_model_follow_the_weighted_classes() {
        // No column says anything: the shares are those of the weighted classes, 2 x 1 and 1 x 3.
        let shares = fit(&[vec![], vec![], vec![]], &[0, 0, 1], 0, 1.0, &[1.0, 3.0]);
        let odds = (shares.biases[1] - shares.biases[0]).exp();
        assert!((odds - 1.5).abs() < 1e-3, "{shares:?}");
    }

    #[test]
    fn i10_the_gradient_of_the_linear_model_is_that_of_its_value() {
        let (rows, labels) = rows();
        let problem = Problem { rows: &rows, labels: &labels, columns: 5, cost: 0.7, weights: &[1.0, 2.0, 0.5] };
        let at: Vec<f64> = (0..18).map(|i| f64::from(i).sin()).collect();
        let (_, gradient) = problem.value_and_gradient(&at);
        for i in 0..at.len() {
            let moved = |by: f64| {
                let mut at = at.clone();
                at[i] += by;
                problem.value_and_gradient(&at).0
            };
            let slope = (moved(1e-5) - moved(-1e-5)) / 2e-5;
            assert!((slope - gradient[i]).abs() < 1e-6 * slope.abs().max(1.0), "{i}: {slope} and {}", gradient[i]);
        }
    }

    #[test]
    fn i10_the_linear_model_has_the_same_bits_on_any_number_of_threads() {
        let (rows, labels) = rows();
        let run = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
            pool.install(|| fit(&rows, &labels, 5, 2.0, &[1.0; 3]))
        };
        assert_eq!(run(1), run(3));
    }
}
