//! The backward pass: from the gradient of the output to the gradient of every parameter.

use super::forward::{Forward, embedding_spec, fused, product};
use super::shapes::{batch_norm_shape, conv_shape, dropout_kernel, pool_shape};
use crate::model::layer::LayerSpec;
use crate::model::params::layer_params;
use crate::model::shape::Layer;
use crate::ops::activation::{ActivateBackward, ActivateSpec};
use crate::ops::batch_norm::BatchNormBackward;
use crate::ops::conv::{ConvBackwardData, ConvBackwardWeight};
use crate::ops::embedding::EmbeddingBackward;
use crate::ops::pool::{PoolBackward, PoolKind};
use crate::ops::reduce::{ReduceColumns, ReduceColumnsSpec};
use crate::ops::{Activation, DType, ShapeError};
use crate::plan::{ListId, PlanBuilder, PlanError, TensorId};

/// Where gradients are written and what the steps read.
#[derive(Debug)]
pub(super) struct Backward<'a> {
    pub forward: &'a Forward<'a>,
    pub list: ListId,
    pub schedule: TensorId,
    pub schedule_len: usize,
    pub seed: TensorId,
    /// A gradient for each parameter that is trained.
    pub gradients: Vec<Option<TensorId>>,
}

/// The gradient that a layer gets from the one behind it.
#[derive(Debug, Clone, Copy)]
struct Upstream {
    dy: TensorId,
    /// Whether it has been multiplied by the slope of the layer's own activation already.
    masked: bool,
    /// The gradient of an encoder's queries, keys and values that does not come through its output.
    dqkv: Option<TensorId>,
}

