//! Layer norm and the attention encoder, forward and backward.
//!
//! The encoder's last sum is left to whatever comes next: a layer norm computes it on its way.

use super::backward::Backward;
use super::forward::{Forward, Mode, fused};
use super::product::Product;
use super::readout;
use super::shapes::dropout_kernel;
use crate::model::layer::LayerSpec;
use crate::model::params::encoder::{ATTENTION_NORM, EPSILON, FEED_IN, FEED_NORM, FEED_OUT, PROJECTION, QKV};
use crate::model::shape::Layer;
use crate::ops::activation::{Activate, ActivateBackward, ActivateSpec};
use crate::ops::add::{Add, AddSpec};
use crate::ops::attention::{Attention, AttentionBackward, AttentionSpec};
use crate::ops::layer_norm::{LayerNorm, LayerNormBackward, LayerNormSpec};
use crate::ops::{Activation, DType, ShapeError};
use crate::plan::{ListId, PlanBuilder, PlanError, TensorId};

/// One layer norm of a layer.
#[derive(Debug, Clone, Copy)]
struct Norm {
    /// Names its tensors within the layer.
    part: &'static str,
    /// Its scale among the layer's parameters; the shift follows.
    param: usize,
    epsilon: f32,
}

const BEFORE_ATTENTION: Norm = Norm { part: "attention_norm", param: ATTENTION_NORM, epsilon: EPSILON };
const BEFORE_FEED: Norm = Norm { part: "feed_norm", param: FEED_NORM, epsilon: EPSILON };

impl Norm {
    /// The only one of a layer-norm layer.
    fn of(layer: &Layer) -> Self {
        let epsilon = if let LayerSpec::LayerNorm { epsilon } = layer.spec { epsilon } else { EPSILON };
        Self { part: "norm", param: 0, epsilon }
    }

    const fn spec(self, layer: &Layer, fleet: usize, batch: usize, residual: bool) -> LayerNormSpec {
        let (positions, c) = (layer.input.positions(), layer.input.channels);
        LayerNormSpec { fleet, n: batch, positions, c, epsilon: self.epsilon, residual }
    }

    fn statistics(self) -> [String; 2] {
        ["mean", "rstd"].map(|name| format!("{}.{name}", self.part))
    }
}

/// An encoder's numbers.
#[derive(Debug, Clone, Copy)]
struct Block {
    batch: usize,
    rows: usize,
    d: usize,
    feed: usize,
    dropout: f32,
    activation: Activation,
    attention: AttentionSpec,
}

impl Block {
    fn new(layer: &Layer, fleet: usize, batch: usize) -> Result<Self, ShapeError> {
        let LayerSpec::Encoder { heads, feed_forward: feed, dropout, activation } = layer.spec else {
            return Err(ShapeError::mismatch("attention", "the layer is no encoder"));
        };
        let (l, d) = (layer.input.positions(), layer.input.channels);
        let attention = AttentionSpec { fleet, n: batch, l, d, heads, causal: false, lengths: false };
        Ok(Self { batch, rows: batch * l, d, feed, dropout, activation, attention })
    }

    /// One of its four dense layers.
    const fn dense(self, param: usize) -> Product {
        let (ins, outs) = match param {
            QKV => (self.d, 3 * self.d),
            FEED_IN => (self.d, self.feed),
            FEED_OUT => (self.feed, self.d),
            _ => (self.d, self.d),
        };
        Product { batch: self.batch, positions: self.attention.l, ins, outs }
    }
}

/// Values a row that an encoder holds besides its input and output.
pub(super) fn inner_len(layer: &Layer) -> usize {
    match layer.spec {
        LayerSpec::Encoder { feed_forward, .. } => {
            layer.input.positions() * (9 * layer.input.channels + 2 * feed_forward)
        }
        _ => readout::inner_len(layer),
    }
}

/// The stream of a branch's dropout, apart from those of the layers.
const fn branch(index: usize, number: u32) -> u32 {
    index as u32 + (number << 20)
}

