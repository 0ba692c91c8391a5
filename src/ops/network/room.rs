//! How a network is cut to a workgroup: how many invocations, how many rows at a time, what lies where in shared memory.

use super::NetworkSpec;
use crate::backend::gpu::GpuTraits;

/// Bytes of a quad of values.
const QUAD: usize = 16;

/// The most quads of gradients that an invocation holds: more would not stay in registers.
const HELD_MAX: usize = 32;

/// What one layer's invocations do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LayerRoom {
    /// Where its matrix and its bias begin among the shared weights, in quads.
    pub matrix: usize,
    pub bias: usize,
    /// Rows that an invocation makes at a time, forward and backward.
    pub forward: usize,
    pub backward: usize,
    /// Blocks of gradients an invocation, and invocations that share a block.
    pub blocks: usize,
    pub splits: usize,
}

/// The whole cut.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Room {
    /// Invocations.
    pub lanes: usize,
    /// Rows of a tile.
    pub rows: usize,
    /// Quads of weights, and of activations.
    pub weights: usize,
    pub acts: usize,
    /// For each level of values where it begins, and how many quads apart its rows are.
    pub levels: Vec<(usize, usize)>,
    pub layers: Vec<LayerRoom>,
}

pub(super) const fn quads(width: usize) -> usize {
    width.div_ceil(4)
}

impl Room {
    /// The cut with the most rows that the device has room for: the more rows, the more often a weight that was fetched is
    /// used.
    pub(super) fn find(spec: &NetworkSpec, device: &GpuTraits) -> Option<Self> {
        let most = spec.batch.next_power_of_two().clamp(8, 64);
        let rows = [64, 32, 16, 8].into_iter().filter(|rows| *rows <= most);
        // Rows an odd number of quads apart lie in different banks; without that more of them fit.
        let cuts = rows.flat_map(|rows| [(rows, true), (rows, false)]);
        let mut rooms = cuts.map(|(rows, odd)| Self::cut(spec, rows, odd, device.invocations));
        rooms.find(|room| room.bytes() <= device.workgroup_bytes && room.held() <= HELD_MAX)
    }

    /// The cut that needs least.
    pub(super) fn smallest(spec: &NetworkSpec) -> Self {
        Self::cut(spec, 8, false, 64)
    }

    fn cut(spec: &NetworkSpec, rows: usize, odd: bool, invocations: usize) -> Self {
        let wide = spec.widths.iter().map(|width| quads(*width)).max().unwrap_or(1);
        let lanes = (rows / 4 * wide).next_power_of_two().clamp(64, 256.min(invocations).max(64));
        let (mut levels, mut acts) = (vec![], 0);
        for width in &spec.widths {
            let apart = if odd { quads(*width) | 1 } else { quads(*width) };
            levels.push((acts, apart));
            acts += rows * apart;
        }
        let (mut layers, mut weights) = (vec![], 0);
        for pair in spec.widths.windows(2) {
            let (ins, outs) = (quads(pair[0]), quads(pair[1]));
            let (matrix, bias) = (weights, weights + 4 * ins * outs);
            weights = bias + outs;
            let blocks = ins * outs;
            // As many invocations a block as there are idle ones, in powers of two.
            let splits = if blocks * 2 <= lanes { prev_power_of_two(lanes / blocks).min(4) } else { 1 };
            let at_once = |columns: usize| [4, 2].into_iter().find(|n| rows / n * columns * 2 > lanes).unwrap_or(1);
            layers.push(LayerRoom {
                matrix,
                bias,
                forward: at_once(outs),
                backward: at_once(ins),
                blocks: blocks.div_ceil(lanes / splits),
                splits,
            });
            // What invocations of a block hand to each other passes through the activations' memory.
            if splits > 1 {
                acts = acts.max(5 * blocks);
            }
        }
        Self { lanes, rows, weights, acts, levels, layers }
    }

    /// Bytes of shared memory.
    pub(super) fn bytes(&self) -> usize {
        QUAD * (self.weights + self.acts) + 4 * (2 * self.rows + self.lanes)
    }

    /// Quads of gradients an invocation.
    fn held(&self) -> usize {
        self.layers.iter().map(|layer| 5 * layer.blocks).sum()
    }
}

const fn prev_power_of_two(n: usize) -> usize {
    1 << n.ilog2()
}
