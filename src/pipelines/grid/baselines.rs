//! What stands beside the network: logistic regression and boosted trees on the same features. The
//! number of trees is chosen by the inner time split too.

use super::contacts::Contacts;
use super::error::GridError;
use super::features::Prepared;
use crate::train::Logistic;
use crate::tree::boost::Rows as BoostRows;
use crate::tree::{BoostSpec, FeatureKind, Features, Target, TreeError};

/// The ridge of the regression, on standardised features: the usual one, so that the baseline is what anybody would take.
pub(super) const RIDGE: f64 = 1.0;

/// Inner and outer training rows, features learned on each.
pub(super) struct Parts<'a> {
    pub contacts: &'a Contacts,
    /// Learned on the inner training rows.
    pub inner: &'a Prepared,
    /// Learned on all training rows.
    pub outer: &'a Prepared,
    pub inner_train: &'a [usize],
    pub inner_judge: &'a [usize],
    pub train: &'a [usize],
    pub late: &'a [usize],
}

impl Parts<'_> {
    fn outcomes(&self, rows: &[usize]) -> Vec<bool> {
        rows.iter().map(|&row| self.contacts.rows[row].outcome == Some(true)).collect()
    }
}

fn rows(prepared: &Prepared, rows: &[usize]) -> Vec<f32> {
    let width = prepared.names.len();
    rows.iter().flat_map(|&row| &prepared.features[row * width..][..width]).copied().collect()
}

/// The log-odds of the late contacts.
pub(super) fn logistic(parts: &Parts<'_>) -> Result<Vec<f64>, GridError> {
    let truth = parts.outcomes(parts.train);
    let model = Logistic::fit(&rows(parts.outer, parts.train), parts.outer.names.len(), &truth, RIDGE)?;
    Ok(model.log_odds(&rows(parts.outer, parts.late)))
}

/// The probabilities of the late contacts, and the number of rounds that was chosen.
pub(super) fn boosting(parts: &Parts<'_>, stop: &dyn Fn() -> bool) -> Result<(Vec<f64>, usize), GridError> {
    let spec = BoostSpec { rounds: 300, rate: 0.05, leaves_max: 8, patience: Some(30), ..BoostSpec::default() };
    let labels = |rows: &[usize]| -> Vec<u32> { parts.outcomes(rows).into_iter().map(u32::from).collect() };
    let (fit, judge) = (rows(parts.inner, parts.inner_train), rows(parts.inner, parts.inner_judge));
    let kinds = vec![FeatureKind::Number; parts.inner.names.len()];
    let (fit_labels, judge_labels) = (labels(parts.inner_train), labels(parts.inner_judge));
    let set = |values, kinds, labels| -> Result<BoostRows<'_>, TreeError> {
        Ok(BoostRows { features: Features::new(values, kinds)?, target: Target::Classes(labels, 2), weights: None })
    };
    let beside = set(&judge, &kinds, &judge_labels)?;
    let inner = spec.fit(set(&fit, &kinds, &fit_labels)?, Some(beside), &mut |_| !stop());
    let rounds = interrupted(inner)?.trees.len().max(1);
    let spec = BoostSpec { rounds, patience: None, ..spec };
    let (fit, late) = (rows(parts.outer, parts.train), rows(parts.outer, parts.late));
    let kinds = vec![FeatureKind::Number; parts.outer.names.len()];
    let fit_labels = labels(parts.train);
    let model = interrupted(spec.fit(set(&fit, &kinds, &fit_labels)?, None, &mut |_| !stop()))?;
    let answers = model.predict(&Features::new(&late, &kinds)?);
    Ok((answers.chunks_exact(model.width()).map(|pair| pair[1]).collect(), rounds))
}

fn interrupted<T>(result: Result<T, TreeError>) -> Result<T, GridError> {
    result.map_err(|error| if matches!(error, TreeError::Stopped) { GridError::Interrupted } else { error.into() })
}
