//! The forward pass of a batch.

use std::collections::BTreeMap;

use super::product::Product;
use super::shapes::{batch_norm_shape, conv_shape, dropout_kernel, pool_shape};
use crate::model::Model;
use crate::model::layer::LayerSpec;
use crate::model::shape::Layer;
use crate::ops::activation::{Activate, ActivateSpec};
use crate::ops::add::{Add, AddSpec};
use crate::ops::batch_norm::{BatchNorm, BatchNormEvaluate};
use crate::ops::conv::Conv;
use crate::ops::embedding::{Embedding, EmbeddingSpec};
use crate::ops::pool::Pool;
use crate::ops::{Activation, DType};
use crate::plan::{ListId, PlanBuilder, PlanError, TensorId};

/// What a forward pass is for.
#[derive(Debug, Clone, Copy)]
pub(super) enum Mode {
    /// Dropout drops, batch norm takes the batch's statistics; what the backward pass needs is kept.
    Train {
        /// The schedule of the training steps.
        schedule: TensorId,
        /// Its words a member.
        schedule_len: usize,
        /// One seed a member.
        seed: TensorId,
    },
    /// Dropout is left out, batch norm takes the running statistics.
    Evaluate,
}

/// What a layer keeps for its backward pass.
#[derive(Debug, Clone, Default)]
pub(super) struct Trace {
    pub input: Option<TensorId>,
    pub output: Option<TensorId>,
    /// The sum before a gelu that follows it.
    pub before: Option<TensorId>,
    /// Batch norm: mean and reciprocal deviation. Max pooling: places.
    pub saved: Vec<TensorId>,
    /// Tensors within an encoder or a layer norm, by name.
    pub parts: BTreeMap<String, TensorId>,
}

/// Records forward passes; tensors of one layer serve training and evaluation alike.
#[derive(Debug)]
pub(super) struct Forward<'a> {
    pub model: &'a Model,
    pub batch: usize,
    pub params: Vec<TensorId>,
    pub traces: Vec<Trace>,
    /// The two tensors whose sum the last layer's output is, while nobody has taken it yet.
    pub(super) pending: Option<[TensorId; 2]>,
    pub(super) input: TensorId,
    outputs: Vec<Option<TensorId>>,
    /// Whether the output of the last layer, and the weights of associations, are read when the list has run.
    keeps_output: bool,
}

impl<'a> Forward<'a> {
    pub(super) fn new(model: &'a Model, batch: usize, input: TensorId, params: Vec<TensorId>) -> Self {
        let layers = model.layers.len();
        let traces = vec![Trace::default(); layers];
        let outputs = vec![None; layers];
        Self { model, batch, params, traces, pending: None, input, outputs, keeps_output: false }
    }

    /// The same with an output that can be read when the list has run.
    pub(super) fn keeping_output(self) -> Self {
        Self { keeps_output: true, ..self }
    }

    /// Appends the pass to `list`; returns the output.
    pub(super) fn record(
        &mut self,
        builder: &mut PlanBuilder,
        list: ListId,
        mode: Mode,
    ) -> Result<TensorId, PlanError> {
        let mut x = self.input;
        for index in 0..self.model.layers.len() {
            if !takes_sum(&self.model.layers[index].spec) {
                self.settle(builder, list, self.model.layers[index].input.len(), x)?;
            }
            let y = self.layer(builder, list, mode, index, x)?;
            if matches!(mode, Mode::Train { .. }) {
                self.traces[index].input = Some(x);
                self.traces[index].output = Some(y);
            }
            x = y;
        }
        self.settle(builder, list, self.model.output().len(), x)?;
        Ok(x)
    }

    /// Takes the sum that the last layer has left open.
    fn settle(&mut self, builder: &mut PlanBuilder, list: ListId, len: usize, y: TensorId) -> Result<(), PlanError> {
        let Some([a, b]) = self.pending.take() else {
            return Ok(());
        };
        let spec = AddSpec { fleet: builder.fleet(), n: self.batch, len, broadcast: false };
        builder.push(list, Add::new(spec)?, &[a, b, y])
    }

    /// A tensor within a layer.
    pub(super) fn part(&mut self, builder: &mut PlanBuilder, index: usize, name: &str, len: usize) -> TensorId {
        let parts = &mut self.traces[index].parts;
        *parts
            .entry(name.to_owned())
            .or_insert_with(|| builder.local(format!("layers.{index}.{name}"), len, DType::F32))
    }

