//! Contacts as rows of numbers (R2): missing values, logarithms, scale, outlying values, categories as columns, selection,
//! principal components. Everything is learned on training rows alone.

use serde::{Deserialize, Serialize};

use super::contacts::{Contacts, Feature, Values};
use super::error::GridError;
use super::settings::FeatureSettings;
use crate::backend::Backend;
use crate::cluster::{Keep, Pca, Rows};
use crate::prep::Scale;

/// What cleaning found in a column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Cleaned {
    pub column: String,
    pub class: String,
    pub missing: usize,
    pub outlying: usize,
    /// Names in rows to allocate that no training row has.
    pub unknown: usize,
}

/// One encoded feature.
#[derive(Debug, Clone, PartialEq)]
struct Encoded {
    name: String,
    /// Whether it is a number of the customer, which managers' aptitudes may meet.
    number: bool,
    values: Vec<f32>,
}

/// Rows of numbers, one a contact.
#[derive(Debug)]
pub(super) struct Prepared {
    /// Names of the selected features.
    pub names: Vec<String>,
    /// [rows, names].
    pub features: Vec<f32>,
    /// [rows, dimensions].
    pub components: Vec<f32>,
    pub dimensions: usize,
    /// Each component's share of the variance.
    pub shares: Vec<f64>,
    /// The customers' scaled numbers, by name, whether selected or not.
    pub numbers: Vec<(String, Vec<f32>)>,
    pub cleaned: Vec<Cleaned>,
    /// Features that were left out, and why.
    pub dropped: Vec<(String, String)>,
}

impl Prepared {
    /// Encodes all contacts by what `train`, some of them, teach.
    pub(super) fn fit(
        contacts: &Contacts,
        settings: &FeatureSettings,
        train: &[usize],
        backend: &Backend,
    ) -> Result<Self, GridError> {
        let (mut all, mut cleaned) = (vec![], vec![]);
        for feature in &contacts.features {
            let (encoded, found) = match &feature.values {
                Values::Numbers(values) => numbers(feature, values, settings, train)?,
                Values::Categories(values) => categories(feature, values, train),
            };
            all.extend(encoded);
            cleaned.push(found);
        }
        let own = all.iter().filter(|e| e.number).map(|e| (e.name.clone(), e.values.clone())).collect();
        let outcomes: Vec<f64> =
            train.iter().map(|&r| f64::from(u8::from(contacts.rows[r].outcome == Some(true)))).collect();
        let (kept, dropped) = select(all, settings, train, &outcomes);
        if kept.is_empty() {
            return Err(GridError::data(&contacts.path, "no feature is left after selection: all have one value"));
        }
        let rows = contacts.rows.len();
        let features: Vec<f32> = (0..rows).flat_map(|row| kept.iter().map(move |e| e.values[row])).collect();
        let width = kept.len();
        let taught: Vec<f32> = train.iter().flat_map(|&row| &features[row * width..][..width]).copied().collect();
        let pca = Pca::fit(backend, &Rows::new(&taught, width)?, Keep::Share(settings.explained))?;
        let shares = pca.shares();
        let dimensions = pca.dimensions();
        let components = pca.whitened().transform(&Rows::new(&features, width)?)?;
        let names = kept.into_iter().map(|e| e.name).collect();
        Ok(Self { names, features, components, dimensions, shares, numbers: own, cleaned, dropped })
    }
}

