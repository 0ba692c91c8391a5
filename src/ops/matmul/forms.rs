//! GPU: tiles to choose from.
//!
//! What limits a product on a GPU is, in this order: multiply-adds, reads of shared memory, memory. With R x C values an
//! invocation, one place of k costs R * C multiply-adds and (R + C) / 4 reads of 16 bytes. A multiprocessor of an H100 does
//! 128 multiply-adds a clock, and 32 invocations' reads of 16 bytes take it up to four clocks. For 32 invocations with 8 x 8
//! values these are 16 clocks of arithmetic and 16 of reading: both busy. With 4 x 4 they are 4 and 8: bound by reads at
//! half the speed. So large products take 8 x 8, with about 120 registers, which leave 512 invocations a multiprocessor:
//! enough, as what comes next is fetched before this tile is multiplied. Products with few tiles take 4 x 4, whose four times
//! as many invocations hide what the few workgroups cannot. A tile of 128 x 128 reads 16 bytes of memory for 1,024
//! multiply-adds, far more than the ratio of speeds asks for.

use super::{Matmul, MatmulSpec};
use crate::backend::gpu::GpuTraits;
use crate::ops::kernel::Kernel;
use crate::ops::tuning::{Candidate, TuningGroup, taken};

/// A tile of `c` and how its workgroup makes it. All sizes are powers of two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Form {
    pub name: &'static str,
    /// The shader's entry: values that an invocation holds.
    pub entry: &'static str,
    pub rows: usize,
    pub columns: usize,
    /// Places of k in shared memory.
    pub depth: usize,
    pub invocations: usize,
}

impl Form {
    const fn new(name: &'static str, entry: &'static str, [rows, columns, depth, invocations]: [usize; 4]) -> Self {
        Self { name, entry, rows, columns, depth, invocations }
    }

    const fn candidate(&self) -> Candidate {
        let workgroup_bytes = (self.rows + self.columns) * self.depth * 4;
        Candidate { name: self.name, invocations: self.invocations, workgroup_bytes }
    }

    /// Values of the shader's `override` constants that follow from the tile.
    pub(super) fn constants(&self) -> Vec<(&'static str, f64)> {
        let Self { rows, columns, depth, invocations, .. } = *self;
        let a_squares = rows * depth / 16;
        let values = [
            ("ROWS", rows),
            ("COLUMNS", columns),
            ("DEPTH", depth),
            ("INVOCATIONS", invocations),
            ("A_SQUARES", a_squares),
            ("SQUARES", a_squares + columns * depth / 16),
            ("A_QUADS", rows * depth / 4),
            ("B_QUADS", columns * depth / 4),
        ];
        values.map(|(name, value)| (name, value as f64)).to_vec()
    }
}

const F44: &str = "four_by_four";
const F84: &str = "eight_by_four";
const F88: &str = "eight_by_eight";

/// Enough tiles of 128 x 128 for a large device.
const LARGE: [Form; 6] = [
    Form::new("128x128x16 8x8", F88, [128, 128, 16, 256]),
    Form::new("128x128x8 8x8", F88, [128, 128, 8, 256]),
    Form::new("128x64x16 8x8", F88, [128, 64, 16, 128]),
    Form::new("64x64x16 8x8", F88, [64, 64, 16, 64]),
    Form::new("128x64x16 8x4", F84, [128, 64, 16, 256]),
    Form::new("256x128x16 8x8", F88, [256, 128, 16, 512]),
];

/// More than 32 rows and columns, but few tiles.
const MEDIUM: [Form; 5] = [
    Form::new("64x64x32 4x4", F44, [64, 64, 32, 256]),
    Form::new("64x64x16 4x4", F44, [64, 64, 16, 256]),
    Form::new("64x64x16 8x4", F84, [64, 64, 16, 128]),
    Form::new("64x64x16 8x8", F88, [64, 64, 16, 64]),
    Form::new("32x32x32 4x4", F44, [32, 32, 32, 64]),
];

/// Few rows or few columns, or many members with small products each.
const SMALL: [Form; 5] = [
    Form::new("32x32x32 4x4", F44, [32, 32, 32, 64]),
    Form::new("32x32x16 4x4", F44, [32, 32, 16, 64]),
    Form::new("64x32x16 4x4", F44, [64, 32, 16, 128]),
    Form::new("64x32x16 8x4", F84, [64, 32, 16, 64]),
    Form::new("32x64x16 4x4", F44, [32, 64, 16, 128]),
];

/// At most 16 columns: the outputs of a network.
const NARROW: [Form; 3] = [
    Form::new("128x16x16 4x4", F44, [128, 16, 16, 128]),
    Form::new("64x16x16 4x4", F44, [64, 16, 16, 64]),
    Form::new("256x16x8 8x4", F84, [256, 16, 8, 128]),
];

