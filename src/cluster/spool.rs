//! Rows in a scratch file: passes over more rows than memory holds.

use rayon::prelude::*;

use super::blocks::TakeBlock;
use super::{ClusterError, RowBlocks, Rows};
use crate::artifact::{ArtifactError, ScratchFile};

/// Words of a block: 32 MiB.
const BLOCK_WORDS: usize = 1 << 23;

/// Words that one thread reads at a time.
const READ_WORDS: usize = 1 << 18;

/// Rows of f32 in a scratch file, as they will be passed over.
#[derive(Debug)]
pub struct Spool {
    file: ScratchFile,
    width: usize,
    count: usize,
    block: Vec<f32>,
}

impl Spool {
    /// An empty one on `file`.
    ///
    /// # Errors
    /// If rows have no width.
    pub fn new(file: ScratchFile, width: usize) -> Result<Self, ClusterError> {
        if width == 0 {
            return Err(ClusterError::NoColumns);
        }
        Ok(Self { file, width, count: 0, block: vec![] })
    }

    /// Adds rows.
    ///
    /// # Errors
    /// As [`Rows::new`], with the row's number in the whole; the file cannot be written.
    pub fn append(&mut self, values: &[f32]) -> Result<(), ClusterError> {
        let rows = Rows::new(values, self.width).map_err(|error| match error {
            ClusterError::Value { what, row, column, value } => {
                ClusterError::Value { what, row: row + self.count, column, value }
            }
            other => other,
        })?;
        self.file.append(bytemuck::cast_slice(values)).map_err(|error| unreadable(&error))?;
        self.count += rows.count();
        Ok(())
    }

    fn read(&self, first_row: usize, to: &mut [f32]) -> Result<(), ClusterError> {
        let start = first_row * self.width;
        let part = |(p, to): (usize, &mut [f32])| {
            self.file.read(((start + p * READ_WORDS) * size_of::<f32>()) as u64, bytemuck::cast_slice_mut(to))
        };
        to.par_chunks_mut(READ_WORDS)
            .enumerate()
            .map(part)
            .collect::<Result<(), _>>()
            .map_err(|error| unreadable(&error))
    }
}

fn unreadable(error: &ArtifactError) -> ClusterError {
    ClusterError::Source { reason: error.to_string() }
}

impl RowBlocks for Spool {
    fn count(&self) -> usize {
        self.count
    }

    fn width(&self) -> usize {
        self.width
    }

    fn block_rows(&self) -> usize {
        (BLOCK_WORDS / self.width).max(1)
    }

    fn pass(&mut self, take: &mut TakeBlock<'_>) -> Result<(), ClusterError> {
        let mut block = std::mem::take(&mut self.block);
        let rows = self.block_rows();
        for first in (0..self.count).step_by(rows) {
            block.resize(rows.min(self.count - first) * self.width, 0.0);
            self.read(first, &mut block)?;
            take(first, &block)?;
        }
        self.block = block;
        Ok(())
    }

    fn pick(&mut self, rows: &[usize]) -> Result<Vec<f32>, ClusterError> {
        let mut values = vec![0.0; rows.len() * self.width];
        for (row, to) in rows.iter().zip(values.chunks_exact_mut(self.width)) {
            self.read(*row, to)?;
        }
        Ok(values)
    }
}

#[cfg(test)]
mod tests {
    use super::Spool;
    use crate::artifact::ScratchFile;
    use crate::backend::Backend;
    use crate::cluster::{EmptyRule, Init, KMeansSpec, Keep, Metric, Mode, Pca, RowBlocks, Rows};
    use crate::ops::rng::counter_bits;

    /// `n` rows of three numbers around four points.
    fn rows(n: u32) -> Vec<f32> {
        (0..n * 3).map(|i| counter_bits(9, 0, 0, i) as f32 / 4e9 + (i / 3 % 4) as f32 * 7.0 + 1.0).collect()
    }

    fn spool(values: &[f32]) -> Spool {
        let file = ScratchFile::new(&std::env::temp_dir()).expect("a file");
        let mut spool = Spool::new(file, 3).expect("a width");
        values.chunks(999).for_each(|part| spool.append(part).expect("room"));
        spool
    }

    #[test]
    fn e15_rows_on_disk_are_clustered_as_rows_in_memory_are() {
        let values = rows(20_000);
        let in_memory = Rows::new(&values, 3).expect("fine");
        let cpu = Backend::cpu().expect("a CPU");
        let lloyd = Mode::Lloyd { iterations_max: 30, tolerance: 0.0 };
        let batches = Mode::MiniBatch { batch: 500, iterations_max: 50, seed: 1 };
        for (mode, metric) in [(lloyd, Metric::Euclidean), (lloyd, Metric::Cosine), (batches, Metric::Euclidean)] {
            for init in [Init::Parallel { seed: 5 }, Init::PlusPlus { seed: 5 }] {
                let base = KMeansSpec::new(4, init, mode);
                let kmeans = KMeansSpec { metric, empty: EmptyRule::Reseed, ..base }.check().expect("fine");
                let whole = kmeans.fit(&cpu, &in_memory).expect("fits");
                let found = kmeans.fit_blocks(&cpu, &mut spool(&values), None, &mut |_| true).expect("fits");
                assert_eq!((&found.labels, found.iterations), (&whole.labels, whole.iterations));
                assert!((found.inertia / whole.inertia - 1.0).abs() < 1e-6);
            }
        }
        let whole = Pca::fit(&cpu, &in_memory, Keep::Dimensions(2)).expect("fits");
        let found = Pca::fit_blocks(&cpu, &mut spool(&values), Keep::Dimensions(2)).expect("fits");
        assert!((found.variances()[0] / whole.variances()[0] - 1.0).abs() < 1e-6);
    }

    #[test]
    fn e15_rows_come_back_by_number_and_bad_ones_are_named() {
        let values = rows(1000);
        let mut found = spool(&values);
        assert_eq!(found.count(), 1000);
        let picked = found.pick(&[999, 0]).expect("there");
        assert_eq!(picked, [&values[2997..], &values[..3]].concat());
        let error = found.append(&[1.0, 2.0, 3.0, 1.0, f32::NAN, 2.0]).expect_err("not a number").to_string();
        assert_eq!(error, "rows: row 1001, column 1: expected a number of magnitude at most 1e15, found NaN");
    }
}
