//! Growth points: for every growth product its own network, all of them one fleet (G6, G7).

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::data_spec::DataSpec;
use super::error::GrowthError;
use super::history::{Expected, History, Row};
use super::references::References;
use super::settings::{PointSettings, Rule, SharedSettings};
use crate::backend::Backend;
use crate::model::{LayerSpec, Loss, Model, ModelSpec, TensorShape, Weights};
use crate::ops::Activation;
use crate::prep::{Demand, Layout, SeriesPrep};
use crate::train::{Control, Data, Member, SavedFleet, Targets, member_seed, predict_own, train};

/// The name of growth-point networks in model files.
pub const TASK: &str = "growth.points";

/// What [`SavedFleet::settings`] of growth-point networks holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PointsHeader {
    /// The layout of the tables that they came from.
    pub tables: DataSpec,
    /// Early series to inputs.
    pub prep: SeriesPrep,
    /// What products are expected to sell.
    pub demand: Expected,
    /// Which steps become growth points.
    pub rule: Rule,
    /// Steps of the full cycle: one output each.
    pub steps: usize,
    /// What they are called in the history.
    pub labels: Vec<String>,
    /// Epochs that each network trained, and the best of them.
    pub epochs: Vec<(usize, usize)>,
}

/// The inputs and targets of the history's rows.
#[derive(Debug)]
struct Table {
    inputs: Vec<f32>,
    targets: Vec<f32>,
}

impl Table {
    /// A step beyond a product's own cycle is no increment item: nothing is sold there.
    fn new(rows: &[Row], prep: &SeriesPrep, steps: usize) -> Result<Self, GrowthError> {
        let (mut inputs, mut targets) = (vec![], Vec::with_capacity(rows.len() * steps));
        for row in rows {
            prep.row(&row.early, row.demand, &mut inputs)?;
            targets.extend((0..steps).map(|s| f32::from(u8::from(row.increments.steps.get(s) == Some(&true)))));
        }
        Ok(Self { inputs, targets })
    }

    fn data(&self) -> Data<'_> {
        Data { inputs: &self.inputs, targets: Targets::Values(&self.targets) }
    }
}

/// A product whose growth points are wanted.
#[derive(Debug, Clone)]
pub(super) struct Subject {
    pub id: String,
    pub early: Vec<f32>,
    pub demand: Demand,
}

/// What is trained on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Past<'a> {
    pub history: &'a History,
    /// Products of the history.
    pub products: &'a [usize],
    /// The longest cycle.
    pub steps: usize,
}

/// The network that all others start from (`points.shared`).
pub(super) fn train_shared(
    past: Past<'_>,
    settings: &PointSettings,
    shared: &SharedSettings,
    seed: u64,
    backend: &Backend,
    control: &mut Control<'_>,
) -> Result<Weights, GrowthError> {
    let Past { history, products, steps } = past;
    let prep = point_prep(past, settings)?;
    let rows = history.rows(products, &shared.rotations);
    let table = Table::new(&rows, &prep, steps)?;
    let model = Model::new(model_spec(settings, &prep, steps, shared.dropout))?;
    // All turned rows of a product are on the same side, so that none of them is judged by itself.
    let judges = held_out(products.len(), shared.held_out, seed);
    let judged: Vec<bool> = {
        let mut by_product = vec![false; history.set.len()];
        for place in judges {
            by_product[products[place]] = true;
        }
        rows.iter().map(|row| by_product[row.product]).collect()
    };
    let side = |want: bool| (0..rows.len()).filter(|&i| judged[i] == want).map(|i| i as u32).collect::<Vec<u32>>();
    let member = Member {
        output_bias: Some(log_odds(&table.targets, steps, &(0..rows.len() as u32).collect::<Vec<_>>())),
        ..Member::new(seed, shared.training.rate, side(false), side(true))
    };
    let trained = train(&model, &shared.training, Loss::BinaryCrossEntropy, table.data(), &[member], backend, control)?;
    let first = trained.into_iter().next();
    // The products' own networks have no dropout: a layer without parameters, so the weights are the same.
    first.map(|t| t.weights).ok_or_else(|| GrowthError::data(&history.set, "no network was trained".to_owned()))
}

