//! Sums of rows by feature and bin.
//!
//! A cell holds what the criterion needs (gradient and curvature, or the weight of each class) and, last, the number of
//! rows. Rows are summed in spans of fixed length, the spans in order: sums do not depend on the number of threads.

use rayon::prelude::*;

use super::bins::{Binned, GROUP};

/// Cells of a feature: its bins, and the missing values.
pub(super) const CELLS: usize = 256;

/// Rows whose sums are f32, before they are added up in f64.
const SPAN: usize = 1 << 14;

/// Rows that are brought together at a time.
const BLOCK: usize = 2048;

/// Rows of one sum where everything is f64.
const SPAN_64: usize = 1 << 17;

/// What is summed.
#[derive(Debug, Clone, Copy)]
pub(super) enum Stats<'a> {
    /// Gradient and curvature of boosting: many trees, so speed counts.
    Boost(&'a [[f32; 2]]),
    /// Weighted target and weight.
    Numbers(&'a [[f64; 2]]),
    /// Weight and class.
    Classes { labels: &'a [u32], weights: &'a [f32], count: usize },
}

impl Stats<'_> {
    /// Numbers of a cell.
    pub(super) const fn stride(&self) -> usize {
        match self {
            Self::Boost(_) | Self::Numbers(_) => 3,
            Self::Classes { count, .. } => *count + 1,
        }
    }
}

/// The f32 sums of a group of features.
type GroupSums = [[[f32; 4]; CELLS]; GROUP];

/// Memory that builds are made in, kept from one to the next.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    fast: Vec<GroupSums>,
    wide: Vec<f64>,
}

/// Sums `rows` into `out`: [features, 256, stride].
pub(super) fn build(binned: &Binned, stats: &Stats<'_>, rows: &[u32], scratch: &mut Scratch, out: &mut [f64]) {
    match stats {
        Stats::Boost(pairs) => boost(binned, pairs, rows, &mut scratch.fast, out),
        Stats::Numbers(pairs) => {
            let add = |cells: &mut [f64], row: usize| {
                cells[0] += pairs[row][0];
                cells[1] += pairs[row][1];
                cells[2] += 1.0;
            };
            wide(binned, 3, rows, &mut scratch.wide, out, add);
        }
        Stats::Classes { labels, weights, count } => {
            let add = |cells: &mut [f64], row: usize| {
                cells[labels[row] as usize] += f64::from(weights[row]);
                cells[*count] += 1.0;
            };
            wide(binned, count + 1, rows, &mut scratch.wide, out, add);
        }
    }
}

#[expect(clippy::large_stack_arrays, reason = "a constant that fills memory of the heap")]
fn boost(binned: &Binned, pairs: &[[f32; 2]], rows: &[u32], partial: &mut Vec<GroupSums>, out: &mut [f64]) {
    let groups = binned.stride;
    let spans = rows.len().div_ceil(SPAN).max(1);
    if partial.len() < spans * groups {
        partial.resize(spans * groups, [[[0.0; 4]; CELLS]; GROUP]);
    }
    let partial = &mut partial[..spans * groups];
    if spans > 1 {
        let tasks = partial.par_chunks_mut(groups).zip(rows.par_chunks(SPAN));
        tasks.for_each(|(sums, rows)| add_span(binned, 0, pairs, rows, sums));
    } else if rows.len() >= BLOCK {
        let tasks = partial.par_iter_mut().enumerate();
        tasks.for_each(|(group, sums)| add_span(binned, group, pairs, rows, std::slice::from_mut(sums)));
    } else {
        add_span(binned, 0, pairs, rows, partial);
    }
    let merge = |(feature, out): (usize, &mut [f64])| {
        out.fill(0.0);
        for span in partial.chunks_exact(groups) {
            let sums = &span[feature / GROUP][feature % GROUP];
            for (cell, sums) in out.as_chunks_mut::<3>().0.iter_mut().zip(sums) {
                for (total, sum) in cell.iter_mut().zip(sums) {
                    *total += f64::from(*sum);
                }
            }
        }
    };
    if spans > 1 {
        out.par_chunks_mut(CELLS * 3).enumerate().for_each(merge);
    } else {
        out.chunks_mut(CELLS * 3).enumerate().for_each(merge);
    }
}

/// Adds a span's rows to the sums of the groups from `first` on.
///
/// A node's rows lie far apart: a block of them is brought together first, with nothing in the loop that would have to wait
/// for memory, and then serves one group after the other, whose sums stay in the nearest cache.
#[expect(clippy::large_stack_arrays, reason = "a constant that fills memory of the heap")]
fn add_span(binned: &Binned, first: usize, pairs: &[[f32; 2]], rows: &[u32], sums: &mut [GroupSums]) {
    let (mut words, mut own) = (vec![0_u64; BLOCK * sums.len()], [[0.0_f32; 2]; BLOCK]);
    for group in sums.iter_mut() {
        *group = [[[0.0; 4]; CELLS]; GROUP];
    }
    for rows in rows.chunks(BLOCK) {
        let words = &mut words[..rows.len() * sums.len()];
        let own = &mut own[..rows.len()];
        for (i, (&row, own)) in rows.iter().zip(own.iter_mut()).enumerate() {
            *own = pairs[row as usize];
            let codes = &binned.codes[row as usize * binned.stride + first..][..sums.len()];
            for (g, code) in codes.iter().enumerate() {
                words[g * rows.len() + i] = *code;
            }
        }
        for (g, (sums, words)) in sums.iter_mut().zip(words.chunks_exact(rows.len())).enumerate() {
            match (binned.width() - (first + g) * GROUP).min(GROUP) {
                1 => add_block::<1>(words, own, sums),
                2 => add_block::<2>(words, own, sums),
                3 => add_block::<3>(words, own, sums),
                4 => add_block::<4>(words, own, sums),
                5 => add_block::<5>(words, own, sums),
                6 => add_block::<6>(words, own, sums),
                7 => add_block::<7>(words, own, sums),
                _ => add_block::<8>(words, own, sums),
            }
        }
    }
}

