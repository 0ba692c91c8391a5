//! The personality network: a small convolution network over a user's features (I6).

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::error::SpeakingError;
use super::settings::NetSettings;
use crate::artifact::ArtifactError;
use crate::backend::Backend;
use crate::model::{Loss, Model};
use crate::ops::rng::counter_bits;
use crate::prep::Scale;
use crate::train::metrics::classes::{ClassScores, most_likely};
use crate::train::{Control, Data, Member, Predictor, SavedFleet, Targets, TrainError, member_seed, train};

/// What a file of this network says that it does.
const TASK: &str = "intent.personality";

/// Users of a batch.
const BATCH: usize = 1024;

/// The fewest users of known type that the network learns from.
const KNOWN_MIN: usize = 20;

/// A trained network and what belongs to it. Features are numbers in a fixed order; NaN is a missing one and counts as the mean.
#[derive(Debug, Clone)]
pub struct PersonalityNet {
    fleet: SavedFleet,
    model: Model,
    header: Header,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    features: Vec<String>,
    classes: Vec<String>,
    scale: Scale,
    report: NetReport,
}

/// How the training went.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NetReport {
    /// Users learned from, users that decided when to stop, users held out.
    pub users: [usize; 3],
    /// Training and validation loss of every epoch.
    pub losses: Vec<(f32, Option<f32>)>,
    /// The epoch of the weights, from 1.
    pub best_epoch: usize,
    /// Share of right types among the users held out.
    pub accuracy: f64,
    /// Their mean F1 over the types.
    pub macro_f1: f64,
    /// Their mean of -ln(probability of the true type).
    pub log_loss: f64,
    /// Accuracy on the same users of always saying the type that is most frequent among those learned from.
    pub most_frequent: f64,
    /// Log loss on the same users of the types' shares (each count one larger) among those learned from.
    pub shares_log_loss: f64,
    /// `confusion[i][j]`: users held out of type `i` that were taken for type `j`.
    pub confusion: Vec<Vec<usize>>,
}

impl PersonalityNet {
    /// Learns from users of known type: `features` is [users, names.len()], `known` a type for each user.
    ///
    /// # Errors
    /// Settings, users or features that do not fit, or a training that fails.
    pub fn fit(
        names: &[String],
        features: &[f32],
        known: &[String],
        settings: &NetSettings,
        seed: u64,
        backend: &Backend,
        control: &mut Control<'_>,
    ) -> Result<Self, SpeakingError> {
        settings.check()?;
        check(names, features, known)?;
        let mut classes = known.to_vec();
        classes.sort_unstable();
        classes.dedup();
        let labels: Vec<u32> = known.iter().map(|kind| classes.partition_point(|class| class < kind) as u32).collect();
        if classes.len() < 2 {
            let found = classes.len();
            return Err(SpeakingError::Known(format!("expected users of two types at least, found {found}")));
        }
        let [own, validation, held_out] = parts(known.len(), settings, seed);
        let width = names.len();
        let scale = learn_scale(features, width, &own);
        let inputs = inputs(features, &scale)?;
        let model = settings.model(width, classes.len())?;
        let member = Member::new(member_seed(seed, 0), settings.training.rate, own.clone(), validation.clone());
        let data = Data { inputs: &inputs, targets: Targets::Labels(&labels) };
        let trained = train(&model, &settings.training, Loss::CrossEntropy, data, &[member], backend, control)?;
        let trained = trained.into_iter().next().ok_or_else(|| TrainError::Data("no member came back".to_owned()))?;
        let fleet = SavedFleet {
            task: TASK.to_owned(),
            model: model.spec().clone(),
            names: vec!["personality".to_owned()],
            members: vec![trained.weights],
            precision: settings.training.precision,
            settings: serde_json::Value::Null,
        };
        let report = NetReport {
            users: [own.len(), validation.len(), held_out.len()],
            losses: trained.losses,
            best_epoch: trained.best_epoch,
            accuracy: 0.0,
            macro_f1: 0.0,
            log_loss: 0.0,
            most_frequent: 0.0,
            shares_log_loss: 0.0,
            confusion: vec![],
        };
        let mut net = Self { fleet, model, header: Header { features: names.to_vec(), classes, scale, report } };
        net.judge(features, &labels, &own, &held_out, backend)?;
        net.fleet.settings = serde_json::to_value(&net.header)
            .map_err(|e| ArtifactError::content("the personality network's settings", e.to_string()))
            .map_err(TrainError::from)?;
        Ok(net)
    }

