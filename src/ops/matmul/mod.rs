//! Matrix product with fused bias and activation.
//!
//! `c[f, i, j] = act(sum_k a[f, i, k] * b[f, k, j] + bias[f, j])`, row-major; `a` may be stored as [k, i] and `b` as
//! [j, k]. A dense layer is one product forward and two backward: `dw = x^T dy`, `dx = dy w^T`.
//!
//! What a layer needs beside it is fused: the bias and the activation behind the product; behind dx the slope of the
//! activation in front of the layer ([`MatmulSpec::mask`]); beside dw the gradient of the bias, the sums of dy's columns
//! ([`MatmulSpec::sums`]).
//!
//! CPU: a register tile of up to 12 x 32 runs over k; weights are packed once a step for all tiles of the batch. When few
//! outputs wait for a long sum, k is cut into chunks whose partial sums are added in order.
//! With AMX, large products run on the tile unit instead (`amx`).
//! GPU: tiles of c in several sizes (`forms` says which and why), 4 x 4 to 8 x 8 values an invocation; k is cut by a rule of
//! its own (`gpu`). Operands held as f16 go to matrix units where there are some (`units`).

mod amx;
mod cases;
mod cpu;
mod dot;
mod forms;
mod gpu;
mod pack;
mod reference;
mod units;

use super::activation::Activation;
use super::kernel::{ArgSpec, Args, Dispatch, Kernel, Shader, Target, Tile, Work};
use super::reduce::{ReduceColumns, ReduceColumnsSpec};
use super::tuning::TuningGroup;
use super::{Case, Op, ShapeError, prelude};
use crate::backend::CpuContext;
use crate::backend::gpu::UNITS_WGSL;

pub use amx::DEFAULT as AMX_DEFAULT;
pub use pack::PANEL;

const TEXT: &str = include_str!("../../../shaders/ops/matmul.wgsl");

/// Tiles whose operands are read word by word.
const WORDS: Shader = Shader {
    name: "matmul_words",
    preludes: &[prelude::GRID, prelude::ACTIVATION, include_str!("../../../shaders/ops/matmul_words.wgsl")],
    source: TEXT,
};

/// Tiles whose operands are read four words at a time.
const QUADS: Shader = Shader {
    name: "matmul_quads",
    preludes: &[prelude::GRID, prelude::ACTIVATION, include_str!("../../../shaders/ops/matmul_quads.wgsl")],
    source: TEXT,
};

/// Tiles on matrix units, of operands held as f16.
const UNITS: Shader = Shader {
    name: "matmul_units",
    preludes: &[UNITS_WGSL, prelude::GRID, prelude::ACTIVATION, include_str!("../../../shaders/ops/matmul_quads.wgsl")],
    source: include_str!("../../../shaders/ops/matmul_units.wgsl"),
};

/// The same with the units emulated, for tests.
#[cfg(test)]
const UNITS_EMULATED: Shader = Shader {
    name: "matmul_units_emulated",
    preludes: &[
        include_str!("../../../shaders/common/units_emulated.wgsl"),
        prelude::GRID,
        prelude::ACTIVATION,
        include_str!("../../../shaders/ops/matmul_quads.wgsl"),
    ],
    source: include_str!("../../../shaders/ops/matmul_units.wgsl"),
};

/// The sum of chunks.
const SUM: Shader = Shader {
    name: "matmul_sum",
    preludes: &[prelude::GRID, prelude::ACTIVATION],
    source: include_str!("../../../shaders/ops/matmul_sum.wgsl"),
};

/// The registry's entry.
#[derive(Debug)]
pub struct MatmulOp;

impl Op for MatmulOp {
    fn name(&self) -> &'static str {
        "matmul"
    }
    fn summary(&self) -> &'static str {
        "c[f,i,j] = act(sum_k a[f,i,k] * b[f,k,j] + bias[f,j])"
    }
    fn shaders(&self) -> Vec<Shader> {
        vec![WORDS, QUADS, SUM, UNITS]
    }
    fn cases(&self) -> Vec<Case> {
        cases::cases()
    }
    fn tuning(&self) -> Vec<TuningGroup> {
        forms::groups().into_iter().chain(units::groups()).collect()
    }
}