    /// The same for a statistic of rows, which is never held as f16.
    pub(super) fn statistic(&mut self, builder: &mut PlanBuilder, index: usize, name: &str, len: usize) -> TensorId {
        let parts = &mut self.traces[index].parts;
        let make = || builder.local_exact(format!("layers.{index}.{name}"), len, DType::F32);
        *parts.entry(name.to_owned()).or_insert_with(make)
    }

    /// The weights of associations.
    pub(super) fn weights(&mut self, builder: &mut PlanBuilder, index: usize, len: usize) -> TensorId {
        if !self.keeps_output {
            return self.statistic(builder, index, "weights", len);
        }
        let make = || builder.tensor(format!("layers.{index}.weights"), len);
        *self.traces[index].parts.entry("weights".to_owned()).or_insert_with(make)
    }

    pub(super) fn output(&mut self, builder: &mut PlanBuilder, index: usize) -> TensorId {
        let len = self.batch * self.model.layers[index].output.len();
        let name = format!("layers.{index}.output");
        let kept = self.keeps_output && index + 1 == self.model.layers.len();
        *self.outputs[index]
            .get_or_insert_with(|| if kept { builder.tensor(name, len) } else { builder.local(name, len, DType::F32) })
    }

    fn layer(
        &mut self,
        builder: &mut PlanBuilder,
        list: ListId,
        mode: Mode,
        index: usize,
        x: TensorId,
    ) -> Result<TensorId, PlanError> {
        let model = self.model;
        let layer = &model.layers[index];
        let fleet = builder.fleet();
        match layer.spec {
            LayerSpec::Flatten | LayerSpec::Activation { function: Activation::None } => Ok(x),
            LayerSpec::Dropout { rate } => self.dropout(builder, list, mode, index, x, rate),
            LayerSpec::BatchNorm { .. } => self.batch_norm(builder, list, mode, index, x),
            LayerSpec::Activation { function } => {
                let y = self.output(builder, index);
                let spec = ActivateSpec {
                    fleet,
                    rows: self.batch,
                    len: self.batch * layer.output.len(),
                    activation: function,
                };
                builder.push(list, Activate::new(spec)?, &[x, y])?;
                Ok(y)
            }
            LayerSpec::MaxPool { .. } | LayerSpec::GlobalMaxPool => {
                let y = self.output(builder, index);
                let kernel = Pool { shape: pool_shape(layer, fleet, self.batch)? };
                let len = self.batch * layer.output.len();
                let saved = &mut self.traces[index].saved;
                if saved.is_empty() {
                    saved.push(builder.local(format!("layers.{index}.places"), len, DType::U32));
                }
                let places = saved[0];
                builder.push(list, kernel, &[x, y, places])?;
                Ok(y)
            }
            LayerSpec::AveragePool { .. } | LayerSpec::GlobalAveragePool | LayerSpec::FirstPosition => {
                let y = self.output(builder, index);
                builder.push(list, Pool { shape: pool_shape(layer, fleet, self.batch)? }, &[x, y])?;
                Ok(y)
            }
            LayerSpec::Conv1d { activation, .. } | LayerSpec::Conv2d { activation, .. } => {
                let shape = conv_shape(layer, fleet, self.batch)?;
                let fused = fused(activation);
                let sum = self.sum_target(builder, index, activation);
                let kernel = Conv { shape, bias: true, activation: fused };
                let (w, b) = (self.params[layer.first_param], self.params[layer.first_param + 1]);
                builder.push(list, kernel, &[x, w, sum, b])?;
                self.after_sum(builder, list, index, activation, sum)
            }
            LayerSpec::Dense { activation, .. } | LayerSpec::PositionDense { activation, .. } => {
                let sum = self.sum_target(builder, index, activation);
                let params = &self.params[layer.first_param..];
                product(layer, self.batch).forward(builder, list, fused(activation), x, params, sum)?;
                self.after_sum(builder, list, index, activation, sum)
            }
            LayerSpec::Embedding { .. } => {
                let y = self.output(builder, index);
                let spec = embedding_spec(layer, fleet, self.batch);
                builder.push(list, Embedding::new(spec)?, &[self.params[layer.first_param], x, y])?;
                Ok(y)
            }
            LayerSpec::Position => {
                let y = self.output(builder, index);
                let spec = AddSpec { fleet, n: self.batch, len: layer.output.len(), broadcast: true };
                builder.push(list, Add::new(spec)?, &[x, self.params[layer.first_param], y])?;
                Ok(y)
            }
            LayerSpec::LayerNorm { .. } => self.layer_norm(builder, list, index, x),
            LayerSpec::Encoder { .. } => self.encoder(builder, list, mode, index, x),
            LayerSpec::Towers { .. } => self.towers(builder, list, index, x),
            LayerSpec::Associations => self.associations(builder, list, index, x),
            LayerSpec::Skip { from } => self.skip(builder, list, index, from, x),
        }
    }

