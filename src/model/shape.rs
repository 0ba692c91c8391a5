//! Checking a list of layers: every shape, every parameter.

use serde::{Deserialize, Serialize};

use super::ModelError;
use super::layer::{LayerSpec, NamedPadding, Padding};
use crate::ops::Activation;

/// [length, channels] of one row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TensorShape {
    /// Positions.
    pub length: usize,
    /// Values a position.
    pub channels: usize,
}

impl TensorShape {
    /// Values a row.
    pub const fn len(self) -> usize {
        self.length * self.channels
    }
    /// Whether there are none.
    pub const fn is_empty(self) -> bool {
        self.len() == 0
    }
    /// One position of `channels` values.
    pub const fn flat(channels: usize) -> Self {
        Self { length: 1, channels }
    }
}

/// A model as it is saved and as jobs describe it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelSpec {
    /// What goes in.
    pub input: TensorShape,
    /// What happens to it.
    pub layers: Vec<LayerSpec>,
}

/// How a parameter comes about.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ParamKind {
    /// Trained; drawn from a normal distribution of this standard deviation (He et al. 2015).
    Normal(f32),
    /// Trained; drawn uniformly from -limit to limit (Glorot and Bengio 2010).
    Uniform(f32),
    /// Trained; starts at this value.
    Constant(f32),
    /// Not trained: a running statistic that starts at this value.
    State(f32),
}

impl ParamKind {
    /// Whether the optimiser moves it.
    pub const fn trained(self) -> bool {
        !matches!(self, Self::State(_))
    }
}

/// A parameter of a model.
#[derive(Debug, Clone, PartialEq)]
pub struct ParamInfo {
    /// For instance `layers.0.conv1d.weight`.
    pub name: String,
    /// Its shape.
    pub shape: Vec<usize>,
    /// How it comes about.
    pub kind: ParamKind,
}

impl ParamInfo {
    /// Its number of values.
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }
    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A checked layer with the shapes around it.
#[derive(Debug, Clone)]
pub(super) struct Layer {
    pub spec: LayerSpec,
    pub input: TensorShape,
    pub output: TensorShape,
    /// The first of its parameters in [`Model::params`].
    pub first_param: usize,
}

/// A checked model.
#[derive(Debug, Clone)]
pub struct Model {
    spec: ModelSpec,
    pub(super) layers: Vec<Layer>,
    params: Vec<ParamInfo>,
}

/// The largest number that a layer may be given; products of two still fit.
const NUMBER_MAX: usize = 1 << 30;

/// Refuses numbers so large that the sums and products of shapes would leave their range.
fn bounded(numbers: &[usize]) -> Result<(), String> {
    match numbers.iter().find(|&&n| n > NUMBER_MAX) {
        Some(n) => Err(format!("expected numbers up to {NUMBER_MAX}, found {n}")),
        None => Ok(()),
    }
}

/// Refuses tensors whose elements 32 bits cannot number.
fn countable(what: &str, shape: &[usize]) -> Result<(), String> {
    let len = shape.iter().try_fold(1_usize, |product, &side| product.checked_mul(side));
    if len.is_none_or(|len| len > u32::MAX as usize) {
        return Err(format!("{what} of shape {shape:?} has more than {} values", u32::MAX));
    }
    Ok(())
}

impl Model {
    /// Checks every layer against the one before it.
    ///
    /// # Errors
    /// Names the layer and what does not fit.
    pub fn new(spec: ModelSpec) -> Result<Self, ModelError> {
        countable("the input", &[spec.input.length, spec.input.channels]).map_err(ModelError::Model)?;
        if spec.input.is_empty() {
            return Err(ModelError::Model(format!(
                "the input is empty: length {}, channels {}",
                spec.input.length, spec.input.channels
            )));
        }
        if spec.layers.is_empty() {
            return Err(ModelError::Model("there is no layer".to_owned()));
        }
        let mut shape = spec.input;
        let mut layers = Vec::with_capacity(spec.layers.len());
        let mut params = vec![];
        for (i, layer) in spec.layers.iter().enumerate() {
            let refuse = |reason: String| ModelError::Layer { layer: i + 1, kind: layer.kind(), reason };
            let output = output_shape(layer, shape).map_err(refuse)?;
            let first_param = params.len();
            params.extend(layer_params(i, layer, shape));
            countable("the output", &[output.length, output.channels]).map_err(refuse)?;
            for param in &params[first_param..] {
                countable("a parameter", &param.shape).map_err(refuse)?;
            }
            layers.push(Layer { spec: layer.clone(), input: shape, output, first_param });
            shape = output;
        }
        if !params.iter().any(|p| p.kind.trained()) {
            return Err(ModelError::Model("no layer has anything to train".to_owned()));
        }
        Ok(Self { spec, layers, params })
    }

    /// What it was made from.
    pub fn spec(&self) -> &ModelSpec {
        &self.spec
    }

    /// What goes in.
    pub fn input(&self) -> TensorShape {
        self.spec.input
    }

    /// What comes out.
    pub fn output(&self) -> TensorShape {
        self.layers.last().map_or(self.spec.input, |layer| layer.output)
    }

    /// All parameters and running statistics, in the layers' order.
    pub fn params(&self) -> &[ParamInfo] {
        &self.params
    }

    /// Trained values.
    pub fn trained_len(&self) -> usize {
        self.params.iter().filter(|p| p.kind.trained()).map(ParamInfo::len).sum()
    }

