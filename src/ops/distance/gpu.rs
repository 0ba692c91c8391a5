//! GPU: parameters, bindings, grid.

use super::{Distance, DistanceSpec, Metric, SHADER};
use crate::ops::kernel::{Bind, Dispatch, reads, writes};

/// Rows of a workgroup, and centres that it takes at a time.
const TILE: usize = 64;

/// Workgroups below which the centres are shared out.
const GROUPS_MIN: usize = 64;

/// The fewest centres of a share.
const SHARE_MIN: usize = 256;

/// Invocations of a workgroup of the passes that have one for each row.
const LINES: usize = 64;

/// Centres of a share.
fn share_len(spec: &DistanceSpec) -> usize {
    let wanted = (GROUPS_MIN / spec.n.div_ceil(TILE)).clamp(1, spec.k.div_ceil(SHARE_MIN));
    spec.k.div_ceil(wanted).next_multiple_of(TILE)
}

pub(super) fn shares(spec: &DistanceSpec) -> usize {
    spec.k.div_ceil(share_len(spec))
}

fn keeps_lists(spec: &DistanceSpec) -> bool {
    spec.nearest > 1 || shares(spec) > 1
}

fn scales_len(spec: &DistanceSpec) -> usize {
    if spec.metric == Metric::Cosine { spec.n + spec.k } else { 0 }
}

/// Words of working memory: a scale for each row and centre, then the shares' lists: distances, and labels as f32.
pub(super) fn scratch_len(spec: &DistanceSpec) -> usize {
    let lists = if keeps_lists(spec) { 2 * shares(spec) } else { 0 };
    scales_len(spec).saturating_add(lists.saturating_mul(spec.n).saturating_mul(spec.nearest))
}

pub(super) fn dispatches(kernel: &Distance) -> Vec<Dispatch> {
    let spec = kernel.spec();
    let DistanceSpec { fleet, n, k, d, metric, nearest } = *spec;
    let (tiles, shares) = (n.div_ceil(TILE), shares(spec));
    let dispatch = |entry, binds: Vec<Bind>, lines: usize, groups| Dispatch {
        shader: SHADER,
        entry,
        constants: vec![("METRIC", f64::from(metric as u8))],
        binds,
        params: [n, k, d, tiles, nearest, shares, share_len(spec), kernel.scratch_len(), scales_len(spec), lines]
            .map(|word| word as u32)
            .to_vec(),
        groups,
    };
    let by_line = |entry, binds, lines: usize| dispatch(entry, binds, lines, lines.div_ceil(LINES));
    let mut all = vec![];
    if metric == Metric::Cosine {
        all.push(by_line("scale", vec![reads(0), reads(1), writes(4)], fleet * (n + k)));
    }
    if keeps_lists(spec) {
        all.push(dispatch("top_k", vec![reads(0), reads(1), writes(4)], 0, fleet * tiles * shares));
        all.push(by_line("merge", vec![reads(4), writes(2), writes(3)], fleet * n));
    } else {
        all.push(dispatch("nearest", vec![reads(0), reads(1), writes(4), writes(2), writes(3)], 0, fleet * tiles));
    }
    all
}
