//! The backward pass: from the gradient of the output to the gradient of every parameter.

use super::forward::{Forward, batch_norm_shape, conv_shape, dropout_kernel, fused, pool_shape};
use crate::model::layer::LayerSpec;
use crate::ops::activation::{ActivateBackward, ActivateSpec};
use crate::ops::batch_norm::BatchNormBackward;
use crate::ops::conv::{ConvBackwardData, ConvBackwardWeight};
use crate::ops::matmul::{Batch, Matmul, MatmulSpec};
use crate::ops::pool::PoolBackward;
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
}

impl Backward<'_> {
    /// Appends the pass to the list, beginning with the gradient `dy` of the model's output.
    pub(super) fn record(&self, builder: &mut PlanBuilder, dy: TensorId) -> Result<(), PlanError> {
        let layers = &self.forward.model.layers;
        // Nothing in front of the first layer with parameters needs a gradient.
        let first = layers.iter().position(|layer| has_params(&layer.spec)).unwrap_or(0);
        let mut upstream = Upstream { dy, masked: false };
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
            LayerSpec::Conv1d { activation, .. } | LayerSpec::Dense { activation, .. }
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
        let plain = |dy: TensorId| Upstream { dy, masked: false };
        let forward = self.forward;
        let (layer, trace) = (&forward.model.layers[index], &forward.traces[index]);
        let (fleet, batch) = (builder.fleet(), forward.batch);
        let input = kept(index, "input", trace.input)?;
        match layer.spec {
            LayerSpec::Flatten
            | LayerSpec::Activation { function: Activation::None }
            | LayerSpec::Dropout { rate: 0.0 } => Ok(upstream),
            LayerSpec::Dropout { rate } => {
                let dx = self.dx(builder, index);
                let kernel = dropout_kernel(fleet, batch, layer, index, rate, self.schedule_len)?;
                builder.push(self.list, kernel, &[dy, self.seed, self.schedule, dx])?;
                Ok(plain(dx))
            }
            LayerSpec::Activation { function } => self.activation(builder, index, function, input, dy).map(plain),
            LayerSpec::MaxPool { .. } | LayerSpec::GlobalMaxPool => {
                let dx = self.dx(builder, index);
                let (mask, saved) = self.mask(index);
                let kernel = PoolBackward { shape: pool_shape(layer, fleet, batch)?, mask };
                let mut bound = vec![dy, dx, kept(index, "places", trace.saved.first().copied())?];
                bound.extend(saved);
                builder.push(self.list, kernel, &bound)?;
                Ok(Upstream { dy: dx, masked: saved.is_some() })
            }
            LayerSpec::AveragePool { .. } | LayerSpec::GlobalAveragePool => {
                let dx = self.dx(builder, index);
                let (mask, saved) = self.mask(index);
                let kernel = PoolBackward { shape: pool_shape(layer, fleet, batch)?, mask };
                let mut bound = vec![dy, dx];
                bound.extend(saved);
                builder.push(self.list, kernel, &bound)?;
                Ok(Upstream { dy: dx, masked: saved.is_some() })
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
            LayerSpec::Conv1d { activation, .. } => {
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
                Ok(Upstream { dy: dx, masked: saved.is_some() })
            }
            LayerSpec::Dense { activation, .. } => {
                let dz = self.before_sum(builder, index, activation, upstream)?;
                let (ins, outs) = (layer.input.len(), layer.output.len());
                let p = layer.first_param;
                let base = MatmulSpec { fleet, ..MatmulSpec::default() };
                let (dw, db) = (self.gradient(index, p)?, self.gradient(index, p + 1)?);
                let spec =
                    MatmulSpec { m: ins, k: batch, n: outs, a_transposed: true, sums: true, batch: Batch::K, ..base };
                builder.push(self.list, Matmul::new(spec)?, &[input, dz, dw, db])?;
                if !need_dx {
                    return Ok(plain(dz));
                }
                let dx = self.dx(builder, index);
                let (mask, saved) = self.mask(index);
                let spec = MatmulSpec { m: batch, k: outs, n: ins, b_transposed: true, mask, batch: Batch::M, ..base };
                let mut bound = vec![dz, forward.params[p], dx];
                bound.extend(saved);
                builder.push(self.list, Matmul::new(spec)?, &bound)?;
                Ok(Upstream { dy: dx, masked: saved.is_some() })
            }
        }
    }

    fn gradient(&self, index: usize, param: usize) -> Result<TensorId, PlanError> {
        kept(index, "gradient", self.gradients[param])
    }

    fn dx(&self, builder: &mut PlanBuilder, index: usize) -> TensorId {
        let len = self.forward.batch * self.forward.model.layers[index].input.len();
        builder.local(format!("layers.{index}.dinput"), len, DType::F32)
    }

    /// The gradient before an activation that is part of a dense layer or a convolution.
    fn before_sum(
        &self,
        builder: &mut PlanBuilder,
        index: usize,
        activation: Activation,
        Upstream { dy, masked }: Upstream,
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
}

const fn has_params(layer: &LayerSpec) -> bool {
    matches!(layer, LayerSpec::Conv1d { .. } | LayerSpec::Dense { .. } | LayerSpec::BatchNorm { .. })
}

/// What a layer keeps in its forward pass, or an error that says which layer kept nothing.
fn kept(index: usize, which: &'static str, id: Option<TensorId>) -> Result<TensorId, PlanError> {
    id.ok_or_else(|| {
        let reason = format!("layer {index} kept no {which} in its forward pass");
        ShapeError::mismatch("backward", reason).into()
    })
}
