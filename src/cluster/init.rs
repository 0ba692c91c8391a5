//! Where centres start: k-means++ (Arthur and Vassilvitskii, "k-means++: the advantages of careful seeding", SODA 2007)
//! and k-means|| (Bahmani, Moseley, Vattani, Kumar and Vassilvitskii, "Scalable k-means++", VLDB 2012).

use rayon::prelude::*;

use super::blocks::RowBlocks;
use super::tiles::Tiles;
use super::{BLOCK_ROWS, ClusterError, squared_distance};
use crate::backend::simd::{Simd, Vector};
use crate::backend::{Backend, SimdLevel};
use crate::ops::rng::counter_bits;

/// Rows that are not in memory: k-means++ draws from a sample of so many, or of 16 a centre if that is more.
pub const SAMPLE_ROWS: usize = 1 << 16;

/// Passes of k-means|| that draw rows.
const ROUNDS: usize = 5;

/// Passes after which k-means|| that has not drawn enough rows gives up drawing.
const ROUNDS_MAX: usize = 30;

/// k-means++ on all rows in memory, or on a sample of the others.
pub(super) fn plus_plus_of(
    source: &mut dyn RowBlocks,
    weights: Option<&[f32]>,
    k: usize,
    seed: u64,
) -> Result<Vec<f32>, ClusterError> {
    let (n, width) = (source.count(), source.width());
    if let Some(values) = source.resident() {
        return Ok(plus_plus(values, width, weights, k, seed));
    }
    let wanted = SAMPLE_ROWS.max(16 * k).min(n);
    let rows = sample(n, wanted, seed);
    let values = source.pick(&rows)?;
    let weights: Option<Vec<f32>> = weights.map(|weights| rows.iter().map(|&row| weights[row]).collect());
    Ok(plus_plus(&values, width, weights.as_deref(), k, seed))
}

/// `wanted` different rows of `n`, ascending.
pub(crate) fn sample(n: usize, wanted: usize, seed: u64) -> Vec<usize> {
    if wanted >= n {
        return (0..n).collect();
    }
    // Selection sampling: each row is taken with the chance of those still wanted among those still to come.
    let mut rows = Vec::with_capacity(wanted);
    for row in 0..n {
        let left = wanted - rows.len();
        if left == 0 {
            break;
        }
        if uniform_at(seed, SAMPLING, row) * (n - row) as f64 <= left as f64 {
            rows.push(row);
        }
    }
    rows
}

/// Streams of the generator; k-means++ itself has 0 and 1.
const SAMPLING: u32 = 2;
const DRAWING: u32 = 16;

/// `k` rows, each drawn with the probability of its weight times its squared distance to those drawn before. When all
/// rows are at distance 0 (fewer distinct rows than centres), the lowest row not yet drawn is taken.
pub(super) fn plus_plus(values: &[f32], width: usize, weights: Option<&[f32]>, k: usize, seed: u64) -> Vec<f32> {
    let n = values.len() / width;
    let row = |i: usize| &values[i * width..][..width];
    let first = match weights {
        None => ((uniform(seed, 0) * n as f64) as usize).min(n - 1),
        Some(weights) => {
            let masses: Vec<f64> = weights.iter().map(|w| f64::from(*w)).collect();
            let sums: Vec<f64> = masses.chunks(BLOCK_ROWS).map(|block| block.iter().sum()).collect();
            let total: f64 = sums.iter().sum();
            draw(&masses, None, &sums, uniform(seed, 0) * total).unwrap_or(0)
        }
    };
    let mut chosen = vec![first];
    let mut distances = vec![f64::INFINITY; n];
    while chosen.len() < k {
        let sums = lower(values, width, weights, row(chosen[chosen.len() - 1]), &mut distances);
        let total: f64 = sums.iter().sum();
        let drawn = if total > 0.0 {
            draw(&distances, weights, &sums, uniform(seed, chosen.len() as u32) * total)
        } else {
            (0..n).find(|row| !chosen.contains(row))
        };
        // With k at most n there is always a row left.
        chosen.extend(drawn);
    }
    chosen.iter().flat_map(|&i| row(i)).copied().collect()
}

/// Lowers each row's squared distance to that of the new centre; returns the sums of the blocks.
fn lower(values: &[f32], width: usize, weights: Option<&[f32]>, centre: &[f32], distances: &mut [f64]) -> Vec<f64> {
    // Every level gives the same bits: only the width of the instructions differs.
    let level = SimdLevel::detect();
    let block = |(b, (values, distances)): (usize, (&[f32], &mut [f64]))| -> f64 {
        let weights = weights.map(|weights| &weights[b * BLOCK_ROWS..][..distances.len()]);
        level.run(Lower { values, width, weights, centre, distances })
    };
    let values = values.par_chunks(BLOCK_ROWS * width);
    values.zip(distances.par_chunks_mut(BLOCK_ROWS)).enumerate().map(block).collect()
}

