//! Attributes to features (P3): a bottleneck network trained by its Pearson loss, beside principal components.

use std::path::Path;

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::error::PushError;
use super::load::NamedColumn;
use super::settings::{Features, Method};
use crate::backend::Backend;
use crate::cluster::{Keep, Pca, Rows};
use crate::model::{LayerSpec, Loss, Model, ModelSpec, Optimizer, Precision, TensorShape, Weights, initial_weights};
use crate::ops::Activation;
use crate::prep::AttributePrep;
use crate::train::metrics::mean_correlation;
use crate::train::{Control, Data, Member, Predictor, RateSchedule, Targets, TrainSpec, predict, train};

/// The share of the customers that judges the network and is not drawn for training.
const JUDGES: f64 = 0.1;

/// The most customers who judge.
const JUDGES_MAX: usize = 4096;

/// What turns standardised attributes into features: a dense layer; without one, the attributes are the features. Saved with
/// the model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Extractor {
    pub width: usize,
    pub layer: Option<Layer>,
}

/// A dense layer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Layer {
    pub dimensions: usize,
    pub activation: Activation,
    pub weights: Vec<f32>,
    pub biases: Vec<f32>,
}

impl Layer {
    /// Principal components as a layer.
    fn of(pca: &Pca) -> Self {
        let (d, width) = (pca.dimensions(), pca.width());
        let (mut weights, mut biases) = (vec![0.0; width * d], vec![0.0; d]);
        for (i, bias) in biases.iter_mut().enumerate() {
            for (j, c) in pca.component(i).iter().enumerate() {
                weights[j * d + i] = *c as f32;
            }
            *bias = -pca.component(i).iter().zip(pca.mean()).map(|(c, m)| c * m).sum::<f64>() as f32;
        }
        Self { dimensions: d, activation: Activation::None, weights, biases }
    }
}

/// How the training went.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Course {
    /// The network's Pearson similarity after each round, on customers that took no part; empty without a network.
    pub similarity: Vec<f64>,
    /// That of the principal components of as many dimensions, on the same customers.
    pub pca: f64,
    /// The similarity of what is used.
    pub kept: f64,
    /// Whether `error` was reached.
    pub reached: bool,
    /// Whether the network fell behind the components, so that these are used.
    pub behind: bool,
    /// Customers who judged.
    pub judges: usize,
}

/// Fitted attributes.
#[derive(Debug, Clone)]
pub(super) struct Extracted {
    pub prep: AttributePrep,
    pub extractor: Extractor,
    pub course: Course,
    /// [customers, dimensions].
    pub features: Vec<f32>,
}

/// An extractor laid out on a device, ready for rows after rows.
pub(super) struct Extraction(Option<Predictor>);

/// Rows at a time.
const BATCH: usize = 4096;

impl Extraction {
    /// Features of standardised rows.
    pub(super) fn of(&mut self, rows: Vec<f32>) -> Result<Vec<f32>, PushError> {
        match &mut self.0 {
            Some(predictor) => Ok(predictor.all_members(&rows)?),
            None => Ok(rows),
        }
    }
}

impl Extractor {
    pub(super) fn dimensions(&self) -> usize {
        self.layer.as_ref().map_or(self.width, |layer| layer.dimensions)
    }

    pub(super) fn open(&self, backend: &Backend) -> Result<Extraction, PushError> {
        let Some(layer) = &self.layer else { return Ok(Extraction(None)) };
        let dense = LayerSpec::Dense { units: layer.dimensions, activation: layer.activation };
        let model = Model::new(ModelSpec { input: TensorShape::flat(self.width), layers: vec![dense] })?;
        let weights = Weights { values: vec![layer.weights.clone(), layer.biases.clone()] };
        Ok(Extraction(Some(Predictor::new(&model, &[weights], BATCH, backend)?)))
    }
}

/// Fits everything to the customers that `learn` names and extracts the features of all.
pub(super) fn extract(
    columns: &[NamedColumn],
    learn: &[usize],
    settings: &Features,
    (backend, seed): (&Backend, u64),
    stop: &dyn Fn() -> bool,
) -> Result<Extracted, PushError> {
    let prep = AttributePrep::fit(columns, learn)?;
    let (rows, _) = prep.apply(columns)?;
    let width = prep.width();
    let (extractor, course) = fit(&rows, width, learn, settings, (backend, seed), stop)?;
    let features = extractor.open(backend)?.of(rows)?;
    Ok(Extracted { prep, extractor, course, features })
}