    /// Where a sum goes: to the output, or to a tensor of its own when a gelu follows, whose slope needs it.
    pub(super) fn sum_target(&mut self, builder: &mut PlanBuilder, index: usize, activation: Activation) -> TensorId {
        if activation.saves_output() {
            return self.output(builder, index);
        }
        let len = self.batch * self.model.layers[index].output.len();
        let name = format!("layers.{index}.sum");
        *self.traces[index].before.get_or_insert_with(|| builder.local(name, len, DType::F32))
    }

    pub(super) fn after_sum(
        &mut self,
        builder: &mut PlanBuilder,
        list: ListId,
        index: usize,
        activation: Activation,
        sum: TensorId,
    ) -> Result<TensorId, PlanError> {
        if activation.saves_output() {
            return Ok(sum);
        }
        let y = self.output(builder, index);
        let len = self.batch * self.model.layers[index].output.len();
        let kernel = Activate::new(ActivateSpec { fleet: builder.fleet(), rows: self.batch, len, activation })?;
        builder.push(list, kernel, &[sum, y])?;
        Ok(y)
    }

    fn dropout(
        &mut self,
        builder: &mut PlanBuilder,
        list: ListId,
        mode: Mode,
        index: usize,
        x: TensorId,
        rate: f32,
    ) -> Result<TensorId, PlanError> {
        let Mode::Train { schedule, schedule_len, seed } = mode else {
            return Ok(x);
        };
        if rate == 0.0 {
            return Ok(x);
        }
        let y = self.output(builder, index);
        let width = self.model.layers[index].output.len();
        let kernel = dropout_kernel(builder.fleet(), self.batch, width, index as u32, rate, schedule_len)?;
        builder.push(list, kernel, &[x, seed, schedule, y])?;
        Ok(y)
    }

    fn batch_norm(
        &mut self,
        builder: &mut PlanBuilder,
        list: ListId,
        mode: Mode,
        index: usize,
        x: TensorId,
    ) -> Result<TensorId, PlanError> {
        let model = self.model;
        let layer = &model.layers[index];
        let y = self.output(builder, index);
        let [gamma, beta, mean, variance] = std::array::from_fn(|i| self.params[layer.first_param + i]);
        let Mode::Train { schedule, schedule_len, .. } = mode else {
            let kernel = BatchNormEvaluate { shape: batch_norm_shape(layer, builder.fleet(), self.batch, 1)? };
            builder.push(list, kernel, &[x, gamma, beta, mean, variance, y])?;
            return Ok(y);
        };
        let kernel = BatchNorm { shape: batch_norm_shape(layer, builder.fleet(), self.batch, schedule_len)? };
        let channels = layer.input.channels;
        let saved: Vec<TensorId> =
            ["mean", "rstd"].map(|name| builder.tensor(format!("layers.{index}.{name}"), channels)).to_vec();
        let bound = [x, gamma, beta, schedule, y, saved[0], saved[1], mean, variance];
        builder.push(list, kernel, &bound)?;
        self.traces[index].saved = saved;
        Ok(y)
    }
}

/// Whether a layer takes an open sum of the one before it on its way.
const fn takes_sum(layer: &LayerSpec) -> bool {
    matches!(layer, LayerSpec::LayerNorm { .. } | LayerSpec::Encoder { .. })
}

/// The activation that the kernel of the sum applies itself.
pub(super) const fn fused(activation: Activation) -> Activation {
    if activation.saves_output() { activation } else { Activation::None }
}

/// The product of a dense layer, at each position if there are several.
pub(super) const fn product(layer: &Layer, batch: usize) -> Product {
    Product { batch, positions: layer.input.positions(), ins: layer.input.channels, outs: layer.output.channels }
}

pub(super) fn embedding_spec(layer: &Layer, fleet: usize, batch: usize) -> EmbeddingSpec {
    let vocab = match layer.spec {
        LayerSpec::Embedding { vocabulary, .. } => vocabulary,
        _ => 0,
    };
    EmbeddingSpec { fleet, vocab, d: layer.output.channels, n: batch * layer.input.positions() }
}
