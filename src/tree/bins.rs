//! Features as bytes: the number of the bin that a value falls into.
//!
//! A feature of few distinct values has a bin for each, and loses nothing. Others have bins of about equally many rows,
//! found on a sample of [`SAMPLE_ROWS`] rows. Categories are bins as they are; missing values have the last code.

use rayon::prelude::*;

use super::TreeError;
use super::features::{BINS_MAX, FeatureKind, Features};

/// The code of a missing value.
pub(super) const MISSING: u8 = BINS_MAX as u8;

/// Rows on which bins are found: all, up to this number; else rows at equal distances.
pub const SAMPLE_ROWS: usize = 200_000;

/// Codes of a group of features lie side by side in one word.
pub(super) const GROUP: usize = 8;

/// Rows that one task codes.
const TASK_ROWS: usize = 8192;

/// A feature's bins.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum FeatureBins {
    /// A bin for each of these ascending values.
    Values(Vec<f32>),
    /// Bin `b` holds what is at most `bounds[b]` and more than the bound before; the last bin has no bound.
    Bounds(Vec<f32>),
    /// So many categories.
    Categories(usize),
}

impl FeatureBins {
    /// How many bins.
    pub(super) fn count(&self) -> usize {
        match self {
            Self::Values(values) => values.len(),
            Self::Bounds(bounds) => bounds.len() + 1,
            Self::Categories(count) => *count,
        }
    }

    /// The number between the rows of bin `left` and those of bin `right`, the next one that has rows.
    pub(super) fn threshold(&self, left: usize, right: usize) -> f64 {
        match self {
            Self::Values(values) => {
                let (low, high) = (f64::from(values[left]), f64::from(values[right]));
                low / 2.0 + high / 2.0
            }
            Self::Bounds(bounds) => f64::from(bounds[left]),
            Self::Categories(_) => left as f64,
        }
    }

    fn find(kind: FeatureKind, mut sample: Vec<f32>, bins: usize) -> Self {
        if let FeatureKind::Category(count) = kind {
            return Self::Categories(count);
        }
        sample.retain(|value| !value.is_nan());
        sample.sort_unstable_by(f32::total_cmp);
        let mut values = sample.clone();
        // -0 and 0 are one value, as everywhere in comparisons.
        values.dedup_by(|a, b| *a == *b);
        if values.len() <= bins {
            return Self::Values(values);
        }
        let at = |b: usize| (b * sample.len() / bins).clamp(1, sample.len() - 1);
        let mut bounds: Vec<f32> = (1..bins).map(|b| between(sample[at(b) - 1], sample[at(b)])).collect();
        bounds.dedup();
        Self::Bounds(bounds)
    }

    /// Upper bounds for a search without branches, padded to 256.
    fn table(&self) -> [f32; 256] {
        let mut table = [f32::INFINITY; 256];
        match self {
            Self::Values(values) => {
                for (place, pair) in table.iter_mut().zip(values.windows(2)) {
                    *place = between(pair[0], pair[1]);
                }
            }
            Self::Bounds(bounds) => table[..bounds.len()].copy_from_slice(bounds),
            Self::Categories(_) => {}
        }
        table
    }
}

/// A number from `low` on that is below `high`.
fn between(low: f32, high: f32) -> f32 {
    let middle = low / 2.0 + high / 2.0;
    if middle < high { middle.max(low) } else { low }
}

/// The first of 256 ascending bounds that is not below the value.
fn place(table: &[f32; 256], value: f32) -> u8 {
    let mut at = 0_usize;
    for step in [128, 64, 32, 16, 8, 4, 2, 1] {
        at += usize::from(table[at + step - 1] < value) * step;
    }
    at as u8
}

/// Rows as codes.
#[derive(Debug)]
pub(super) struct Binned {
    pub features: Vec<FeatureBins>,
    pub kinds: Vec<FeatureKind>,
    /// A row's codes fill `stride` words of [`GROUP`] codes.
    pub codes: Vec<u64>,
    pub stride: usize,
    /// The same codes feature by feature, for partitions, which look at one feature of many rows.
    columns: Vec<u8>,
    rows: usize,
}

