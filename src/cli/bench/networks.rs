//! The networks that `nightloom bench step` and `benches/steps.rs` time.

use crate::model::{LayerSpec, Loss, ModelSpec, Optimizer, Padding, PlanePadding, Precision, Sides, TensorShape};
use crate::ops::Activation;
use crate::pipelines::growth::settings::ClassifierSettings;

/// A network and how it is trained.
#[derive(Debug, Clone)]
pub struct Network {
    /// What it is asked for by.
    pub name: &'static str,
    /// In words, with all that a comparison needs.
    pub about: &'static str,
    /// Its layers.
    pub model: ModelSpec,
    /// What it is trained to make small.
    pub loss: Loss,
    /// How its weights are changed.
    pub optimizer: Optimizer,
    /// How tensors are held.
    pub precision: Precision,
    /// Members of the fleet.
    pub members: usize,
    /// Rows of one member in one step.
    pub batch: usize,
    /// Steps of an epoch.
    pub steps: usize,
    /// Every member has rows of its own; else all draw from the same.
    pub own_rows: bool,
    /// Too large to be timed unless asked for: sizes of a data centre's GPU.
    pub large: bool,
}

impl Network {
    /// Rows of the table that the members draw from.
    pub fn rows(&self) -> usize {
        if self.own_rows { self.members * self.batch } else { self.steps * self.batch }
    }

    /// The rows that a member takes in the order of an epoch's steps.
    pub fn rows_of(&self, member: usize) -> Vec<u32> {
        let all = 0..self.steps * self.batch;
        let first = if self.own_rows { member * self.batch } else { 0 };
        let count = if self.own_rows { self.batch } else { self.rows() };
        all.map(|i| (first + i % count) as u32).collect()
    }
}

/// The network of that name.
pub fn find(name: &str) -> Option<Network> {
    all().into_iter().find(|network| network.name == name)
}

/// Every named network.
pub fn all() -> Vec<Network> {
    let growth = Network {
        name: "growth-cnn",
        about: "the growth classifier's default network: 13 steps of 9 channels, 2 x (conv 16, kernel 3, batch norm, relu), \
                flatten, dropout 0.3, dense 32 relu, dropout 0.3, dense 1",
        model: growth_cnn(),
        loss: Loss::BinaryCrossEntropy,
        optimizer: Optimizer::default(),
        precision: Precision::F32,
        members: 1,
        batch: 128,
        steps: 113,
        own_rows: false,
        large: false,
    };
    let mlp = Network {
        name: "mlp-28-64-32-1",
        about: "dense 28-64-32-1, relu",
        model: mlp(),
        loss: Loss::BinaryCrossEntropy,
        optimizer: Optimizer::default(),
        precision: Precision::F32,
        members: 1,
        batch: 256,
        steps: 64,
        own_rows: false,
        large: false,
    };
    vec![
        growth.clone(),
        Network { name: "growth-cnn-8", about: "8 members of growth-cnn as one fleet", members: 8, ..growth },
        conv1d("conv1d-28", 28),
        conv1d("conv1d-90", 90),
        mlp.clone(),
        Network {
            name: "mlp-fleet-1000",
            about: "1000 members of mlp-28-64-32-1 as one fleet, each with 256 rows of its own",
            members: 1000,
            steps: 4,
            own_rows: true,
            ..mlp.clone()
        },
        Network {
            name: "mlp-fleet-10000",
            about: "10,000 members of mlp-28-64-32-1 as one fleet, each with 256 rows of its own",
            members: 10_000,
            steps: 4,
            own_rows: true,
            large: true,
            ..mlp
        },
        Network { batch: 65_536, large: true, ..conv1d("conv1d-90-65536", 90) },
        Network { large: true, ..encoder("encoder-64-4096", 64, 4096) },
        encoder("encoder-3", 3, 1024),
        encoder("encoder-64", 64, 256),
        conv2d(),
    ]
}

const fn dense(units: usize, activation: Activation) -> LayerSpec {
    LayerSpec::Dense { units, activation }
}

