//! A linear model of sparse rows: one against the rest, by dual coordinate descent (Hsieh et al. 2008).

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

/// Passes over the rows.
const PASSES: usize = 25;

/// Rows of columns and values.
pub(super) type SparseRow = Vec<(u32, f32)>;

/// Minimises `|w|^2 / 2 + cost * sum of weight_i * max(0, 1 - y_i w x_i)^2` for each class against the others; a class's
/// rows are weighted by `weights`. Gives the coefficients, [columns, classes]. The same bits every time.
pub(super) fn fit(rows: &[SparseRow], labels: &[u32], columns: usize, cost: f64, weights: &[f64]) -> Vec<f32> {
    let classes = weights.len();
    let each: Vec<Vec<f64>> = (0..classes as u32)
        .into_par_iter()
        .map(|class| one_against_the_rest(rows, labels, class, columns, cost, weights))
        .collect();
    (0..columns * classes).map(|i| each[i % classes][i / classes] as f32).collect()
}

fn one_against_the_rest(
    rows: &[SparseRow],
    labels: &[u32],
    class: u32,
    columns: usize,
    cost: f64,
    weights: &[f64],
) -> Vec<f64> {
    let mut w = vec![0.0; columns];
    let mut alpha = vec![0.0_f64; rows.len()];
    let mut order: Vec<usize> = (0..rows.len()).collect();
    let mut rng = ChaCha8Rng::seed_from_u64(u64::from(class));
    let squares: Vec<f64> = rows.iter().map(|row| row.iter().map(|(_, x)| f64::from(x * x)).sum()).collect();
    for _ in 0..PASSES {
        order.shuffle(&mut rng);
        for &i in &order {
            let y = if labels[i] == class { 1.0 } else { -1.0 };
            let slack = 0.5 / (cost * weights[labels[i] as usize]);
            let score: f64 = rows[i].iter().map(|&(j, x)| w[j as usize] * f64::from(x)).sum();
            let gradient = y * score - 1.0 + slack * alpha[i];
            let next = (alpha[i] - gradient / (squares[i] + slack)).max(0.0);
            let step = (next - alpha[i]) * y;
            alpha[i] = next;
            if step != 0.0 {
                rows[i].iter().for_each(|&(j, x)| w[j as usize] += step * f64::from(x));
            }
        }
    }
    w
}

#[cfg(test)]
mod tests {
    use super::fit;

    #[test]
    fn i10_the_linear_model_comes_to_its_minimum() {
        // One column, two rows x = 1 (yes) and x = -1 (no): w^2 / 2 + 2 C (1 - w)^2 has its minimum at 4 C / (1 + 4 C).
        let rows = [vec![(0, 1.0)], vec![(0, -1.0)]];
        let w = fit(&rows, &[1, 0], 1, 0.5, &[1.0, 1.0]);
        assert!((w[1] - 2.0 / 3.0).abs() < 1e-6 && (w[0] + 2.0 / 3.0).abs() < 1e-6, "{w:?}");
        // The yes row weighs 3: w^2 / 2 + C (3 (1 - w)^2 + (1 - w)^2) with C = 0.5.
        let w = fit(&rows, &[1, 0], 1, 0.5, &[1.0, 3.0]);
        assert!((w[1] - 0.8).abs() < 1e-6, "{w:?}");
    }
}
