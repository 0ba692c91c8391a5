//! The network: three towers, attention, and read-outs of the three pairs (I3, I4).

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::error::IntentError;
use super::features::{Maker, Moment, Prep};
use super::load::Loaded;
use super::prior::target;
use super::settings::NetworkSettings;
use crate::backend::Backend;
use crate::cluster::{Keep, Pca, Rows as ClusterRows};
use crate::model::{LayerSpec, Loss, Model, ModelSpec, TensorShape, Weights, initial_weights};
use crate::ops::Activation;
use crate::train::{Control, Data, Member, Predictor, SavedFleet, Targets, TrainedMember, member_seed, train};

/// The name of these models in model files.
pub(super) const TASK: &str = "intent.network";

/// Tokens, and their pairs: history and usage, history and user, usage and user.
pub(super) const TOKENS: [&str; 3] = ["history", "usage", "user"];
pub(super) const PAIRS: [(usize, usize); 3] = [(0, 1), (0, 2), (1, 2)];

/// Rows of a batch of predictions.
pub(super) const BATCH: usize = 1024;

/// Values of a masked token's code.
const CODE: usize = 16;

/// Which network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Form {
    /// With the prior added to what it says.
    Full,
    /// Without: what the towers and their associations know by themselves.
    NoPrior,
    /// One dense layer on the same inputs: multinomial logistic regression.
    Logistic,
}

impl Form {
    pub(super) fn model(self, prep: &Prep, settings: &NetworkSettings) -> Result<Model, IntentError> {
        self.network(&prep.widths(), prep.products, settings)
    }

    /// The network for towers of these widths and as many products.
    pub(super) fn network(
        self,
        widths: &[usize; 3],
        units: usize,
        settings: &NetworkSettings,
    ) -> Result<Model, IntentError> {
        let inputs: usize = widths.iter().sum();
        let layers = match self {
            Self::Logistic => vec![LayerSpec::Towers { columns: vec![inputs], units, activation: Activation::None }],
            Self::Full | Self::NoPrior => {
                let mut layers = trunk(widths, settings);
                let c = settings.channels;
                layers.push(LayerSpec::Associations);
                layers.push(LayerSpec::Towers { columns: vec![3 * c, c, c, c], units, activation: Activation::None });
                if self == Self::Full {
                    layers.push(LayerSpec::Skip { from: inputs });
                }
                layers
            }
        };
        Ok(Model::new(ModelSpec { input: TensorShape::flat(inputs + units), layers })?)
    }

    /// What the names of the read-outs' parameters begin with.
    fn read_out(self, model: &Model) -> String {
        let behind = if self == Self::Full { 2 } else { 1 };
        format!("layers.{}.towers.", model.spec().layers.len() - behind)
    }

    const fn loss(self, settings: &NetworkSettings) -> Loss {
        match self {
            Self::Logistic => Loss::CrossEntropy,
            Self::Full | Self::NoPrior => Loss::ReadOuts { auxiliary: settings.auxiliary },
        }
    }
}

/// Towers and attention.
fn trunk(widths: &[usize; 3], settings: &NetworkSettings) -> Vec<LayerSpec> {
    let mut layers = vec![
        LayerSpec::Towers { columns: widths.to_vec(), units: settings.channels, activation: Activation::Relu },
        LayerSpec::Dropout { rate: settings.dropout },
    ];
    for _ in 0..settings.blocks {
        layers.push(LayerSpec::Encoder {
            heads: settings.heads,
            feed_forward: settings.feed_forward,
            dropout: settings.dropout,
            activation: Activation::Gelu,
        });
    }
    layers
}

/// Rows of features with what came of them.
pub(super) struct Lessons {
    pub inputs: Vec<f32>,
    pub targets: Vec<u32>,
}

impl Lessons {
    pub(super) fn of(maker: &Maker<'_>, loaded: &Loaded, moments: &[Moment]) -> Self {
        Self { inputs: maker.rows(moments), targets: moments.iter().map(|m| target(loaded, *m)).collect() }
    }
}

/// One ensemble: the rows that it trains on, and those on which its loss is watched.
pub(super) struct Class<'a> {
    pub name: &'a str,
    pub seeds: usize,
    pub train: Vec<u32>,
    pub watch: Vec<u32>,
}

