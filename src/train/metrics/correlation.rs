//! How alike two tables of numbers are, column by column.

/// The mean over the columns of Pearson's correlation between `a` and `b`, both [rows, width]. Columns of which one does
/// not vary are left out; `None` if none is left.
pub fn mean_correlation(a: &[f32], b: &[f32], width: usize) -> Option<f64> {
    let n = a.len().checked_div(width)?.max(1) as f64;
    let mean = |values: &[f32]| {
        let mut sums = vec![0.0; width];
        for row in values.chunks_exact(width) {
            sums.iter_mut().zip(row).for_each(|(sum, v)| *sum += f64::from(*v) / n);
        }
        sums
    };
    let (of_a, of_b) = (mean(a), mean(b));
    let mut sums = vec![[0.0_f64; 3]; width];
    for (a, b) in a.chunks_exact(width).zip(b.chunks_exact(width)) {
        for (c, sums) in sums.iter_mut().enumerate() {
            let (x, y) = (f64::from(a[c]) - of_a[c], f64::from(b[c]) - of_b[c]);
            sums[0] += x * x;
            sums[1] += y * y;
            sums[2] += x * y;
        }
    }
    // Rounding of equal values must not pass for variance.
    let varies = |squares: f64, mean: f64| squares > n * (1e-12 * mean * mean + 1e-30);
    let columns = sums.iter().zip(of_a.iter().zip(&of_b));
    let found: Vec<f64> = columns
        .filter(|(s, (a, b))| varies(s[0], **a) && varies(s[1], **b))
        .map(|(s, _)| s[2] / (s[0] * s[1]).sqrt())
        .collect();
    (!found.is_empty()).then(|| found.iter().sum::<f64>() / found.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::mean_correlation;

    #[test]
    fn p3_the_mean_correlation_leaves_flat_columns_out() {
        let a = [1.0, 5.0, 2.0, 5.0, 3.0, 5.0];
        let b = [2.0, 1.0, 4.0, 2.0, 6.0, 3.0];
        assert!((mean_correlation(&a, &b, 2).expect("one column") - 1.0).abs() < 1e-12);
        // By hand: deviations -1, 0, 1 and -1, 2, -1 are not correlated; 1, 2, 3 and 3, 2, 1 are opposite.
        let a = [1.0, 1.0, 2.0, 2.0, 3.0, 3.0];
        let b = [0.0, 3.0, 3.0, 2.0, 0.0, 1.0];
        assert!((mean_correlation(&a, &b, 2).expect("two columns") + 0.5).abs() < 1e-12);
        assert_eq!(mean_correlation(&[1.0, 1.0], &[1.0, 2.0], 1), None);
        assert_eq!(mean_correlation(&[], &[], 0), None);
    }
}
