//! How good clusters are: silhouettes, Davies-Bouldin, the adjusted Rand index.

use std::collections::HashMap;

use rayon::prelude::*;

use super::init::sample;
use super::{BLOCK_ROWS, ClusterError, Rows, squared_distance};

/// The mean silhouette of rows (Rousseeuw, "Silhouettes", J. Comput. Appl. Math. 20, 1987), and of each cluster's.
#[derive(Debug, Clone, PartialEq)]
pub struct Silhouette {
    /// The mean over all rows looked at; from -1 to 1, larger is better.
    pub mean: f64,
    /// Each cluster's mean; `None` where no row of it was looked at.
    pub clusters: Vec<Option<f64>>,
    /// Rows looked at.
    pub rows: usize,
}

/// Silhouettes by Euclidean distances within `most` rows, drawn by `seed` if there are more. A row that is alone in its
/// cluster has 0.
///
/// # Errors
/// If there are not as many labels as rows, a label is not below `k`, or fewer than two clusters have rows.
pub fn silhouette(
    rows: &Rows<'_>,
    labels: &[u32],
    k: usize,
    most: usize,
    seed: u64,
) -> Result<Silhouette, ClusterError> {
    check(rows, labels, k)?;
    let drawn = sample(rows.count(), most, seed);
    let mut sizes = vec![0_usize; k];
    for &row in &drawn {
        sizes[labels[row] as usize] += 1;
    }
    if sizes.iter().filter(|size| **size > 0).count() < 2 {
        return Err(few_clusters());
    }
    let value = |&row: &usize| -> f64 {
        let mut sums = vec![0.0_f64; k];
        for &other in &drawn {
            sums[labels[other] as usize] += squared_distance(rows.row(row), rows.row(other)).sqrt();
        }
        let own = labels[row] as usize;
        if sizes[own] == 1 {
            return 0.0;
        }
        let within = sums[own] / (sizes[own] - 1) as f64;
        let others = (0..k).filter(|&j| j != own && sizes[j] > 0).map(|j| sums[j] / sizes[j] as f64);
        let beside = others.fold(f64::INFINITY, f64::min);
        let larger = within.max(beside);
        if larger > 0.0 { (beside - within) / larger } else { 0.0 }
    };
    let values: Vec<f64> = drawn.par_iter().map(value).collect();
    let mut sums = vec![0.0; k];
    drawn.iter().zip(&values).for_each(|(&row, value)| sums[labels[row] as usize] += value);
    let clusters = sums.iter().zip(&sizes).map(|(sum, &size)| (size > 0).then(|| sum / size as f64)).collect();
    Ok(Silhouette { mean: values.iter().sum::<f64>() / values.len() as f64, clusters, rows: drawn.len() })
}

