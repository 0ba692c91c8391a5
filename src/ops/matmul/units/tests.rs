//! The tiling around matrix units, with emulated ones.

use super::*;
use crate::backend::{Backend, CpuContext};
use crate::ops::kernel::{ArgSpec, Args, Work};
use crate::ops::matmul::UNITS_EMULATED;
use crate::ops::testing::backends;
use crate::ops::{Activation, Call, Case, Fill};
use crate::plan::prepared::{Prepared, inputs};
use crate::plan::verify::agreement;

/// A product that goes to emulated units of 32 invocations, in this form.
#[derive(Debug, Clone, Copy)]
struct Emulated(Matmul, Form);

const EMULATED: MatrixUnits = MatrixUnits { subgroup: 32 };

impl Kernel for Emulated {
    fn name(&self) -> &'static str {
        "matmul.emulated"
    }
    fn boxed(&self) -> Box<dyn Kernel> {
        Box::new(*self)
    }
    fn fleet(&self) -> usize {
        self.0.fleet()
    }
    fn args(&self) -> Vec<ArgSpec> {
        self.0.args()
    }
    fn work(&self) -> Work {
        self.0.work()
    }
    fn reference(&self, args: &mut [Vec<f64>], step: u32) {
        self.0.reference(args, step);
    }
    fn cpu(&self, ctx: &CpuContext, args: &mut Args<'_>, step: u32) {
        self.0.cpu(ctx, args, step);
    }
    fn gpu(&self, on: &Target<'_>) -> Vec<Dispatch> {
        let mut dispatches = self.0.gpu(on);
        dispatches[0] = with_form(&self.0, &self.1, EMULATED, UNITS_EMULATED);
        dispatches
    }
}

/// A case whose numbers are f16: eighths of whole numbers.
fn case(spec: MatmulSpec, form: Form) -> Case {
    let eighths = |seed: u32| Fill::Values((0..101).map(|i| ((i * 37 + seed) % 49) as f32 / 8.0 - 3.0).collect());
    let kernel = Emulated(Matmul::new(spec).expect("a shape"), form);
    Case::new("emulated").call(Call::new(kernel)).fill("a", eighths(5)).fill("b", eighths(11)).fill("bias", eighths(2))
}

fn specs() -> Vec<MatmulSpec> {
    let plain = |fleet, m, k, n| MatmulSpec { fleet, m, k, n, ..MatmulSpec::default() };
    vec![
        plain(2, 70, 36, 84),
        MatmulSpec { a_transposed: true, bias: true, activation: Activation::Relu, ..plain(1, 132, 21, 72) },
        MatmulSpec { b_transposed: true, mask: Activation::Tanh, ..plain(1, 17, 64, 20) },
        MatmulSpec { a_transposed: true, b_transposed: true, ..plain(1, 20, 1100, 24) },
    ]
}

#[test]
fn e8_tiles_of_emulated_units_agree_with_the_reference() {
    // A GPU that holds f16 in memory: the tiles are f16.
    let half = |backend: &Backend| matches!(backend, Backend::Gpu(gpu) if gpu.traits().half);
    let Some(backend) = backends().into_iter().find(half) else { return };
    for (number, spec) in specs().into_iter().enumerate() {
        // A software GPU takes seconds to compile the larger one.
        for form in if number < 2 { [SMALL, LARGE].as_slice() } else { &[SMALL] } {
            let case = case(spec, *form);
            for found in agreement(&case, &backend).expect("a run") {
                assert!(found.nmse <= 1e-12, "{spec:?} {form:?}: {found:?}");
            }
            // The same numbers held as f16 give the same bits.
            let call = &case.calls[0];
            let values = inputs(&case);
            let run = |mut prepared: Prepared| {
                prepared.run(0).expect("a run");
                prepared.outputs().expect("outputs")
            };
            let full = run(Prepared::new(call, &backend, &values).expect("a plan"));
            if spec.mask == Activation::None {
                let halves = run(Prepared::reading_halves(call, &backend, &values).expect("a plan"));
                assert!(full == halves, "{spec:?} {form:?}");
            }
        }
    }
}

#[test]
fn e8_units_serve_operands_held_as_f16_alone() {
    let with = GpuTraits {
        workgroup_bytes: 49_152,
        invocations: 1024,
        units: Some(MatrixUnits { subgroup: 32 }),
        ..GpuTraits::least()
    };
    let entry = |spec: MatmulSpec, device: &GpuTraits, halves: u32| {
        let kernel = Matmul::new(spec).expect("a shape");
        let target = Target { device, halves };
        product(&kernel, &target).map(|dispatch| (dispatch.entry, dispatch.groups))
    };
    let spec = MatmulSpec { fleet: 1, m: 4096, k: 512, n: 4096, ..MatmulSpec::default() };
    assert_eq!(entry(spec, &with, 0b11), Some(("four_by_two", 1024)));
    assert_eq!(entry(spec, &with, 0b01), None);
    assert_eq!(entry(spec, &GpuTraits { units: None, ..with.clone() }, 0b11), None);
    assert_eq!(entry(MatmulSpec { m: 64, n: 64, ..spec }, &with, 0b11), Some(("two_by_two", 1)));
    assert_eq!(entry(MatmulSpec { n: 4095, ..spec }, &with, 0b11), None, "rows that begin anywhere");
    assert_eq!(entry(MatmulSpec { m: 8, ..spec }, &with, 0b11), None, "less than a matrix");
    let narrow = GpuTraits { units: Some(MatrixUnits { subgroup: 16 }), ..with.clone() };
    assert_eq!(entry(spec, &narrow, 0b11), None, "too few invocations to bring the tiles");
    // What does not fit is not taken: 16 KiB hold the small form.
    let least = GpuTraits { units: with.units, ..GpuTraits::least() };
    assert_eq!(entry(spec, &least, 0b11).map(|(entry, _)| entry), Some("two_by_two"));
}