/// The shared network as bytes, and back.
pub(super) fn shared_bytes(
    past: Past<'_>,
    settings: &PointSettings,
    weights: &Weights,
) -> Result<Vec<u8>, GrowthError> {
    let prep = point_prep(past, settings)?;
    let fleet = SavedFleet {
        task: format!("{TASK}.shared"),
        model: model_spec(settings, &prep, past.steps, 0.0),
        names: vec!["shared".to_owned()],
        members: vec![weights.clone()],
        precision: settings.shared.as_ref().map_or_else(Default::default, |shared| shared.training.precision),
        settings: serde_json::Value::Null,
    };
    Ok(fleet.to_bytes()?)
}

/// The weights that [`shared_bytes`] holds.
pub(super) fn shared_weights(bytes: &[u8], path: &Path) -> Result<Option<Weights>, GrowthError> {
    Ok(SavedFleet::from_bytes(bytes, path)?.members.into_iter().next())
}

/// What a fleet is trained for and from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Given<'a> {
    pub subjects: &'a [Subject],
    pub references: &'a References,
    /// The weights that every network starts from.
    pub start: Option<&'a Weights>,
    pub seed: u64,
}

/// Trains one network a subject on the subject's references, all in one run.
pub(super) fn train_fleet(
    past: Past<'_>,
    given: Given<'_>,
    settings: &PointSettings,
    backend: &Backend,
    control: &mut Control<'_>,
) -> Result<SavedFleet, GrowthError> {
    let Past { history, products, steps } = past;
    let Given { subjects, references, start, seed } = given;
    let prep = point_prep(past, settings)?;
    let rows = history.rows(products, &[]);
    let table = Table::new(&rows, &prep, steps)?;
    let model = Model::new(model_spec(settings, &prep, steps, 0.0))?;
    let members: Vec<Member> = references
        .of
        .iter()
        .enumerate()
        .map(|(k, own)| {
            let own: Vec<u32> = own.iter().map(|r| r.place as u32).collect();
            let judges = held_out(own.len(), settings.held_out, member_seed(seed, k));
            let side = |want: bool| {
                let chosen = own.iter().enumerate().filter(|(i, _)| judges.contains(i) == want);
                chosen.map(|(_, row)| *row).collect::<Vec<u32>>()
            };
            Member {
                start: start.cloned(),
                output_bias: start.is_none().then(|| log_odds(&table.targets, steps, &own)),
                ..Member::new(member_seed(seed, k), settings.training.rate, side(false), side(true))
            }
        })
        .collect();
    let trained =
        train(&model, &settings.training, Loss::BinaryCrossEntropy, table.data(), &members, backend, control)?;
    let header = PointsHeader {
        tables: history.tables.clone(),
        prep,
        demand: history.expected.clone(),
        rule: settings.rule,
        steps,
        labels: (0..steps).map(|s| history.set.label(0, s).unwrap_or_default().to_owned()).collect(),
        epochs: trained.iter().map(|t| (t.losses.len(), t.best_epoch)).collect(),
    };
    let precision = settings.training.precision;
    let settings = serde_json::to_value(&header)
        .map_err(|e| GrowthError::Data { file: "growth points".to_owned(), reason: e.to_string() })?;
    Ok(SavedFleet {
        task: TASK.to_owned(),
        model: model.spec().clone(),
        names: subjects.iter().map(|s| s.id.clone()).collect(),
        members: trained.into_iter().map(|t| t.weights).collect(),
        precision,
        settings,
    })
}

/// Time_k = BP_k(early series of k): a probability for each step of the cycle, subject by subject.
pub(super) fn probabilities(
    fleet: &SavedFleet,
    subjects: &[Subject],
    backend: &Backend,
) -> Result<Vec<Vec<f64>>, GrowthError> {
    if subjects.is_empty() {
        return Ok(vec![]);
    }
    let header = header_of(fleet)?;
    let model = Model::new(fleet.model.clone())?;
    let mut inputs = vec![];
    for subject in subjects {
        header.prep.row(&subject.early, subject.demand, &mut inputs)?;
    }
    let logits = predict_own(&model, &fleet.members, &inputs, backend)?;
    let sigmoid = |z: &f32| 1.0 / (1.0 + (-f64::from(*z)).exp());
    Ok(logits.chunks(header.steps).map(|row| row.iter().map(sigmoid).collect()).collect())
}

