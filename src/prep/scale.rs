//! Standardisation: each column less its mean, over its deviation.

use serde::{Deserialize, Serialize};

use super::PrepError;

/// Means and deviations of columns, in f64 sums.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Scale {
    mean: Vec<f32>,
    deviation: Vec<f32>,
}

impl Scale {
    /// Learns from rows of `width` values. `groups[c]` says which group column `c` belongs to: a group shares one mean
    /// and one deviation (the positions of one channel of a sequence). Constant groups keep deviation 1.
    ///
    /// # Errors
    /// If there is no row.
    pub fn fit(rows: &[f32], groups: &[usize]) -> Result<Self, PrepError> {
        let width = groups.len();
        if width == 0 || rows.is_empty() {
            return Err(PrepError::NoRows { what: "scale" });
        }
        if !rows.len().is_multiple_of(width) {
            return Err(PrepError::Width { expected: width, found: rows.len() % width });
        }
        let count = groups.iter().max().map_or(0, |g| g + 1);
        let mut sums = vec![(0.0_f64, 0_usize); count];
        for (value, &group) in rows.iter().zip(groups.iter().cycle()) {
            sums[group].0 += f64::from(*value);
            sums[group].1 += 1;
        }
        let means: Vec<f64> = sums.iter().map(|(sum, n)| sum / (*n).max(1) as f64).collect();
        let mut squares = vec![0.0_f64; count];
        for (value, &group) in rows.iter().zip(groups.iter().cycle()) {
            squares[group] += (f64::from(*value) - means[group]).powi(2);
        }
        let deviation = |group: usize| {
            let variance = squares[group] / sums[group].1.max(1) as f64;
            if variance > 1e-12 { variance.sqrt() as f32 } else { 1.0 }
        };
        Ok(Self {
            mean: groups.iter().map(|&g| means[g] as f32).collect(),
            deviation: groups.iter().map(|&g| deviation(g)).collect(),
        })
    }

    /// From means and deviations that were found elsewhere; a deviation of 0 becomes 1.
    pub fn of(mean: &[f64], deviation: &[f64]) -> Self {
        let safe = |d: &f64| if d * d > 1e-12 { *d as f32 } else { 1.0 };
        Self { mean: mean.iter().map(|m| *m as f32).collect(), deviation: deviation.iter().map(safe).collect() }
    }

    /// Columns.
    pub fn width(&self) -> usize {
        self.mean.len()
    }

    /// Standardises rows in place.
    ///
    /// # Errors
    /// If they are not whole rows of the width that was learned.
    pub fn apply(&self, rows: &mut [f32]) -> Result<(), PrepError> {
        if !rows.len().is_multiple_of(self.width()) {
            return Err(PrepError::Width { expected: self.width(), found: rows.len() % self.width() });
        }
        for row in rows.chunks_exact_mut(self.width()) {
            for ((value, mean), deviation) in row.iter_mut().zip(&self.mean).zip(&self.deviation) {
                *value = (*value - mean) / deviation;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Scale;

    #[test]
    fn g3_columns_have_mean_0_and_deviation_1_and_constants_stay_finite() {
        let mut rows: Vec<f32> = (0..300).flat_map(|i| [i as f32, 7.0, (i % 10) as f32 * 100.0]).collect();
        let scale = Scale::fit(&rows, &[0, 1, 2]).expect("rows");
        scale.apply(&mut rows).expect("whole rows");
        for column in [0, 2] {
            let values: Vec<f64> = rows.chunks(3).map(|r| f64::from(r[column])).collect();
            let mean = values.iter().sum::<f64>() / 300.0;
            let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / 300.0;
            assert!(mean.abs() < 1e-5 && (variance - 1.0).abs() < 1e-4, "column {column}: {mean}, {variance}");
        }
        assert!(rows.chunks(3).all(|r| r[1] == 0.0));
    }

    #[test]
    fn g3_a_group_shares_one_scale() {
        let mut rows = vec![0.0, 10.0, 0.0, 10.0];
        let scale = Scale::fit(&rows, &[0, 0]).expect("rows");
        scale.apply(&mut rows).expect("whole rows");
        assert_eq!(rows, [-1.0, 1.0, -1.0, 1.0]);
    }

    #[test]
    fn g3_no_rows_and_broken_rows_are_errors() {
        assert!(Scale::fit(&[], &[0]).is_err());
        assert!(Scale::fit(&[1.0, 2.0, 3.0], &[0, 1]).is_err());
    }
}
