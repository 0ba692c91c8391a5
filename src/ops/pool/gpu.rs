//! GPU: one invocation an element of y, or of dx.

use super::{PoolKind, PoolShape, PoolSpec, SHADER};
use crate::ops::kernel::{Bind, Dispatch, reads, writes};

pub(super) fn forward(shape: &PoolShape) -> Vec<Dispatch> {
    let elements = shape.spec.fleet * shape.y_len();
    vec![match shape.spec.kind {
        PoolKind::Max => dispatch(shape, "max_forward", vec![reads(0), writes(1), writes(2)], elements),
        PoolKind::Average => dispatch(shape, "average_forward", vec![reads(0), writes(1)], elements),
    }]
}

pub(super) fn backward(shape: &PoolShape) -> Vec<Dispatch> {
    let elements = shape.spec.fleet * shape.x_len();
    vec![match shape.spec.kind {
        PoolKind::Max => dispatch(shape, "max_backward", vec![reads(0), writes(1), reads(2)], elements),
        PoolKind::Average => dispatch(shape, "average_backward", vec![reads(0), writes(1)], elements),
    }]
}

fn dispatch(shape: &PoolShape, entry: &'static str, binds: Vec<Bind>, elements: usize) -> Dispatch {
    let PoolSpec { l, c, window, stride, .. } = shape.spec;
    let params = [elements, l, shape.l_out, c, window, stride].map(|word| word as u32).to_vec();
    Dispatch { shader: SHADER, entry, constants: vec![], binds, params, groups: elements.div_ceil(256) }
}