fn growth_cnn() -> ModelSpec {
    let settings = ClassifierSettings::default();
    let input = TensorShape::sequence(13, settings.features.len());
    let layers = settings.layers.into_iter().chain([dense(1, Activation::None)]).collect();
    ModelSpec { input, layers }
}

fn mlp() -> ModelSpec {
    let layers = vec![dense(64, Activation::Relu), dense(32, Activation::Relu), dense(1, Activation::None)];
    ModelSpec { input: TensorShape::flat(28), layers }
}

fn conv1d(name: &'static str, length: usize) -> Network {
    let conv = |channels| LayerSpec::Conv1d {
        channels,
        kernel: 5,
        stride: 1,
        padding: Padding::default(),
        dilation: 1,
        activation: Activation::Relu,
    };
    let layers = vec![conv(16), conv(32), LayerSpec::GlobalAveragePool, dense(2, Activation::None)];
    Network {
        name,
        about: "1 channel, conv 16 and conv 32, kernel 5, relu, mean over the length, dense 2",
        model: ModelSpec { input: TensorShape::sequence(length, 1), layers },
        loss: Loss::CrossEntropy,
        optimizer: Optimizer::default(),
        precision: Precision::F32,
        members: 1,
        batch: 4096,
        steps: 4,
        own_rows: false,
        large: false,
    }
}

fn encoder(name: &'static str, length: usize, batch: usize) -> Network {
    let block = LayerSpec::Encoder { heads: 4, feed_forward: 128, dropout: 0.0, activation: Activation::Gelu };
    Network {
        name,
        about: "64 channels, one pre-norm encoder block of 4 heads and feed-forward 128 gelu, mean over the positions, \
                dense 2",
        model: ModelSpec {
            input: TensorShape::sequence(length, 64),
            layers: vec![block, LayerSpec::GlobalAveragePool, dense(2, Activation::None)],
        },
        loss: Loss::CrossEntropy,
        optimizer: adam_w(),
        precision: Precision::F32,
        members: 1,
        batch,
        steps: 4,
        own_rows: false,
        large: false,
    }
}

/// Adam with the decay that is the default of PyTorch's `AdamW`.
const fn adam_w() -> Optimizer {
    Optimizer::Adam { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weight_decay: 0.01 }
}

fn conv2d() -> Network {
    let conv = |channels| LayerSpec::Conv2d {
        channels,
        kernel: Sides::Each(5),
        stride: Sides::Each(1),
        padding: PlanePadding::default(),
        dilation: Sides::Each(1),
        activation: Activation::Relu,
    };
    let pool = || LayerSpec::MaxPool { window: Sides::Each(2), stride: Sides::default() };
    let head = [LayerSpec::Flatten, dense(64, Activation::Relu), dense(10, Activation::None)];
    Network {
        name: "conv2d-28",
        about: "28 x 28 images of 1 channel, conv 16 and conv 32, kernel 5, relu, max pool 2 after each, dense 64 relu, \
                dense 10",
        model: ModelSpec {
            input: TensorShape::image(28, 28, 1),
            layers: [conv(16), pool(), conv(32), pool()].into_iter().chain(head).collect(),
        },
        loss: Loss::CrossEntropy,
        optimizer: Optimizer::default(),
        precision: Precision::F32,
        members: 1,
        batch: 256,
        steps: 4,
        own_rows: false,
        large: false,
    }
}

#[cfg(test)]
mod tests {
    use super::all;
    use crate::model::Model;

    #[test]
    fn e11_the_named_networks_are_models_and_every_row_is_there() {
        for network in all() {
            let model = Model::new(network.model.clone()).unwrap_or_else(|e| panic!("{}: {e}", network.name));
            assert!(model.trained_len() > 0);
            for member in [0, network.members - 1] {
                let rows = network.rows_of(member);
                assert_eq!(rows.len(), network.steps * network.batch);
                assert!(rows.iter().all(|&row| (row as usize) < network.rows()), "{}", network.name);
            }
        }
    }

    #[test]
    fn e12_members_with_own_rows_share_none() {
        let fleet = all().into_iter().find(|network| network.own_rows).expect("a fleet");
        assert!(fleet.rows_of(0).iter().max() < fleet.rows_of(1).iter().min());
    }
}
