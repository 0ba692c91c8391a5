//! Models, data and short ways to train.

use nightloom::backend::gpu::{AdapterFacts, adapters};
use nightloom::backend::{Backend, Cpu, Gpu, SimdLevel};
use nightloom::model::{Loss, Model, ModelSpec};
use nightloom::ops::rng::counter_bits;
use nightloom::train::{Control, Data, Member, Targets, TrainError, TrainSpec, TrainedMember, train};

/// The CPU at its best level.
pub fn cpu() -> Backend {
    Backend::Cpu(Cpu::new(SimdLevel::detect()).expect("the level was detected"))
}

/// The CPU at every level there is.
pub fn cpus() -> impl Iterator<Item = Backend> {
    SimdLevel::ALL.into_iter().filter_map(|level| Cpu::new(level).ok()).map(Backend::Cpu)
}

/// The GPU, unless it is left out.
pub fn gpu() -> Option<Backend> {
    crate::backends::backends().into_iter().find(|backend| matches!(backend, Backend::Gpu(_)))
}

/// A GPU of a test's own, with at most so much shared memory a workgroup.
pub fn own_gpu(workgroup_bytes: Option<u32>) -> Option<Gpu> {
    gpu()?;
    let mut all = adapters();
    all.sort_by_key(AdapterFacts::rank);
    let mut facts = all.into_iter().next().expect("an adapter");
    let limit = &mut facts.limits.max_compute_workgroup_storage_size;
    *limit = workgroup_bytes.unwrap_or(*limit).min(*limit);
    Some(Gpu::open(&facts).expect("the adapter opens"))
}

/// The CPU at its best level, then the GPU.
pub fn cpu_and_gpu() -> Vec<Backend> {
    std::iter::once(cpu()).chain(gpu()).collect()
}

/// From -1 to 1.
pub fn noise(seed: u32, i: usize) -> f32 {
    counter_bits(seed, 0, 0, i as u32) as f32 / u32::MAX as f32 * 2.0 - 1.0
}

/// A model of these layers, as JSON without the brackets.
pub fn model(length: usize, channels: usize, layers: &str) -> Model {
    image_model(1, length, channels, layers)
}

