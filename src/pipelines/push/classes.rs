//! Classes (P4): centres trained on draws of holding customers, all customers classified.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::error::PushError;
use super::features::Extracted;
use super::settings::{Classes, From};
use crate::backend::Backend;
use crate::cluster::{Centres, ClusterError, Init, KCentreSpec, KMeansSpec, Keep, Mode, Pca, Rows};
use crate::recommend::{Holdings, Profile};

/// How holdings become coordinates; saved with the model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HoldingSpace {
    pub profile: Profile,
    pub pca: Pca,
}

impl HoldingSpace {
    /// Components of what the `learn` customers hold.
    pub(super) fn fit(
        holdings: &Holdings,
        learn: &[usize],
        dimensions: usize,
        backend: &Backend,
    ) -> Result<(Self, Vec<f32>), PushError> {
        let profile = holdings.profile();
        let rows = profile.rows(holdings);
        let width = profile.width();
        let picked: Vec<f32> = learn.iter().flat_map(|&user| &rows[user * width..][..width]).copied().collect();
        let pca = Pca::fit(backend, &Rows::new(&picked, width)?, Keep::Dimensions(dimensions.min(width)))?;
        let coordinates = pca.transform(&Rows::new(&rows, width)?)?;
        Ok((Self { profile, pca }, coordinates))
    }
}

/// Coordinates in which classes are made: one or two blocks, each divided by a number.
#[derive(Debug, Clone)]
pub(super) struct Space {
    pub width: usize,
    pub values: Vec<f32>,
    /// What the attributes' block and the holdings' block are divided by.
    pub scales: [f64; 2],
}

impl Space {
    /// Of features and of coordinates of holdings, whichever `from` takes.
    /// Without coordinates of holdings there is nothing but attributes to take.
    pub(super) fn of(
        from: From,
        extracted: &Extracted,
        held: Option<&(HoldingSpace, Vec<f32>)>,
        learn: &[usize],
    ) -> Result<Self, PushError> {
        let features = (extracted.extractor.dimensions(), extracted.features.as_slice());
        let holdings = match held {
            Some((space, values)) => (space.pca.dimensions(), values.as_slice()),
            None if from == From::Attributes => (1, &[][..]),
            None => return Err(ClusterError::NoColumns.into()),
        };
        let scales = match from {
            From::Both => [features, holdings].map(|(width, values)| deviation(width, values, learn)),
            From::Attributes | From::Holdings => [1.0, 1.0],
        };
        let (width, values) = join(from, features, holdings, scales);
        Ok(Self { width, values, scales })
    }

    pub(super) fn rows(&self) -> Result<Rows<'_>, PushError> {
        Ok(Rows::new(&self.values, self.width)?)
    }
}

/// Puts blocks side by side.
pub(super) fn join(
    from: From,
    (a_width, a): (usize, &[f32]),
    (b_width, b): (usize, &[f32]),
    scales: [f64; 2],
) -> (usize, Vec<f32>) {
    match from {
        From::Attributes => (a_width, a.to_vec()),
        From::Holdings => (b_width, b.to_vec()),
        From::Both => {
            let pairs = a.chunks_exact(a_width).zip(b.chunks_exact(b_width));
            let scaled =
                |row: &[f32], scale: f64| row.iter().map(|v| (f64::from(*v) / scale) as f32).collect::<Vec<_>>();
            let values = pairs.flat_map(|(a, b)| [scaled(a, scales[0]), scaled(b, scales[1])].concat()).collect();
            (a_width + b_width, values)
        }
    }
}

