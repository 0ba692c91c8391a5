//! Rows that need not all lie in memory: they are passed over block by block, always in the same order.

use rayon::prelude::*;

use super::{ClusterError, Rows};

/// A block is handed on with the number of its first row.
pub type TakeBlock<'a> = dyn FnMut(usize, &[f32]) -> Result<(), ClusterError> + 'a;

/// Checked rows, block by block. The blocks' borders must not change from pass to pass: sums follow them.
pub trait RowBlocks {
    /// How many rows.
    fn count(&self) -> usize;
    /// Values a row.
    fn width(&self) -> usize;
    /// The most rows of a block; all blocks but the last have as many.
    fn block_rows(&self) -> usize;
    /// All values, if they lie in memory.
    fn resident(&self) -> Option<&[f32]> {
        None
    }
    /// Hands all blocks on, in order.
    ///
    /// # Errors
    /// What `take` says; the rows cannot be read.
    fn pass(&mut self, take: &mut TakeBlock<'_>) -> Result<(), ClusterError>;
    /// Some rows, one after the other, in the order asked for.
    ///
    /// # Errors
    /// The rows cannot be read.
    fn pick(&mut self, rows: &[usize]) -> Result<Vec<f32>, ClusterError>;
}

/// Rows in memory, cut into blocks.
#[derive(Debug, Clone, Copy)]
pub(super) struct InMemory<'a> {
    pub rows: Rows<'a>,
    pub block_rows: usize,
}

impl RowBlocks for InMemory<'_> {
    fn count(&self) -> usize {
        self.rows.count()
    }

    fn width(&self) -> usize {
        self.rows.width()
    }

    fn block_rows(&self) -> usize {
        self.block_rows
    }

    fn resident(&self) -> Option<&[f32]> {
        Some(self.rows.values())
    }

    fn pass(&mut self, take: &mut TakeBlock<'_>) -> Result<(), ClusterError> {
        let blocks = self.rows.values().chunks(self.block_rows * self.rows.width()).enumerate();
        for (b, values) in blocks {
            take(b * self.block_rows, values)?;
        }
        Ok(())
    }

    fn pick(&mut self, rows: &[usize]) -> Result<Vec<f32>, ClusterError> {
        Ok(rows.iter().flat_map(|&row| self.rows.row(row)).copied().collect())
    }
}

/// Rows scaled to length 1 on their way.
pub(super) struct UnitBlocks<'a> {
    inner: &'a mut dyn RowBlocks,
    scaled: Vec<f32>,
}

impl<'a> UnitBlocks<'a> {
    pub(super) fn new(inner: &'a mut dyn RowBlocks) -> Self {
        Self { inner, scaled: vec![] }
    }
}

impl RowBlocks for UnitBlocks<'_> {
    fn count(&self) -> usize {
        self.inner.count()
    }

    fn width(&self) -> usize {
        self.inner.width()
    }

    fn block_rows(&self) -> usize {
        self.inner.block_rows()
    }

    fn pass(&mut self, take: &mut TakeBlock<'_>) -> Result<(), ClusterError> {
        let (width, scaled) = (self.inner.width(), &mut self.scaled);
        self.inner.pass(&mut |first, values| {
            scaled.clear();
            scaled.extend_from_slice(values);
            to_unit_length(scaled, width, first)?;
            take(first, scaled)
        })
    }

    fn pick(&mut self, rows: &[usize]) -> Result<Vec<f32>, ClusterError> {
        let mut values = self.inner.pick(rows)?;
        let width = self.width();
        for (row, values) in rows.iter().zip(values.chunks_exact_mut(width)) {
            to_unit_length(values, width, *row)?;
        }
        Ok(values)
    }
}

/// Scales each row to length 1; `first` is the number of the first row, for errors.
///
/// # Errors
/// Names the first row that is all zeros: it has no direction.
pub(super) fn to_unit_length(values: &mut [f32], width: usize, first: usize) -> Result<(), ClusterError> {
    let scale = |row: &mut [f32]| -> bool {
        let square: f64 = row.iter().map(|v| f64::from(*v) * f64::from(*v)).sum();
        let inverse = 1.0 / square.sqrt();
        for value in row.iter_mut().filter(|_| inverse.is_finite()) {
            *value = (f64::from(*value) * inverse) as f32;
        }
        inverse.is_finite()
    };
    let zero = values.par_chunks_mut(width).map(scale).position_first(|has_direction| !has_direction);
    zero.map_or(Ok(()), |row| Err(ClusterError::NoDirection { row: first + row }))
}