/// One block of [`lower`].
struct Lower<'a> {
    values: &'a [f32],
    width: usize,
    weights: Option<&'a [f32]>,
    centre: &'a [f32],
    distances: &'a mut [f64],
}

impl Simd for Lower<'_> {
    type Out = f64;

    #[inline(always)]
    fn run<V: Vector>(self) -> f64 {
        let mut sum = 0.0;
        for (i, (row, known)) in self.values.chunks_exact(self.width).zip(self.distances.iter_mut()).enumerate() {
            *known = known.min(squared_distance(row, self.centre));
            sum += match self.weights {
                None => *known,
                Some(weights) => *known * f64::from(weights[i]),
            };
        }
        sum
    }
}

/// The row at which the running sum of masses passes `target`; never one of mass 0.
fn draw(distances: &[f64], weights: Option<&[f32]>, sums: &[f64], target: f64) -> Option<usize> {
    let mass = |i: usize| weights.map_or(distances[i], |weights| distances[i] * f64::from(weights[i]));
    let mut before = 0.0;
    let mut last = None;
    for (b, sum) in sums.iter().enumerate() {
        let rows = b * BLOCK_ROWS..distances.len().min((b + 1) * BLOCK_ROWS);
        if *sum > 0.0 && before + sum > target {
            let mut running = before;
            for i in rows.filter(|&i| mass(i) > 0.0) {
                running += mass(i);
                last = Some(i);
                if running > target {
                    return last;
                }
            }
        } else if *sum > 0.0 {
            last = rows.rev().find(|&i| mass(i) > 0.0);
        }
        before += sum;
    }
    // Rounding kept the running sum at or below the target: the last row that could be drawn.
    last
}

/// k-means||: rows drawn in a few passes, about two a centre and pass, each with the chance of its share of the squared
/// distances; then k-means++ among them, each weighing as many rows as are nearest to it. If fewer than `k` rows differ,
/// the lowest rows not drawn fill up.
pub(super) fn parallel(
    backend: &Backend,
    source: &mut dyn RowBlocks,
    weights: Option<&[f32]>,
    k: usize,
    seed: u64,
) -> Result<Vec<f32>, ClusterError> {
    let (n, width) = (source.count(), source.width());
    let weigh = |row: usize| weights.map_or(1.0, |weights| f64::from(weights[row]));
    let first = ((uniform(seed, 0) * n as f64) as usize).min(n - 1);
    let first = (first..n).chain(0..first).find(|&row| weigh(row) > 0.0).unwrap_or(first);
    let mut drawn = vec![first];
    let mut values = source.pick(&drawn)?;
    let (mut nearest, mut distances) = (vec![0_u32; n], vec![f32::INFINITY; n]);
    let mut met = 0;
    for round in 0..ROUNDS_MAX {
        meet(backend, source, &values[met * width..], met, &mut nearest, &mut distances)?;
        met = drawn.len();
        if round >= ROUNDS && drawn.len() >= k {
            break;
        }
        let blocks: Vec<f64> = (0..n.div_ceil(BLOCK_ROWS))
            .into_par_iter()
            .map(|b| (b * BLOCK_ROWS..n.min((b + 1) * BLOCK_ROWS)).map(|i| weigh(i) * f64::from(distances[i])).sum())
            .collect();
        let total: f64 = blocks.iter().sum();
        if total <= 0.0 {
            break;
        }
        let factor = 2.0 * k as f64 / total;
        let chance = |i: usize| factor * weigh(i) * f64::from(distances[i]);
        let stream = DRAWING + round as u32;
        let new: Vec<usize> = (0..n).into_par_iter().filter(|&i| uniform_at(seed, stream, i) < chance(i)).collect();
        values.extend(source.pick(&new)?);
        drawn.extend(new);
    }
    let mut masses = vec![0.0_f64; met];
    for (row, label) in nearest.iter().enumerate() {
        masses[*label as usize] += weigh(row);
    }
    if met < k {
        let rest: Vec<usize> = (0..n).filter(|row| !drawn.contains(row)).take(k - met).collect();
        values.extend(source.pick(&rest)?);
        return Ok(values);
    }
    let masses: Vec<f32> = masses.into_iter().map(|mass| mass as f32).collect();
    Ok(plus_plus(&values[..met * width], width, Some(&masses), k, seed))
}

/// Lowers all rows' distances by the new centres, which are numbered from `from` on.
fn meet(
    backend: &Backend,
    source: &mut dyn RowBlocks,
    centres: &[f32],
    from: usize,
    nearest: &mut [u32],
    distances: &mut [f32],
) -> Result<(), ClusterError> {
    let k = centres.len() / source.width();
    if k == 0 {
        return Ok(());
    }
    let (mut labels, mut found) = (vec![0; nearest.len()], vec![0.0; distances.len()]);
    Tiles::new(source, None, k, backend)?.pass(centres, false, &mut labels, &mut found)?;
    let rows = nearest.par_iter_mut().zip(distances.par_iter_mut()).zip(labels.par_iter().zip(&found));
    rows.for_each(|((nearest, known), (label, distance))| {
        if *distance < *known {
            (*nearest, *known) = (from as u32 + label, *distance);
        }
    });
    Ok(())
}

