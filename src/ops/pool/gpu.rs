//! GPU: one invocation an element of y, or of dx.

use super::{PoolBackward, PoolKind, PoolShape, PoolSpec, SHADER};
use crate::ops::activation::Activation;
use crate::ops::kernel::{Bind, Dispatch, reads, writes};

pub(super) fn forward(shape: &PoolShape) -> Vec<Dispatch> {
    let elements = shape.spec.fleet * shape.y_len();
    let (entry, binds) = match shape.spec.kind {
        PoolKind::Max => ("max_forward", vec![reads(0), writes(1), writes(2)]),
        PoolKind::Average => ("average_forward", vec![reads(0), writes(1)]),
    };
    vec![dispatch(shape, Activation::None, entry, binds, elements)]
}

pub(super) fn backward(kernel: &PoolBackward) -> Vec<Dispatch> {
    let shape = &kernel.shape;
    let elements = shape.spec.fleet * shape.x_len();
    // Without a mask its binding repeats `dy`: read and never used.
    let saved = if kernel.mask == Activation::None { 0 } else { kernel.saved() };
    let (entry, binds) = match shape.spec.kind {
        PoolKind::Max => ("max_backward", vec![reads(0), writes(1), reads(saved), reads(2)]),
        PoolKind::Average => ("average_backward", vec![reads(0), writes(1), reads(saved)]),
    };
    vec![dispatch(shape, kernel.mask, entry, binds, elements)]
}

fn dispatch(shape: &PoolShape, mask: Activation, entry: &'static str, binds: Vec<Bind>, elements: usize) -> Dispatch {
    let PoolSpec { size, c, window, stride, .. } = shape.spec;
    let pairs = [size, shape.out, window, stride];
    let mut params: Vec<u32> = [elements, c].iter().chain(pairs.as_flattened()).map(|&word| word as u32).collect();
    params.push(mask.code());
    Dispatch { shader: SHADER, entry, constants: vec![], binds, params, groups: elements.div_ceil(256) }
}