impl Backward<'_> {
    /// Appends the pass to the list, beginning with the gradient `dy` of the model's output.
    pub(super) fn record(&self, builder: &mut PlanBuilder, dy: TensorId) -> Result<(), PlanError> {
        let layers = &self.forward.model.layers;
        // Nothing in front of the first layer with parameters needs a gradient.
        let first = layers.iter().position(has_params).unwrap_or(0);
        let mut upstream = Upstream { dy, masked: false, dqkv: None };
        for index in (first..layers.len()).rev() {
            let need_dx = index > first;
            upstream = self.layer(builder, index, upstream, need_dx)?;
        }
        Ok(())
    }

    /// The activation that is part of the layer in front of `index`, and its output, if its slope follows from that:
    /// then the kernel that makes `dx` of `index` multiplies by the slope itself.
    fn mask(&self, index: usize) -> (Activation, Option<TensorId>) {
        let layers = &self.forward.model.layers;
        let passes = |spec: &LayerSpec| {
            matches!(
                spec,
                LayerSpec::Flatten
                    | LayerSpec::Activation { function: Activation::None }
                    | LayerSpec::Dropout { rate: 0.0 }
            )
        };
        let Some(before) = (0..index).rev().find(|&i| !passes(&layers[i].spec)) else {
            return (Activation::None, None);
        };
        match layers[before].spec {
            LayerSpec::Conv1d { activation, .. }
            | LayerSpec::Conv2d { activation, .. }
            | LayerSpec::Dense { activation, .. }
            | LayerSpec::PositionDense { activation, .. }
                if activation != Activation::None && fused(activation) == activation =>
            {
                (activation, self.forward.traces[before].output)
            }
            _ => (Activation::None, None),
        }
    }

    fn layer(
        &self,
        builder: &mut PlanBuilder,
        index: usize,
        upstream: Upstream,
        need_dx: bool,
    ) -> Result<Upstream, PlanError> {
        let dy = upstream.dy;
        let plain = |dy: TensorId| Upstream { dy, masked: false, dqkv: None };
        let forward = self.forward;
        let (layer, trace) = (&forward.model.layers[index], &forward.traces[index]);
        let (fleet, batch) = (builder.fleet(), forward.batch);
        let input = self.input(index)?;
        match layer.spec {
            LayerSpec::Flatten
            | LayerSpec::Activation { function: Activation::None }
            | LayerSpec::Dropout { rate: 0.0 } => Ok(upstream),
            LayerSpec::Dropout { rate } => {
                let dx = self.dx(builder, index);
                let width = layer.output.len();
                let kernel = dropout_kernel(fleet, batch, width, index as u32, rate, self.schedule_len)?;
                builder.push(self.list, kernel, &[dy, self.seed, self.schedule, dx])?;
                Ok(plain(dx))
            }
            LayerSpec::Activation { function } => self.activation(builder, index, function, input, dy).map(plain),
            LayerSpec::MaxPool { .. }
            | LayerSpec::GlobalMaxPool
            | LayerSpec::AveragePool { .. }
            | LayerSpec::GlobalAveragePool
            | LayerSpec::FirstPosition => {
                let dx = self.dx(builder, index);
                let (mask, saved) = self.mask(index);
                let shape = pool_shape(layer, fleet, batch)?;
                let mut bound = vec![dy, dx];
                if shape.spec().kind == PoolKind::Max {
                    bound.push(kept(index, "places", trace.saved.first().copied())?);
                }
                bound.extend(saved);
                builder.push(self.list, PoolBackward { shape, mask }, &bound)?;
                Ok(Upstream { masked: saved.is_some(), ..plain(dx) })
            }
            LayerSpec::BatchNorm { .. } => {
                let dx = self.dx(builder, index);
                let kernel = BatchNormBackward { shape: batch_norm_shape(layer, fleet, batch, self.schedule_len)? };
                let p = layer.first_param;
                let [mean, rstd] = [0, 1].map(|i| trace.saved.get(i).copied());
                let (mean, rstd) = (kept(index, "mean", mean)?, kept(index, "deviation", rstd)?);
                let (dgamma, dbeta) = (self.gradient(index, p)?, self.gradient(index, p + 1)?);
                let bound = [input, dy, forward.params[p], mean, rstd, self.schedule, dx, dgamma, dbeta];
                builder.push(self.list, kernel, &bound)?;
                Ok(plain(dx))
            }
            LayerSpec::Conv1d { activation, .. } | LayerSpec::Conv2d { activation, .. } => {
                let dz = self.before_sum(builder, index, activation, upstream)?;
                let shape = conv_shape(layer, fleet, batch)?;
                let p = layer.first_param;
                let (dw, db) = (self.gradient(index, p)?, self.gradient(index, p + 1)?);
                builder.push(self.list, ConvBackwardWeight { shape, bias: true }, &[input, dz, dw, db])?;
                if !need_dx {
                    return Ok(plain(dz));
                }
                let dx = self.dx(builder, index);
                let (mask, saved) = self.mask(index);
                let mut bound = vec![dz, forward.params[p], dx];
                bound.extend(saved);
                builder.push(self.list, ConvBackwardData { shape, mask }, &bound)?;
                Ok(Upstream { masked: saved.is_some(), ..plain(dx) })
            }
            LayerSpec::Dense { activation, .. } | LayerSpec::PositionDense { activation, .. } => {
                let dz = self.before_sum(builder, index, activation, upstream)?;
                let (product, p) = (product(layer, batch), layer.first_param);
                let gradients = [self.gradient(index, p)?, self.gradient(index, p + 1)?];
                product.gradients(builder, self.list, input, dz, gradients)?;
                if !need_dx {
                    return Ok(plain(dz));
                }
                let dx = self.dx(builder, index);
                let (mask, saved) = self.mask(index);
                let mask = saved.map(|saved| (mask, saved));
                product.backward_data(builder, self.list, dz, forward.params[p], dx, mask)?;
                Ok(Upstream { masked: mask.is_some(), ..plain(dx) })
            }
            LayerSpec::Embedding { .. } => {
                let kernel = EmbeddingBackward::new(embedding_spec(layer, fleet, batch))?;
                builder.push(self.list, kernel, &[dy, input, self.gradient(index, layer.first_param)?])?;
                Ok(plain(dy))
            }
            LayerSpec::Position => {
                self.bias(builder, dy, batch, layer.output.len(), self.gradient(index, layer.first_param)?)?;
                Ok(plain(dy))
            }
            LayerSpec::LayerNorm { .. } => self.layer_norm(builder, index, dy).map(plain),
            LayerSpec::Encoder { .. } => self.encoder(builder, index, dy, upstream.dqkv).map(plain),
            LayerSpec::Towers { activation, .. } => {
                let dz = self.before_sum(builder, index, activation, upstream)?;
                self.towers(builder, index, dz, need_dx).map(plain)
            }
            LayerSpec::Associations => {
                let [dx, dqkv] = self.associations(builder, index, dy)?;
                Ok(Upstream { dqkv: Some(dqkv), ..plain(dx) })
            }
            LayerSpec::Skip { .. } => Ok(plain(dy)),
        }
    }

    /// What a layer was given.
    pub(super) fn input(&self, index: usize) -> Result<TensorId, PlanError> {
        kept(index, "input", self.forward.traces[index].input)
    }

    /// A tensor within a layer.
    pub(super) fn part(&self, index: usize, name: &str) -> Result<TensorId, PlanError> {
        kept(index, name, self.forward.traces[index].parts.get(name).copied())
    }

    pub(super) fn gradient(&self, index: usize, param: usize) -> Result<TensorId, PlanError> {
        kept(index, "gradient", self.gradients[param])
    }

    pub(super) fn dx(&self, builder: &mut PlanBuilder, index: usize) -> TensorId {
        let len = self.forward.batch * self.forward.model.layers[index].input.len();
        builder.local(format!("layers.{index}.dinput"), len, DType::F32)
    }

    /// The gradient before an activation that is part of a dense layer or a convolution.
    fn before_sum(
        &self,
        builder: &mut PlanBuilder,
        index: usize,
        activation: Activation,
        Upstream { dy, masked, .. }: Upstream,
    ) -> Result<TensorId, PlanError> {
        if activation == Activation::None || masked {
            return Ok(dy);
        }
        let trace = &self.forward.traces[index];
        let before = if fused(activation) == activation { trace.output } else { trace.before };
        self.activation(builder, index, activation, kept(index, "sum", before)?, dy)
    }

    /// `saved` is the activation's input; where its slope follows from its output, the layer's output is taken.
    fn activation(
        &self,
        builder: &mut PlanBuilder,
        index: usize,
        activation: Activation,
        saved: TensorId,
        dy: TensorId,
    ) -> Result<TensorId, PlanError> {
        let saved = match (activation.saves_output(), self.forward.traces[index].output) {
            (true, Some(output)) => output,
            _ => saved,
        };
        let len = self.forward.batch * self.forward.model.layers[index].output.len();
        let dx = builder.local(format!("layers.{index}.dsum"), len, DType::F32);
        let spec = ActivateSpec { fleet: builder.fleet(), rows: self.forward.batch, len, activation };
        builder.push(self.list, ActivateBackward::new(spec)?, &[dy, saved, dx])?;
        Ok(dx)
    }

    fn bias(
        &self,
        builder: &mut PlanBuilder,
        dz: TensorId,
        rows: usize,
        cols: usize,
        gradient: TensorId,
    ) -> Result<(), PlanError> {
        let kernel = ReduceColumns::new(ReduceColumnsSpec { fleet: builder.fleet(), rows, cols })?;
        builder.push(self.list, kernel, &[dz, gradient])
    }
}

fn has_params(layer: &Layer) -> bool {
    !layer_params(0, &layer.spec, layer.input).is_empty()
}

/// What a layer keeps in its forward pass, or an error that says which layer kept nothing.
fn kept(index: usize, which: &str, id: Option<TensorId>) -> Result<TensorId, PlanError> {
    id.ok_or_else(|| {
        let reason = format!("layer {index} kept no {which} in its forward pass");
        ShapeError::mismatch("backward", reason).into()
    })
}
