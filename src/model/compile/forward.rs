//! The forward pass of a batch.

use crate::model::Model;
use crate::model::layer::LayerSpec;
use crate::model::shape::{Layer, TensorShape, padding_each, pool_stride};
use crate::ops::activation::{Activate, ActivateSpec};
use crate::ops::batch_norm::{BatchNorm, BatchNormEvaluate, BatchNormShape, BatchNormSpec};
use crate::ops::conv::{Conv, ConvShape, ConvSpec};
use crate::ops::dropout::{Dropout, DropoutSpec};
use crate::ops::matmul::{Batch, Matmul, MatmulSpec};
use crate::ops::pool::{Pool, PoolKind, PoolShape, PoolSpec};
use crate::ops::{Activation, DType, ShapeError};
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
}

/// Records forward passes; tensors of one layer serve training and evaluation alike.
#[derive(Debug)]
pub(super) struct Forward<'a> {
    pub model: &'a Model,
    pub batch: usize,
    pub params: Vec<TensorId>,
    pub traces: Vec<Trace>,
    input: TensorId,
    outputs: Vec<Option<TensorId>>,
    /// Whether the output of the last layer is read when the list has run.
    keeps_output: bool,
}

impl<'a> Forward<'a> {
    pub(super) fn new(model: &'a Model, batch: usize, input: TensorId, params: Vec<TensorId>) -> Self {
        let layers = model.layers.len();
        let outputs = vec![None; layers];
        Self { model, batch, params, traces: vec![Trace::default(); layers], input, outputs, keeps_output: false }
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
            let y = self.layer(builder, list, mode, index, x)?;
            if matches!(mode, Mode::Train { .. }) {
                self.traces[index].input = Some(x);
                self.traces[index].output = Some(y);
            }
            x = y;
        }
        Ok(x)
    }

    fn output(&mut self, builder: &mut PlanBuilder, index: usize) -> TensorId {
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
            LayerSpec::AveragePool { .. } | LayerSpec::GlobalAveragePool => {
                let y = self.output(builder, index);
                builder.push(list, Pool { shape: pool_shape(layer, fleet, self.batch)? }, &[x, y])?;
                Ok(y)
            }
            LayerSpec::Conv1d { activation, .. } => {
                let shape = conv_shape(layer, fleet, self.batch)?;
                let fused = fused(activation);
                let sum = self.sum_target(builder, index, activation);
                let kernel = Conv { shape, bias: true, activation: fused };
                let (w, b) = (self.params[layer.first_param], self.params[layer.first_param + 1]);
                builder.push(list, kernel, &[x, w, sum, b])?;
                self.after_sum(builder, list, index, activation, sum)
            }
            LayerSpec::Dense { activation, .. } => {
                let sum = self.sum_target(builder, index, activation);
                let kernel = Matmul::new(MatmulSpec {
                    fleet,
                    m: self.batch,
                    k: layer.input.len(),
                    n: layer.output.len(),
                    bias: true,
                    activation: fused(activation),
                    batch: Batch::M,
                    ..MatmulSpec::default()
                })?;
                let (w, b) = (self.params[layer.first_param], self.params[layer.first_param + 1]);
                builder.push(list, kernel, &[x, w, sum, b])?;
                self.after_sum(builder, list, index, activation, sum)
            }
        }
    }

    /// Where a sum goes: to the output, or to a tensor of its own when a gelu follows, whose slope needs it.
    fn sum_target(&mut self, builder: &mut PlanBuilder, index: usize, activation: Activation) -> TensorId {
        if activation.saves_output() {
            return self.output(builder, index);
        }
        let len = self.batch * self.model.layers[index].output.len();
        let name = format!("layers.{index}.sum");
        *self.traces[index].before.get_or_insert_with(|| builder.local(name, len, DType::F32))
    }

    fn after_sum(
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
        let kernel = dropout_kernel(builder.fleet(), self.batch, &self.model.layers[index], index, rate, schedule_len)?;
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

/// The activation that the kernel of the sum applies itself.
pub(super) const fn fused(activation: Activation) -> Activation {
    if activation.saves_output() { activation } else { Activation::None }
}

pub(super) fn conv_shape(layer: &Layer, fleet: usize, batch: usize) -> Result<ConvShape, ShapeError> {
    let LayerSpec::Conv1d { channels, kernel, stride, padding, dilation, .. } = layer.spec else {
        return Err(ShapeError::mismatch("conv", "the layer is no convolution"));
    };
    let padding = padding_each(padding, kernel, dilation).map_err(|e| ShapeError::mismatch("conv", e))?;
    ConvShape::new(ConvSpec {
        fleet,
        n: batch,
        size: [1, layer.input.length],
        c_in: layer.input.channels,
        c_out: channels,
        kernel: [1, kernel],
        stride: [1, stride],
        padding: [0, padding],
        dilation: [1, dilation],
    })
}

pub(super) fn pool_shape(layer: &Layer, fleet: usize, batch: usize) -> Result<PoolShape, ShapeError> {
    let TensorShape { length, channels } = layer.input;
    let (kind, window, stride) = match layer.spec {
        LayerSpec::MaxPool { window, stride } => (PoolKind::Max, window, pool_stride(window, stride)),
        LayerSpec::AveragePool { window, stride } => (PoolKind::Average, window, pool_stride(window, stride)),
        LayerSpec::GlobalMaxPool => (PoolKind::Max, length, length),
        LayerSpec::GlobalAveragePool => (PoolKind::Average, length, length),
        _ => return Err(ShapeError::mismatch("pool", "the layer is no pooling")),
    };
    PoolShape::new(PoolSpec {
        kind,
        fleet,
        n: batch,
        size: [1, length],
        c: channels,
        window: [1, window],
        stride: [1, stride],
    })
}

pub(super) fn batch_norm_shape(
    layer: &Layer,
    fleet: usize,
    batch: usize,
    schedule_len: usize,
) -> Result<BatchNormShape, ShapeError> {
    let LayerSpec::BatchNorm { momentum, epsilon } = layer.spec else {
        return Err(ShapeError::mismatch("batch_norm", "the layer is no batch norm"));
    };
    BatchNormShape::new(BatchNormSpec {
        fleet,
        n: batch,
        positions: layer.input.length,
        c: layer.input.channels,
        steps: schedule_len.div_ceil(crate::ops::schedule::WIDTH),
        momentum,
        epsilon,
    })
}

pub(super) fn dropout_kernel(
    fleet: usize,
    batch: usize,
    layer: &Layer,
    index: usize,
    rate: f32,
    schedule_len: usize,
) -> Result<Dropout, ShapeError> {
    Dropout::new(DropoutSpec {
        fleet,
        rows: batch,
        len: batch * layer.output.len(),
        rate,
        stream: index as u32,
        steps: schedule_len / crate::ops::schedule::WIDTH,
    })
}
