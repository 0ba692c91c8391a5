//! GPU: weights, and their slopes on the way back, by an invocation a row of a head; everything else by an invocation a
//! word that is written.

use super::{AssociationSpec, SHADER};
use crate::ops::kernel::{Bind, Dispatch, reads, writes};

fn dispatch(spec: &AssociationSpec, entry: &'static str, binds: Vec<Bind>, a_sample: usize) -> Dispatch {
    let AssociationSpec { fleet, n, l, d, heads } = *spec;
    let units = fleet * n * a_sample;
    let words = [units, l, d, heads, spec.places()];
    let params = words.map(|word| word as u32).into_iter().chain([spec.scale().to_bits()]).collect();
    Dispatch { shader: SHADER, entry, constants: vec![], binds, params, groups: units.div_ceil(256) }
}

pub(super) fn forward(spec: &AssociationSpec) -> Vec<Dispatch> {
    vec![
        dispatch(spec, "weights", vec![reads(0), writes(3)], spec.heads * spec.l),
        dispatch(spec, "contexts", vec![reads(0), writes(2), reads(3), reads(1)], spec.places() * spec.d),
    ]
}

pub(super) fn backward(spec: &AssociationSpec) -> Vec<Dispatch> {
    let gradients = vec![reads(0), writes(4), reads(1), reads(2), reads(5), writes(3)];
    vec![
        dispatch(spec, "slopes", vec![reads(0), writes(5), reads(1), reads(2)], spec.heads * spec.l),
        dispatch(spec, "gradients", gradients, 3 * spec.l * spec.d),
    ]
}