/// Fits an extractor to standardised rows.
pub(super) fn fit(
    rows: &[f32],
    width: usize,
    learn: &[usize],
    settings: &Features,
    (backend, seed): (&Backend, u64),
    stop: &dyn Fn() -> bool,
) -> Result<(Extractor, Course), PushError> {
    let pick =
        |some: &[usize]| -> Vec<f32> { some.iter().flat_map(|&u| &rows[u * width..][..width]).copied().collect() };
    let mut order = learn.to_vec();
    order.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
    let wanted = ((learn.len() as f64 * JUDGES) as usize).clamp(2, JUDGES_MAX);
    // Of very few customers all train and all judge.
    let (judges, trainers) = if learn.len() < 20 { (&order[..], &order[..]) } else { order.split_at(wanted) };
    let judge_rows = pick(judges);
    let dimensions = settings.dimensions.min(width);
    let pca = Pca::fit(backend, &Rows::new(&pick(trainers), width)?, Keep::Dimensions(dimensions))?;
    let of_pca = mean_correlation(&back(&pca, &judge_rows)?, &judge_rows, width).unwrap_or(0.0);
    let mut course =
        Course { similarity: vec![], pca: of_pca, kept: of_pca, reached: false, behind: false, judges: judges.len() };
    let components = Extractor { width, layer: Some(Layer::of(&pca)) };
    if settings.method == Method::Pca {
        course.reached = 1.0 - of_pca < settings.error;
        return Ok((components, course));
    }
    let network = Network::new(width, dimensions, settings)?;
    let best = network.train((rows, trainers, &judge_rows), &pca, (backend, seed), &mut course, stop)?;
    course.kept = course.similarity.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    course.reached = 1.0 - course.kept < settings.error;
    // The start stands for the components but for the rounding of f32.
    course.behind = course.kept < of_pca - 1e-6;
    if course.behind {
        course.kept = of_pca;
        course.reached = 1.0 - of_pca < settings.error;
        return Ok((components, course));
    }
    let mut values = best.values.into_iter();
    let (weights, biases) = (values.next().unwrap_or_default(), values.next().unwrap_or_default());
    let layer = Layer { dimensions, activation: settings.activation, weights, biases };
    Ok((Extractor { width, layer: Some(layer) }, course))
}

/// What components make of rows: there and back.
fn back(pca: &Pca, rows: &[f32]) -> Result<Vec<f32>, PushError> {
    let (width, dimensions) = (pca.width(), pca.dimensions());
    let flat = pca.transform(&Rows::new(rows, width)?)?;
    let mut out = vec![0.0; rows.len()];
    for (place, row) in out.chunks_exact_mut(width).zip(flat.chunks_exact(dimensions)) {
        let mut sums = pca.mean().to_vec();
        for (i, coordinate) in row.iter().enumerate() {
            sums.iter_mut().zip(pca.component(i)).for_each(|(sum, c)| *sum += f64::from(*coordinate) * c);
        }
        place.iter_mut().zip(sums).for_each(|(v, sum)| *v = sum as f32);
    }
    Ok(out)
}

struct Network<'a> {
    model: Model,
    settings: &'a Features,
    dimensions: usize,
    width: usize,
}

impl<'a> Network<'a> {
    fn new(width: usize, dimensions: usize, settings: &'a Features) -> Result<Self, PushError> {
        let layers = vec![
            LayerSpec::Dense { units: dimensions, activation: settings.activation },
            LayerSpec::Dense { units: width, activation: Activation::None },
        ];
        let model = Model::new(ModelSpec { input: TensorShape::flat(width), layers })?;
        Ok(Self { model, settings, dimensions, width })
    }

    /// Where it begins: at the components, which a network without an activation can be.
    fn start(&self, pca: &Pca, seed: u64) -> Weights {
        if self.settings.activation != Activation::None {
            return initial_weights(&self.model, seed);
        }
        let (d, width) = (self.dimensions, self.width);
        let Layer { weights, biases, .. } = Layer::of(pca);
        let back = (0..d).flat_map(|i| pca.component(i)).map(|c| *c as f32).collect();
        let mean: Vec<f32> = pca.mean().iter().map(|m| *m as f32).collect();
        debug_assert_eq!(mean.len(), width);
        Weights { values: vec![weights, biases, back, mean] }
    }