/// A number's column, and one that says where it is missing.
fn numbers(
    feature: &Feature,
    values: &[Option<f64>],
    settings: &FeatureSettings,
    train: &[usize],
) -> Result<(Vec<Encoded>, Cleaned), GridError> {
    let taken = |v: f64| if settings.log { v.signum() * v.abs().ln_1p() } else { v };
    let plain: Vec<Option<f32>> = values.iter().map(|value| value.map(|v| taken(v) as f32)).collect();
    let known: Vec<f32> = train.iter().filter_map(|&row| plain[row]).collect();
    let missing = plain.iter().filter(|value| value.is_none()).count();
    // A column that no training row has teaches nothing: it becomes one value and is left out by the selection.
    let scale = if known.is_empty() { Scale::of(&[0.0], &[0.0]) } else { Scale::fit(&known, &[0])? };
    let mut scaled: Vec<f32> = plain.iter().map(|value| value.unwrap_or(f32::NAN)).collect();
    scale.apply(&mut scaled)?;
    let mut outlying = 0;
    for value in &mut scaled {
        if value.is_nan() || known.is_empty() {
            *value = 0.0;
        } else if value.abs() > settings.outlier {
            outlying += 1;
            *value = value.signum() * settings.outlier;
        }
    }
    let number = feature.class != "task";
    let mut encoded = vec![Encoded { name: feature.name.clone(), number, values: scaled }];
    if missing > 0 {
        let flags = plain.iter().map(|value| f32::from(u8::from(value.is_none()))).collect();
        encoded.push(Encoded { name: format!("{} is missing", feature.name), number: false, values: flags });
    }
    let (column, class) = (feature.name.clone(), feature.class.to_owned());
    Ok((encoded, Cleaned { column, class, missing, outlying, unknown: 0 }))
}

/// A column of 0 and 1 for each name that training rows have, and for no name.
fn categories(feature: &Feature, values: &[Option<String>], train: &[usize]) -> (Vec<Encoded>, Cleaned) {
    let mut levels: Vec<Option<&str>> = train.iter().map(|&row| values[row].as_deref()).collect();
    levels.sort_unstable();
    levels.dedup();
    let encoded = levels.iter().map(|level| Encoded {
        name: format!("{} = {}", feature.name, level.unwrap_or("(missing)")),
        number: false,
        values: values.iter().map(|value| f32::from(u8::from(value.as_deref() == *level))).collect(),
    });
    let encoded = encoded.collect();
    let missing = values.iter().filter(|value| value.is_none()).count();
    let unknown = values.iter().filter(|value| !levels.contains(&value.as_deref())).count();
    let (column, class) = (feature.name.clone(), feature.class.to_owned());
    (encoded, Cleaned { column, class, missing, outlying: 0, unknown })
}

/// Leaves out features of one value, those that say what an earlier one says, and those without a bearing on the outcome.
fn select(
    all: Vec<Encoded>,
    settings: &FeatureSettings,
    train: &[usize],
    outcomes: &[f64],
) -> (Vec<Encoded>, Vec<(String, String)>) {
    let (mut kept, mut dropped): (Vec<Encoded>, _) = (vec![], vec![]);
    let mut taught: Vec<Vec<f64>> = vec![];
    for encoded in all {
        let values: Vec<f64> = train.iter().map(|&row| f64::from(encoded.values[row])).collect();
        if values.iter().all(|v| *v == values[0]) {
            dropped.push((encoded.name, "one value in all training rows".to_owned()));
            continue;
        }
        let twin = taught.iter().position(|other| correlation(other, &values).abs() > settings.correlation_max);
        if let Some(twin) = twin {
            dropped.push((encoded.name, format!("says what `{}` says", kept[twin].name)));
            continue;
        }
        let relevance = correlation(&values, outcomes).abs();
        if relevance < settings.relevance_min {
            dropped.push((encoded.name, format!("correlation {relevance:.4} with the outcome")));
            continue;
        }
        kept.push(encoded);
        taught.push(values);
    }
    (kept, dropped)
}

