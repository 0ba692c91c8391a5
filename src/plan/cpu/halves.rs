//! Tensors held as f16: where kernels find their values as f32.

use std::collections::BTreeMap;

use super::memory::LINE;
use crate::backend::half::f16;
use crate::ops::{Access, Axis};
use crate::plan::builder::{Recorded, TensorId};

/// All of a member's values as f32, in the memory that the member's tiles share.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wide {
    pub tensor: TensorId,
    /// Words from the start.
    pub start: usize,
    pub len: usize,
    /// Widened before the kernel runs.
    pub read: bool,
    /// Narrowed when it has run.
    pub written: bool,
}

/// A tile's rows as f32, in a worker's memory while the tile runs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Carried {
    pub tensor: TensorId,
    /// Words from the start.
    pub start: usize,
    /// Values a row.
    pub width: usize,
    /// Before which of the run's kernels they are widened: the first that uses them, if it reads them.
    pub widened: Option<usize>,
    /// After which of the run's kernels they are narrowed: the last that writes them.
    pub narrowed: Option<usize>,
}

/// The tensors that a kernel wants whole and as f32, each with a place from `end` on, which moves along.
pub(super) fn wide(recorded: &Recorded, held: impl Fn(TensorId) -> bool, end: &mut usize) -> Vec<Wide> {
    let args = recorded.args.iter().zip(&recorded.tensors);
    let wanted = args.filter(|(arg, id)| arg.access != Access::Scratch && !arg.half && held(**id));
    let place = |(arg, id): (&crate::ops::ArgSpec, &TensorId)| {
        let start = *end;
        *end += arg.len.next_multiple_of(LINE);
        let (read, written) = (arg.is_input(), arg.is_output());
        Wide { tensor: *id, start, len: arg.len, read, written }
    };
    wanted.map(place).collect()
}

/// The tensors that a run of kernels has by rows, whose places in a worker's memory are known.
pub(super) fn carried(
    recorded: &[Recorded],
    places: &BTreeMap<TensorId, usize>,
    held: impl Fn(TensorId) -> bool,
    width: impl Fn(TensorId) -> usize,
) -> Vec<Carried> {
    let mut found: BTreeMap<TensorId, Carried> = BTreeMap::new();
    for (i, r) in recorded.iter().enumerate() {
        for (arg, id) in r.args.iter().zip(&r.tensors).filter(|(arg, id)| arg.axis == Axis::Rows && held(**id)) {
            let Some(&start) = places.get(id) else { continue };
            let widened = arg.is_input().then_some(i);
            let first = Carried { tensor: *id, start, width: width(*id), widened, narrowed: None };
            let own = found.entry(*id).or_insert(first);
            if arg.is_output() {
                own.narrowed = Some(i);
            }
        }
    }
    found.into_values().collect()
}

/// Values from `start` on.
///
/// # Safety
/// They are there, and nobody writes them meanwhile.
pub(super) unsafe fn values<'a, T>(start: *const T, len: usize) -> &'a [T] {
    // SAFETY: as the caller promises.
    unsafe { std::slice::from_raw_parts(start, len) }
}

/// Values from `start` on, for writing.
///
/// # Safety
/// They are there, and nobody else touches them meanwhile.
pub(super) unsafe fn values_mut<'a, T>(start: *mut T, len: usize) -> &'a mut [T] {
    // SAFETY: as the caller promises.
    unsafe { std::slice::from_raw_parts_mut(start, len) }
}

/// Where f16 values begin that stand in words from `start` on.
pub(super) const fn halves(start: *mut u32) -> *mut f16 {
    start.cast()
}
