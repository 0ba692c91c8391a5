//! Checked rows.

use super::ClusterError;

/// The largest magnitude of a value: squares and their sums stay finite in f32.
pub const MAGNITUDE_MAX: f32 = 1e15;

/// At least one row of at least one value, row-major, all of magnitude at most [`MAGNITUDE_MAX`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rows<'a> {
    values: &'a [f32],
    width: usize,
}

impl<'a> Rows<'a> {
    /// Checks rows of `width` values.
    ///
    /// # Errors
    /// If there is no row, no column, a part of a row, or a value that is not finite or too large.
    pub fn new(values: &'a [f32], width: usize) -> Result<Self, ClusterError> {
        Self::named("rows", values, width)
    }

    pub(super) fn named(what: &'static str, values: &'a [f32], width: usize) -> Result<Self, ClusterError> {
        if width == 0 {
            return Err(ClusterError::NoColumns);
        }
        if values.is_empty() {
            return Err(ClusterError::NoRows { at_least: 1 });
        }
        if !values.len().is_multiple_of(width) {
            return Err(ClusterError::Ragged { what, values: values.len(), width });
        }
        // A NaN is not in the range either.
        match values.iter().position(|value| !(-MAGNITUDE_MAX..=MAGNITUDE_MAX).contains(value)) {
            Some(at) => Err(ClusterError::Value { what, row: at / width, column: at % width, value: values[at] }),
            None => Ok(Self { values, width }),
        }
    }

    /// How many rows.
    pub const fn count(&self) -> usize {
        self.values.len() / self.width
    }

    /// Values a row.
    pub const fn width(&self) -> usize {
        self.width
    }

    /// All values.
    pub const fn values(&self) -> &'a [f32] {
        self.values
    }

    /// Row `i`.
    ///
    /// # Panics
    /// If there are not as many rows.
    pub fn row(&self, i: usize) -> &'a [f32] {
        &self.values[i * self.width..][..self.width]
    }

    /// The rows in order.
    pub fn iter(&self) -> std::slice::ChunksExact<'a, f32> {
        self.values.chunks_exact(self.width)
    }

    pub(crate) fn expect_width(&self, what: &'static str, found: usize) -> Result<(), ClusterError> {
        if found == self.width { Ok(()) } else { Err(ClusterError::Width { what, expected: self.width, found }) }
    }
}

impl<'a> IntoIterator for &Rows<'a> {
    type Item = &'a [f32];
    type IntoIter = std::slice::ChunksExact<'a, f32>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::Rows;

    #[test]
    fn e15_rows_that_cannot_be_clustered_are_refused_by_place() {
        let refused = |values: &[f32], width| Rows::new(values, width).expect_err("refused").to_string();
        assert_eq!(refused(&[1.0], 0), "rows of width 0, expected at least 1 value a row");
        assert_eq!(refused(&[], 3), "no rows, expected at least 1");
        assert_eq!(refused(&[1.0, 2.0, 3.0], 2), "rows: 3 values do not make whole rows of 2");
        for (value, printed) in [(f32::NAN, "NaN"), (f32::INFINITY, "inf"), (f32::NEG_INFINITY, "-inf")] {
            assert_eq!(
                refused(&[1.0, 2.0, 3.0, value], 2),
                format!("rows: row 1, column 1: expected a number of magnitude at most 1e15, found {printed}")
            );
        }
        assert!(Rows::new(&[1.1e15], 1).is_err());
        let rows = Rows::new(&[1.0, 2.0, 3.0, 1e15], 2).expect("fine");
        assert_eq!((rows.count(), rows.row(1)), (2, &[3.0, 1e15][..]));
    }
}
