//! The step's rows of a table that the whole fleet shares: `y[f, i, :] = data[idx[f, step * n + i], :]`.
//!
//! Mini-batches are gathered on the device: the host writes the row numbers of all steps once an epoch. It checks them
//! before it does; a number of `rows` or more reads the last row. Words are copied as they are; where the
//! table is held as f16, its values are widened.

mod cases;
mod cpu;
mod gpu;
mod reference;

use super::kernel::{ArgSpec, Args, DType, Dispatch, Kernel, Shader, Target, Tile, Work};
use super::{Case, Op, ShapeError, prelude};
use crate::backend::CpuContext;

const SHADER: Shader =
    Shader { name: "gather", preludes: &[prelude::GRID], source: include_str!("../../../shaders/ops/gather.wgsl") };

/// The registry's entry.
#[derive(Debug)]
pub struct GatherOp;

impl Op for GatherOp {
    fn name(&self) -> &'static str {
        "gather"
    }
    fn summary(&self) -> &'static str {
        "y[f,i,:] = data[idx[f,step*n+i],:]"
    }
    fn shaders(&self) -> Vec<Shader> {
        vec![SHADER]
    }
    fn cases(&self) -> Vec<Case> {
        cases::cases()
    }
}

/// What is gathered; [`Gather::new`] checks it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GatherSpec {
    /// Members.
    pub fleet: usize,
    /// Rows of the data.
    pub rows: usize,
    /// Words a row.
    pub width: usize,
    /// Rows that one step takes.
    pub n: usize,
    /// Steps that the row numbers are for.
    pub steps: usize,
    /// What the words are.
    pub dtype: DType,
}

/// The checked gather. Arguments: `data` [rows, width], shared by the fleet, `idx` [steps, n] (u32), `y` [n, width].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gather {
    spec: GatherSpec,
}

impl Gather {
    /// Checks the shape.
    ///
    /// # Errors
    /// If a dimension is 0 or there are too many elements.
    pub fn new(spec: GatherSpec) -> Result<Self, ShapeError> {
        let GatherSpec { fleet, rows, width, n, steps, .. } = spec;
        ShapeError::positive(
            "gather",
            &[("fleet", fleet), ("rows", rows), ("width", width), ("n", n), ("steps", steps)],
        )?;
        ShapeError::countable(
            "gather",
            &[("data", &[rows, width]), ("idx", &[fleet, steps, n]), ("y", &[fleet, n, width])],
        )?;
        Ok(Self { spec })
    }
}

impl Kernel for Gather {
    fn name(&self) -> &'static str {
        "gather"
    }
    fn boxed(&self) -> Box<dyn Kernel> {
        Box::new(*self)
    }
    fn fleet(&self) -> usize {
        self.spec.fleet
    }
    fn args(&self) -> Vec<ArgSpec> {
        let GatherSpec { rows, width, n, steps, dtype, .. } = self.spec;
        vec![
            ArgSpec { dtype, ..ArgSpec::read("data", rows * width).shared().or_half() },
            ArgSpec::read("idx", steps * n).u32(),
            ArgSpec { dtype, ..ArgSpec::write("y", n * width).rows() },
        ]
    }
    fn work(&self) -> Work {
        let GatherSpec { fleet, width, n, .. } = self.spec;
        Work { flops: 0.0, bytes: 4.0 * (fleet * n) as f64 * (2 * width + 1) as f64 }
    }
    fn reference(&self, args: &mut [Vec<f64>], step: u32) {
        reference::gather(&self.spec, args, step);
    }
    fn cpu(&self, ctx: &CpuContext, args: &mut Args<'_>, step: u32) {
        self.cpu_tile(ctx, args, step, Tile::whole(self.spec.n));
    }
    fn gpu(&self, on: &Target<'_>) -> Vec<Dispatch> {
        gpu::gather(&self.spec, on)
    }
    fn rows(&self) -> Option<usize> {
        Some(self.spec.n)
    }
    fn cpu_tile(&self, ctx: &CpuContext, args: &mut Args<'_>, step: u32, tile: Tile) {
        cpu::gather(&self.spec, ctx, args, step, tile);
    }
}

#[cfg(test)]
mod tests {
    use super::{Gather, GatherSpec};
    use crate::ops::kernel::DType;
    use crate::ops::testing::{backends, run};

    #[test]
    fn e11_rows_are_gathered_bit_for_bit_and_a_number_too_large_reads_the_last() {
        let odd = vec![0x7fc0_1234, 0x7f80_0001, 0x0000_0001, 0x807f_ffff, 0x8000_0000, 0xff80_0000];
        for dtype in [DType::F32, DType::U32] {
            let spec = GatherSpec { fleet: 2, rows: 3, width: 2, n: 2, steps: 2, dtype };
            let kernel = Gather::new(spec).expect("a right shape");
            // Member 0, steps 0 and 1; member 1, steps 0 and 1.
            let idx = vec![0, 0, 2, 1, 0, 0, 3, u32::MAX];
            for backend in backends() {
                let found = run(kernel, &backend, 1, &[odd.clone(), idx.clone(), vec![0; 8]]);
                let expected = [&odd[4..6], &odd[2..4], &odd[4..6], &odd[4..6]].concat();
                assert_eq!(found[2], expected, "{dtype:?} on {}", backend.id());
            }
        }
    }
}