/// What is multiplied; [`Matmul::new`] checks it.
#[expect(clippy::struct_excessive_bools, reason = "four independent choices")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MatmulSpec {
    /// Members.
    pub fleet: usize,
    /// Rows of the result.
    pub m: usize,
    /// Length of the sums.
    pub k: usize,
    /// Columns of the result.
    pub n: usize,
    /// `a` is stored as [k, m].
    pub a_transposed: bool,
    /// `b` is stored as [n, k].
    pub b_transposed: bool,
    /// Whether a bias is added.
    pub bias: bool,
    /// What is applied at the end.
    pub activation: Activation,
    /// The activation by whose slope the result is multiplied; its output, which has the result's shape, is an argument.
    pub mask: Activation,
    /// Whether the sums of `b`'s columns are made too.
    pub sums: bool,
    /// Which dimension is the batch.
    pub batch: Batch,
    /// Rows of that dimension which each row of the batch has: the positions of a sequence.
    pub positions: usize,
}

impl Default for MatmulSpec {
    /// Nothing, plainly.
    fn default() -> Self {
        Self {
            fleet: 0,
            m: 0,
            k: 0,
            n: 0,
            a_transposed: false,
            b_transposed: false,
            bias: false,
            activation: Activation::None,
            mask: Activation::None,
            sums: false,
            batch: Batch::None,
            positions: 1,
        }
    }
}

/// The dimension of a product that is a batch's rows, if one is: the CPU may cut it into tiles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Batch {
    /// None.
    #[default]
    None,
    /// The rows of `a` and of the result.
    M,
    /// What is summed over: the rows of `a` (which is stored as [k, m]) and of `b`.
    K,
}

impl MatmulSpec {
    /// The same for a tile of the batch.
    const fn of_rows(self, rows: usize) -> Self {
        match self.batch {
            Batch::None => self,
            Batch::M => Self { m: rows * self.positions, ..self },
            Batch::K => Self { k: rows * self.positions, ..self },
        }
    }
}

/// Which arguments the optional ones are.
#[derive(Debug, Clone, Copy)]
struct Places {
    bias: Option<usize>,
    saved: Option<usize>,
    sums: Option<usize>,
}

/// A checked product. Arguments: `a`, `b`, `c`, scratch, and, where asked for, `bias`, `saved` (the output of the mask's
/// activation) and `sums`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Matmul {
    spec: MatmulSpec,
}

impl Matmul {
    /// Checks that no dimension is 0 and that everything can be counted in 32 bits.
    ///
    /// # Errors
    /// Names the dimension.
    pub fn new(spec: MatmulSpec) -> Result<Self, ShapeError> {
        let MatmulSpec { fleet, m, k, n, .. } = spec;
        let positions = ("positions", spec.positions);
        ShapeError::positive("matmul", &[("fleet", fleet), ("m", m), ("k", k), ("n", n), positions])?;
        let partial = ("partial sums", &[fleet, gpu::chunks(&spec).0, m, n][..]);
        let operands = [("a", &[fleet, m, k][..]), ("b", &[fleet, k, n]), ("c", &[fleet, m, n]), partial];
        ShapeError::countable("matmul", &operands)?;
        if !spec.mask.saves_output() {
            return Err(ShapeError::mismatch("matmul", "the slope of gelu does not follow from its output"));
        }
        if spec.sums && spec.b_transposed {
            return Err(ShapeError::mismatch("matmul", "columns of a transposed `b` cannot be summed"));
        }
        let by_rows = match spec.batch {
            Batch::None => true,
            Batch::M => !spec.a_transposed && !spec.sums,
            Batch::K => {
                spec.a_transposed
                    && !spec.b_transposed
                    && !spec.bias
                    && spec.activation == Activation::None
                    && spec.mask == Activation::None
            }
        };
        let whole = match spec.batch {
            Batch::None => true,
            Batch::M => m.is_multiple_of(spec.positions),
            Batch::K => k.is_multiple_of(spec.positions),
        };
        if !whole {
            let reason = format!("the batch's dimension is no multiple of {} positions", spec.positions);
            return Err(ShapeError::mismatch("matmul", reason));
        }
        if !by_rows {
            return Err(ShapeError::mismatch("matmul", "the batch is not the first axis of what is cut"));
        }
        Ok(Self { spec })
    }

    /// What was asked for.
    pub const fn spec(&self) -> &MatmulSpec {
        &self.spec
    }

    /// Into how many pieces the CPU cuts the sum over k, and how long each is. A rule of the shape alone, so that the
    /// order of summation never depends on the machine.
    const fn k_chunks(&self) -> (usize, usize) {
        let MatmulSpec { m, k, n, .. } = self.spec;
        if k >= 1024 && m * n <= 16_384 { (k.div_ceil(512), 512) } else { (1, k) }
    }