/// Adds a block's rows to the sums of a group of `N` features.
fn add_block<const N: usize>(words: &[u64], pairs: &[[f32; 2]], sums: &mut GroupSums) {
    for (word, [g, h]) in words.iter().zip(pairs) {
        for (f, sums) in sums[..N].iter_mut().enumerate() {
            let cell = &mut sums[usize::from((word >> (f * 8)) as u8)];
            // Four sums side by side are one instruction; the last one is never looked at.
            *cell = [cell[0] + g, cell[1] + h, cell[2] + 1.0, cell[3] + 0.0];
        }
    }
}

fn wide(
    binned: &Binned,
    stride: usize,
    rows: &[u32],
    partial: &mut Vec<f64>,
    out: &mut [f64],
    add: impl Fn(&mut [f64], usize) + Sync,
) {
    let width = binned.width();
    let spans = rows.len().div_ceil(SPAN_64);
    let cells = CELLS * stride;
    let task = |span: usize, feature: usize, sums: &mut [f64]| {
        sums.fill(0.0);
        let codes = binned.column(feature);
        for &row in &rows[span * SPAN_64..rows.len().min((span + 1) * SPAN_64)] {
            let code = usize::from(codes[row as usize]);
            add(&mut sums[code * stride..][..stride], row as usize);
        }
    };
    if spans == 1 {
        let features = out.par_chunks_mut(cells).with_min_len(width.div_ceil(1 + rows.len() / 1024)).enumerate();
        return features.for_each(|(feature, sums)| task(0, feature, sums));
    }
    partial.resize(spans * out.len(), 0.0);
    partial.par_chunks_mut(cells).enumerate().for_each(|(t, sums)| task(t / width, t % width, sums));
    out.fill(0.0);
    for span in partial.chunks_exact(out.len()) {
        out.iter_mut().zip(span).for_each(|(total, sum)| *total += sum);
    }
}

/// What is left of a node's sums once those of one child are taken away: the other child's.
pub(super) fn subtract(parent: &mut [f64], child: &[f64]) {
    parent.iter_mut().zip(child).for_each(|(parent, child)| *parent -= child);
}

#[cfg(test)]
mod tests {
    use super::{CELLS, Scratch, Stats, build, subtract};
    use crate::tree::bins::Binned;
    use crate::tree::features::{FeatureKind, Features};

    #[test]
    fn e15_histograms_are_the_sums_of_their_rows_and_the_same_on_any_threads() {
        let (n, d) = (70_000_usize, 11);
        let values: Vec<f32> = (0..n * d).map(|i| ((i * 7919 + i / 13) % (i % d * 3 + 5)) as f32).collect();
        let kinds = vec![FeatureKind::Number; d];
        let binned = Binned::new(&Features::new(&values, &kinds).expect("fine"), 255).expect("fine");
        let pairs: Vec<[f32; 2]> = (0..n).map(|i| [(i % 17) as f32 - 8.0, (i % 3) as f32]).collect();
        let pairs64: Vec<[f64; 2]> = pairs.iter().map(|p| p.map(f64::from)).collect();
        let labels: Vec<u32> = (0..n).map(|i| (i % 3) as u32).collect();
        let weights = vec![0.5_f32; n];
        let rows: Vec<u32> = (0..n as u32).filter(|i| i % 5 != 0).collect();
        let classes = Stats::Classes { labels: &labels, weights: &weights, count: 3 };
        for stats in [Stats::Boost(&pairs), Stats::Numbers(&pairs64), classes] {
            let stride = stats.stride();
            let found = |threads: usize, rows: &[u32]| {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
                let mut out = vec![7.0; d * CELLS * stride];
                pool.install(|| build(&binned, &stats, rows, &mut Scratch::default(), &mut out));
                out
            };
            let one = found(1, &rows);
            assert_eq!(one, found(3, &rows));
            let mut expected = vec![0.0; one.len()];
            for (row, feature) in rows.iter().flat_map(|&row| (0..d).map(move |feature| (row as usize, feature))) {
                let at = (feature * CELLS + usize::from(binned.column(feature)[row])) * stride;
                match stats {
                    Stats::Boost(_) | Stats::Numbers(_) => {
                        expected[at] += pairs64[row][0];
                        expected[at + 1] += pairs64[row][1];
                    }
                    Stats::Classes { .. } => expected[at + labels[row] as usize] += 0.5,
                }
                expected[at + stride - 1] += 1.0;
            }
            assert_eq!(one, expected, "small whole numbers and halves have no rounding");
            let (mut rest, part) = (one.clone(), found(2, &rows[..30_000]));
            subtract(&mut rest, &part);
            assert_eq!(rest, found(2, &rows[30_000..]));
        }
    }
}