    /// Fills the report from the users held out.
    fn judge(
        &mut self,
        features: &[f32],
        labels: &[u32],
        own: &[u32],
        held_out: &[u32],
        backend: &Backend,
    ) -> Result<(), SpeakingError> {
        let (width, classes) = (self.header.features.len(), self.header.classes.len());
        let rows: Vec<f32> =
            held_out.iter().flat_map(|&row| &features[row as usize * width..][..width]).copied().collect();
        let probabilities = self.open(backend)?.probabilities(&rows)?;
        let truth: Vec<u32> = held_out.iter().map(|&row| labels[row as usize]).collect();
        let scores = ClassScores::of(&probabilities, &truth, classes);
        let mut shares = vec![1.0 / (own.len() + classes) as f64; classes];
        for &row in own {
            shares[labels[row as usize] as usize] += 1.0 / (own.len() + classes) as f64;
        }
        let always = ClassScores::of(&shares.repeat(truth.len()), &truth, classes);
        let report = &mut self.header.report;
        report.accuracy = scores.accuracy();
        report.macro_f1 = scores.macro_f1();
        report.log_loss = scores.log_loss;
        report.most_frequent = always.accuracy();
        report.shares_log_loss = always.log_loss;
        report.confusion = scores.confusion;
        Ok(())
    }

    /// The features in the order in which they are expected.
    pub fn features(&self) -> &[String] {
        &self.header.features
    }

    /// The types, in the order of the outputs.
    pub fn classes(&self) -> &[String] {
        &self.header.classes
    }

    /// How the training went, and what it is worth.
    pub const fn report(&self) -> &NetReport {
        &self.header.report
    }

    /// The file's bytes: the same for the same network.
    ///
    /// # Errors
    /// If they cannot be put together.
    pub fn to_bytes(&self) -> Result<Vec<u8>, SpeakingError> {
        Ok(self.fleet.to_bytes()?)
    }

    /// Reads a network from a file.
    ///
    /// # Errors
    /// If it cannot be read, or holds another kind of model.
    pub fn load(path: &Path) -> Result<Self, SpeakingError> {
        Self::of(SavedFleet::load(path)?, path)
    }

    /// Reads a network from bytes; `path` is for errors.
    ///
    /// # Errors
    /// As [`PersonalityNet::load`].
    pub fn from_bytes(bytes: &[u8], path: &Path) -> Result<Self, SpeakingError> {
        Self::of(SavedFleet::from_bytes(bytes, path)?, path)
    }

    fn of(fleet: SavedFleet, path: &Path) -> Result<Self, SpeakingError> {
        let wrong = |reason: String| SpeakingError::from(TrainError::from(ArtifactError::format(path, reason)));
        if fleet.task != TASK {
            return Err(wrong(format!("expected a model of `{TASK}`, found `{}`", fleet.task)));
        }
        let header = Header::deserialize(&fleet.settings)
            .map_err(|e| wrong(format!("expected the settings of a personality network: {e}")))?;
        let model = Model::new(fleet.model.clone())?;
        let sizes = (model.input().len(), model.output().len(), header.scale.width(), fleet.members.len());
        let (features, classes) = (header.features.len(), header.classes.len());
        if sizes != (features, classes, features, 1) {
            return Err(wrong(format!("expected one network of {features} features and {classes} types")));
        }
        Ok(Self { fleet, model, header })
    }

    /// Lays the network out on a device.
    ///
    /// # Errors
    /// If the device fails.
    pub fn open(&self, backend: &Backend) -> Result<NetRunner<'_>, SpeakingError> {
        Ok(NetRunner { net: self, predictor: Predictor::new(&self.model, &self.fleet.members, BATCH, backend)? })
    }
}

/// A network on a device, for batch after batch of users.
#[derive(Debug)]
pub struct NetRunner<'a> {
    net: &'a PersonalityNet,
    predictor: Predictor,
}

