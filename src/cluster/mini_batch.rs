//! Mini-batches (Sculley, "Web-scale k-means clustering", WWW 2010): few rows a step, centres that learn ever slower.

use super::ClusterError;
use super::init::uniform_at;
use super::kmeans::{Clustering, End, Work, to_directions};
use super::spec::{EmptyRule, KMeans};
use super::tiles::Batch;
use crate::ops::distance::Metric;

/// Steps without a better smoothed inertia after which it ends.
const PATIENCE: usize = 10;

/// The streams of the generator that batches are drawn from begin here.
const DRAWING: u32 = 1 << 16;

/// How many steps of how many rows.
#[derive(Clone, Copy)]
pub(super) struct Steps {
    pub batch: usize,
    pub iterations_max: usize,
    pub seed: u64,
}

/// The inertia of batches, smoothed over about as many as make up all rows.
struct Smoothed {
    share: f64,
    value: Option<f64>,
    best: f64,
    since: usize,
}

impl Smoothed {
    fn new(batch: usize, n: usize) -> Self {
        Self { share: (2.0 * batch as f64 / (n + 1) as f64).min(1.0), value: None, best: f64::INFINITY, since: 0 }
    }

    /// Whether the smoothed value has not fallen for long enough.
    fn rests(&mut self, inertia: f64) -> bool {
        let value = self.value.map_or(inertia, |known| known * (1.0 - self.share) + inertia * self.share);
        self.value = Some(value);
        if value < self.best {
            (self.best, self.since) = (value, 0);
        } else {
            self.since += 1;
        }
        self.since >= PATIENCE
    }
}

/// Moves the centres of `found` batch by batch.
pub(super) fn run(
    kmeans: &KMeans,
    work: &mut Work<'_, '_>,
    found: &mut Clustering,
    steps: Steps,
) -> Result<(), ClusterError> {
    let (n, width) = (work.tiles.source().count(), work.tiles.source().width());
    let rows = steps.batch.min(n);
    let epoch = n.div_ceil(rows);
    let mut batch = Batch::new(&work.tiles, rows)?;
    let mut met = vec![0.0_f64; kmeans.spec.k];
    let mut smoothed = Smoothed::new(rows, n);
    found.end = End::Iterations;
    for step in 0..steps.iterations_max {
        let drawn = draw(n, rows, steps.seed, step);
        let values = work.tiles.source().pick(&drawn)?;
        let weights: Option<Vec<f32>> = work.weights.map(|all| drawn.iter().map(|&row| all[row]).collect());
        let means = batch.means(&values, weights.as_deref(), &found.centres)?;
        let old = found.centres.clone();
        learn(&mut found.centres, &means.centres, &means.counts, &mut met, width);
        if kmeans.spec.empty == EmptyRule::Reseed && (step + 1) % epoch == 0 {
            found.reseeded += reseed(&mut found.centres, &met, &values, batch.distances(), width);
        }
        if work.metric == Metric::Cosine {
            to_directions(&mut found.centres, &old, width);
        }
        found.iterations += 1;
        let inertia = batch.distances().iter().map(|d| f64::from(*d)).sum::<f64>() / rows as f64;
        work.report(step, inertia)?;
        if smoothed.rests(inertia) && step + 1 >= epoch {
            found.end = End::Tolerance;
            break;
        }
    }
    Ok(())
}

/// The rows of a step, drawn with replacement; all rows in order when a batch is as large as all of them.
fn draw(n: usize, rows: usize, seed: u64, step: usize) -> Vec<usize> {
    if rows == n {
        return (0..n).collect();
    }
    let stream = DRAWING.wrapping_add(step as u32);
    (0..rows).map(|i| ((uniform_at(seed, stream, i) * n as f64) as usize).min(n - 1)).collect()
}

/// Moves each centre towards its rows' mean by their share of all that it has met.
fn learn(centres: &mut [f32], means: &[f32], counts: &[f64], met: &mut [f64], width: usize) {
    let cells = centres.chunks_exact_mut(width).zip(means.chunks_exact(width));
    for ((centre, mean), (count, met)) in cells.zip(counts.iter().zip(met)) {
        if *count > 0.0 {
            *met += count;
            let rate = count / *met;
            for (value, mean) in centre.iter_mut().zip(mean) {
                *value = (f64::from(*value) + (f64::from(*mean) - f64::from(*value)) * rate) as f32;
            }
        }
    }
}

/// Centres that have met no row take the batch's farthest rows.
fn reseed(centres: &mut [f32], met: &[f64], values: &[f32], distances: &[f32], width: usize) -> usize {
    let empty: Vec<usize> = (0..met.len()).filter(|&j| met[j] == 0.0).collect();
    let mut far: Vec<usize> = (0..distances.len()).filter(|&i| distances[i] > 0.0).collect();
    far.sort_unstable_by(|a, b| distances[*b].total_cmp(&distances[*a]).then(a.cmp(b)));
    for (j, row) in empty.iter().zip(&far) {
        centres[j * width..][..width].copy_from_slice(&values[row * width..][..width]);
    }
    empty.len().min(far.len())
}

#[cfg(test)]
mod tests {
    use super::{Smoothed, learn};

    #[test]
    fn e15_centres_learn_the_mean_of_all_that_they_met() {
        let (mut centres, mut met) = (vec![100.0, 7.0], vec![0.0, 0.0]);
        learn(&mut centres, &[2.0, 0.0], &[3.0, 0.0], &mut met, 1);
        assert_eq!((&centres[..], &met[..]), (&[2.0, 7.0][..], &[3.0, 0.0][..]), "the start counts for nothing");
        learn(&mut centres, &[6.0, 0.0], &[1.0, 0.0], &mut met, 1);
        assert_eq!(centres, [3.0, 7.0], "(3 * 2 + 6) / 4");
    }

    #[test]
    fn e15_mini_batches_rest_after_ten_steps_without_a_better_one() {
        let mut smoothed = Smoothed::new(10, 1000);
        assert!((0..100).all(|step| !smoothed.rests(100.0 - f64::from(step))), "it falls");
        let risen = (0..20).map(|_| smoothed.rests(500.0)).position(|rests| rests);
        assert_eq!(risen, Some(9));
    }
}
