//! The shapes of layers' kernels, the same for both directions.

use crate::model::layer::LayerSpec;
use crate::model::shape::Layer;
use crate::model::sides::Window;
use crate::ops::ShapeError;
use crate::ops::batch_norm::{BatchNormShape, BatchNormSpec};
use crate::ops::conv::{ConvShape, ConvSpec};
use crate::ops::dropout::{Dropout, DropoutSpec};
use crate::ops::pool::{PoolKind, PoolShape, PoolSpec};
use crate::ops::schedule;

fn window(op: &'static str, layer: &Layer) -> Result<Window, ShapeError> {
    let window = Window::of(&layer.spec, layer.input).map_err(|reason| ShapeError::mismatch(op, reason))?;
    window.ok_or_else(|| ShapeError::mismatch(op, "the layer has no windows"))
}

pub(super) fn conv_shape(layer: &Layer, fleet: usize, batch: usize) -> Result<ConvShape, ShapeError> {
    let Window { size, stride, padding, dilation, .. } = window("conv", layer)?;
    ConvShape::new(ConvSpec {
        fleet,
        n: batch,
        size: [layer.input.height, layer.input.length],
        c_in: layer.input.channels,
        c_out: layer.output.channels,
        kernel: size,
        stride,
        padding,
        dilation,
    })
}

pub(super) fn pool_shape(layer: &Layer, fleet: usize, batch: usize) -> Result<PoolShape, ShapeError> {
    let window = window("pool", layer)?;
    let kind = match layer.spec {
        LayerSpec::MaxPool { .. } | LayerSpec::GlobalMaxPool => PoolKind::Max,
        _ => PoolKind::Average,
    };
    PoolShape::new(PoolSpec {
        kind,
        fleet,
        n: batch,
        size: [layer.input.height, layer.input.length],
        c: layer.input.channels,
        window: window.size,
        stride: window.stride,
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
        positions: layer.input.positions(),
        c: layer.input.channels,
        steps: schedule_len.div_ceil(schedule::WIDTH),
        momentum,
        epsilon,
    })
}

/// Dropout of a batch's rows of `width` values; `stream` tells the places of a model apart where values are dropped.
pub(super) fn dropout_kernel(
    fleet: usize,
    rows: usize,
    width: usize,
    stream: u32,
    rate: f32,
    schedule_len: usize,
) -> Result<Dropout, ShapeError> {
    Dropout::new(DropoutSpec { fleet, rows, len: rows * width, rate, stream, steps: schedule_len / schedule::WIDTH })
}