    /// The number in [`Model::params`] of the last dense layer's bias, if the model ends with one that has no activation.
    pub fn output_bias(&self) -> Option<usize> {
        match self.layers.last() {
            Some(Layer { spec: LayerSpec::Dense { activation: Activation::None, .. }, first_param, .. }) => {
                Some(first_param + 1)
            }
            _ => None,
        }
    }
}

fn windows(length: usize, window: usize, stride: usize, what: &str) -> Result<usize, String> {
    if window == 0 || stride == 0 {
        return Err(format!("{what} and stride must be at least 1, found {window} and {stride}"));
    }
    if window > length {
        return Err(format!("{what} of {window} is longer than the sequence of {length}"));
    }
    Ok((length - window) / stride + 1)
}

/// Zeros on each side.
pub(super) fn padding_each(padding: Padding, kernel: usize, dilation: usize) -> Result<usize, String> {
    match padding {
        Padding::Each(each) => Ok(each),
        Padding::Named(NamedPadding::Valid) => Ok(0),
        Padding::Named(NamedPadding::Same) if kernel % 2 == 1 => Ok((kernel - 1) / 2 * dilation),
        Padding::Named(NamedPadding::Same) => {
            Err(format!("padding \"same\" needs an odd kernel, found {kernel}: give a number or \"valid\""))
        }
    }
}

/// The stride of a pooling layer: its window's where none is given.
pub(super) const fn pool_stride(window: usize, stride: usize) -> usize {
    if stride == 0 { window } else { stride }
}

fn output_shape(layer: &LayerSpec, input: TensorShape) -> Result<TensorShape, String> {
    match *layer {
        LayerSpec::Conv1d { channels, kernel, stride, padding, dilation, .. } => {
            if channels == 0 || dilation == 0 || kernel == 0 {
                return Err(format!(
                    "channels, kernel and dilation must be at least 1, found {channels}, {kernel} and {dilation}"
                ));
            }
            bounded(&[channels, kernel, stride, dilation])?;
            let each = padding_each(padding, kernel, dilation)?;
            bounded(&[each])?;
            let reach = (kernel - 1) * dilation + 1;
            let length = windows(input.length + 2 * each, reach, stride, "kernel")?;
            Ok(TensorShape { length, channels })
        }
        LayerSpec::BatchNorm { momentum, epsilon } => {
            if !(0.0..=1.0).contains(&momentum) || !epsilon.is_finite() || epsilon <= 0.0 {
                return Err(format!("momentum must lie in 0 to 1 and epsilon above 0, found {momentum} and {epsilon}"));
            }
            Ok(input)
        }
        LayerSpec::Activation { .. } => Ok(input),
        LayerSpec::MaxPool { window, stride } | LayerSpec::AveragePool { window, stride } => {
            let length = windows(input.length, window, pool_stride(window, stride), "window")?;
            Ok(TensorShape { length, channels: input.channels })
        }
        LayerSpec::GlobalMaxPool | LayerSpec::GlobalAveragePool => Ok(TensorShape::flat(input.channels)),
        LayerSpec::Flatten => Ok(TensorShape::flat(input.len())),
        LayerSpec::Dense { units, .. } => {
            if units == 0 {
                return Err("units must be at least 1, found 0".to_owned());
            }
            if input.length != 1 {
                return Err(format!(
                    "needs a flat input, found {} positions of {} channels: put a flatten or a global pooling before it",
                    input.length, input.channels
                ));
            }
            bounded(&[units])?;
            Ok(TensorShape::flat(units))
        }
        LayerSpec::Dropout { rate } => {
            if !(0.0..1.0).contains(&rate) {
                return Err(format!("rate must be at least 0 and below 1, found {rate}"));
            }
            Ok(input)
        }
    }
}

/// The standard deviation or limit that keeps the variance through a layer of that many inputs and outputs.
fn weight_kind(activation: Activation, fan_in: usize, fan_out: usize) -> ParamKind {
    match activation {
        Activation::Relu | Activation::Gelu => ParamKind::Normal((2.0 / fan_in as f32).sqrt()),
        _ => ParamKind::Uniform((6.0 / (fan_in + fan_out) as f32).sqrt()),
    }
}

fn layer_params(i: usize, layer: &LayerSpec, input: TensorShape) -> Vec<ParamInfo> {
    let param = |name: &str, shape: Vec<usize>, kind| ParamInfo {
        name: format!("layers.{i}.{}.{name}", layer.kind()),
        shape,
        kind,
    };
    let c = input.channels;
    match *layer {
        LayerSpec::Conv1d { channels, kernel, activation, .. } => vec![
            param("weight", vec![kernel, c, channels], weight_kind(activation, kernel * c, kernel * channels)),
            param("bias", vec![channels], ParamKind::Constant(0.0)),
        ],
        LayerSpec::BatchNorm { .. } => vec![
            param("weight", vec![c], ParamKind::Constant(1.0)),
            param("bias", vec![c], ParamKind::Constant(0.0)),
            param("running_mean", vec![c], ParamKind::State(0.0)),
            param("running_var", vec![c], ParamKind::State(1.0)),
        ],
        LayerSpec::Dense { units, activation } => vec![
            param("weight", vec![c, units], weight_kind(activation, c, units)),
            param("bias", vec![units], ParamKind::Constant(0.0)),
        ],
        _ => vec![],
    }
}