impl NetRunner<'_> {
    /// The network.
    pub const fn net(&self) -> &PersonalityNet {
        self.net
    }

    /// The probability of each type for each user, [users, types], from [users, features].
    ///
    /// # Errors
    /// Features that are infinite or no whole rows, or the device fails.
    pub fn probabilities(&mut self, features: &[f32]) -> Result<Vec<f64>, SpeakingError> {
        let rows = inputs(features, &self.net.header.scale)?;
        let outputs = self.predictor.all_members(&rows)?;
        let mut all = Vec::with_capacity(outputs.len());
        for row in outputs.chunks_exact(self.net.header.classes.len()) {
            let largest = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let first = all.len();
            all.extend(row.iter().map(|output| f64::from(output - largest).exp()));
            let sum: f64 = all[first..].iter().sum();
            all[first..].iter_mut().for_each(|p| *p /= sum);
        }
        Ok(all)
    }

    /// The most likely type of each user and its probability.
    ///
    /// # Errors
    /// As [`NetRunner::probabilities`].
    pub fn predict(&mut self, features: &[f32]) -> Result<Vec<(usize, f64)>, SpeakingError> {
        let best = |row: &[f64]| {
            let class = most_likely(row);
            (class, row[class])
        };
        let probabilities = self.probabilities(features)?;
        Ok(probabilities.chunks_exact(self.net.header.classes.len()).map(best).collect())
    }
}

fn check(names: &[String], features: &[f32], known: &[String]) -> Result<(), SpeakingError> {
    if names.is_empty() {
        return Err(SpeakingError::Known("expected a feature at least, found none".to_owned()));
    }
    if features.len() != names.len() * known.len() {
        let (users, width, found) = (known.len(), names.len(), features.len());
        return Err(SpeakingError::Known(format!("{users} users of {width} features have {found} values")));
    }
    if known.len() < KNOWN_MIN {
        let found = known.len();
        return Err(SpeakingError::Known(format!("expected {KNOWN_MIN} users of known type at least, found {found}")));
    }
    match known.iter().position(String::is_empty) {
        Some(row) => Err(SpeakingError::Known(format!("user {row} is said to be of a known type, but has none"))),
        None => Ok(()),
    }
}

/// Users learned from, users that decide when to stop, users held out, each part in order.
fn parts(users: usize, settings: &NetSettings, seed: u64) -> [Vec<u32>; 3] {
    let seed = (seed ^ (seed >> 32)) as u32;
    let mut order: Vec<u32> = (0..users as u32).collect();
    order.sort_by_key(|row| (counter_bits(seed, 0x9e75, 0, *row), *row));
    let count = |share: f64| ((users as f64 * share).round() as usize).max(1);
    let (validation, held_out) = (count(settings.validation), count(settings.held_out));
    let mut parts = [&order[validation + held_out..], &order[..validation], &order[validation..validation + held_out]]
        .map(<[u32]>::to_vec);
    for part in &mut parts {
        part.sort_unstable();
    }
    parts
}

/// Means and deviations of what is known of each feature.
fn learn_scale(features: &[f32], width: usize, rows: &[u32]) -> Scale {
    let (mut means, mut deviations) = (vec![], vec![]);
    for column in 0..width {
        let values = rows.iter().map(|row| f64::from(features[*row as usize * width + column]));
        let known: Vec<f64> = values.filter(|value| value.is_finite()).collect();
        let count = known.len().max(1) as f64;
        let mean = known.iter().sum::<f64>() / count;
        means.push(mean);
        deviations.push((known.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / count).sqrt());
    }
    Scale::of(&means, &deviations)
}

