//! Centroid update: every centre becomes the mean of its members.
//!
//! `count[f, j] = sum_{i: label[f, i] = j} w[f, i]` and
//! `c[f, j, q] = sum_{i: label[f, i] = j} w[f, i] * x[f, i, q] / count[f, j]`, with `w = 1` if there are no weights. A centre
//! without members (`count` 0) keeps its place. A row whose label is not below k belongs to no centre.
//!
//! Both devices cut the rows into the same blocks, a rule of the shape alone; a block's sums are taken in the order of
//! its rows, and the blocks are added in their order. CPU: a task a block. GPU: an invocation for each (block,
//! dimension) walks the block's rows and owns the cells that it adds to, so that nothing needs an atomic; a second pass
//! has an invocation for each (centre, dimension). Cost: n (d + 1) additions and `blocks * k * (d + 1)` cells of partial
//! sums cleared, written and read; blocks are made fewer so that these cells stay below [`CELLS_MAX`].

mod cases;
mod cpu;
mod gpu;
mod reference;

use super::kernel::{ArgSpec, Args, Dispatch, Kernel, Shader, Target, Work};
use super::{Case, Op, ShapeError, prelude};
use crate::backend::CpuContext;

/// The most cells of partial sums a member, unless one block alone needs more.
pub const CELLS_MAX: usize = 1 << 22;

/// The fewest rows of a block.
const BLOCK_ROWS_MIN: usize = 256;

const SHADER: Shader =
    Shader { name: "centroid", preludes: &[prelude::GRID], source: include_str!("../../../shaders/ops/centroid.wgsl") };

/// The registry's entry.
#[derive(Debug)]
pub struct CentroidOp;

impl Op for CentroidOp {
    fn name(&self) -> &'static str {
        "centroid"
    }
    fn summary(&self) -> &'static str {
        "c[f,j,q] = sum_{i in j} w[f,i] x[f,i,q] / count[f,j], count[f,j] = sum_{i in j} w[f,i], i in j when label[f,i] = j"
    }
    fn shaders(&self) -> Vec<Shader> {
        vec![SHADER]
    }
    fn cases(&self) -> Vec<Case> {
        cases::cases()
    }
}

/// Rows and centres; [`Centroid::new`] checks them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CentroidSpec {
    /// Members.
    pub fleet: usize,
    /// Rows.
    pub n: usize,
    /// Centres.
    pub k: usize,
    /// Dimensions.
    pub d: usize,
    /// Whether rows have weights.
    pub weighted: bool,
}

/// A checked update. Arguments: `x` [n, d], `label` (u32) `[n]`, `c` [k, d] (updated), `count` `[k]`, scratch, and `w` `[n]` if
/// weighted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Centroid {
    spec: CentroidSpec,
}

impl Centroid {
    /// Checks that no dimension is 0 and that everything can be counted in 32 bits.
    ///
    /// # Errors
    /// Names the dimension.
    pub fn new(spec: CentroidSpec) -> Result<Self, ShapeError> {
        let CentroidSpec { fleet, n, k, d, .. } = spec;
        ShapeError::positive("centroid", &[("fleet", fleet), ("n", n), ("k", k), ("d", d)])?;
        ShapeError::countable("centroid", &[("x", &[fleet, n, d]), ("c", &[fleet, k, d])])?;
        let new = Self { spec };
        let (blocks, _) = new.blocks();
        ShapeError::countable("centroid", &[("partial sums", &[fleet, blocks, k, d + 1])])?;
        Ok(new)
    }

    /// What was asked for.
    pub const fn spec(&self) -> &CentroidSpec {
        &self.spec
    }

    /// How many blocks of rows there are, and how long each is.
    fn blocks(&self) -> (usize, usize) {
        let CentroidSpec { n, k, d, .. } = self.spec;
        let affordable = (CELLS_MAX / k.saturating_mul(d + 1)).max(1);
        let rows = n.div_ceil(affordable).max(BLOCK_ROWS_MIN);
        (n.div_ceil(rows), rows)
    }
}

impl Kernel for Centroid {
    fn name(&self) -> &'static str {
        "centroid"
    }
    fn boxed(&self) -> Box<dyn Kernel> {
        Box::new(*self)
    }
    fn fleet(&self) -> usize {
        self.spec.fleet
    }
    fn args(&self) -> Vec<ArgSpec> {
        let CentroidSpec { n, k, d, .. } = self.spec;
        let mut args = vec![
            ArgSpec::read("x", n * d),
            ArgSpec::read("label", n).u32(),
            ArgSpec::update("c", k * d),
            ArgSpec::write("count", k),
            ArgSpec::scratch("scratch", self.blocks().0 * k * (d + 1)),
        ];
        if self.spec.weighted {
            args.push(ArgSpec::read("w", n));
        }
        args
    }
    fn work(&self) -> Work {
        let CentroidSpec { fleet, n, k, d, weighted } = self.spec;
        let weights = if weighted { n } else { 0 };
        Work {
            flops: fleet as f64 * (n * (d + 1) + k * d) as f64,
            bytes: 4.0 * fleet as f64 * (n * d + n + weights + 2 * k * d + k) as f64,
        }
    }
    fn reference(&self, args: &mut [Vec<f64>], _step: u32) {
        reference::centroid(&self.spec, args);
    }
    fn cpu(&self, ctx: &CpuContext, args: &mut Args<'_>, _step: u32) {
        cpu::centroid(self, ctx, args);
    }
    fn gpu(&self, _on: &Target<'_>) -> Vec<Dispatch> {
        gpu::dispatches(self)
    }
}
