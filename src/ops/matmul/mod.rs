//! Matrix product with fused bias and activation.
//!
//! `c[f, i, j] = act(sum_k a[f, i, k] * b[f, k, j] + bias[f, j])`, row-major; `a` may be stored as [k, i] and `b` as
//! [j, k]. A dense layer is one product forward and two backward: `dw = x^T dy`, `dx = dy w^T`.
//!
//! CPU: `b` is packed into panels of 32 columns, a register tile of up to 12 x 32 runs over k. When few outputs wait for
//! a long sum (weight gradients), k is cut into chunks whose partial sums are added in order.
//! GPU: 64 x 64 tiles with 4 x 4 values an invocation, or 16 x 16 tiles for small outputs; the same cut of k.

mod cases;
mod cpu;
mod gpu;
mod reference;

use super::activation::Activation;
use super::kernel::{ArgSpec, Args, Dispatch, Kernel, Shader, Work};
use super::{Case, Op, ShapeError, prelude};
use crate::backend::CpuContext;

pub use cpu::PANEL;

const SHADER: Shader = Shader {
    name: "matmul",
    preludes: &[prelude::GRID, prelude::ACTIVATION],
    source: include_str!("../../../shaders/ops/matmul.wgsl"),
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
        vec![SHADER]
    }
    fn cases(&self) -> Vec<Case> {
        cases::cases()
    }
}

/// What is multiplied; [`Matmul::new`] checks it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
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
}

/// A checked product. Arguments: `a`, `b`, `c`, scratch, and `bias` if there is one.
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
        ShapeError::positive("matmul", &[("fleet", fleet), ("m", m), ("k", k), ("n", n)])?;
        ShapeError::countable("matmul", &[("a", &[fleet, m, k]), ("b", &[fleet, k, n]), ("c", &[fleet, m, n])])?;
        Ok(Self { spec })
    }

    /// What was asked for.
    pub const fn spec(&self) -> &MatmulSpec {
        &self.spec
    }

    /// Into how many pieces the sum over k is cut, and how long each is. A rule of the shape alone, so that the order
    /// of summation never depends on the machine.
    const fn k_chunks(&self) -> (usize, usize) {
        let MatmulSpec { m, k, n, .. } = self.spec;
        if k >= 1024 && m * n <= 16_384 { (k.div_ceil(512), 512) } else { (1, k) }
    }

    /// Words of working memory a member: the packed `b`, then the partial sums.
    fn scratch_len(&self) -> usize {
        let MatmulSpec { m, k, n, .. } = self.spec;
        let (chunks, _) = self.k_chunks();
        let partial = if chunks > 1 { chunks * m * n } else { 0 };
        partial + cpu::packed_len(k, n)
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
        let MatmulSpec { m, k, n, .. } = self.spec;
        let mut args = vec![
            ArgSpec::read("a", m * k),
            ArgSpec::read("b", k * n),
            ArgSpec::write("c", m * n),
            ArgSpec::scratch("scratch", self.scratch_len()),
        ];
        if self.spec.bias {
            args.push(ArgSpec::read("bias", n));
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
        reference::matmul(&self.spec, args);
    }
    fn cpu(&self, ctx: &CpuContext, args: &mut Args<'_>, _step: u32) {
        cpu::matmul(self, ctx, args);
    }
    fn gpu(&self) -> Vec<Dispatch> {
        gpu::dispatches(self)
    }
}
