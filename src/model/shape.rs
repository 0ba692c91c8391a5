//! Checking a list of layers: every shape, every parameter.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::ModelError;
use super::layer::LayerSpec;
use super::params::layer_params;
use super::readout;
use super::sides::Window;
use crate::ops::Activation;

/// [height, length, channels] of one row, its values in that order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TensorShape {
    /// Lines of an image; 1 for a sequence.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub height: usize,
    /// Positions of a sequence or of an image's line.
    pub length: usize,
    /// Values a position.
    pub channels: usize,
}

const fn one() -> usize {
    1
}

const fn is_one(height: &usize) -> bool {
    *height == 1
}

impl TensorShape {
    /// Values a row.
    pub const fn len(self) -> usize {
        self.positions() * self.channels
    }
    /// Whether there are none.
    pub const fn is_empty(self) -> bool {
        self.len() == 0
    }
    /// Positions of all lines.
    pub const fn positions(self) -> usize {
        self.height * self.length
    }
    /// One position of `channels` values.
    pub const fn flat(channels: usize) -> Self {
        Self::sequence(1, channels)
    }
    /// `length` positions one after the other.
    pub const fn sequence(length: usize, channels: usize) -> Self {
        Self::image(1, length, channels)
    }
    /// `height` lines of `length` positions.
    pub const fn image(height: usize, length: usize, channels: usize) -> Self {
        Self { height, length, channels }
    }
    /// The sides, without the height where it is 1.
    fn sides(&self) -> Vec<usize> {
        let sides = [self.height, self.length, self.channels];
        sides[usize::from(self.height == 1)..].to_vec()
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
pub(super) fn bounded(numbers: &[usize]) -> Result<(), String> {
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
        countable("the input", &spec.input.sides()).map_err(ModelError::Model)?;
        if spec.input.is_empty() {
            let TensorShape { height, length, channels } = spec.input;
            let height = if height == 1 { String::new() } else { format!("height {height}, ") };
            return Err(ModelError::Model(format!("the input is empty: {height}length {length}, channels {channels}")));
        }
        if spec.layers.is_empty() {
            return Err(ModelError::Model("there is no layer".to_owned()));
        }
        let mut shape = spec.input;
        let mut layers = Vec::with_capacity(spec.layers.len());
        let mut params = vec![];
        for (i, layer) in spec.layers.iter().enumerate() {
            let refuse = |reason: String| ModelError::Layer { layer: i + 1, kind: layer.kind(), reason };
            let output = output_shape(&spec, i, shape).map_err(refuse)?;
            let first_param = params.len();
            params.extend(layer_params(i, layer, shape));
            countable("the output", &output.sides()).map_err(refuse)?;
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

    /// Each layer's places in [`Model::params`].
    pub(super) fn layer_params(&self) -> impl Iterator<Item = Range<usize>> {
        let ends = self.layers.iter().skip(1).map(|layer| layer.first_param).chain(std::iter::once(self.params.len()));
        self.layers.iter().zip(ends).map(|(layer, end)| layer.first_param..end)
    }

    /// Trained values.
    pub fn trained_len(&self) -> usize {
        self.params.iter().filter(|p| p.kind.trained()).map(ParamInfo::len).sum()
    }

    /// How many different whole numbers the input may hold, if the model begins with an embedding.
    pub fn vocabulary(&self) -> Option<usize> {
        match self.spec.layers.first() {
            Some(&LayerSpec::Embedding { vocabulary, .. }) => Some(vocabulary),
            _ => None,
        }
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

fn output_shape(model: &ModelSpec, i: usize, input: TensorShape) -> Result<TensorShape, String> {
    let layer = &model.layers[i];
    if let Some(window) = Window::of(layer, input)? {
        let [height, length] = window.count(input)?;
        let channels = match *layer {
            LayerSpec::Conv1d { channels, .. } | LayerSpec::Conv2d { channels, .. } => channels,
            _ => input.channels,
        };
        return Ok(TensorShape::image(height, length, channels));
    }
    match *layer {
        LayerSpec::BatchNorm { momentum, epsilon } => {
            if !(0.0..=1.0).contains(&momentum) || !epsilon.is_finite() || epsilon <= 0.0 {
                return Err(format!("momentum must lie in 0 to 1 and epsilon above 0, found {momentum} and {epsilon}"));
            }
            Ok(input)
        }
        LayerSpec::LayerNorm { epsilon } => {
            if !epsilon.is_finite() || epsilon <= 0.0 {
                return Err(format!("epsilon must be above 0, found {epsilon}"));
            }
            Ok(input)
        }
        LayerSpec::Flatten => Ok(TensorShape::flat(input.len())),
        LayerSpec::Dense { units, .. } => {
            let positions = input.positions();
            if units > 0 && positions != 1 {
                return Err(format!(
                    "needs a flat input, found {positions} positions of {} channels: put a flatten, a global pooling or \
                     a first_position before it, or make it a position_dense",
                    input.channels
                ));
            }
            dense_shape(units, input)
        }
        LayerSpec::PositionDense { units, .. } => dense_shape(units, input),
        LayerSpec::Dropout { rate } => dropout_rate("rate", rate).map(|()| input),
        LayerSpec::Embedding { vocabulary, channels } => embedding_shape(i, vocabulary, channels, input),
        LayerSpec::Encoder { heads, feed_forward, dropout, .. } => {
            check_encoder(heads, feed_forward, input)?;
            dropout_rate("dropout", dropout).map(|()| input)
        }
        LayerSpec::Towers { ref columns, units, .. } => readout::towers_shape(columns, units, input),
        LayerSpec::Associations => readout::associations_shape(&model.layers[..i], input),
        LayerSpec::Skip { from } => readout::check_skip(model, from, input).map(|()| input),
        _ => Ok(input),
    }
}

fn dense_shape(units: usize, input: TensorShape) -> Result<TensorShape, String> {
    if units == 0 {
        return Err("units must be at least 1, found 0".to_owned());
    }
    bounded(&[units])?;
    Ok(TensorShape { channels: units, ..input })
}

fn dropout_rate(name: &str, rate: f32) -> Result<(), String> {
    if !(0.0..1.0).contains(&rate) {
        return Err(format!("{name} must be at least 0 and below 1, found {rate}"));
    }
    Ok(())
}

/// The largest vocabulary whose every number is exact in f32.
const VOCABULARY_MAX: usize = 1 << 24;

fn embedding_shape(i: usize, vocabulary: usize, channels: usize, input: TensorShape) -> Result<TensorShape, String> {
    if i > 0 {
        return Err("must be the first layer: its input is whole numbers".to_owned());
    }
    if input.channels != 1 {
        return Err(format!("needs an input of one channel, found {}", input.channels));
    }
    if vocabulary == 0 || vocabulary > VOCABULARY_MAX || channels == 0 {
        return Err(format!(
            "vocabulary must lie in 1 to {VOCABULARY_MAX} and channels be at least 1, found {vocabulary} and {channels}"
        ));
    }
    bounded(&[channels])?;
    Ok(TensorShape { channels, ..input })
}

/// The most channels a head: what the attention kernels hold.
const HEAD_MAX: usize = 128;

fn check_encoder(heads: usize, feed_forward: usize, input: TensorShape) -> Result<(), String> {
    if heads == 0 || feed_forward == 0 {
        return Err(format!("heads and feed_forward must be at least 1, found {heads} and {feed_forward}"));
    }
    bounded(&[feed_forward])?;
    let channels = input.channels;
    if !channels.is_multiple_of(heads) || channels / heads > HEAD_MAX {
        return Err(format!("{heads} heads cannot share {channels} channels evenly with at most {HEAD_MAX} each"));
    }
    Ok(())
}