    fn places(&self) -> Places {
        let MatmulSpec { bias, mask, sums, .. } = self.spec;
        let mut next = 4;
        let mut place = |there: bool| {
            next += usize::from(there);
            there.then_some(next - 1)
        };
        Places { bias: place(bias), saved: place(mask != Activation::None), sums: place(sums) }
    }

    /// The kernel that sums the columns of `b` on a GPU.
    fn column_sums(&self) -> ReduceColumns {
        ReduceColumns::of(ReduceColumnsSpec { fleet: self.spec.fleet, rows: self.spec.k, cols: self.spec.n })
    }

    /// Words of working memory a member, on either device.
    fn scratch_len(&self) -> usize {
        let MatmulSpec { m, n, sums, .. } = self.spec;
        let (chunks, _) = gpu::chunks(&self.spec);
        let partial = if chunks > 1 { chunks * m * n } else { 0 };
        let columns = if sums { self.column_sums().scratch_words() } else { 0 };
        // Members' shares begin at multiples of four words, as the GPU writes them.
        cpu::scratch_len(self).max(partial).max(columns).next_multiple_of(4)
    }
}

impl Kernel for Matmul {
    fn name(&self) -> &'static str {
        "matmul"
    }
    fn boxed(&self) -> Box<dyn Kernel> {
        Box::new(*self)
    }
    fn fleet(&self) -> usize {
        self.spec.fleet
    }
    fn args(&self) -> Vec<ArgSpec> {
        let MatmulSpec { m, k, n, bias, mask, sums, batch, .. } = self.spec;
        let by_rows = |arg: ArgSpec, rows: bool| if rows { arg.rows() } else { arg };
        let c = by_rows(ArgSpec::write("c", m * n), batch == Batch::M);
        let mut args = vec![
            by_rows(ArgSpec::read("a", m * k), batch != Batch::None),
            by_rows(ArgSpec::read("b", k * n), batch == Batch::K),
            if batch == Batch::K { c.sum() } else { c },
            ArgSpec::scratch("scratch", self.scratch_len()),
        ];
        if bias {
            args.push(ArgSpec::read("bias", n));
        }
        if mask != Activation::None {
            args.push(by_rows(ArgSpec::read("saved", m * n), batch == Batch::M));
        }
        if sums {
            args.push(if batch == Batch::K { ArgSpec::write("sums", n).sum() } else { ArgSpec::write("sums", n) });
        }
        args
    }
    fn work(&self) -> Work {
        let MatmulSpec { fleet, m, k, n, .. } = self.spec;
        Work {
            flops: 2.0 * (fleet * m) as f64 * (k * n) as f64,
            bytes: 4.0 * fleet as f64 * (m * k + k * n + m * n) as f64,
        }
    }
    fn reference(&self, args: &mut [Vec<f64>], _step: u32) {
        reference::matmul(self, args);
    }
    fn cpu(&self, ctx: &CpuContext, args: &mut Args<'_>, _step: u32) {
        cpu::matmul(self, ctx, args);
    }
    fn gpu(&self, on: &Target<'_>) -> Vec<Dispatch> {
        gpu::dispatches(self, on)
    }
    fn rows(&self) -> Option<usize> {
        match self.spec.batch {
            Batch::None => None,
            Batch::M => Some(self.spec.m / self.spec.positions),
            Batch::K => Some(self.spec.k / self.spec.positions),
        }
    }
    fn cpu_tile(&self, ctx: &CpuContext, args: &mut Args<'_>, _step: u32, tile: Tile) {
        cpu::tile(self, ctx, args, tile);
    }
    fn tile_rows_least(&self) -> usize {
        cpu::tile_rows_least(&self.spec)
    }
    fn tile_scratch(&self, rows: usize) -> usize {
        cpu::tile_scratch(self, rows)
    }
    fn prepared_len(&self) -> usize {
        cpu::prepared_len(self)
    }
    fn cpu_prepare(&self, ctx: &CpuContext, args: &Args<'_>, prepared: &mut [f32]) {
        cpu::prepare(self, ctx, args, prepared);
    }
}

#[cfg(test)]
mod tests {
    use super::{Batch, Matmul, MatmulSpec};

    #[test]
    fn e7_a_batch_of_positions_must_be_whole() {
        let spec = MatmulSpec { fleet: 1, m: 7, k: 2, n: 2, batch: Batch::M, positions: 3, ..MatmulSpec::default() };
        let refused = Matmul::new(spec).expect_err("7 rows of 3").to_string();
        assert_eq!(refused, "matmul: the batch's dimension is no multiple of 3 positions");
        Matmul::new(MatmulSpec { positions: 0, ..spec }).expect_err("no positions");
    }
}