/// Pearson's correlation; 0 where one side does not vary.
fn correlation(a: &[f64], b: &[f64]) -> f64 {
    let mean = |v: &[f64]| v.iter().sum::<f64>() / v.len().max(1) as f64;
    let (ma, mb) = (mean(a), mean(b));
    let (mut aa, mut bb, mut ab) = (0.0, 0.0, 0.0);
    for (x, y) in a.iter().zip(b) {
        aa += (x - ma).powi(2);
        bb += (y - mb).powi(2);
        ab += (x - ma) * (y - mb);
    }
    if aa > 0.0 && bb > 0.0 { ab / (aa * bb).sqrt() } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::super::contacts::{Contact, LeftOut, Task};
    use super::*;
    use crate::backend::Backend;

    fn contacts(features: Vec<Feature>, outcomes: &[bool]) -> Contacts {
        let row = |outcome: &bool| Contact {
            customer: 0,
            task: 0,
            region: 0,
            start: 1,
            outcome: Some(*outcome),
            served_by: None,
        };
        Contacts {
            path: "contacts.csv".into(),
            customers: vec!["c".to_owned()],
            tasks: vec![Task { id: "t".to_owned(), start: 1, late: false }],
            regions: vec!["r".to_owned()],
            rows: outcomes.iter().map(row).collect(),
            features,
            left_out: LeftOut::default(),
            read: outcomes.len(),
        }
    }

    fn column(name: &str, values: &[Option<f64>]) -> Feature {
        Feature { name: name.to_owned(), class: "visits", values: Values::Numbers(values.to_vec()) }
    }

    #[test]
    fn r2_cleaning_counts_and_selection_says_why() {
        let numbers = |values: [f64; 6]| values.map(Some);
        let names = ["x", "x", "y", "y", "x", "z"].map(|n| Some(n.to_owned()));
        let found = contacts(
            vec![
                column("visits", &[Some(1.0), None, Some(2.0), Some(4.0), Some(3.0), Some(1e9)]),
                column("same", &numbers([7.0; 6])),
                column("twin", &numbers([2.0, 0.0, 4.0, 8.0, 6.0, 1.0]).map(|v| v)),
                column("nowhere", &[None, None, None, None, None, Some(2.0)]),
                Feature { name: "home".to_owned(), class: "account", values: Values::Categories(names.to_vec()) },
            ],
            &[false, false, true, true, true, false],
        );
        let settings = FeatureSettings { log: false, relevance_min: 0.0, ..FeatureSettings::default() };
        let backend = Backend::cpu().unwrap();
        // The last row is not learned from.
        let prepared = Prepared::fit(&found, &settings, &[0, 1, 2, 3, 4], &backend).unwrap();
        let visits = &prepared.cleaned[0];
        assert_eq!((visits.missing, visits.outlying), (1, 1));
        assert_eq!(prepared.cleaned[4].unknown, 1);
        let why = |name: &str| prepared.dropped.iter().find(|(n, _)| n == name).map(|(_, why)| why.as_str());
        assert_eq!(why("same"), Some("one value in all training rows"));
        assert_eq!(why("nowhere"), Some("one value in all training rows"));
        assert_eq!(why("home = y"), Some("says what `home = x` says"));
        let place = prepared.names.iter().position(|n| n == "visits").unwrap();
        let value = |row: usize| prepared.features[row * prepared.names.len() + place];
        assert_eq!((value(1), value(5)), (0.0, 5.0), "missing is the mean, outlying is the bound");
        assert!(prepared.dimensions <= prepared.names.len());
        assert!(prepared.shares.iter().sum::<f64>() >= 0.95);
    }

    #[test]
    fn r2_a_table_of_constants_is_refused() {
        let found = contacts(vec![column("same", &[Some(1.0); 4])], &[false, true, false, true]);
        let error =
            Prepared::fit(&found, &FeatureSettings::default(), &[0, 1, 2, 3], &Backend::cpu().unwrap()).unwrap_err();
        assert_eq!(error.to_string(), "contacts.csv: no feature is left after selection: all have one value");
    }

    #[test]
    fn r2_correlation_by_hand() {
        assert!((correlation(&[1.0, 2.0, 3.0], &[2.0, 4.0, 6.0]) - 1.0).abs() < 1e-12);
        assert!((correlation(&[1.0, 2.0, 3.0], &[1.0, 0.0, 1.0])).abs() < 1e-12);
        assert_eq!(correlation(&[1.0, 1.0], &[1.0, 2.0]), 0.0);
    }
}
