//! k-centre training: draw some rows, some of these as centres, and let the others pull the nearest centre towards them.
//!
//! One draw takes `samples` different rows; the first `centres` of them are the centres, each with one member. Every other
//! sample in turn goes to its nearest centre (of equally near ones the lowest), and that centre moves to the mean of its
//! members (J. MacQueen, "Some methods for classification and analysis of multivariate observations", 1967). Then the
//! distances from the samples to the centres that they went to, where these stand at the end, are added up by centre.
//! Draws are repeated until every centre's total is below the threshold, or there have been as many as allowed: then the
//! draw whose largest total is the smallest is kept.

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use super::{ClusterError, Rows, squared_distance};

/// What is asked for; [`KCentreSpec::check`] checks it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct KCentreSpec {
    /// Centres of a draw.
    pub centres: usize,
    /// Rows of a draw, more than there are centres; `None` takes all rows.
    pub samples: Option<usize>,
    /// Every centre's total must be below this; without it all draws are made and the best is kept.
    pub threshold: Option<f64>,
    /// The most draws.
    pub rounds_max: usize,
    /// The same seed draws the same rows.
    pub seed: u64,
}

/// Trained centres.
#[derive(Debug, Clone, PartialEq)]
pub struct Centres {
    /// The centres, row-major.
    pub values: Vec<f32>,
    /// Each centre's sum of distances, of the draw that was kept.
    pub totals: Vec<f64>,
    /// Members of each centre in that draw, itself among them.
    pub members: Vec<usize>,
    /// The largest total of each draw.
    pub course: Vec<f64>,
    /// The draw that was kept, from 0.
    pub kept: usize,
    /// Whether every total of it is below the threshold.
    pub reached: bool,
}

/// A checked training.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct KCentre {
    spec: KCentreSpec,
}

impl KCentreSpec {
    /// Checks what does not depend on the rows.
    ///
    /// # Errors
    /// Names the setting.
    pub fn check(self) -> Result<KCentre, ClusterError> {
        let bad = |name, expected, found: String| Err(ClusterError::Setting { name, expected, found });
        if self.centres == 0 {
            return bad("centres", "at least 1", "0".to_owned());
        }
        if let Some(samples) = self.samples.filter(|samples| *samples <= self.centres) {
            let found = format!("{samples} for {} centres", self.centres);
            return bad("samples", "more samples than centres", found);
        }
        if let Some(threshold) = self.threshold.filter(|t| !(t.is_finite() && *t > 0.0)) {
            return bad("distance_threshold", "a number above 0", threshold.to_string());
        }
        if self.rounds_max == 0 {
            return bad("max_rounds", "at least 1", "0".to_owned());
        }
        Ok(KCentre { spec: self })
    }
}

impl KCentre {
    /// Trains centres on draws of `rows`. A draw takes all rows where there are fewer than `samples`.
    ///
    /// # Errors
    /// If there are not more rows than centres, or `stop` says so before a draw.
    pub fn fit(&self, rows: &Rows<'_>, stop: &dyn Fn() -> bool) -> Result<Centres, ClusterError> {
        let KCentreSpec { centres, samples, threshold, rounds_max, seed } = self.spec;
        if rows.count() <= centres {
            return Err(ClusterError::TooFewRows { what: "k-centre", wanted: centres + 1, rows: rows.count() });
        }
        let samples = samples.unwrap_or(usize::MAX).min(rows.count());
        let mut best: Option<(f64, Draw)> = None;
        let mut found = (0, vec![]);
        for round in 0..rounds_max {
            if stop() {
                return Err(ClusterError::Stopped);
            }
            let draw = Draw::make(rows, centres, samples, seed, round as u64);
            let largest = draw.totals.iter().copied().fold(0.0, f64::max);
            found.1.push(largest);
            if best.as_ref().is_none_or(|(known, _)| largest < *known) {
                best = Some((largest, draw));
                found.0 = round;
            }
            if threshold.is_some_and(|threshold| largest < threshold) {
                break;
            }
        }
        let (largest, draw) = best.ok_or(ClusterError::NoRows { at_least: 1 })?;
        Ok(Centres {
            values: draw.values.iter().map(|v| *v as f32).collect(),
            totals: draw.totals,
            members: draw.members,
            course: found.1,
            kept: found.0,
            reached: threshold.is_some_and(|threshold| largest < threshold),
        })
    }
}

struct Draw {
    values: Vec<f64>,
    totals: Vec<f64>,
    members: Vec<usize>,
}

