//! Words that may be held as f16, piece by piece as f32: what the loops over blocks work on.

use std::ops::Range;

use crate::backend::{CpuContext, half};
use crate::ops::kernel::{Floats, FloatsMut};

/// Values of a piece of f16, at most.
const PIECE: usize = 1024;

/// Where f16 values are widened to; f32 values never ask for it.
pub(super) type Buffer = Option<Piece>;

/// Cache lines, so that no register lies across two of them.
#[derive(Debug)]
#[repr(align(64))]
pub(super) struct Piece([f32; PIECE]);

/// An empty one.
pub(super) const BUFFER: Buffer = None;

/// `at`, piece by piece, each with its place within its block; `at` begins with a block. f32 values need no buffer: they
/// are one piece. A piece of f16 values is whole blocks or part of one.
pub(super) fn pieces(halves: bool, block: usize, at: Range<usize>) -> impl Iterator<Item = (Range<usize>, usize)> {
    let mut next = at.start;
    std::iter::from_fn(move || {
        let first = next;
        let within = (first - at.start) % block;
        let len = match (halves, block <= PIECE) {
            (false, _) => at.end - first,
            (true, true) => PIECE / block * block,
            (true, false) => PIECE.min(block - within),
        };
        next = at.end.min(first + len);
        (first < next).then_some((first..next, within))
    })
}

/// Some of the values as f32.
pub(super) fn read<'a>(ctx: &CpuContext, values: Floats<'a>, at: Range<usize>, buffer: &'a mut Buffer) -> &'a [f32] {
    match values {
        Floats::Full(values) => &values[at],
        Floats::Half(values) => {
            let buffer = &mut buffer.get_or_insert(Piece([0.0; PIECE])).0[..at.len()];
            half::widen(ctx.simd, &values[at], buffer);
            buffer
        }
    }
}

/// Calls `each` with the f32 form of some of the values, to be filled.
pub(super) fn write(
    ctx: &CpuContext,
    values: &mut FloatsMut<'_>,
    at: Range<usize>,
    buffer: &mut Buffer,
    each: impl FnOnce(&mut [f32]),
) {
    match values {
        FloatsMut::Full(values) => each(&mut values[at]),
        FloatsMut::Half(values) => {
            let buffer = &mut buffer.get_or_insert(Piece([0.0; PIECE])).0[..at.len()];
            each(buffer);
            half::narrow(ctx.simd, buffer, &mut values[at]);
        }
    }
}

/// Whether any of them is held as f16.
pub(super) fn any_half(read: &[Floats<'_>], written: Option<&FloatsMut<'_>>) -> bool {
    read.iter().any(|values| matches!(values, Floats::Half(_))) || matches!(written, Some(FloatsMut::Half(_)))
}
