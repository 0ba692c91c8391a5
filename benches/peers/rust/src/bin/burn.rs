//! burn on its fastest CPU backend, flex, with SIMD and AVX-512 products: training steps with Adam.

use burn::module::Module;
use burn::nn::conv::{Conv1d, Conv1dConfig};
use burn::nn::{Linear, LinearConfig, PaddingConfig1d};
use burn::optim::{AdamConfig, GradientsParams};
use burn::tensor::activation::{log_sigmoid, log_softmax, relu};
use burn::tensor::{Device, Distribution, Int, Tensor};
use nightloom_peers::{Timed, serve};

const RATE: f64 = 1e-3;

#[derive(Module, Debug)]
struct Mlp {
    layers: [Linear; 3],
}

impl Mlp {
    fn new(device: &Device) -> Self {
        Self { layers: [(28, 64), (64, 32), (32, 1)].map(|(i, o)| LinearConfig::new(i, o).init(device)) }
    }

    fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        let x = relu(self.layers[0].forward(x));
        let x = relu(self.layers[1].forward(x));
        self.layers[2].forward(x)
    }
}

#[derive(Module, Debug)]
struct Cnn {
    first: Conv1d,
    second: Conv1d,
    head: Linear,
}

impl Cnn {
    fn new(device: &Device) -> Self {
        let conv = |i, o| Conv1dConfig::new(i, o, 5).with_padding(PaddingConfig1d::Same).init(device);
        Self { first: conv(1, 16), second: conv(16, 32), head: LinearConfig::new(32, 2).init(device) }
    }

    fn forward(&self, x: Tensor<3>) -> Tensor<2> {
        let x = relu(self.first.forward(x));
        let x = relu(self.second.forward(x));
        self.head.forward(x.mean_dim(2).flatten::<2>(1, 2))
    }
}

fn mlp_step() -> Timed {
    let device = Device::flex().autodiff();
    let plain = Device::flex();
    let mut model = Mlp::new(&device);
    let mut optimiser = AdamConfig::new().init();
    let x = Tensor::<2>::random([256, 28], Distribution::Normal(0.0, 1.0), &plain);
    // 1 - t, once: the loss is (1 - t) x - log sigmoid(x).
    let not_t = Tensor::<2>::random([256, 1], Distribution::Bernoulli(0.5), &plain);
    let (x, not_t) = (Tensor::from_data(x.into_data(), &device), Tensor::from_data(not_t.into_data(), &device));
    let call = Box::new(move || {
        let logits = model.forward(x.clone());
        let loss: Tensor<1> = (not_t.clone() * logits.clone() - log_sigmoid(logits)).mean();
        let gradients = GradientsParams::from_grads(loss.backward(), &model);
        model = optimiser.step(RATE, model.clone(), gradients);
    });
    Timed { call, sample_seconds: 0.0 }
}

fn conv1d_step(length: usize) -> Timed {
    const BATCH: usize = 4096;
    let device = Device::flex().autodiff();
    let plain = Device::flex();
    let mut model = Cnn::new(&device);
    let mut optimiser = AdamConfig::new().init();
    let x = Tensor::<3>::random([BATCH, 1, length], Distribution::Normal(0.0, 1.0), &plain);
    let x = Tensor::<3>::from_data(x.into_data(), &device);
    let labels: Vec<i32> = (0..BATCH as i32).map(|i| i * 7 % 13 % 2).collect();
    let labels = Tensor::<1, Int>::from_data(labels.as_slice(), &device).unsqueeze_dim::<2>(1);
    let call = Box::new(move || {
        let chances = log_softmax(model.forward(x.clone()), 1);
        let loss: Tensor<1> = chances.gather(1, labels.clone()).mean().neg();
        let gradients = GradientsParams::from_grads(loss.backward(), &model);
        model = optimiser.step(RATE, model.clone(), gradients);
    });
    Timed { call, sample_seconds: 0.0 }
}

fn make(work: &str, _threads: usize) -> Option<Timed> {
    match work {
        "mlp-28-64-32-1" => Some(mlp_step()),
        "conv1d-28" => Some(conv1d_step(28)),
        "conv1d-90" => Some(conv1d_step(90)),
        _ => None,
    }
}

fn main() {
    serve("burn", "0.22.1", "flex, simd, x86-v4", make);
}