/// Trains the networks of all classes in one fleet.
pub(super) fn fit(
    form: Form,
    prep: &Prep,
    settings: &NetworkSettings,
    epochs: usize,
    lessons: &Lessons,
    classes: &[Class<'_>],
    (seed, backend): (u64, &Backend),
    control: &mut Control<'_>,
) -> Result<(SavedFleet, Vec<TrainedMember>), IntentError> {
    let model = form.model(prep, settings)?;
    let spec = settings.training(epochs);
    let (mut members, mut names) = (vec![], vec![]);
    for class in classes {
        let starts = starts(form, prep, settings, &model, lessons, class, (seed, backend), control)?;
        for (number, start) in starts.into_iter().enumerate() {
            let one = Member::new(member_seed(seed, number), settings.rate, class.train.clone(), class.watch.clone());
            members.push(Member { start, ..one });
            names.push(format!("{} {number}", class.name));
        }
    }
    let data = Data { inputs: &lessons.inputs, targets: Targets::Labels(&lessons.targets) };
    let trained = train(&model, &spec, form.loss(settings), data, &members, backend, control)?;
    let fleet = SavedFleet {
        task: TASK.to_owned(),
        model: model.spec().clone(),
        names,
        members: trained.iter().map(|member| member.weights.clone()).collect(),
        precision: spec.precision,
        settings: serde_json::Value::Null,
    };
    Ok((fleet, trained))
}

/// Where each seed's network starts: a draw, or what the masked stage has learned. Its read-outs start at 0, so that it says
/// the prior at first, and nothing else.
fn starts(
    form: Form,
    prep: &Prep,
    settings: &NetworkSettings,
    model: &Model,
    lessons: &Lessons,
    class: &Class<'_>,
    (seed, backend): (u64, &Backend),
    control: &mut Control<'_>,
) -> Result<Vec<Option<Weights>>, IntentError> {
    let draw = |number: usize| {
        let mut start = initial_weights(model, member_seed(seed, number));
        let read_out = form.read_out(model);
        for (param, values) in model.params().iter().zip(&mut start.values) {
            if param.name.starts_with(&read_out) {
                values.fill(0.0);
            }
        }
        start
    };
    if settings.masked_epochs == 0 || form == Form::Logistic {
        return Ok((0..class.seeds).map(|number| Some(draw(number))).collect());
    }
    let masked = Masked::new(prep, settings, lessons, &class.train, backend)?;
    let trained = masked.train(settings, class, seed, backend, control)?;
    let from = |(number, member): (usize, TrainedMember)| {
        let mut start = draw(number);
        // Towers and attention have the same names in both.
        start.adopt(model, &masked.model, &member.weights)?;
        Ok(Some(start))
    };
    trained.into_iter().enumerate().map(from).collect()
}

/// The self-supervised stage: of each row one token in turn is masked, and what the others say of its code is learned. A
/// masked token's inputs are 0 (the mean), so that its tower says its bias: a learned mask.
struct Masked {
    model: Model,
    inputs: Vec<f32>,
    codes: Vec<f32>,
}

impl Masked {
    fn new(
        prep: &Prep,
        settings: &NetworkSettings,
        lessons: &Lessons,
        rows: &[u32],
        backend: &Backend,
    ) -> Result<Self, IntentError> {
        let (widths, width) = (prep.widths(), prep.width());
        let row = |at: u32| &lessons.inputs[at as usize * width..][..width];
        let mut masked = vec![];
        let mut codes = vec![0.0_f32; 3 * rows.len() * CODE];
        let mut from = 0;
        for (token, own) in widths.into_iter().enumerate() {
            let values: Vec<f32> = rows.iter().flat_map(|at| row(*at)[from..from + own].iter().copied()).collect();
            let keep = Keep::Dimensions(CODE.min(own));
            let pca = Pca::fit(backend, &ClusterRows::new(&values, own)?, keep)?.whitened();
            let found = pca.transform(&ClusterRows::new(&values, own)?)?;
            let dimensions = pca.dimensions();
            for (number, code) in found.chunks_exact(dimensions).enumerate() {
                let place = (token * rows.len() + number) * CODE;
                codes[place..place + dimensions].iter_mut().zip(code).for_each(|(to, v)| *to = v.clamp(-5.0, 5.0));
            }
            for at in rows {
                let start = masked.len();
                masked.extend_from_slice(row(*at));
                masked[start + from..start + from + own].fill(0.0);
            }
            from += own;
        }
        let mut layers = trunk(&widths, settings);
        layers.push(LayerSpec::Flatten);
        layers.push(LayerSpec::Dense { units: CODE, activation: Activation::None });
        let model = Model::new(ModelSpec { input: TensorShape::flat(width), layers })?;
        Ok(Self { model, inputs: masked, codes })
    }

    fn train(
        &self,
        settings: &NetworkSettings,
        class: &Class<'_>,
        seed: u64,
        backend: &Backend,
        control: &mut Control<'_>,
    ) -> Result<Vec<TrainedMember>, IntentError> {
        let rows: Vec<u32> = (0..(self.codes.len() / CODE) as u32).collect();
        let members: Vec<Member> = (0..class.seeds)
            .map(|number| Member::new(member_seed(seed, number), settings.rate, rows.clone(), vec![]))
            .collect();
        let spec = settings.training(settings.masked_epochs);
        let data = Data { inputs: &self.inputs, targets: Targets::Values(&self.codes) };
        // A checkpoint of its own would stand where the next training's does.
        let checkpoint = control.checkpoint.clone();
        if let Some(plan) = &mut control.checkpoint {
            plan.folder = plan.folder.join(format!("masked-{}", class.name));
        }
        let trained = train(&self.model, &spec, Loss::MeanSquare, data, &members, backend, control);
        control.checkpoint = checkpoint;
        Ok(trained?)
    }
}

/// What an ensemble says of a row.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Said {
    /// Logarithms of probabilities, of the main read-out and of the pairs: [4, products].
    pub logs: Vec<f32>,
    /// The weights of attention of the last block, their means over networks: [heads, 3, 3].
    pub attention: Vec<f32>,
}