/// The Davies-Bouldin index (IEEE Trans. Pattern Anal. Mach. Intell. 1(2), 1979): the mean over clusters of the worst ratio
/// of two clusters' spreads to the distance of their means; smaller is better. Clusters without rows do not count.
///
/// # Errors
/// As [`silhouette`].
pub fn davies_bouldin(rows: &Rows<'_>, labels: &[u32], k: usize) -> Result<f64, ClusterError> {
    check(rows, labels, k)?;
    let width = rows.width();
    let (mut means, mut sizes) = (vec![0.0_f64; k * width], vec![0_usize; k]);
    for (row, label) in rows.iter().zip(labels) {
        sizes[*label as usize] += 1;
        let mean = &mut means[*label as usize * width..][..width];
        mean.iter_mut().zip(row).for_each(|(sum, value)| *sum += f64::from(*value));
    }
    for (mean, size) in means.chunks_exact_mut(width).zip(&sizes) {
        for value in mean.iter_mut() {
            *value /= (*size).max(1) as f64;
        }
    }
    let far = |row: &[f32], mean: &[f64]| -> f64 {
        row.iter().zip(mean).map(|(x, m)| (f64::from(*x) - m).powi(2)).sum::<f64>().sqrt()
    };
    let block = |(values, labels): (&[f32], &[u32])| -> Vec<f64> {
        let pairs = values.chunks_exact(width).zip(labels);
        pairs.map(|(row, label)| far(row, &means[*label as usize * width..][..width])).collect()
    };
    let blocks = rows.values().par_chunks(BLOCK_ROWS * width).zip(labels.par_chunks(BLOCK_ROWS));
    let distances: Vec<f64> = blocks.flat_map_iter(block).collect();
    let mut spreads = vec![0.0; k];
    distances.iter().zip(labels).for_each(|(distance, label)| spreads[*label as usize] += distance);
    spreads.iter_mut().zip(&sizes).for_each(|(spread, size)| *spread /= (*size).max(1) as f64);
    let there: Vec<usize> = (0..k).filter(|&j| sizes[j] > 0).collect();
    if there.len() < 2 {
        return Err(few_clusters());
    }
    let apart = |i: usize, j: usize| -> f64 {
        let pairs = means[i * width..][..width].iter().zip(&means[j * width..][..width]);
        pairs.map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt()
    };
    let ratio = |i: usize, j: usize| match (spreads[i] + spreads[j], apart(i, j)) {
        (0.0, _) => 0.0,
        (spread, apart) => spread / apart,
    };
    let worst = |&i: &usize| there.iter().filter(|&&j| j != i).map(|&j| ratio(i, j)).fold(0.0, f64::max);
    let all: Vec<f64> = there.par_iter().map(worst).collect();
    Ok(all.iter().sum::<f64>() / there.len() as f64)
}

/// The adjusted Rand index of two labellings (Hubert and Arabie, "Comparing partitions", J. Classif. 2, 1985): 1 if they
/// are the same up to names, about 0 if they have nothing to do with each other.
///
/// # Errors
/// If they are not of the same length, or empty.
pub fn adjusted_rand(a: &[u32], b: &[u32]) -> Result<f64, ClusterError> {
    if a.len() != b.len() || a.is_empty() {
        let found = format!("{} and {}", a.len(), b.len());
        return Err(ClusterError::Setting { name: "labels", expected: "two labellings of the same rows", found });
    }
    let (mut cells, mut of_a, mut of_b) = (HashMap::new(), HashMap::new(), HashMap::new());
    for (x, y) in a.iter().zip(b) {
        *cells.entry((x, y)).or_insert(0_u64) += 1;
        *of_a.entry(x).or_insert(0_u64) += 1;
        *of_b.entry(y).or_insert(0_u64) += 1;
    }
    // Whole numbers: no order of the maps can change them.
    let pairs = |count: &u64| u128::from(*count) * u128::from(count.saturating_sub(1)) / 2;
    let together: u128 = cells.values().map(pairs).sum();
    let (in_a, in_b): (u128, u128) = (of_a.values().map(pairs).sum(), of_b.values().map(pairs).sum());
    let all = pairs(&(a.len() as u64)).max(1);
    let expected = in_a as f64 * in_b as f64 / all as f64;
    let most = 0.5 * (in_a as f64 + in_b as f64);
    if most == expected {
        // Both put all rows together, or both keep all apart.
        return Ok(1.0);
    }
    Ok((together as f64 - expected) / (most - expected))
}

fn few_clusters() -> ClusterError {
    ClusterError::Setting { name: "labels", expected: "at least two clusters with rows", found: "fewer".to_owned() }
}