/// The root of the sum of the columns' variances; 1 if they do not vary.
fn deviation(width: usize, values: &[f32], learn: &[usize]) -> f64 {
    let row = |user: &usize| &values[user * width..][..width];
    let n = learn.len().max(1) as f64;
    let mut mean = vec![0.0; width];
    for user in learn {
        mean.iter_mut().zip(row(user)).for_each(|(mean, v)| *mean += f64::from(*v) / n);
    }
    let square = |user: &usize| row(user).iter().zip(&mean).map(|(v, m)| (f64::from(*v) - m).powi(2)).sum::<f64>();
    let variance = learn.iter().map(square).sum::<f64>() / n;
    if variance > 1e-18 { variance.sqrt() } else { 1.0 }
}

/// Independent rounds of classes.
#[derive(Debug, Clone)]
pub(super) struct Rounds {
    pub centres: Vec<Centres>,
    /// Each round's class of every customer.
    pub labels: Vec<Vec<u32>>,
    /// Each customer's distance to the first round's centre.
    pub distances: Vec<f32>,
}

/// Trains centres on the `learn` customers and classifies all, `rounds` times.
pub(super) fn rounds(
    space: &Space,
    learn: &[usize],
    settings: &Classes,
    (count, rounds): (usize, usize),
    (backend, seed): (&Backend, u64),
    stop: &(dyn Fn() -> bool + Sync),
) -> Result<Rounds, PushError> {
    let all = space.rows()?;
    let picked: Vec<f32> = learn.iter().flat_map(|&user| all.row(user)).copied().collect();
    let picked = Rows::new(&picked, space.width)?;
    let train = |round: usize| -> Result<Centres, PushError> {
        let spec = KCentreSpec {
            centres: count,
            samples: settings.sample,
            threshold: settings.distance_threshold,
            rounds_max: settings.max_rounds,
            seed: round_seed(seed, round),
        };
        Ok(spec.check()?.fit(&picked, stop)?)
    };
    let centres: Vec<Centres> = (0..rounds).into_par_iter().map(train).collect::<Result<_, _>>()?;
    let mut found = Rounds { centres: vec![], labels: vec![], distances: vec![] };
    for round in &centres {
        if stop() {
            return Err(PushError::Stopped);
        }
        let (labels, distances) = classify(&round.values, &all, backend)?;
        if found.labels.is_empty() {
            found.distances = distances;
        }
        found.labels.push(labels);
    }
    found.centres = centres;
    Ok(found)
}

/// The nearest of the centres for every row, and the distance.
pub(super) fn classify(centres: &[f32], rows: &Rows<'_>, backend: &Backend) -> Result<(Vec<u32>, Vec<f32>), PushError> {
    let count = centres.len() / rows.width().max(1);
    let fixed = KMeansSpec::new(count, Init::Given(centres.to_vec()), Mode::Fixed).check()?;
    let found = fixed.fit(backend, rows)?;
    Ok((found.labels, found.distances.iter().map(|d| d.sqrt()).collect()))
}

/// Seeds of rounds: far from each other.
fn round_seed(seed: u64, round: usize) -> u64 {
    seed.wrapping_add((round as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p6_both_blocks_weigh_the_same() {
        let (a, b) = ([1.0, -1.0, 3.0], [100.0, 0.0, 0.0, 100.0, 50.0, 50.0]);
        let learn = [0, 1, 2];
        let scales = [deviation(1, &a, &learn), deviation(2, &b, &learn)];
        let (width, values) = join(From::Both, (1, &a), (2, &b), scales);
        let variance = |columns: std::ops::Range<usize>| -> f64 {
            columns
                .map(|c| {
                    let column: Vec<f64> = values.chunks(width).map(|row| f64::from(row[c])).collect();
                    let mean = column.iter().sum::<f64>() / 3.0;
                    column.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / 3.0
                })
                .sum()
        };
        assert!((variance(0..1) - 1.0).abs() < 1e-6 && (variance(1..3) - 1.0).abs() < 1e-6);
        assert_eq!(join(From::Attributes, (1, &a), (2, &b), scales).1, a);
        assert_eq!(deviation(1, &[2.0, 2.0], &[0, 1]), 1.0);
    }
}