/// A number in [0, 1) with 53 bits, the `index`-th of a seed.
fn uniform(seed: u64, index: u32) -> f64 {
    let bits = |stream| u64::from(counter_bits(seed as u32, (seed >> 32) as u32, stream, index));
    (((bits(0) << 32) | bits(1)) >> 11) as f64 / (1_u64 << 53) as f64
}

/// A number in [0, 1) with 32 bits for a place in a stream.
pub(crate) fn uniform_at(seed: u64, stream: u32, index: usize) -> f64 {
    let high = (index >> 32) as u32;
    f64::from(counter_bits(seed as u32, (seed >> 32) as u32 ^ high, stream, index as u32)) / 4_294_967_296.0
}

#[cfg(test)]
mod tests {
    use super::{parallel, plus_plus, sample};
    use crate::backend::Backend;
    use crate::cluster::Rows;
    use crate::cluster::blocks::InMemory;

    #[test]
    fn e15_plus_plus_draws_distinct_rows_in_proportion_to_squared_distance() {
        // Rows 0, 1 and 4 on a line. With 0 first, the second is 1 or 4 with odds 1 to 16; with 1: 1 to 9; with 4: 16 to 9.
        let values = [0.0, 1.0, 4.0];
        let mut seen = std::collections::BTreeMap::new();
        let draws = 20_000_u32;
        for seed in 0..u64::from(draws) {
            let centres = plus_plus(&values, 1, None, 2, seed);
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
        assert_eq!(plus_plus(&[2.0; 6], 2, None, 3, 7), [2.0; 6]);
    }

    #[test]
    fn e15_plus_plus_reaches_every_distant_group_over_block_borders() {
        // 5000 rows in five groups that are far apart: five centres must hit all five.
        let values: Vec<f32> = (0..5000).map(|i| (i % 5) as f32 * 1e6 + (i / 5) as f32 * 1e-3).collect();
        for seed in 0..20 {
            let mut groups: Vec<u32> =
                plus_plus(&values, 1, None, 5, seed).iter().map(|c| (c / 1e6).round() as u32).collect();
            groups.sort_unstable();
            assert_eq!(groups, [0, 1, 2, 3, 4], "seed {seed}");
        }
    }

    #[test]
    fn e15_plus_plus_draws_in_proportion_to_weights() {
        // Weights 1, 0, 3: the first row is 0 or 2 with odds 1 to 3, the other one follows; row 1 never is drawn.
        let draws = 4000_u64;
        let weights = [1.0, 0.0, 3.0];
        let first = |seed| plus_plus(&[0.0, 1.0, 4.0], 1, Some(&weights), 2, seed);
        let found: Vec<Vec<f32>> = (0..draws).map(first).collect();
        assert!(found.iter().all(|pair| !pair.contains(&1.0)));
        let share = found.iter().filter(|pair| pair[0] == 4.0).count() as f64 / draws as f64;
        assert!((share - 0.75).abs() < 0.03, "{share}");
    }

    #[test]
    fn e15_samples_are_fair_ascending_and_of_the_wanted_size() {
        let mut seen = [0_usize; 10];
        for seed in 0..3000 {
            let rows = sample(10, 3, seed);
            assert!(rows.len() == 3 && rows.is_sorted_by(|a, b| a < b));
            for &row in &rows {
                seen[row] += 1;
            }
        }
        assert!(seen.iter().all(|&times| (times as f64 / 900.0 - 1.0).abs() < 0.12), "{seen:?}");
        assert_eq!(sample(3, 5, 1), [0, 1, 2]);
    }

    #[test]
    fn e15_k_means_parallel_reaches_every_distant_group() {
        let values: Vec<f32> = (0..5000).map(|i| (i % 5) as f32 * 1e6 + (i / 5) as f32 * 1e-3).collect();
        let rows = Rows::new(&values, 1).expect("fine");
        let backend = Backend::cpu().expect("a CPU");
        for seed in 0..10 {
            for block_rows in [5000, 700] {
                let found = parallel(&backend, &mut InMemory { rows, block_rows }, None, 5, seed).expect("draws");
                let mut groups: Vec<u32> = found.iter().map(|c| (c / 1e6).round() as u32).collect();
                groups.sort_unstable();
                assert_eq!(groups, [0, 1, 2, 3, 4], "seed {seed}");
            }
        }
    }

    #[test]
    fn e15_k_means_parallel_fills_up_with_the_lowest_rows_when_too_few_differ() {
        let values = [1.0, 1.0, 1.0, 2.0];
        let rows = Rows::new(&values, 1).expect("fine");
        let backend = Backend::cpu().expect("a CPU");
        let mut found = parallel(&backend, &mut InMemory { rows, block_rows: 4 }, None, 3, 5).expect("draws");
        found.sort_by(f32::total_cmp);
        assert_eq!(found, [1.0, 1.0, 2.0]);
    }
}