impl Draw {
    fn make(rows: &Rows<'_>, k: usize, samples: usize, seed: u64, round: u64) -> Self {
        let width = rows.width();
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(round);
        let mut order: Vec<usize> = (0..rows.count()).collect();
        let (drawn, _) = order.partial_shuffle(&mut rng, samples);
        let mut values: Vec<f64> = drawn[..k].iter().flat_map(|&row| rows.row(row)).map(|v| f64::from(*v)).collect();
        let mut narrow: Vec<f32> = values.iter().map(|v| *v as f32).collect();
        let mut members = vec![1; k];
        let mut went = Vec::with_capacity(samples - k);
        for &row in &drawn[k..] {
            let own = rows.row(row);
            let j = nearest(&narrow, own);
            members[j] += 1;
            let share = 1.0 / members[j] as f64;
            let place = j * width..(j + 1) * width;
            for ((wide, narrow), x) in values[place.clone()].iter_mut().zip(&mut narrow[place]).zip(own) {
                *wide += (f64::from(*x) - *wide) * share;
                *narrow = *wide as f32;
            }
            went.push((row, j));
        }
        let mut totals = vec![0.0; k];
        for (j, row) in drawn[..k].iter().enumerate() {
            totals[j] += squared_distance(&narrow[j * width..][..width], rows.row(*row)).sqrt();
        }
        for (row, j) in went {
            totals[j] += squared_distance(&narrow[j * width..][..width], rows.row(row)).sqrt();
        }
        Self { values, totals, members }
    }
}

/// The nearest centre, of equally near ones the lowest.
fn nearest(centres: &[f32], row: &[f32]) -> usize {
    let mut best = (f64::INFINITY, 0);
    for (j, centre) in centres.chunks_exact(row.len()).enumerate() {
        let distance = squared_distance(centre, row);
        if distance < best.0 {
            best = (distance, j);
        }
    }
    best.1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(centres: usize) -> KCentreSpec {
        KCentreSpec { centres, samples: None, threshold: None, rounds_max: 5, seed: 7 }
    }

    /// `each` rows near each of 0, 100 and 200.
    fn groups(each: usize) -> Vec<f32> {
        (0..3 * each).flat_map(|i| [(i % 3) as f32 * 100.0 + (i / 3 % 5) as f32 * 0.1, 1.0]).collect()
    }

    #[test]
    fn p4_centres_end_at_the_means_of_their_members() {
        let values = groups(20);
        let rows = Rows::new(&values, 2).expect("fine");
        // One centre alone: the mean of all rows, whatever the order; its total is the sum of the distances from there.
        let one = spec(1).check().expect("fine").fit(&rows, &|| false).expect("fits");
        assert!((one.values[0] - 100.2).abs() < 1e-4 && one.values[1] == 1.0, "{:?}", one.values);
        let by_hand: f64 = values.chunks(2).map(|row| (f64::from(row[0]) - f64::from(one.values[0])).abs()).sum();
        assert!((one.totals[0] - by_hand).abs() < 1e-3, "{} {by_hand}", one.totals[0]);
        assert_eq!((one.members, one.course.len()), (vec![60], 5));
    }

    #[test]
    fn p4_draws_go_on_until_every_total_is_below_the_threshold() {
        let values = groups(20);
        let rows = Rows::new(&values, 2).expect("fine");
        // A draw whose three centres lie in three groups has totals of about 20 * 0.12; any other has some 2000.
        let wanted = KCentreSpec { threshold: Some(5.0), rounds_max: 1000, ..spec(3) };
        let found = wanted.check().expect("fine").fit(&rows, &|| false).expect("fits");
        assert!(found.reached && found.totals.iter().all(|t| *t < 5.0), "{:?}", found.totals);
        assert_eq!(found.kept + 1, found.course.len(), "it ends with the draw that reached it");
        assert!(found.course[..found.kept].iter().all(|largest| *largest >= 5.0));
        let never = KCentreSpec { threshold: Some(1e-9), rounds_max: 40, ..spec(3) };
        let found = never.check().expect("fine").fit(&rows, &|| false).expect("fits");
        let least = found.course.iter().copied().fold(f64::INFINITY, f64::min);
        assert!(!found.reached && found.course.len() == 40 && found.course[found.kept] == least);
    }

    #[test]
    fn p4_a_seed_draws_the_same_centres_and_samples_are_fewer_rows() {
        let values = groups(50);
        let rows = Rows::new(&values, 2).expect("fine");
        let few = KCentreSpec { samples: Some(30), ..spec(3) };
        let fit = |spec: KCentreSpec| spec.check().expect("fine").fit(&rows, &|| false).expect("fits");
        assert_eq!(fit(few), fit(few));
        assert_ne!(fit(few).course, fit(KCentreSpec { seed: 8, ..few }).course);
        assert_eq!(fit(few).members.iter().sum::<usize>(), 30);
    }

    #[test]
    fn p4_what_cannot_be_is_refused() {
        let refused = |spec: KCentreSpec| spec.check().expect_err("refused").to_string();
        assert_eq!(refused(spec(0)), "`centres`: expected at least 1, found 0");
        let samples = KCentreSpec { samples: Some(3), ..spec(3) };
        assert_eq!(refused(samples), "`samples`: expected more samples than centres, found 3 for 3 centres");
        let threshold = KCentreSpec { threshold: Some(0.0), ..spec(3) };
        assert_eq!(refused(threshold), "`distance_threshold`: expected a number above 0, found 0");
        let rows = Rows::new(&[1.0, 2.0], 1).expect("fine");
        let error = spec(2).check().expect("fine").fit(&rows, &|| false).expect_err("refused").to_string();
        assert_eq!(error, "k-centre: at least 3 rows are needed, found 2");
        let stopped = spec(1).check().expect("fine").fit(&rows, &|| true);
        assert!(matches!(stopped, Err(ClusterError::Stopped)));
    }
}