fn check(rows: &Rows<'_>, labels: &[u32], k: usize) -> Result<(), ClusterError> {
    let bad = |expected, found: String| Err(ClusterError::Setting { name: "labels", expected, found });
    if labels.len() != rows.count() {
        return bad("one a row", format!("{} for {} rows", labels.len(), rows.count()));
    }
    match labels.iter().find(|label| **label as usize >= k) {
        Some(label) => bad("numbers below the number of clusters", format!("{label} of {k}")),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::{adjusted_rand, davies_bouldin, silhouette};
    use crate::cluster::Rows;

    #[test]
    fn e15_silhouettes_worked_out_by_hand() {
        // 0 and 1 against 4 and 6: a row's own side and the other one.
        let rows = Rows::new(&[0.0, 1.0, 4.0, 6.0], 1).expect("fine");
        let found = silhouette(&rows, &[0, 0, 2, 2], 3, 100, 1).expect("two clusters");
        let each = [1.0 - 1.0 / 5.0, 1.0 - 1.0 / 4.0, 1.0 - 2.0 / 3.5, 1.0 - 2.0 / 5.5];
        assert!((found.mean - each.iter().sum::<f64>() / 4.0).abs() < 1e-12, "{found:?}");
        assert!((found.clusters[0].expect("rows") - f64::midpoint(each[0], each[1])).abs() < 1e-12);
        assert_eq!((found.clusters[1], found.rows), (None, 4));
        let alone = silhouette(&rows, &[0, 1, 1, 1], 2, 100, 1).expect("two clusters");
        assert_eq!(alone.clusters[0], Some(0.0));
    }

    #[test]
    fn e15_a_silhouette_of_a_sample_is_near_that_of_all_rows() {
        let values: Vec<f32> = (0..4000).map(|i| (i % 2) as f32 * 3.0 + (i as f32 * 0.37).sin()).collect();
        let labels: Vec<u32> = (0..4000).map(|i| i % 2).collect();
        let rows = Rows::new(&values, 1).expect("fine");
        let all = silhouette(&rows, &labels, 2, 4000, 1).expect("fine");
        let some = silhouette(&rows, &labels, 2, 500, 1).expect("fine");
        assert!((all.mean - some.mean).abs() < 0.03 && some.rows == 500, "{} {}", all.mean, some.mean);
    }

    #[test]
    fn e15_davies_bouldin_worked_out_by_hand() {
        // Means 0.5, 5 and 20 with spreads 0.5, 1 and 0: the worst ratios are 1.5 / 4.5, 1.5 / 4.5 and 1 / 15.
        let rows = Rows::new(&[0.0, 1.0, 4.0, 6.0, 20.0], 1).expect("fine");
        let found = davies_bouldin(&rows, &[0, 0, 1, 1, 3], 4).expect("three clusters");
        assert!((found - (2.0 / 3.0 + 1.0 / 15.0) / 3.0).abs() < 1e-12, "{found}");
    }

    #[test]
    fn e15_the_adjusted_rand_index_worked_out_by_hand() {
        assert_eq!(adjusted_rand(&[0, 0, 1, 1], &[5, 5, 2, 2]).expect("same length"), 1.0);
        // Pairs together: 1 in both, 2 in the one, 2 in the other, of 6: (1 - 4/6) / (2 - 4/6).
        let found = adjusted_rand(&[0, 0, 1, 1], &[0, 0, 1, 2]).expect("same length");
        assert!((found - (1.0 - 2.0 / 6.0) / (1.5 - 2.0 / 6.0)).abs() < 1e-12, "{found}");
        assert_eq!(adjusted_rand(&[0, 1, 2], &[2, 0, 1]).expect("same length"), 1.0);
        assert!(adjusted_rand(&[0], &[]).is_err());
    }

    #[test]
    fn e15_labels_that_cannot_be_are_refused() {
        let rows = Rows::new(&[0.0, 1.0], 1).expect("fine");
        let message = silhouette(&rows, &[0], 2, 9, 1).expect_err("short").to_string();
        assert_eq!(message, "`labels`: expected one a row, found 1 for 2 rows");
        assert!(davies_bouldin(&rows, &[0, 7], 2).expect_err("large").to_string().contains("7 of 2"));
        assert!(silhouette(&rows, &[0, 0], 2, 9, 1).expect_err("one").to_string().contains("at least two clusters"));
    }
}
