//! Sales references: history products that began as a growth product does (G5).

use std::collections::HashSet;

use super::error::GrowthError;
use super::points::{Past, Subject};
use super::settings::{Centres, ReferenceSettings};
use crate::backend::Backend;
use crate::cluster::{Init, KMeansSpec, Keep, Metric, Mode, NearestSpec, Pca, Rows};
use crate::prep::{Layout, SeriesPrep};

/// A history product that serves as a reference.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub(super) struct Reference {
    /// Its place among the past products.
    pub place: usize,
    /// Its distance to the growth product.
    pub distance: f64,
    /// It is not of the cluster, but fills it up.
    pub borrowed: bool,
}

/// The references of all growth products.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub(super) struct References {
    /// For each growth product, the cluster's own first, then the borrowed ones.
    pub of: Vec<Vec<Reference>>,
    /// The cluster of each past product.
    pub labels: Vec<u32>,
    /// The past products on the two first principal components.
    pub map: Vec<(f64, f64)>,
    /// The growth products on them.
    pub centres: Vec<(f64, f64)>,
    /// Shares of the variance that the two components show.
    pub variance: (f64, f64),
}

impl References {
    pub(super) fn find(
        past: Past<'_>,
        subjects: &[Subject],
        settings: &ReferenceSettings,
        backend: &Backend,
    ) -> Result<Self, GrowthError> {
        let history = past.history;
        let each = past.products.iter().map(|&i| (history.early(i), history.demand[i]));
        let prep = SeriesPrep::fit(history.early_steps, &settings.features, Layout::Flat, each.clone())?;
        let (mut rows, mut centres) = (vec![], vec![]);
        for (early, demand) in each {
            prep.row(early, demand, &mut rows)?;
        }
        for subject in subjects {
            prep.row(&subject.early, subject.demand, &mut centres)?;
        }
        let width = prep.shape().1;
        let (rows, queries) = (Rows::new(&rows, width)?, Rows::new(&centres, width)?);
        let mode = match settings.centres {
            Centres::Fixed => Mode::Fixed,
            Centres::Lloyd => Mode::Lloyd { iterations_max: settings.max_iterations, tolerance: 0.0 },
        };
        let spec = KMeansSpec::new(subjects.len(), Init::Given(centres.clone()), mode);
        let clusters = spec.check()?.fit(backend, &rows)?;
        let mut own: Vec<Vec<usize>> = vec![vec![]; subjects.len()];
        for (place, &label) in clusters.labels.iter().enumerate() {
            own[label as usize].push(place);
        }
        // A growth product may stand in the history, too: it is no reference of itself, so one more is asked for.
        let wanted = (settings.min_references + 1).min(rows.count());
        let near = NearestSpec { metric: Metric::Euclidean, k: wanted }.check()?.find(backend, &rows, &queries)?;
        let mut of = Vec::with_capacity(subjects.len());
        for (k, subject) in subjects.iter().enumerate() {
            let is_self = |place: usize| history.set.ids()[past.products[place]] == subject.id;
            let mut found: Vec<Reference> = own[k]
                .iter()
                .filter(|&&place| !is_self(place))
                .map(|&place| Reference { place, distance: distance(rows.row(place), queries.row(k)), borrowed: false })
                .collect();
            found.sort_by(|a, b| a.distance.total_cmp(&b.distance).then(a.place.cmp(&b.place)));
            let members: HashSet<usize> = found.iter().map(|r| r.place).collect();
            let others = near[k].iter().filter(|n| !members.contains(&n.row) && !is_self(n.row));
            let missing = settings.min_references.saturating_sub(found.len());
            let borrowed = others.take(missing);
            found.extend(borrowed.map(|n| Reference { place: n.row, distance: n.distance.sqrt(), borrowed: true }));
            of.push(found);
        }
        let (map, places, variance) = picture(backend, &rows, &queries)?;
        Ok(Self { of, labels: clusters.labels, map, centres: places, variance })
    }
}

fn distance(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(x, y)| (f64::from(*x) - f64::from(*y)).powi(2)).sum::<f64>().sqrt()
}

type Picture = (Vec<(f64, f64)>, Vec<(f64, f64)>, (f64, f64));

/// Rows and centres on the rows' two first principal components (one is enough where there is but one column).
fn picture(backend: &Backend, rows: &Rows<'_>, centres: &Rows<'_>) -> Result<Picture, GrowthError> {
    let dimensions = rows.width().min(2);
    let pca = Pca::fit(backend, rows, Keep::Dimensions(dimensions))?;
    let shares = pca.shares();
    let pairs = |of: &Rows<'_>| -> Result<Vec<(f64, f64)>, GrowthError> {
        let places = pca.transform(of)?;
        let pair = |p: &[f32]| (f64::from(p[0]), p.get(1).map_or(0.0, |y| f64::from(*y)));
        Ok(places.chunks(dimensions).map(pair).collect())
    };
    Ok((pairs(rows)?, pairs(centres)?, (shares[0], shares.get(1).copied().unwrap_or(0.0))))
}