impl Forward<'_> {
    pub(super) fn layer_norm(
        &mut self,
        builder: &mut PlanBuilder,
        list: ListId,
        index: usize,
        x: TensorId,
    ) -> Result<TensorId, PlanError> {
        let y = self.output(builder, index);
        let (norm, pending) = (Norm::of(&self.model.layers[index]), self.pending.take());
        self.norm(builder, list, index, norm, pending, x, y)?;
        Ok(y)
    }

    /// `y = norm(x)`; if x is a `sum` that is still to be taken, it is taken here.
    fn norm(
        &mut self,
        builder: &mut PlanBuilder,
        list: ListId,
        index: usize,
        norm: Norm,
        sum: Option<[TensorId; 2]>,
        x: TensorId,
        y: TensorId,
    ) -> Result<(), PlanError> {
        let layer = &self.model.layers[index];
        let rows = self.batch * layer.input.positions();
        let [mean, rstd] = norm.statistics().map(|name| self.statistic(builder, index, &name, rows));
        let [gamma, beta] = [0, 1].map(|i| self.params[layer.first_param + norm.param + i]);
        let kernel = LayerNorm::new(norm.spec(layer, builder.fleet(), self.batch, sum.is_some()))?;
        match sum {
            Some([a, b]) => builder.push(list, kernel, &[a, gamma, beta, y, mean, rstd, b, x]),
            None => builder.push(list, kernel, &[x, gamma, beta, y, mean, rstd]),
        }
    }

    /// A dense layer of the encoder.
    fn dense_part(
        &mut self,
        builder: &mut PlanBuilder,
        list: ListId,
        index: usize,
        product: Product,
        (param, name): (usize, &str),
        activation: Activation,
        x: TensorId,
    ) -> Result<TensorId, PlanError> {
        let y = self.part(builder, index, name, product.rows() * product.outs);
        let params = &self.params[self.model.layers[index].first_param + param..];
        product.forward(builder, list, activation, x, params, y)?;
        Ok(y)
    }

    /// What is left of a branch in training.
    fn branch_dropout(
        &mut self,
        builder: &mut PlanBuilder,
        list: ListId,
        mode: Mode,
        index: usize,
        number: u32,
        rate: f32,
        x: TensorId,
    ) -> Result<TensorId, PlanError> {
        let Mode::Train { schedule, schedule_len, seed } = mode else {
            return Ok(x);
        };
        if rate == 0.0 {
            return Ok(x);
        }
        let width = self.model.layers[index].output.len();
        let y = self.part(builder, index, &format!("branch{number}.kept"), self.batch * width);
        let kernel = dropout_kernel(builder.fleet(), self.batch, width, branch(index, number), rate, schedule_len)?;
        builder.push(list, kernel, &[x, seed, schedule, y])?;
        Ok(y)
    }

    pub(super) fn encoder(
        &mut self,
        builder: &mut PlanBuilder,
        list: ListId,
        mode: Mode,
        index: usize,
        x: TensorId,
    ) -> Result<TensorId, PlanError> {
        let block = Block::new(&self.model.layers[index], builder.fleet(), self.batch)?;
        let Block { rows, d, feed, dropout, activation, attention, .. } = block;
        let pending = self.pending.take();
        let normed = self.part(builder, index, "attention_norm", rows * d);
        self.norm(builder, list, index, BEFORE_ATTENTION, pending, x, normed)?;
        let none = Activation::None;
        let qkv = self.dense_part(builder, list, index, block.dense(QKV), (QKV, "qkv"), none, normed)?;
        let attended = self.part(builder, index, "attended", rows * d);
        let lse = self.statistic(builder, index, "lse", rows * attention.heads);
        builder.push(list, Attention::new(attention)?, &[qkv, attended, lse])?;
        let projected =
            self.dense_part(builder, list, index, block.dense(PROJECTION), (PROJECTION, "projected"), none, attended)?;
        let kept = self.branch_dropout(builder, list, mode, index, 1, dropout, projected)?;
        let middle = self.part(builder, index, "middle", rows * d);
        let normed = self.part(builder, index, "feed_norm", rows * d);
        self.norm(builder, list, index, BEFORE_FEED, Some([x, kept]), middle, normed)?;
        let name = if activation.saves_output() { "hidden" } else { "sum" };
        let mut hidden =
            self.dense_part(builder, list, index, block.dense(FEED_IN), (FEED_IN, name), fused(activation), normed)?;
        if !activation.saves_output() {
            let sum = hidden;
            hidden = self.part(builder, index, "hidden", rows * feed);
            let spec = ActivateSpec { fleet: builder.fleet(), rows: self.batch, len: rows * feed, activation };
            builder.push(list, Activate::new(spec)?, &[sum, hidden])?;
        }
        let fed = self.dense_part(builder, list, index, block.dense(FEED_OUT), (FEED_OUT, "fed"), none, hidden)?;
        let kept = self.branch_dropout(builder, list, mode, index, 2, dropout, fed)?;
        self.pending = Some([middle, kept]);
        Ok(self.output(builder, index))
    }
}

