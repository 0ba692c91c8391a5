//! GPU: one invocation an element.

use super::{Dropout, DropoutSpec, SHADER, schedule};
use crate::ops::kernel::{Dispatch, reads, writes};

pub(super) fn dispatches(kernel: &Dropout) -> Vec<Dispatch> {
    let DropoutSpec { fleet, len, stream, steps, .. } = kernel.spec;
    let elements = fleet * len;
    let schedule_len = (steps * schedule::WIDTH) as u32;
    vec![Dispatch {
        shader: SHADER,
        entry: "dropout",
        constants: vec![],
        binds: vec![reads(0), reads(1), reads(2), writes(3)],
        params: vec![elements as u32, len as u32, stream, schedule_len, kernel.threshold(), kernel.scale().to_bits()],
        groups: elements.div_ceil(256),
    }]
}
