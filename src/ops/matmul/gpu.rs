//! GPU: parameters, bindings, grid.

use super::forms::{Form, form};
use super::{Matmul, MatmulSpec, QUADS, SUM, WORDS, units};
use crate::ops::kernel::{Dispatch, Kernel, Shader, Target, reads, writes};

/// Outputs of a workgroup that adds chunks.
const SUMMED: usize = 64;

/// Sums over k longer than this may be cut.
const CUT_LEN_MIN: usize = 512;

/// Workgroups that one member's product should have; more chunks of k serve nobody.
const WORKGROUPS: usize = 256;

/// The longest sum in one chain: its rounding errors grow with the root of its length.
const CHUNK_LEN_MAX: usize = 8192;

/// Into how many chunks the sum over k is cut, and how long each is: a rule of the shape alone, so that neither the fleet
/// nor the device's choice of a tile changes a bit. Chunks begin at multiples of 32.
pub(super) fn chunks(spec: &MatmulSpec) -> (usize, usize) {
    let MatmulSpec { m, k, n, .. } = *spec;
    let tiles = m.div_ceil(64) * n.div_ceil(64);
    let wanted = WORKGROUPS.div_ceil(tiles).min(k.div_ceil(CUT_LEN_MIN));
    if k < 2 * CUT_LEN_MIN || wanted < 2 {
        return (1, k);
    }
    let len = k.div_ceil(wanted).min(CHUNK_LEN_MAX).next_multiple_of(32);
    (k.div_ceil(len), len)
}

/// Whether every row of all operands begins at a multiple of four words.
pub(super) fn by_quads(spec: &MatmulSpec) -> bool {
    let MatmulSpec { m, k, n, a_transposed, b_transposed, .. } = *spec;
    let a = if a_transposed { m } else { k };
    let b = if b_transposed { k } else { n };
    [a, b, n].iter().all(|len| len.is_multiple_of(4))
}

pub(super) fn dispatches(kernel: &Matmul, on: &Target<'_>) -> Vec<Dispatch> {
    let (chunks, _) = chunks(kernel.spec());
    let plain = || product(kernel, form(kernel.spec(), chunks, on.device));
    let mut dispatches = vec![units::product(kernel, on).unwrap_or_else(plain)];
    if chunks > 1 {
        dispatches.push(sum(kernel, chunks));
    }
    if let Some(sums) = kernel.places().sums {
        // The arguments of that kernel are `b`, the sums and the scratch of this one.
        let own = [1, sums, 3];
        for mut dispatch in kernel.column_sums().gpu(on) {
            dispatch.binds.iter_mut().for_each(|bind| bind.arg = own[bind.arg]);
            dispatches.push(dispatch);
        }
    }
    dispatches
}

fn product(kernel: &Matmul, form: &Form) -> Dispatch {
    let shader = if by_quads(kernel.spec()) { QUADS } else { WORDS };
    tiled(kernel, (form.rows, form.columns), (shader, form.entry), form.constants())
}

/// The dispatch whose workgroups make tiles of this size; `constants` are those of the tile alone.
pub(super) fn tiled(
    kernel: &Matmul,
    (rows, columns): (usize, usize),
    (shader, entry): (Shader, &'static str),
    mut constants: Vec<(&'static str, f64)>,
) -> Dispatch {
    let spec = kernel.spec();
    let MatmulSpec { fleet, m, k, n, .. } = *spec;
    let (chunks, chunk_len) = chunks(spec);
    let (tiles_m, tiles_n) = (m.div_ceil(rows), n.div_ceil(columns));
    let words = [m, k, n, tiles_m, tiles_n, chunks, chunk_len, kernel.scratch_len()];
    constants.push(("A_TURNED", f64::from(u8::from(spec.a_transposed))));
    constants.push(("B_TURNED", f64::from(u8::from(spec.b_transposed))));
    // With chunks, what follows the sum is the other kernel's work.
    if chunks == 1 {
        constants.extend(behind(spec));
    }
    // Without a bias or a mask their bindings repeat `b`: read and never used.
    let places = kernel.places();
    let (bias, saved) = (places.bias.unwrap_or(1), places.saved.unwrap_or(1));
    Dispatch {
        shader,
        entry,
        constants,
        binds: vec![reads(0), reads(1), reads(bias), reads(saved), writes(if chunks > 1 { 3 } else { 2 })],
        params: words.map(|word| word as u32).to_vec(),
        groups: fleet * chunks * tiles_m * tiles_n,
    }
}

fn sum(kernel: &Matmul, chunks: usize) -> Dispatch {
    let MatmulSpec { fleet, m, n, .. } = *kernel.spec();
    let places = kernel.places();
    let (bias, saved) = (places.bias.unwrap_or(1), places.saved.unwrap_or(1));
    let words = [m, n, chunks, kernel.scratch_len(), fleet * m * n];
    Dispatch {
        shader: SUM,
        entry: "sum_chunks",
        constants: behind(kernel.spec()),
        binds: vec![reads(3), reads(bias), reads(saved), writes(2)],
        params: words.map(|word| word as u32).to_vec(),
        groups: (fleet * m * n).div_ceil(SUMMED),
    }
}

/// What follows the sum: constants, since a form's epilogue is unrolled 16 times.
fn behind(spec: &MatmulSpec) -> Vec<(&'static str, f64)> {
    vec![
        ("BIAS", f64::from(u8::from(spec.bias))),
        ("ACTIVATION", f64::from(spec.activation.code())),
        ("MASK", f64::from(spec.mask.code())),
    ]
}