/// Standardised features; 0, the mean, for a missing one.
fn inputs(features: &[f32], scale: &Scale) -> Result<Vec<f32>, SpeakingError> {
    let width = scale.width();
    if let Some(at) = features.iter().position(|value| value.is_infinite()) {
        let (row, column, found) = (at / width, at % width, features[at]);
        let reason = format!("user {row} has the feature {found} in place {column}, expected a number or NaN");
        return Err(SpeakingError::Known(reason));
    }
    let mut rows = features.to_vec();
    scale.apply(&mut rows)?;
    rows.iter_mut().filter(|value| value.is_nan()).for_each(|value| *value = 0.0);
    Ok(rows)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::backend::{DeviceChoice, choose};

    pub fn cpu() -> Backend {
        choose(&DeviceChoice::Cpu).expect("the CPU").backend
    }

    /// Users of four types, told apart by two groups of four answers with noise; every ninth answer is missing.
    pub fn users(count: u32) -> (Vec<String>, Vec<f32>, Vec<String>) {
        let names = (1..=8).map(|i| format!("q{i}")).collect();
        let mut features = vec![];
        let mut kinds = vec![];
        for user in 0..count {
            let kind = counter_bits(3, 0, 0, user) % 4;
            kinds.push(["EN", "ES", "IN", "IS"][kind as usize].to_owned());
            for question in 0..8 {
                let bits = counter_bits(3, 1, question, user);
                let high = if question < 4 { kind / 2 } else { kind % 2 };
                let noise = f32::from((bits % 300) as u16) / 100.0;
                features.push(if bits.is_multiple_of(9) { f32::NAN } else { 2.0 * high as f32 + noise });
            }
        }
        (names, features, kinds)
    }

    pub fn fit(count: u32, settings: &NetSettings) -> Result<PersonalityNet, SpeakingError> {
        let (names, features, kinds) = users(count);
        let mut control = Control { on_epoch: &mut |_| (), stop: &|| false, checkpoint: None };
        PersonalityNet::fit(&names, &features, &kinds, settings, 7, &cpu(), &mut control)
    }

    #[test]
    fn i6_the_network_learns_types_from_features_and_beats_the_most_frequent() {
        let settings = NetSettings::default();
        let net = fit(600, &settings).expect("trained");
        let report = net.report();
        assert_eq!(report.users, [420, 90, 90]);
        assert!(report.accuracy > 0.85 && report.macro_f1 > 0.8, "{} {}", report.accuracy, report.macro_f1);
        assert!(report.most_frequent < 0.45, "{}", report.most_frequent);
        assert!(report.log_loss < 0.6 && report.shares_log_loss > 1.2, "{report:?}");
        assert_eq!(report.confusion.iter().flatten().sum::<usize>(), 90);
        assert!(report.losses.len() <= 60 && report.best_epoch <= report.losses.len());
        let bytes = net.to_bytes().expect("bytes");
        assert_eq!(bytes, fit(600, &settings).expect("trained").to_bytes().expect("bytes"), "the same for a seed");
        let again = PersonalityNet::from_bytes(&bytes, Path::new("p.safetensors")).expect("the same");
        assert_eq!((again.classes(), again.features().len()), (net.classes(), 8));
        assert_eq!(again.report(), report);
        // More users than a batch; and a user's type does not depend on the batch.
        let (_, features, kinds) = users(2500);
        let found = net.open(&cpu()).expect("opens").predict(&features).expect("predicts");
        let backend = cpu();
        let mut runner = again.open(&backend).expect("opens");
        let alone = runner.predict(&features[1500 * 8..1501 * 8]).expect("predicts");
        assert_eq!((found.len(), found[1500]), (2500, alone[0]));
        let right = found.iter().zip(&kinds).filter(|(class, kind)| net.classes()[class.0] == **kind).count();
        assert!(right > 2125, "{right}");
        assert!(found.iter().all(|(_, p)| (0.25..=1.0).contains(p)));
        let missing = runner.probabilities(&[f32::NAN; 8]).expect("the mean user");
        assert!((missing.iter().sum::<f64>() - 1.0).abs() < 1e-9, "{missing:?}");
        let error = runner.predict(&[f32::INFINITY; 8]).expect_err("infinite").to_string();
        assert!(error.contains("user 0 has the feature inf in place 0"), "{error}");
        assert!(runner.predict(&[1.0; 9]).is_err());
    }

    #[test]
    fn i6_too_little_to_learn_from_is_an_error() {
        let error = fit(19, &NetSettings::default()).expect_err("too few").to_string();
        assert!(error.contains("expected 20 users of known type at least, found 19"), "{error}");
        let mut control = Control { on_epoch: &mut |_| (), stop: &|| false, checkpoint: None };
        let mut one = |kind: &str, values: usize| {
            let known = vec![kind.to_owned(); 30];
            let names = ["a".to_owned()];
            let settings = NetSettings::default();
            PersonalityNet::fit(&names, &vec![1.0; values], &known, &settings, 1, &cpu(), &mut control)
                .map(|_| ())
                .expect_err("refused")
                .to_string()
        };
        assert!(one("INTJ", 30).contains("expected users of two types at least, found 1"));
        assert!(one("", 30).contains("user 0 is said to be of a known type"));
        assert!(one("INTJ", 31).contains("30 users of 1 features have 31 values"));
    }

    #[test]
    fn i6_another_model_is_refused() {
        let settings: NetSettings =
            toml::from_str("[training]\nepochs = 1\nbatch = 32\nrate = 0.01").expect("settings");
        let mut net = fit(40, &settings).expect("trained");
        net.fleet.task = "train".to_owned();
        let bytes = net.to_bytes().expect("bytes");
        let error = PersonalityNet::from_bytes(&bytes, Path::new("p")).expect_err("another").to_string();
        assert!(error.contains("expected a model of `intent.personality`, found `train`"), "{error}");
    }
}