const GROUPS: [(&str, &[Form]); 4] =
    [("matmul.large", &LARGE), ("matmul.medium", &MEDIUM), ("matmul.small", &SMALL), ("matmul.narrow", &NARROW)];

/// Workgroups that are enough to fill a large device.
const WORKGROUPS_MANY: usize = 132;

fn group_of(spec: &MatmulSpec, chunks: usize) -> (&'static str, &'static [Form]) {
    let MatmulSpec { fleet, m, n, .. } = *spec;
    let large = fleet * chunks * m.div_ceil(128) * n.div_ceil(128) >= WORKGROUPS_MANY;
    match (m, n) {
        (_, ..=16) => GROUPS[3],
        (..=32, _) | (_, ..=32) => GROUPS[2],
        (128.., 128..) if large => GROUPS[0],
        _ => GROUPS[1],
    }
}

/// The form for a product on `device`.
pub(super) fn form(spec: &MatmulSpec, chunks: usize, device: &GpuTraits) -> &'static Form {
    let (name, forms) = group_of(spec, chunks);
    let candidates: Vec<Candidate> = forms.iter().map(Form::candidate).collect();
    &forms[taken(name, &candidates, device)]
}

/// The groups with the shapes by which they are judged: what trainings spend their time on.
pub(super) fn groups() -> Vec<TuningGroup> {
    let plain = |fleet, m, k, n| MatmulSpec { fleet, m, k, n, ..MatmulSpec::default() };
    let turned = |spec| MatmulSpec { b_transposed: true, ..spec };
    let gradient = |spec| MatmulSpec { a_transposed: true, ..spec };
    let judged: [Vec<MatmulSpec>; 4] = [
        vec![plain(1, 2048, 2048, 2048), turned(plain(1, 65_536, 192, 128)), plain(1, 65_536, 128, 128)],
        vec![plain(1, 512, 512, 512), plain(1, 65_536, 64, 64), gradient(plain(1, 64, 65_536, 192))],
        vec![plain(1000, 256, 64, 32), gradient(plain(1000, 28, 256, 64)), gradient(plain(1, 32, 65_536, 64))],
        vec![plain(1, 65_536, 64, 10), plain(1000, 256, 32, 1)],
    ];
    let small: [Vec<MatmulSpec>; 4] = [
        vec![plain(33, 130, 21, 140), gradient(plain(33, 132, 20, 136))],
        vec![turned(plain(2, 67, 45, 70)), gradient(plain(1, 40, 1100, 36))],
        vec![turned(plain(3, 17, 19, 33)), gradient(plain(2, 28, 1030, 32))],
        vec![plain(2, 70, 33, 10), plain(3, 40, 32, 1)],
    ];
    let kernels = |specs: Vec<MatmulSpec>| {
        let checked = specs.into_iter().filter_map(|spec| Matmul::new(spec).ok());
        checked.map(|kernel| Box::new(kernel) as Box<dyn Kernel>).collect()
    };
    let shapes = judged.into_iter().zip(small);
    GROUPS
        .iter()
        .zip(shapes)
        .map(|((name, forms), (judged, small))| TuningGroup {
            name,
            candidates: forms.iter().map(Form::candidate).collect(),
            units: false,
            judged: kernels(judged),
            small: kernels(small),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::matmul::gpu;

    #[test]
    fn e4_every_form_is_whole_and_the_first_of_each_group_fits_every_device() {
        let least = GpuTraits::least();
        for (name, forms) in GROUPS {
            assert!(forms[0].candidate().fits(&least), "{name}");
            for form in forms {
                let (high, wide) = match form.entry {
                    F44 => (4, 4),
                    F84 => (8, 4),
                    _ => (8, 8),
                };
                assert_eq!(form.rows * form.columns, form.invocations * high * wide, "{}", form.name);
                let squares = (form.rows + form.columns) * form.depth / 16;
                assert!(squares <= 2 * form.invocations, "{}: {squares} squares", form.name);
                // Invocations stand in blocks four high, and a slot's pattern needs powers of two.
                assert!(form.rows / high % 4 == 0 && form.depth >= 4, "{}", form.name);
                for size in [form.rows, form.columns, form.depth, form.invocations] {
                    assert!(size.is_power_of_two(), "{}: {size}", form.name);
                }
            }
        }
    }

    #[test]
    fn e7_shapes_go_to_their_groups() {
        let named = |fleet, m, k, n| {
            let kernel = Matmul::new(MatmulSpec { fleet, m, k, n, ..MatmulSpec::default() }).expect("a product");
            group_of(kernel.spec(), gpu::chunks(kernel.spec()).0).0
        };
        assert_eq!(named(1, 4096, 4096, 4096), "matmul.large");
        assert_eq!(named(1, 512, 512, 512), "matmul.medium");
        assert_eq!(named(1000, 32, 16, 32), "matmul.small");
        assert_eq!(named(1, 65_536, 64, 10), "matmul.narrow");
    }
}