impl Backward<'_> {
    pub(super) fn layer_norm(
        &self,
        builder: &mut PlanBuilder,
        index: usize,
        dy: TensorId,
    ) -> Result<TensorId, PlanError> {
        let norm = Norm::of(&self.forward.model.layers[index]);
        self.norm(builder, index, norm, self.input(index)?, dy, None)
    }

    /// The gradient of what was normalised, `s`; `ds` is what reaches s by other ways.
    fn norm(
        &self,
        builder: &mut PlanBuilder,
        index: usize,
        norm: Norm,
        s: TensorId,
        dy: TensorId,
        ds: Option<TensorId>,
    ) -> Result<TensorId, PlanError> {
        let forward = self.forward;
        let layer = &forward.model.layers[index];
        let p = layer.first_param + norm.param;
        let [mean, rstd] = norm.statistics().map(|name| self.part(index, &name));
        let (dgamma, dbeta) = (self.gradient(index, p)?, self.gradient(index, p + 1)?);
        let dx = builder.local(
            format!("layers.{index}.{}.dinput", norm.part),
            forward.batch * layer.input.len(),
            DType::F32,
        );
        let kernel = LayerNormBackward::new(norm.spec(layer, builder.fleet(), forward.batch, ds.is_some()))?;
        let mut bound = vec![s, dy, forward.params[p], mean?, rstd?, dx, dgamma, dbeta];
        bound.extend(ds);
        builder.push(self.list, kernel, &bound)?;
        Ok(dx)
    }

    /// The gradients of one of the encoder's dense layers; returns that of its input `x`, or of the sum in front of x if
    /// x is the output of the activation `mask`.
    fn dense_part(
        &self,
        builder: &mut PlanBuilder,
        index: usize,
        block: Block,
        param: usize,
        x: &str,
        mask: Activation,
        dy: TensorId,
    ) -> Result<TensorId, PlanError> {
        let product = block.dense(param);
        let p = self.forward.model.layers[index].first_param + param;
        let gradients = [self.gradient(index, p)?, self.gradient(index, p + 1)?];
        let input = self.part(index, x)?;
        product.gradients(builder, self.list, input, dy, gradients)?;
        let dx = builder.local(format!("layers.{index}.d{x}"), product.rows() * product.ins, DType::F32);
        let mask = (mask != Activation::None).then_some((mask, input));
        product.backward_data(builder, self.list, dy, self.forward.params[p], dx, mask)?;
        Ok(dx)
    }

    fn branch_dropout(
        &self,
        builder: &mut PlanBuilder,
        index: usize,
        number: u32,
        rate: f32,
        dy: TensorId,
    ) -> Result<TensorId, PlanError> {
        if rate == 0.0 {
            return Ok(dy);
        }
        let (batch, width) = (self.forward.batch, self.forward.model.layers[index].output.len());
        let dx = builder.local(format!("layers.{index}.branch{number}.dkept"), batch * width, DType::F32);
        let kernel = dropout_kernel(builder.fleet(), batch, width, branch(index, number), rate, self.schedule_len)?;
        builder.push(self.list, kernel, &[dy, self.seed, self.schedule, dx])?;
        Ok(dx)
    }

    /// `more` is what reaches the queries, keys and values by other ways than the output.
    pub(super) fn encoder(
        &self,
        builder: &mut PlanBuilder,
        index: usize,
        dy: TensorId,
        more: Option<TensorId>,
    ) -> Result<TensorId, PlanError> {
        let fleet = builder.fleet();
        let block = Block::new(&self.forward.model.layers[index], fleet, self.forward.batch)?;
        let Block { rows, d, feed, dropout, activation, attention, .. } = block;
        let dfed = self.branch_dropout(builder, index, 2, dropout, dy)?;
        let mask = fused(activation);
        let mut dsum = self.dense_part(builder, index, block, FEED_OUT, "hidden", mask, dfed)?;
        if !activation.saves_output() {
            let (dhidden, saved) = (dsum, self.part(index, "sum")?);
            dsum = builder.local(format!("layers.{index}.dsum"), rows * feed, DType::F32);
            let spec = ActivateSpec { fleet, rows: self.forward.batch, len: rows * feed, activation };
            builder.push(self.list, ActivateBackward::new(spec)?, &[dhidden, saved, dsum])?;
        }
        let none = Activation::None;
        let dnormed = self.dense_part(builder, index, block, FEED_IN, "feed_norm", none, dsum)?;
        let dmiddle = self.norm(builder, index, BEFORE_FEED, self.part(index, "middle")?, dnormed, Some(dy))?;
        let dprojected = self.branch_dropout(builder, index, 1, dropout, dmiddle)?;
        let dattended = self.dense_part(builder, index, block, PROJECTION, "attended", none, dprojected)?;
        let mut dqkv = builder.local(format!("layers.{index}.dqkv"), 3 * rows * d, DType::F32);
        let [qkv, attended, lse] = ["qkv", "attended", "lse"].map(|name| self.part(index, name));
        let bound = [qkv?, attended?, lse?, dattended, dqkv];
        builder.push(self.list, AttentionBackward::new(attention)?, &bound)?;
        if let Some(more) = more {
            let own = dqkv;
            dqkv = builder.local(format!("layers.{index}.dqkv.all"), 3 * rows * d, DType::F32);
            let spec = AddSpec { fleet, n: self.forward.batch, len: 3 * attention.l * d, broadcast: false };
            builder.push(self.list, Add::new(spec)?, &[own, more, dqkv])?;
        }
        let dnormed = self.dense_part(builder, index, block, QKV, "attention_norm", none, dqkv)?;
        self.norm(builder, index, BEFORE_ATTENTION, self.input(index)?, dnormed, Some(dmiddle))
    }
}