impl Binned {
    /// Finds bins and codes all rows.
    pub(super) fn new(features: &Features<'_>, bins: usize) -> Result<Self, TreeError> {
        if !(2..=BINS_MAX).contains(&bins) {
            return Err(TreeError::setting("bins", "2 to 255", bins));
        }
        let (rows, width) = (features.count(), features.width());
        if u32::try_from(rows).is_err() {
            return Err(TreeError::setting("rows", "fewer than 2^32", rows));
        }
        let picked = rows.min(SAMPLE_ROWS);
        let of = |feature: usize| {
            let value =
                |i: usize| features.values()[(i as u64 * rows as u64 / picked as u64) as usize * width + feature];
            FeatureBins::find(features.kinds()[feature], (0..picked).map(value).collect(), bins)
        };
        let found: Vec<FeatureBins> = (0..width).into_par_iter().map(of).collect();
        let stride = width.div_ceil(GROUP);
        let mut codes = vec![0_u64; rows * stride];
        let tables: Vec<[f32; 256]> = found.iter().map(FeatureBins::table).collect();
        let task = |(codes, values): (&mut [u64], &[f32])| {
            for (codes, row) in codes.chunks_exact_mut(stride).zip(values.chunks_exact(width)) {
                for (feature, value) in row.iter().enumerate() {
                    let code = match found[feature] {
                        _ if value.is_nan() => MISSING,
                        FeatureBins::Categories(_) => *value as u8,
                        FeatureBins::Values(_) | FeatureBins::Bounds(_) => place(&tables[feature], *value),
                    };
                    codes[feature / GROUP] |= u64::from(code) << (feature % GROUP * 8);
                }
            }
        };
        codes.par_chunks_mut(TASK_ROWS * stride).zip(features.values().par_chunks(TASK_ROWS * width)).for_each(task);
        let mut columns = vec![0_u8; rows * width];
        columns.par_chunks_mut(rows).enumerate().for_each(|(feature, column)| {
            for (code, words) in column.iter_mut().zip(codes.chunks_exact(stride)) {
                *code = (words[feature / GROUP] >> (feature % GROUP * 8)) as u8;
            }
        });
        Ok(Self { features: found, kinds: features.kinds().to_vec(), codes, stride, columns, rows })
    }

    pub(super) fn width(&self) -> usize {
        self.features.len()
    }

    /// A feature's codes, row by row.
    pub(super) fn column(&self, feature: usize) -> &[u8] {
        &self.columns[feature * self.rows..][..self.rows]
    }
}

#[cfg(test)]
mod tests {
    use super::{Binned, FeatureBins, MISSING};
    use crate::tree::features::{FeatureKind, Features};

    fn binned(values: &[f32], bins: usize) -> Binned {
        Binned::new(&Features::new(values, &[FeatureKind::Number]).expect("fine"), bins).expect("fine")
    }

    #[test]
    fn e15_few_values_have_a_bin_each() {
        let found = binned(&[3.0, f32::NAN, -1.0, 3.0, 0.0, -0.0], 255);
        assert_eq!(found.features[0], FeatureBins::Values(vec![-1.0, 0.0, 3.0]));
        let codes: Vec<u8> = (0..6).map(|row| found.column(0)[row]).collect();
        assert_eq!(codes, [2, MISSING, 0, 2, 1, 1]);
        assert_eq!(found.features[0].threshold(0, 2), 1.0, "halfway between those that have rows");
    }

    #[test]
    fn e15_neighbouring_floats_are_told_apart() {
        let next = f32::from_bits(1.0_f32.to_bits() + 1);
        let found = binned(&[next, 1.0, 2.0], 255);
        assert_eq!([0, 1, 2].map(|row| found.column(0)[row]), [1, 0, 2]);
    }

    #[test]
    fn e15_many_values_share_bins_of_about_equal_size() {
        let values: Vec<f32> = (0..10_000).map(|i| ((i * 7919) % 10_000) as f32).collect();
        let found = binned(&values, 20);
        let mut counts = [0; 20];
        (0..10_000).for_each(|row| counts[usize::from(found.column(0)[row])] += 1);
        assert_eq!(counts, [500; 20]);
        for (row, value) in values.iter().enumerate() {
            let (code, FeatureBins::Bounds(bounds)) = (usize::from(found.column(0)[row]), &found.features[0]) else {
                panic!("expected bounds");
            };
            assert!(bounds.get(code).is_none_or(|bound| value <= bound));
            assert!(code == 0 || *value > bounds[code - 1]);
        }
    }
}
