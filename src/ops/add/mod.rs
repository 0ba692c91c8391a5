//! The sum of two tensors, value by value: `y = a + b`. Both gradients are dy itself, so there is no backward kernel.

use rayon::prelude::*;

use super::kernel::{ArgSpec, Args, Dispatch, Kernel, Shader, Tile, Work, reads, writes};
use super::{Call, Case, Op, ShapeError, prelude};
use crate::backend::CpuContext;
use crate::backend::simd::{Simd, Vector};

const SHADER: Shader =
    Shader { name: "add", preludes: &[prelude::GRID], source: include_str!("../../../shaders/ops/add.wgsl") };

/// Values that one task computes.
const TASK_VALUES: usize = 65_536;

/// The registry's entry.
#[derive(Debug)]
pub struct AddOp;

impl Op for AddOp {
    fn name(&self) -> &'static str {
        "add"
    }
    fn summary(&self) -> &'static str {
        "y[f,i] = a[f,i] + b[f,i]"
    }
    fn shaders(&self) -> Vec<Shader> {
        vec![SHADER]
    }
    fn cases(&self) -> Vec<Case> {
        let case = |id, fleet, n, len| {
            let kernel = Add::new(AddSpec { fleet, n, len }).expect("the case's shape is right");
            Case::new(id).call(Call::new(kernel))
        };
        vec![
            case("f1_1x1", 1, 1, 1),
            case("f3_7x5", 3, 7, 5),
            case("f2_11x83", 2, 11, 83),
            case("f1_3072x64", 1, 3072, 64).bench_only(),
            case("f1_500003x1_split", 1, 500_003, 1),
        ]
    }
}

/// What is added; [`Add::new`] checks it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AddSpec {
    /// Members.
    pub fleet: usize,
    /// The batch's rows.
    pub n: usize,
    /// Values of a row.
    pub len: usize,
}

/// A checked sum. Arguments: `a`, `b`, `y`, all [n, len].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Add {
    spec: AddSpec,
}

impl Add {
    /// Checks the shape.
    ///
    /// # Errors
    /// If a dimension is 0 or there are too many elements.
    pub fn new(spec: AddSpec) -> Result<Self, ShapeError> {
        let AddSpec { fleet, n, len } = spec;
        ShapeError::positive("add", &[("fleet", fleet), ("n", n), ("len", len)])?;
        ShapeError::countable("add", &[("y", &[fleet, n, len])])?;
        Ok(Self { spec })
    }

    const fn values(&self) -> usize {
        self.spec.n * self.spec.len
    }
}

impl Kernel for Add {
    fn name(&self) -> &'static str {
        "add"
    }
    fn boxed(&self) -> Box<dyn Kernel> {
        Box::new(*self)
    }
    fn fleet(&self) -> usize {
        self.spec.fleet
    }
    fn args(&self) -> Vec<ArgSpec> {
        let values = self.values();
        vec![ArgSpec::read("a", values).rows(), ArgSpec::read("b", values).rows(), ArgSpec::write("y", values).rows()]
    }
    fn work(&self) -> Work {
        let values = self.spec.fleet as f64 * self.values() as f64;
        Work { flops: values, bytes: 12.0 * values }
    }
    fn reference(&self, args: &mut [Vec<f64>], _step: u32) {
        args[2] = args[0].iter().zip(&args[1]).map(|(a, b)| a + b).collect();
    }
    fn cpu(&self, ctx: &CpuContext, args: &mut Args<'_>, _step: u32) {
        let (a, b, y) = (args.f32(0), args.f32(1), args.f32_mut(2));
        let task = |((a, b), y): ((&[f32], &[f32]), &mut [f32])| ctx.simd.run(Sum { a, b, y });
        // Bound by memory: a value costs as much as several operations.
        if ctx.worth_splitting(5.0 * y.len() as f64) {
            let pairs = a.par_chunks(TASK_VALUES).zip(b.par_chunks(TASK_VALUES));
            pairs.zip(y.par_chunks_mut(TASK_VALUES)).for_each(task);
        } else {
            task(((a, b), y));
        }
    }
    fn gpu(&self) -> Vec<Dispatch> {
        let values = self.spec.fleet * self.values();
        vec![Dispatch {
            shader: SHADER,
            entry: "add",
            constants: vec![],
            binds: vec![reads(0), reads(1), writes(2)],
            params: vec![values as u32],
            groups: values.div_ceil(256),
        }]
    }
    fn rows(&self) -> Option<usize> {
        Some(self.spec.n)
    }
    fn cpu_tile(&self, ctx: &CpuContext, args: &mut Args<'_>, step: u32, _tile: Tile) {
        self.cpu(ctx, args, step);
    }
}

struct Sum<'a> {
    a: &'a [f32],
    b: &'a [f32],
    y: &'a mut [f32],
}

impl Simd for Sum<'_> {
    type Out = ();

    #[inline(always)]
    fn run<V: Vector>(self) {
        for ((y, a), b) in self.y.iter_mut().zip(self.a).zip(self.b) {
            *y = a + b;
        }
    }
}