    /// Rounds of drawing, extracting, comparing and adjusting; returns the best round's weights.
    fn train(
        &self,
        (rows, trainers, judges): (&[f32], &[usize], &[f32]),
        pca: &Pca,
        (backend, seed): (&Backend, u64),
        course: &mut Course,
        stop: &dyn Fn() -> bool,
    ) -> Result<Weights, PushError> {
        let settings = self.settings;
        let mut weights = self.start(pca, seed);
        let mut best = (f64::NEG_INFINITY, weights.clone());
        let mut since = 0;
        for round in 0..settings.rounds_max {
            if stop() {
                return Err(PushError::Stopped);
            }
            // The first round compares only: the start itself may be the best.
            if round > 0 {
                weights = self.adjust(rows, trainers, weights, (backend, seed, round as u64))?;
            }
            let outputs = predict(&self.model, std::slice::from_ref(&weights), judges, backend)?;
            let similarity = mean_correlation(&outputs, judges, self.width).unwrap_or(0.0);
            course.similarity.push(similarity);
            since += 1;
            if similarity > best.0 {
                best = (similarity, weights.clone());
                since = 0;
            }
            if 1.0 - similarity < settings.error || since >= settings.patience {
                break;
            }
        }
        Ok(best.1)
    }

    fn adjust(
        &self,
        rows: &[f32],
        trainers: &[usize],
        start: Weights,
        (backend, seed, round): (&Backend, u64, u64),
    ) -> Result<Weights, PushError> {
        let settings = self.settings;
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(round);
        let mut order = trainers.to_vec();
        let (drawn, _) = order.partial_shuffle(&mut rng, settings.draw.min(trainers.len()));
        let inputs: Vec<f32> =
            drawn.iter().flat_map(|&user| &rows[user * self.width..][..self.width]).copied().collect();
        let spec = TrainSpec {
            epochs: settings.epochs,
            batch: settings.batch.min(drawn.len()),
            rate: settings.rate,
            schedule: RateSchedule::Constant,
            optimizer: Optimizer::default(),
            clip: None,
            precision: Precision::F32,
            early_stop: None,
        };
        let member = Member {
            start: Some(start),
            ..Member::new(seed ^ (round << 32), settings.rate, (0..drawn.len() as u32).collect(), vec![])
        };
        let data = Data { inputs: &inputs, targets: Targets::Values(&inputs) };
        let mut control = Control { on_epoch: &mut |_| (), stop: &|| false, checkpoint: None };
        let trained = train(&self.model, &spec, Loss::Pearson, data, &[member], backend, &mut control)?;
        let lost = || PushError::data(Path::new("features"), "the training returned no network");
        trained.into_iter().next().map(|member| member.weights).ok_or_else(lost)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::rng::counter_bits;

    /// Rows of eight numbers that follow three.
    fn rows(n: u32) -> Vec<f32> {
        let draw = |i: u32| f64::from(counter_bits(3, 0, 0, i)) / f64::from(u32::MAX) - 0.5;
        (0..n)
            .flat_map(|row| {
                let [a, b, c] = [0, 1, 2].map(|j| draw(row * 16 + j));
                let noise = move |j: u32| 0.2 * draw(row * 16 + 3 + j);
                [a, b, c, a + b, b - c, a + c, a - b + c, 2.0 * b]
                    .into_iter()
                    .zip(0..)
                    .map(move |(v, j)| (4.0 * (v + noise(j))) as f32)
            })
            .collect()
    }

    fn learned(settings: &Features) -> (Extractor, Course) {
        let cpu = Backend::cpu().expect("a CPU");
        let learn: Vec<usize> = (0..600).collect();
        fit(&rows(600), 8, &learn, settings, (&cpu, 5), &|| false).expect("fits")
    }

    #[test]
    fn p3_the_network_is_trained_until_its_similarity_is_near_enough_and_not_behind_components() {
        let settings = Features { dimensions: 3, error: 0.05, ..Features::default() };
        let (extractor, course) = learned(&settings);
        assert!(course.reached && course.kept > 0.95, "{course:?}");
        assert!(!course.behind && course.kept >= course.pca - 1e-6, "{course:?}");
        assert_eq!(extractor.dimensions(), 3);
        // It ends with the round that reached the error.
        assert!(course.similarity[..course.similarity.len() - 1].iter().all(|s| 1.0 - s >= 0.05), "{course:?}");
    }

    #[test]
    fn p3_training_betters_the_pearson_similarity_of_the_components_that_it_starts_at() {
        let settings = Features { dimensions: 2, error: 1e-6, rounds_max: 12, patience: 12, ..Features::default() };
        let (_, course) = learned(&settings);
        assert!(!course.reached && course.similarity.len() == 12);
        assert!((course.similarity[0] - course.pca).abs() < 1e-4, "{course:?}");
        assert!(course.kept > course.pca + 0.002, "{course:?}");
    }

    #[test]
    fn p3_a_network_that_falls_behind_gives_way_to_the_components() {
        let settings = Features { dimensions: 3, activation: Activation::Relu, rounds_max: 1, ..Features::default() };
        let (extractor, course) = learned(&settings);
        assert!(course.behind && course.kept == course.pca, "{course:?}");
        assert_eq!(extractor.layer.expect("a layer").activation, Activation::None);
    }
}
