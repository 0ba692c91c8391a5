//! GPU: parameters, bindings, grid.

use super::{Matmul, MatmulSpec, SHADER};
use crate::ops::kernel::{Dispatch, Kernel, Target, reads, writes};

/// Outputs up to this many rows or columns use the small tile.
const SMALL: usize = 32;

pub(super) fn dispatches(kernel: &Matmul, on: &Target<'_>) -> Vec<Dispatch> {
    let spec = kernel.spec();
    let MatmulSpec { fleet, m, k, n, .. } = *spec;
    let (chunks, chunk_len) = kernel.k_chunks();
    let tile = if m <= SMALL || n <= SMALL { 16 } else { 64 };
    let (tiles_m, tiles_n) = (m.div_ceil(tile), n.div_ceil(tile));
    let flags = u32::from(spec.a_transposed) | u32::from(spec.b_transposed) << 1 | u32::from(spec.bias) << 2;
    let words = [m, k, n, tiles_m, tiles_n, chunks, chunk_len];
    let mut params: Vec<u32> = words.iter().map(|&w| w as u32).collect();
    params.extend([flags, spec.activation.code(), spec.mask.code()]);
    params.extend([fleet * m * n, kernel.scratch_len()].map(|w| w as u32));
    // Without a bias or a mask their bindings repeat `b`: read and never used.
    let places = kernel.places();
    let (bias, saved) = (places.bias.unwrap_or(1), places.saved.unwrap_or(1));
    let product = Dispatch {
        shader: SHADER,
        entry: if tile == 16 { "small" } else { "tiled" },
        constants: vec![],
        binds: vec![reads(0), reads(1), reads(bias), reads(saved), writes(if chunks > 1 { 3 } else { 2 })],
        params: params.clone(),
        groups: fleet * chunks * tiles_m * tiles_n,
    };
    let mut dispatches = vec![product];
    if chunks > 1 {
        dispatches.push(Dispatch {
            shader: SHADER,
            entry: "sum_chunks",
            constants: vec![],
            binds: vec![reads(3), reads(bias), reads(saved), writes(2)],
            params,
            groups: (fleet * m * n).div_ceil(256),
        });
    }
    if let Some(sums) = places.sums {
        // The arguments of that kernel are `b`, the sums and the scratch of this one.
        let own = [1, sums, 3];
        for mut dispatch in kernel.column_sums().gpu(on) {
            dispatch.binds.iter_mut().for_each(|bind| bind.arg = own[bind.arg]);
            dispatches.push(dispatch);
        }
    }
    dispatches
}
