//! The sum of two tensors, value by value: `y = a + b`, or with one `b` for all rows of the batch. The gradients are dy
//! itself, or for such a b the sum of dy's rows ([`super::reduce::ReduceColumns`]), so there is no backward kernel.

use rayon::prelude::*;

use super::kernel::{ArgSpec, Args, Dispatch, Kernel, Shader, Target, Tile, Work, reads, writes};
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
        let case = |id, fleet, n, len, broadcast| {
            let kernel = Add::new(AddSpec { fleet, n, len, broadcast }).expect("the case's shape is right");
            Case::new(id).call(Call::new(kernel))
        };
        vec![
            case("f1_1x1", 1, 1, 1, false),
            case("f3_7x5", 3, 7, 5, false),
            case("f2_11x83", 2, 11, 83, false),
            case("f1_3072x64", 1, 3072, 64, false).bench_only(),
            case("f1_500003x1_split", 1, 500_003, 1, false),
            case("f1_1x1_one_row", 1, 1, 1, true),
            case("f3_13x37_one_row", 3, 13, 37, true),
            case("f1_503x1050_one_row_split", 1, 503, 1050, true),
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
    /// b is one row, added to every row of a.
    pub broadcast: bool,
}

/// A checked sum. Arguments: `a`, `b`, `y`, all [n, len]; with `broadcast`, b is `[len]`.
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
        let AddSpec { fleet, n, len, .. } = spec;
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
        let b = if self.spec.broadcast { ArgSpec::read("b", self.spec.len) } else { ArgSpec::read("b", values).rows() };
        vec![ArgSpec::read("a", values).rows(), b, ArgSpec::write("y", values).rows()]
    }
    fn work(&self) -> Work {
        let values = self.spec.fleet as f64 * self.values() as f64;
        Work { flops: values, bytes: 12.0 * values }
    }
    fn reference(&self, args: &mut [Vec<f64>], _step: u32) {
        for i in 0..self.values() {
            let b = if self.spec.broadcast { i % self.spec.len } else { i };
            args[2][i] = args[0][i] + args[1][b];
        }
    }
    fn cpu(&self, ctx: &CpuContext, args: &mut Args<'_>, _step: u32) {
        let (a, b, y) = (args.f32(0), args.f32(1), args.f32_mut(2));
        let task = |((a, b), y): ((&[f32], &[f32]), &mut [f32])| ctx.simd.run(Sum { a, b, y });
        if self.spec.broadcast {
            let whole_rows = TASK_VALUES.next_multiple_of(b.len());
            if ctx.worth_splitting(y.len() as f64) {
                let rows = a.par_chunks(whole_rows).zip(y.par_chunks_mut(whole_rows));
                rows.for_each(|(a, y)| task(((a, b), y)));
            } else {
                task(((a, b), y));
            }
            return;
        }
        // Bound by memory: a value costs as much as several operations.
        if ctx.worth_splitting(5.0 * y.len() as f64) {
            let pairs = a.par_chunks(TASK_VALUES).zip(b.par_chunks(TASK_VALUES));
            pairs.zip(y.par_chunks_mut(TASK_VALUES)).for_each(task);
        } else {
            task(((a, b), y));
        }
    }
    fn gpu(&self, _on: &Target<'_>) -> Vec<Dispatch> {
        let values = self.spec.fleet * self.values();
        vec![Dispatch {
            shader: SHADER,
            entry: "add",
            constants: vec![],
            binds: vec![reads(0), reads(1), writes(2)],
            params: vec![values as u32, self.values() as u32, self.spec.len as u32, self.spec.broadcast.into()],
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
    /// As long as a, or one row.
    b: &'a [f32],
    y: &'a mut [f32],
}

impl Simd for Sum<'_> {
    type Out = ();

    #[inline(always)]
    fn run<V: Vector>(self) {
        for (y, a) in self.y.chunks_mut(self.b.len()).zip(self.a.chunks(self.b.len())) {
            for ((y, a), b) in y.iter_mut().zip(a).zip(self.b) {
                *y = a + b;
            }
        }
    }
}