/// A model of images.
pub fn image_model(height: usize, length: usize, channels: usize, layers: &str) -> Model {
    let input = format!(r#"{{"height": {height}, "length": {length}, "channels": {channels}}}"#);
    let text = format!(r#"{{"input": {input}, "layers": [{layers}]}}"#);
    Model::new(serde_json::from_str::<ModelSpec>(&text).expect("a model spec")).expect("a right model")
}

/// Inputs that a model takes: noise, or whole numbers before an embedding.
pub fn inputs(model: &Model, seed: u32, count: usize) -> Vec<f32> {
    let input = |i: usize| match model.vocabulary() {
        Some(vocabulary) => ((noise(seed, i) + 1.0) * 0.499 * vocabulary as f32).floor(),
        None => noise(seed, i),
    };
    (0..count).map(input).collect()
}

/// A training spec from TOML.
pub fn spec(text: &str) -> TrainSpec {
    toml::from_str(text).expect("a training spec")
}

/// Rows with targets for every loss.
#[derive(Debug, Clone)]
pub struct Table {
    pub rows: usize,
    pub inputs: Vec<f32>,
    pub labels: Vec<u32>,
    /// From 0 to 1.
    pub values: Vec<f32>,
}

impl Table {
    /// Noise, whose targets follow from it.
    pub fn new(model: &Model, rows: usize) -> Self {
        let (width, outputs) = (model.input().len(), model.output().len());
        let inputs = inputs(model, 11, rows * width);
        let sums: Vec<f32> = inputs.chunks(width).map(|row| row.iter().sum::<f32>() + 0.3 * row[0]).collect();
        let classes = model.output().channels as u32;
        let labels = sums.iter().map(|s| (s.abs() * 7.0) as u32 % classes).collect();
        let value = |i: usize| 1.0 / (1.0 + (-sums[i / outputs] + noise(12, i)).exp());
        Self { rows, inputs, labels, values: (0..rows * outputs).map(value).collect() }
    }

    /// What a loss takes.
    pub fn data(&self, loss: Loss) -> Data<'_> {
        let targets = if loss.takes_labels() { Targets::Labels(&self.labels) } else { Targets::Values(&self.values) };
        Data { inputs: &self.inputs, targets }
    }
}

/// Trains without checkpoints.
pub fn try_fit(
    model: &Model,
    spec: &TrainSpec,
    loss: Loss,
    data: Data<'_>,
    members: &[Member],
    backend: &Backend,
) -> Result<Vec<TrainedMember>, TrainError> {
    let mut control = Control { on_epoch: &mut |_| {}, stop: &|| false, checkpoint: None };
    train(model, spec, loss, data, members, backend, &mut control)
}

/// [`try_fit`] that must succeed.
pub fn fit(
    model: &Model,
    spec: &TrainSpec,
    loss: Loss,
    table: &Table,
    members: &[Member],
    backend: &Backend,
) -> Vec<TrainedMember> {
    try_fit(model, spec, loss, table.data(loss), members, backend).expect("the training succeeds")
}

/// Weights, losses, best epoch.
type Bits = (Vec<Vec<u32>>, Vec<(u32, Option<u32>)>, usize);

/// Everything that became of a member, as bits.
pub fn bits(member: &TrainedMember) -> Bits {
    let weights = member.weights.values.iter().map(|v| v.iter().map(|x| x.to_bits()).collect()).collect();
    let losses = member.losses.iter().map(|(t, v)| (t.to_bits(), v.map(f32::to_bits))).collect();
    (weights, losses, member.best_epoch)
}

/// Asserts that two trainings gave the same bits.
pub fn assert_same(found: &[TrainedMember], expected: &[TrainedMember], what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    for (i, (found, expected)) in found.iter().zip(expected).enumerate() {
        assert_eq!(bits(found).1, bits(expected).1, "{what}: losses of member {i}");
        assert!(bits(found) == bits(expected), "{what}: weights or best epoch of member {i}");
    }
}

/// Every kind of dense layer, and dropout.
pub fn bp(outputs: usize) -> Model {
    let layers = format!(
        r#"{{"kind": "dense", "units": 8, "activation": "relu"}}, {{"kind": "dropout", "rate": 0.2}},
           {{"kind": "dense", "units": 7, "activation": "tanh"}}, {{"kind": "dense", "units": 6, "activation": "gelu"}},
           {{"kind": "dense", "units": 5, "activation": "sigmoid"}}, {{"kind": "dense", "units": {outputs}}}"#
    );
    model(1, 6, &layers)
}

/// Convolutions, batch norm, every pooling, dropout, dense layers.
pub fn cnn(outputs: usize, global: &str) -> Model {
    let layers = format!(
        r#"{{"kind": "conv1d", "channels": 4, "kernel": 3, "activation": "relu"}}, {{"kind": "batch_norm"}},
           {{"kind": "max_pool", "window": 2}},
           {{"kind": "conv1d", "channels": 5, "kernel": 3, "activation": "gelu"}},
           {{"kind": "average_pool", "window": 2, "stride": 1}}, {{"kind": "dropout", "rate": 0.25}},
           {{"kind": "{global}"}}, {{"kind": "dense", "units": 6, "activation": "relu"}},
           {{"kind": "dense", "units": {outputs}}}"#
    );
    model(12, 2, &layers)
}

/// Convolutions over images, batch norm, every pooling, dropout, dense layers.
pub fn image_cnn(outputs: usize) -> Model {
    let layers = format!(
        r#"{{"kind": "conv2d", "channels": 3, "kernel": 3, "activation": "relu"}}, {{"kind": "batch_norm"}},
           {{"kind": "max_pool", "window": 2}},
           {{"kind": "conv2d", "channels": 4, "kernel": [2, 3], "padding": "valid", "activation": "gelu"}},
           {{"kind": "average_pool", "window": [1, 2], "stride": 1}}, {{"kind": "dropout", "rate": 0.25}},
           {{"kind": "flatten"}}, {{"kind": "dense", "units": {outputs}}}"#
    );
    image_model(6, 8, 2, &layers)
}

/// Tokens, positions, two encoders with dropout, a layer norm and a read-out.
pub fn encoder(outputs: usize, read_out: &str) -> Model {
    let layers = format!(
        r#"{{"kind": "embedding", "vocabulary": 11, "channels": 6}}, {{"kind": "position"}},
           {{"kind": "encoder", "heads": 2, "feed_forward": 7, "dropout": 0.2}},
           {{"kind": "encoder", "heads": 3, "feed_forward": 5, "activation": "relu"}}, {{"kind": "layer_norm"}},
           {{"kind": "{read_out}"}}, {{"kind": "dense", "units": {outputs}}}"#
    );
    model(5, 1, &layers)
}

/// Towers, two encoders, associations, a read-out each, and a skip from the last columns: [history 3, usage 2, user 2, 3].
pub fn read_outs(outputs: usize) -> Model {
    let layers = format!(
        r#"{{"kind": "towers", "columns": [3, 2, 2], "units": 8, "activation": "relu"}},
           {{"kind": "encoder", "heads": 2, "feed_forward": 9, "dropout": 0.1}},
           {{"kind": "encoder", "heads": 4, "feed_forward": 7}}, {{"kind": "associations"}},
           {{"kind": "towers", "columns": [24, 8, 8, 8], "units": {outputs}}}, {{"kind": "skip", "from": 7}}"#
    );
    model(1, 7 + outputs, &layers)
}
