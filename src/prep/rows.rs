//! Preparation of plain rows of numbers: what the job says, fitted on the training rows.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{PrepError, Scale};

/// What is done to the inputs.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Scaling {
    /// Nothing.
    None,
    /// Each column less its mean over the training rows, over its deviation there.
    #[default]
    Standard,
    /// Each row (each of its channels) less its own mean, over its own deviation: for series of any level and size.
    Row,
    /// Every value divided by this: 255 for pixels of a byte.
    Divide(f32),
}

/// A fitted preparation; saved with the model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum RowPrep {
    /// The inputs as they are.
    None,
    /// By column.
    Standard(Scale),
    /// By row and channel.
    Row {
        /// Channels of the rows, the fastest index.
        channels: usize,
    },
    /// By a number.
    Divide(f32),
}

impl RowPrep {
    /// Learns from training rows of `width` values, whose fastest index are their `channels`.
    ///
    /// # Errors
    /// If there is no row, or the rows are not whole.
    pub fn fit(scaling: Scaling, rows: &[f32], width: usize, channels: usize) -> Result<Self, PrepError> {
        Ok(match scaling {
            Scaling::None => Self::None,
            Scaling::Divide(by) => Self::Divide(by),
            Scaling::Row => Self::Row { channels: channels.max(1) },
            Scaling::Standard => Self::Standard(Scale::fit(rows, &(0..width).collect::<Vec<_>>())?),
        })
    }

    /// Prepares rows of `width` values in place.
    ///
    /// # Errors
    /// If they are not whole rows of the width that was learned.
    pub fn apply(&self, rows: &mut [f32], width: usize) -> Result<(), PrepError> {
        match self {
            Self::None => {}
            Self::Standard(scale) => scale.apply(rows)?,
            Self::Divide(by) => rows.iter_mut().for_each(|value| *value /= by),
            Self::Row { channels } => {
                for row in rows.chunks_mut(width.max(1)) {
                    (0..*channels).for_each(|channel| standardise(row, channel, *channels));
                }
            }
        }
        Ok(())
    }
}

/// One channel of one row to mean 0 and deviation 1; a constant one to 0.
fn standardise(row: &mut [f32], channel: usize, channels: usize) {
    let own = || row.iter().skip(channel).step_by(channels).map(|v| f64::from(*v));
    let count = own().count().max(1) as f64;
    let mean = own().sum::<f64>() / count;
    let variance = own().map(|v| (v - mean).powi(2)).sum::<f64>() / count;
    let deviation = if variance > 1e-12 { variance.sqrt() } else { 1.0 };
    for value in row.iter_mut().skip(channel).step_by(channels) {
        *value = ((f64::from(*value) - mean) / deviation) as f32;
    }
}

#[cfg(test)]
mod tests {
    use super::{RowPrep, Scaling};

    fn prepared(scaling: Scaling, rows: &[f32], width: usize, channels: usize) -> Vec<f32> {
        let prep = RowPrep::fit(scaling, rows, width, channels).expect("rows");
        let mut rows = rows.to_vec();
        prep.apply(&mut rows, width).expect("whole rows");
        rows
    }

    #[test]
    fn e14_rows_are_scaled_by_column_by_row_or_by_a_number() {
        let rows = [0.0, 10.0, 4.0, 30.0];
        assert_eq!(prepared(Scaling::None, &rows, 2, 1), rows);
        assert_eq!(prepared(Scaling::Divide(10.0), &rows, 2, 1), [0.0, 1.0, 0.4, 3.0]);
        assert_eq!(prepared(Scaling::Standard, &rows, 2, 1), [-1.0, -1.0, 1.0, 1.0]);
        assert_eq!(prepared(Scaling::Row, &rows, 2, 1), [-1.0, 1.0, -1.0, 1.0]);
        // Two channels of two positions each.
        assert_eq!(prepared(Scaling::Row, &rows, 4, 2), [-1.0, -1.0, 1.0, 1.0]);
        assert_eq!(prepared(Scaling::Row, &[3.0, 3.0], 2, 1), [0.0, 0.0]);
    }

    #[test]
    fn e14_broken_rows_and_none_are_errors() {
        assert!(RowPrep::fit(Scaling::Standard, &[], 2, 1).is_err());
        let prep = RowPrep::fit(Scaling::Standard, &[1.0, 2.0], 2, 1).expect("a row");
        assert!(prep.apply(&mut [1.0, 2.0, 3.0], 2).is_err());
    }
}