/// What a file of growth-point networks says of itself.
pub(super) fn header_of(fleet: &SavedFleet) -> Result<PointsHeader, GrowthError> {
    PointsHeader::deserialize(&fleet.settings).map_err(|e| GrowthError::Data {
        file: fleet.task.clone(),
        reason: format!("expected the settings of growth-point networks: {e}"),
    })
}

fn point_prep(past: Past<'_>, settings: &PointSettings) -> Result<SeriesPrep, GrowthError> {
    let each = past.products.iter().map(|&i| (past.history.early(i), past.history.demand[i]));
    Ok(SeriesPrep::fit(past.history.early_steps, &settings.features, Layout::Flat, each)?)
}

fn model_spec(settings: &PointSettings, prep: &SeriesPrep, steps: usize, dropout: f32) -> ModelSpec {
    let (length, channels) = prep.shape();
    ModelSpec { input: TensorShape::sequence(length, channels), layers: layers(settings, steps, dropout) }
}

fn layers(settings: &PointSettings, steps: usize, dropout: f32) -> Vec<LayerSpec> {
    let hidden = settings.hidden.iter().flat_map(|&units| {
        [LayerSpec::Dense { units, activation: settings.activation }, LayerSpec::Dropout { rate: dropout }]
    });
    hidden.chain(std::iter::once(LayerSpec::Dense { units: steps, activation: Activation::None })).collect()
}

/// Checks the networks of a job before any data is read.
pub(super) fn check_model(settings: &PointSettings) -> Result<(), GrowthError> {
    let dropout = settings.shared.as_ref().map_or(0.0, |s| s.dropout);
    Model::new(ModelSpec { input: TensorShape::flat(1), layers: layers(settings, 1, dropout) })?;
    Ok(())
}

/// Which of `count` are held out to judge: a draw of the share, at least one and not all where there are two or more.
fn held_out(count: usize, share: f64, seed: u64) -> Vec<usize> {
    use rand::SeedableRng;
    use rand::seq::SliceRandom;
    if share <= 0.0 || count < 2 {
        return vec![];
    }
    let mut order: Vec<usize> = (0..count).collect();
    order.shuffle(&mut rand_chacha::ChaCha8Rng::seed_from_u64(seed));
    let wanted = (count as f64 * share).round() as usize;
    order.truncate(wanted.clamp(1, count - 1));
    order.sort_unstable();
    order
}

/// The log-odds of each step's share of increments, drawn towards one half by one row of each kind.
fn log_odds(targets: &[f32], steps: usize, rows: &[u32]) -> Vec<f32> {
    (0..steps)
        .map(|step| {
            let yes: f32 = rows.iter().map(|&row| targets[row as usize * steps + step]).sum();
            let no = rows.len() as f32 - yes;
            ((yes + 1.0) / (no + 1.0)).ln()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{held_out, log_odds};

    #[test]
    fn g6_held_out_references_are_a_seeded_share() {
        let first = held_out(100, 0.2, 5);
        assert_eq!(first.len(), 20);
        assert_eq!(first, held_out(100, 0.2, 5));
        assert_ne!(first, held_out(100, 0.2, 6));
        assert_eq!(held_out(2, 0.9, 1).len(), 1);
        assert!(held_out(1, 0.5, 1).is_empty() && held_out(10, 0.0, 1).is_empty());
    }

    #[test]
    fn g6_the_first_bias_is_the_log_odds_of_the_profile() {
        let targets = [1.0, 0.0, 1.0, 0.0, 0.0, 0.0];
        let bias = log_odds(&targets, 2, &[0, 1, 2]);
        assert!((bias[0] - (3.0_f32 / 2.0).ln()).abs() < 1e-6);
        assert!((bias[1] - (1.0_f32 / 4.0).ln()).abs() < 1e-6);
    }
}