/// The networks of one class, ready to answer.
pub(super) struct Scorer {
    predictor: Predictor,
    members: usize,
    positions: usize,
    products: usize,
    heads: usize,
}

impl Scorer {
    /// Those networks whose name begins with the class.
    pub(super) fn new(fleet: &SavedFleet, class: &str, backend: &Backend) -> Result<Self, IntentError> {
        let model = Model::new(fleet.model.clone())?;
        let own = fleet.names.iter().zip(&fleet.members);
        let own = own.filter(|(name, _)| name.rsplit_once(' ').is_some_and(|(first, _)| first == class));
        let own: Vec<Weights> = own.map(|(_, weights)| weights.clone()).collect();
        let heads = fleet.model.layers.iter().rev().find_map(|layer| match layer {
            LayerSpec::Encoder { heads, .. } => Some(*heads),
            _ => None,
        });
        let output = model.output();
        Ok(Self {
            predictor: Predictor::new(&model, &own, BATCH, backend)?,
            members: own.len(),
            positions: output.positions(),
            products: output.channels,
            heads: heads.unwrap_or(0),
        })
    }

    pub(super) const fn heads(&self) -> usize {
        self.heads
    }

    /// Each network's logits of its main read-out: [members][rows * products].
    pub(super) fn by_member(&mut self, rows: &[f32]) -> Result<Vec<Vec<f32>>, IntentError> {
        let outputs = self.predictor.all_members(rows)?;
        let width = self.positions * self.products;
        let main =
            |member: &[f32]| member.chunks_exact(width).flat_map(|row| row[..self.products].iter().copied()).collect();
        Ok(outputs.chunks(outputs.len() / self.members).map(main).collect())
    }

    /// What the ensemble says, read-out by read-out.
    pub(super) fn say(&mut self, rows: &[f32]) -> Result<Vec<Said>, IntentError> {
        let (positions, products, members) = (self.positions, self.products, self.members);
        let (width, attention, share) = (positions * products, self.heads * 9, 1.0 / members as f32);
        let mut all = Vec::with_capacity(rows.len() / self.predictor.width());
        self.predictor.probe_each(rows, |live, outputs, weights| {
            // The mean of logits is that of logarithms of probabilities, but for a constant, which the softmax takes off.
            let one = |row: usize| {
                let of = |member: usize| {
                    (
                        &outputs.member(member)[row * width..][..width],
                        &weights.member(member)[row * attention..][..attention],
                    )
                };
                let (logs, attended) = of(0);
                let mut said = Said { logs: shared(logs, share), attention: shared(attended, share) };
                for member in 1..members {
                    let (logs, attended) = of(member);
                    add(&mut said.logs, logs, share);
                    add(&mut said.attention, attended, share);
                }
                said.logs.chunks_exact_mut(products).for_each(log_softmax);
                said
            };
            all.par_extend((0..live).into_par_iter().map(one));
        })?;
        Ok(all)
    }
}

fn shared(values: &[f32], share: f32) -> Vec<f32> {
    values.iter().map(|v| v * share).collect()
}

fn add(to: &mut [f32], values: &[f32], share: f32) {
    to.iter_mut().zip(values).for_each(|(to, v)| *to += v * share);
}

fn log_softmax(values: &mut [f32]) {
    let most = values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let sum: f32 = values.iter().map(|v| (v - most).exp()).sum();
    let log = most + sum.ln();
    for v in values {
        *v -= log;
    }
}

impl Said {
    /// The weights of a pair, both ways, their means over heads.
    pub(super) fn association(&self, pair: usize) -> [f32; 2] {
        let (i, j) = PAIRS[pair];
        let heads = (self.attention.len() / 9).max(1) as f32;
        let of = |from: usize, to: usize| {
            self.attention.chunks_exact(9).map(|head| head[from * 3 + to]).sum::<f32>() / heads
        };
        [of(i, j), of(j, i)]
    }

    /// A read-out: 0 is the main one, then the pairs.
    pub(super) fn read_out(&self, number: usize, products: usize) -> &[f32] {
        &self.logs[number * products..][..products]
    }
}
