//! Seeded, stratified splits into training, validation and test rows.

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::error::DataError;

/// Shares as they stand in a job file; what training and validation leave is the test share.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawSplit {
    /// The share used for early stopping and choices, from 0 up to 1.
    pub validation: f64,
    /// The share held out for the report, from 0 up to 1.
    pub test: f64,
    /// Drawn from this seed.
    pub seed: u64,
}

/// Checked shares.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SplitSpec {
    shares: [f64; 3],
    seed: u64,
}

impl RawSplit {
    /// Checks the shares.
    ///
    /// # Errors
    /// [`DataError::Spec`] when a share is outside 0..1 or nothing is left for training.
    pub fn check(&self) -> Result<SplitSpec, DataError> {
        for (field, share) in [("validation", self.validation), ("test", self.test)] {
            if !(0.0..1.0).contains(&share) {
                return Err(DataError::spec(field, format!("expected a share from 0 up to 1, found {share}")));
            }
        }
        let train = 1.0 - self.validation - self.test;
        if train <= 1e-9 {
            let sum = self.validation + self.test;
            let reason = format!("expected validation and test shares below 1 together, found {sum}");
            return Err(DataError::spec("validation", reason));
        }
        Ok(SplitSpec { shares: [train, self.validation, self.test], seed: self.seed })
    }
}

/// Row numbers, each in one part, ascending.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Split {
    /// For fitting.
    pub train: Vec<usize>,
    /// For early stopping.
    pub validation: Vec<usize>,
    /// Held out.
    pub test: Vec<usize>,
}

/// Splits the rows of each class by the shares. A class's rows are shuffled by a stream of their own (ChaCha8, the seed,
/// the class as the stream's number), so the split depends on nothing but the labels and the seed. Shares that do not
/// come out whole are rounded so that the parts' sizes over all classes so far stay as near to the shares as can be.
pub fn stratified(labels: &[u32], spec: &SplitSpec) -> Split {
    let mut classes: std::collections::BTreeMap<u32, Vec<usize>> = std::collections::BTreeMap::new();
    for (row, label) in labels.iter().enumerate() {
        classes.entry(*label).or_default().push(row);
    }
    let mut parts = [Vec::new(), Vec::new(), Vec::new()];
    let mut seen = 0;
    for (label, mut rows) in classes {
        let mut rng = ChaCha8Rng::seed_from_u64(spec.seed);
        rng.set_stream(u64::from(label));
        rows.shuffle(&mut rng);
        seen += rows.len();
        let counts = share_out(rows.len(), seen, parts.each_ref().map(Vec::len), &spec.shares);
        let mut rest = rows.as_slice();
        for (part, count) in parts.iter_mut().zip(counts) {
            let (mine, others) = rest.split_at(count);
            part.extend_from_slice(mine);
            rest = others;
        }
    }
    for part in &mut parts {
        part.sort_unstable();
    }
    let [train, validation, test] = parts;
    Split { train, validation, test }
}

/// How many of `count` rows each part gets: the whole part of its share, and the rest one by one to the part that lags
/// furthest behind its share of all `seen` rows (the first of equals).
fn share_out(count: usize, seen: usize, have: [usize; 3], shares: &[f64; 3]) -> [usize; 3] {
    // A share of 0.29 of 100 rows is 28.999... in floating point.
    let mut counts = shares.map(|share| (share * count as f64 + 1e-9) as usize);
    for _ in counts.iter().sum::<usize>()..count {
        let lag = |p: usize| shares[p] * seen as f64 - (have[p] + counts[p]) as f64;
        let most = (0..3).fold(0, |best, p| if lag(p) > lag(best) + 1e-9 { p } else { best });
        counts[most] += 1;
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(validation: f64, test: f64, seed: u64) -> SplitSpec {
        RawSplit { validation, test, seed }.check().unwrap()
    }

    #[test]
    fn g3_split_is_a_stratified_partition() {
        let labels: Vec<u32> = (0..1000).map(|i| u32::from(i % 4 == 0)).collect();
        let split = stratified(&labels, &spec(0.15, 0.2, 7));
        let mut all = [split.train.clone(), split.validation.clone(), split.test.clone()].concat();
        all.sort_unstable();
        assert_eq!(all, (0..1000).collect::<Vec<_>>());
        let ones = |rows: &[usize]| rows.iter().filter(|r| labels[**r] == 1).count();
        assert_eq!([split.train.len(), split.validation.len(), split.test.len()], [650, 150, 200]);
        assert!((ones(&split.train) as f64 - 162.5).abs() < 1.0);
        assert!((ones(&split.validation) as f64 - 37.5).abs() < 1.0);
        assert_eq!(ones(&split.test), 50);
        assert!(split.train.is_sorted() && split.validation.is_sorted() && split.test.is_sorted());
    }

    #[test]
    fn g3_split_follows_the_seed_alone() {
        let labels: Vec<u32> = (0..300).map(|i| i % 3).collect();
        let one = stratified(&labels, &spec(0.2, 0.2, 1));
        assert_eq!(one, stratified(&labels, &spec(0.2, 0.2, 1)));
        assert_ne!(one, stratified(&labels, &spec(0.2, 0.2, 2)));
    }

    #[test]
    fn g3_split_of_many_small_classes_keeps_the_shares() {
        let labels: Vec<u32> = (0..600).map(|i| i / 2).collect();
        let split = stratified(&labels, &spec(0.2, 0.2, 3));
        assert_eq!([split.train.len(), split.validation.len(), split.test.len()], [360, 120, 120]);
    }

    #[test]
    fn g3_split_has_empty_parts_where_the_share_is_zero() {
        let split = stratified(&[0, 1, 1, 0, 1], &spec(0.0, 0.0, 3));
        assert_eq!(split.train, [0, 1, 2, 3, 4]);
        assert!(split.validation.is_empty() && split.test.is_empty());
        assert_eq!(stratified(&[], &spec(0.2, 0.2, 3)), Split::default());
    }

    #[test]
    fn g3_split_refuses_impossible_shares() {
        for (validation, test) in [(0.5, 0.5), (-0.1, 0.2), (0.2, 1.0), (f64::NAN, 0.1), (0.9, 0.2)] {
            assert!(RawSplit { validation, test, seed: 0 }.check().is_err(), "{validation} {test}");
        }
    }
}
