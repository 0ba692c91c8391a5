//! The parameters of each layer.

use super::layer::LayerSpec;
use super::shape::{ParamInfo, ParamKind, TensorShape};
use crate::ops::Activation;

/// The standard deviation of learned vectors that are looked up or added (as in BERT and GPT-2).
const VECTOR_DEVIATION: f32 = 0.02;

/// Where each parameter of an encoder is, counted from its first.
pub(super) mod encoder {
    /// Scale and shift of the layer norm before the attention.
    pub const ATTENTION_NORM: usize = 0;
    /// Weight and bias of the queries, keys and values.
    pub const QKV: usize = 2;
    /// Weight and bias of the attention's output.
    pub const PROJECTION: usize = 4;
    /// Scale and shift of the layer norm before the dense layers.
    pub const FEED_NORM: usize = 6;
    /// Weight and bias of the inner dense layer.
    pub const FEED_IN: usize = 8;
    /// Weight and bias of the outer dense layer.
    pub const FEED_OUT: usize = 10;
    /// The layer norms' epsilon.
    pub const EPSILON: f32 = 1e-5;
}

/// The standard deviation or limit that keeps the variance through a layer of that many inputs and outputs.
fn weight_kind(activation: Activation, fan_in: usize, fan_out: usize) -> ParamKind {
    match activation {
        Activation::Relu | Activation::Gelu => ParamKind::Normal((2.0 / fan_in as f32).sqrt()),
        _ => ParamKind::Uniform((6.0 / (fan_in + fan_out) as f32).sqrt()),
    }
}

/// A layer's parameters, one after the other.
struct Params {
    prefix: String,
    infos: Vec<ParamInfo>,
}

impl Params {
    fn push(&mut self, name: &str, shape: Vec<usize>, kind: ParamKind) {
        self.infos.push(ParamInfo { name: format!("{}.{name}", self.prefix), shape, kind });
    }

    fn convolution(&mut self, kernel: &[usize], c_in: usize, c_out: usize, activation: Activation) {
        let taps: usize = kernel.iter().product();
        let kind = weight_kind(activation, taps * c_in, taps * c_out);
        self.push("weight", [kernel, &[c_in, c_out]].concat(), kind);
        self.push("bias", vec![c_out], ParamKind::Constant(0.0));
    }

    fn dense(&mut self, part: &str, ins: usize, outs: usize, activation: Activation) {
        self.push(&format!("{part}weight"), vec![ins, outs], weight_kind(activation, ins, outs));
        self.push(&format!("{part}bias"), vec![outs], ParamKind::Constant(0.0));
    }

    fn norm(&mut self, part: &str, channels: usize) {
        self.push(&format!("{part}weight"), vec![channels], ParamKind::Constant(1.0));
        self.push(&format!("{part}bias"), vec![channels], ParamKind::Constant(0.0));
    }
}

pub(super) fn layer_params(i: usize, layer: &LayerSpec, input: TensorShape) -> Vec<ParamInfo> {
    let mut params = Params { prefix: format!("layers.{i}.{}", layer.kind()), infos: vec![] };
    let c = input.channels;
    match *layer {
        LayerSpec::Conv1d { channels, kernel, activation, .. } => {
            params.convolution(&[kernel], c, channels, activation);
        }
        LayerSpec::Conv2d { channels, kernel, activation, .. } => {
            params.convolution(&kernel.pair(), c, channels, activation);
        }
        LayerSpec::BatchNorm { .. } => {
            params.norm("", c);
            params.push("running_mean", vec![c], ParamKind::State(0.0));
            params.push("running_var", vec![c], ParamKind::State(1.0));
        }
        LayerSpec::LayerNorm { .. } => params.norm("", c),
        LayerSpec::Dense { units, activation } | LayerSpec::PositionDense { units, activation } => {
            params.dense("", c, units, activation);
        }
        LayerSpec::Towers { ref columns, units, activation } => {
            for (t, &ins) in columns.iter().enumerate() {
                params.dense(&format!("{t}."), ins, units, activation);
            }
        }
        LayerSpec::Embedding { vocabulary, channels } => {
            params.push("weight", vec![vocabulary, channels], ParamKind::Normal(VECTOR_DEVIATION));
        }
        LayerSpec::Position => {
            params.push("weight", vec![input.positions(), c], ParamKind::Normal(VECTOR_DEVIATION));
        }
        LayerSpec::Encoder { feed_forward, activation, .. } => {
            params.norm("attention_norm.", c);
            params.dense("qkv.", c, 3 * c, Activation::None);
            params.dense("projection.", c, c, Activation::None);
            params.norm("feed_norm.", c);
            params.dense("feed_in.", c, feed_forward, activation);
            params.dense("feed_out.", feed_forward, c, Activation::None);
        }
        _ => {}
    }
    params.infos
}
