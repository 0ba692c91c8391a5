//! GPU: products of operands held as f16 on matrix units.
//!
//! What limits here are loads of matrices from shared memory: a block of r x c matrices needs r + c of them for r c products.
//! On an H100 a product of 16 x 16 x 16 takes a multiprocessor two clocks at best, a load of 512 bytes four. Four by two a
//! subgroup (64 registers of sums) are 24 clocks of loads for 16 of products, two by two 16 for 8. So large products take
//! eight subgroups of four by two, tiles of 128 x 128; smaller ones four of two by two, 64 x 64.

use super::{Matmul, MatmulSpec, UNITS, gpu};
use crate::backend::gpu::{GpuTraits, MatrixUnits};
use crate::ops::kernel::{Dispatch, Kernel, Shader, Target};
use crate::ops::tuning::{Candidate, TuningGroup, taken};

/// How a workgroup makes its tile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Form {
    name: &'static str,
    entry: &'static str,
    rows: usize,
    columns: usize,
    subgroups: usize,
    /// Subgroups side by side.
    across: usize,
}

const LARGE: Form = Form { name: "128x128", entry: "four_by_two", rows: 128, columns: 128, subgroups: 8, across: 4 };
const SMALL: Form = Form { name: "64x64", entry: "two_by_two", rows: 64, columns: 64, subgroups: 4, across: 2 };

const GROUPS: [(&str, [Form; 2]); 2] = [("matmul.units.large", [LARGE, SMALL]), ("matmul.units.small", [SMALL, LARGE])];

/// Places of k in shared memory.
const DEPTH: usize = 32;

/// The smallest subgroup whose invocations bring a tile in four quads each, and the largest of any device.
const SUBGROUP_MIN: usize = 32;
const SUBGROUP_MAX: usize = 64;

/// Tiles of 128 x 128 that fill a large device.
const WORKGROUPS_MANY: usize = 132;

impl Form {
    /// Words of f16 from one row or column of a tile to the next, for both operands, and those of both tiles.
    const fn tiles(&self, a_turned: bool, b_turned: bool) -> [usize; 4] {
        let (a_width, a_lines) = if a_turned { (self.rows, DEPTH) } else { (DEPTH, self.rows) };
        let (b_width, b_lines) = if b_turned { (DEPTH, self.columns) } else { (self.columns, DEPTH) };
        [a_width + 8, b_width + 8, (a_width + 8) * a_lines, (b_width + 8) * b_lines]
    }

    /// As large as it may get.
    fn candidate(&self) -> Candidate {
        let bytes = [[false, false], [false, true], [true, false], [true, true]].map(|[a, b]| {
            let [_, _, a_halves, b_halves] = self.tiles(a, b);
            2 * (a_halves + b_halves) + 1024 * self.subgroups
        });
        Candidate {
            name: self.name,
            invocations: self.subgroups * SUBGROUP_MAX,
            workgroup_bytes: bytes.into_iter().max().unwrap_or(0),
        }
    }

    fn constants(&self, spec: &MatmulSpec, units: MatrixUnits) -> Vec<(&'static str, f64)> {
        let [a_pitch, b_pitch, a_halves, b_halves] = self.tiles(spec.a_transposed, spec.b_transposed);
        let values = [
            ("ROWS", self.rows),
            ("COLUMNS", self.columns),
            ("DEPTH", DEPTH),
            ("INVOCATIONS", self.subgroups * units.subgroup),
            ("SUBGROUP", units.subgroup),
            ("ACROSS", self.across),
            ("A_PITCH", a_pitch),
            ("B_PITCH", b_pitch),
            ("A_QUADS", a_halves / 4),
            ("B_QUADS", b_halves / 4),
            ("STAGE_WORDS", 256 * self.subgroups),
        ];
        values.map(|(name, value)| (name, value as f64)).to_vec()
    }
}

/// The product on matrix units, if the device has them, both operands are held as f16, rows begin at multiples of four words,
/// and there is work for whole matrices.
pub(super) fn product(kernel: &Matmul, on: &Target<'_>) -> Option<Dispatch> {
    let units = on.device.units.filter(|units| units.subgroup >= SUBGROUP_MIN)?;
    let MatmulSpec { m, k, n, .. } = *kernel.spec();
    let whole = m.min(k).min(n) >= 16 && on.is_half(0) && on.is_half(1) && gpu::by_quads(kernel.spec());
    let form = form(kernel.spec(), on.device).filter(|_| whole)?;
    Some(with_form(kernel, &form, units, UNITS))
}

fn form(spec: &MatmulSpec, device: &GpuTraits) -> Option<Form> {
    let (chunks, _) = gpu::chunks(spec);
    let tiles = spec.fleet * chunks * spec.m.div_ceil(128) * spec.n.div_ceil(128);
    let (name, forms) = GROUPS[usize::from(tiles < WORKGROUPS_MANY)];
    let candidates = forms.map(|form| form.candidate());
    let form = taken(name, &candidates, device);
    candidates[form].fits(device).then_some(forms[form])
}

fn with_form(kernel: &Matmul, form: &Form, units: MatrixUnits, shader: Shader) -> Dispatch {
    let tile = (form.rows, form.columns);
    gpu::tiled(kernel, tile, (shader, form.entry), form.constants(kernel.spec(), units))
}

/// The groups with the shapes by which they are judged.
pub(super) fn groups() -> Vec<TuningGroup> {
    let plain = |fleet, m, k, n| MatmulSpec { fleet, m, k, n, ..MatmulSpec::default() };
    let turned = |spec| MatmulSpec { b_transposed: true, ..spec };
    let gradient = |spec| MatmulSpec { a_transposed: true, ..spec };
    let shapes = [
        (vec![plain(1, 4096, 4096, 4096), turned(plain(1, 65_536, 192, 128))], vec![plain(33, 132, 20, 136)]),
        (vec![plain(1, 65_536, 64, 64), gradient(plain(1, 64, 65_536, 192))], vec![turned(plain(2, 68, 44, 72))]),
    ];
    let kernels = |specs: Vec<MatmulSpec>| {
        let checked = specs.into_iter().filter_map(|spec| Matmul::new(spec).ok());
        checked.map(|kernel| Box::new(kernel) as Box<dyn Kernel>).collect()
    };
    let group = |((name, forms), (judged, small)): (&(&'static str, [Form; 2]), _)| TuningGroup {
        name,
        candidates: forms.iter().map(Form::candidate).collect(),
        units: true,
        judged: kernels(judged),
        small: kernels(small),
    };
    GROUPS.iter().zip(shapes).map(group).collect()
}

#[cfg(test)]
mod tests;
