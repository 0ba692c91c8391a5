//! Nearest centre: squared Euclidean distance with fused argmin.
//!
//! `dist[f, i] = min_j sum_q (x[f, i, q] - c[f, j, q])^2`, and `label[f, i]` is the lowest `j` that reaches it. The n x k
//! distances are never stored.
//!
//! CPU: centres packed in panels of 32, a register tile of up to 12 rows x 32 centres, running minimum and index. Up to
//! [`DIRECT_MAX`] dimensions the tile sums `(x - c)^2`; beyond, it sums `|c|^2 - 2 x c` after moving both to the mean of
//! the centres (half the work; the move keeps the cancellation small), and the winner's distance is computed directly,
//! so that a row which equals its centre has distance 0. Two centres whose distances agree to about 1e-6 of the
//! data's spread may change places in that form; equal centres never do.
//! GPU: 64 rows x 64 centres a workgroup, `(x - c)^2` summed directly.
//!
//! A row without a finite distance to any centre gets label 0.

mod cases;
mod cpu;
mod gpu;
mod reference;

use super::kernel::{ArgSpec, Args, Dispatch, Kernel, Shader, Work};
use super::{Case, Op, ShapeError, prelude};
use crate::backend::CpuContext;

/// Dimensions up to which the CPU kernel sums `(x - c)^2` itself.
pub const DIRECT_MAX: usize = 16;

/// Centres that an index held in f32 can tell apart.
const CENTRES_MAX: usize = 1 << 24;

const SHADER: Shader =
    Shader { name: "distance", preludes: &[prelude::GRID], source: include_str!("../../../shaders/ops/distance.wgsl") };

/// The registry's entry.
#[derive(Debug)]
pub struct DistanceOp;

impl Op for DistanceOp {
    fn name(&self) -> &'static str {
        "distance"
    }
    fn summary(&self) -> &'static str {
        "dist[f,i] = min_j sum_q (x[f,i,q] - c[f,j,q])^2, label[f,i] = the lowest such j"
    }
    fn shaders(&self) -> Vec<Shader> {
        vec![SHADER]
    }
    fn cases(&self) -> Vec<Case> {
        cases::cases()
    }
}

/// Rows and centres; [`Distance::new`] checks them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DistanceSpec {
    /// Members.
    pub fleet: usize,
    /// Rows.
    pub n: usize,
    /// Centres.
    pub k: usize,
    /// Dimensions.
    pub d: usize,
}

/// A checked search. Arguments: `x` [n, d], `c` [k, d], `label` (u32) `[n]`, `dist` `[n]`, scratch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Distance {
    spec: DistanceSpec,
}

impl Distance {
    /// Checks that no dimension is 0 and that everything can be counted.
    ///
    /// # Errors
    /// Names the dimension.
    pub fn new(spec: DistanceSpec) -> Result<Self, ShapeError> {
        let DistanceSpec { fleet, n, k, d } = spec;
        ShapeError::positive("distance", &[("fleet", fleet), ("n", n), ("k", k), ("d", d)])?;
        ShapeError::countable("distance", &[("x", &[fleet, n, d]), ("c", &[fleet, k, d])])?;
        if k > CENTRES_MAX {
            return Err(ShapeError::mismatch("distance", format!("at most {CENTRES_MAX} centres, found {k}")));
        }
        Ok(Self { spec })
    }

    /// What was asked for.
    pub const fn spec(&self) -> &DistanceSpec {
        &self.spec
    }
}

impl Kernel for Distance {
    fn name(&self) -> &'static str {
        "distance"
    }
    fn boxed(&self) -> Box<dyn Kernel> {
        Box::new(*self)
    }
    fn fleet(&self) -> usize {
        self.spec.fleet
    }
    fn args(&self) -> Vec<ArgSpec> {
        let DistanceSpec { n, k, d, .. } = self.spec;
        vec![
            ArgSpec::read("x", n * d),
            ArgSpec::read("c", k * d),
            ArgSpec::write("label", n).u32(),
            ArgSpec::write("dist", n),
            ArgSpec::scratch("scratch", cpu::scratch_len(k, d)),
        ]
    }
    fn work(&self) -> Work {
        let DistanceSpec { fleet, n, k, d } = self.spec;
        Work {
            flops: 2.0 * (fleet * n) as f64 * (k * d) as f64,
            bytes: 4.0 * fleet as f64 * (n * d + k * d + 2 * n) as f64,
        }
    }
    fn reference(&self, args: &mut [Vec<f64>], _step: u32) {
        reference::distance(&self.spec, args);
    }
    fn cpu(&self, ctx: &CpuContext, args: &mut Args<'_>, _step: u32) {
        cpu::distance(&self.spec, ctx, args);
    }
    fn gpu(&self) -> Vec<Dispatch> {
        gpu::dispatches(&self.spec)
    }
}
