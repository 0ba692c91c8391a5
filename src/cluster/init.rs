//! k-means++ (Arthur and Vassilvitskii, "k-means++: the advantages of careful seeding", SODA 2007).

use rayon::prelude::*;

use super::{BLOCK_ROWS, Rows, squared_distance};
use crate::ops::rng::counter_bits;

/// `k` rows, each drawn with the probability of its squared distance to those drawn before. When all rows are at
/// distance 0 (fewer distinct rows than centres), the lowest row not yet drawn is taken.
pub(super) fn plus_plus(rows: &Rows<'_>, k: usize, seed: u64) -> Vec<f32> {
    let n = rows.count();
    let mut chosen = vec![((uniform(seed, 0) * n as f64) as usize).min(n - 1)];
    let mut distances = vec![f64::INFINITY; n];
    while chosen.len() < k {
        let sums = lower(rows, rows.row(chosen[chosen.len() - 1]), &mut distances);
        let total: f64 = sums.iter().sum();
        let drawn = if total > 0.0 {
            draw(&distances, &sums, uniform(seed, chosen.len() as u32) * total)
        } else {
            (0..n).find(|row| !chosen.contains(row))
        };
        // With k at most n there is always a row left.
        chosen.extend(drawn);
    }
    chosen.iter().flat_map(|&row| rows.row(row)).copied().collect()
}

/// Lowers each row's squared distance to that of the new centre; returns the sums of the blocks.
fn lower(rows: &Rows<'_>, centre: &[f32], distances: &mut [f64]) -> Vec<f64> {
    let block = |(values, distances): (&[f32], &mut [f64])| -> f64 {
        for (row, known) in values.chunks_exact(rows.width()).zip(distances.iter_mut()) {
            *known = known.min(squared_distance(row, centre));
        }
        distances.iter().sum()
    };
    let values = rows.values().par_chunks(BLOCK_ROWS * rows.width());
    values.zip(distances.par_chunks_mut(BLOCK_ROWS)).map(block).collect()
}

/// The row at which the running sum of distances passes `target`; never one of distance 0.
fn draw(distances: &[f64], sums: &[f64], target: f64) -> Option<usize> {
    let mut before = 0.0;
    let mut last = None;
    for (b, (block, sum)) in distances.chunks(BLOCK_ROWS).zip(sums).enumerate() {
        if *sum > 0.0 && before + sum > target {
            let mut running = before;
            for (i, distance) in block.iter().enumerate().filter(|(_, distance)| **distance > 0.0) {
                running += distance;
                last = Some(b * BLOCK_ROWS + i);
                if running > target {
                    return last;
                }
            }
        } else if *sum > 0.0 {
            last = block.iter().rposition(|distance| *distance > 0.0).map(|i| b * BLOCK_ROWS + i);
        }
        before += sum;
    }
    // Rounding kept the running sum at or below the target: the last row that could be drawn.
    last
}

/// A number in [0, 1) with 53 bits, the `index`-th of a seed.
fn uniform(seed: u64, index: u32) -> f64 {
    let bits = |stream| u64::from(counter_bits(seed as u32, (seed >> 32) as u32, stream, index));
    (((bits(0) << 32) | bits(1)) >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::{Rows, plus_plus};

    #[test]
    fn e15_plus_plus_draws_distinct_rows_in_proportion_to_squared_distance() {
        // Rows 0, 1 and 4 on a line. With 0 first, the second is 1 or 4 with odds 1 to 16; with 1: 1 to 9; with 4: 16 to 9.
        let rows = Rows::new(&[0.0, 1.0, 4.0], 1).expect("fine");
        let mut seen = std::collections::BTreeMap::new();
        let draws = 20_000_u32;
        for seed in 0..u64::from(draws) {
            let centres = plus_plus(&rows, 2, seed);
            *seen.entry((centres[0] as u32, centres[1] as u32)).or_insert(0_u32) += 1;
        }
        let third = 1.0 / 3.0;
        let expected = [
            ((0, 1), third / 17.0),
            ((0, 4), third * 16.0 / 17.0),
            ((1, 0), third / 10.0),
            ((1, 4), third * 9.0 / 10.0),
            ((4, 0), third * 16.0 / 25.0),
            ((4, 1), third * 9.0 / 25.0),
        ];
        assert_eq!(seen.len(), expected.len(), "{seen:?}");
        for (pair, share) in expected {
            let found = f64::from(seen[&pair]) / f64::from(draws);
            assert!((found - share).abs() < 0.015, "{pair:?}: {found}, expected {share}");
        }
    }

    #[test]
    fn e15_plus_plus_takes_the_lowest_rows_when_all_are_equal() {
        let rows = Rows::new(&[2.0, 2.0, 2.0, 2.0, 2.0, 2.0], 2).expect("fine");
        assert_eq!(plus_plus(&rows, 3, 7), [2.0; 6]);
    }

    #[test]
    fn e15_plus_plus_reaches_every_distant_group_over_block_borders() {
        // 5000 rows in five groups that are far apart: five centres must hit all five.
        let values: Vec<f32> = (0..5000).map(|i| (i % 5) as f32 * 1e6 + (i / 5) as f32 * 1e-3).collect();
        let rows = Rows::new(&values, 1).expect("fine");
        for seed in 0..20 {
            let mut groups: Vec<u32> = plus_plus(&rows, 5, seed).iter().map(|c| (c / 1e6).round() as u32).collect();
            groups.sort_unstable();
            assert_eq!(groups, [0, 1, 2, 3, 4], "seed {seed}");
        }
    }
}
