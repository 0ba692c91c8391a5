//! GPU: parameters, bindings, grid.

use super::{Matmul, MatmulSpec, SHADER};
use crate::ops::kernel::{Dispatch, reads, writes};

/// Outputs up to this many rows or columns use the small tile.
const SMALL: usize = 32;

pub(super) fn dispatches(kernel: &Matmul) -> Vec<Dispatch> {
    let spec = kernel.spec();
    let MatmulSpec { fleet, m, k, n, .. } = *spec;
    let (chunks, chunk_len) = kernel.k_chunks();
    let tile = if m <= SMALL || n <= SMALL { 16 } else { 64 };
    let (tiles_m, tiles_n) = (m.div_ceil(tile), n.div_ceil(tile));
    let flags = u32::from(spec.a_transposed) | u32::from(spec.b_transposed) << 1 | u32::from(spec.bias) << 2;
    let words = [m, k, n, tiles_m, tiles_n, chunks, chunk_len];
    let mut params: Vec<u32> = words.iter().map(|&w| w as u32).collect();
    params.extend([flags, spec.activation.code()]);
    // Without a bias its binding repeats `b`: read and never used.
    let bias = if spec.bias { 4 } else { 1 };
    let product = Dispatch {
        shader: SHADER,
        entry: if tile == 16 { "small" } else { "tiled" },
        constants: vec![],
        binds: vec![reads(0), reads(1), reads(bias), writes(if chunks > 1 { 3 } else { 2 })],
        params: params.clone(),
        groups: fleet * chunks * tiles_m * tiles_n,
    };
    if chunks == 1 {
        return vec![product];
    }
    let sum = Dispatch {
        shader: SHADER,
        entry: "sum_chunks",
        constants: vec![],
        binds: vec![reads(3), reads(bias), writes(2)],
        params: [params, vec![(fleet * m * n) as u32, kernel.scratch_len() as u32]].concat(),
        groups: (fleet * m * n).div_ceil(256),
    };
    let mut product = product;
    product.params.extend([(fleet * m * n) as u32, kernel.scratch_len() as u32]);
    vec![product, sum]
}
