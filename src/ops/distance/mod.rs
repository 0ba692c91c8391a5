//! The nearest centres of every row, by one of three distances, without ever storing the n x k distances.
//!
//! `label[f, i, ..]` are the `nearest` centres with the smallest `dist[f, i, j]`, in ascending order, of equal ones the
//! lowest `j` first (one of them makes it an argmin), and `dist[f, i, ..]` are their distances:
//!
//! - [`Metric::Euclidean`]: `sum_q (x[f, i, q] - c[f, j, q])^2`, the squared distance;
//! - [`Metric::Cosine`]: `1 - x.c / (|x| |c|)`, and 1 if either is a zero vector (no value of a normal f32's magnitude);
//! - [`Metric::Manhattan`]: `sum_q |x[f, i, q] - c[f, j, q]|`.
//!
//! The cosine distance is half the squared distance of the two scaled to length 1: taken that way nothing cancels, and
//! equal vectors are at distance 0. The kernels therefore know squares and magnitudes alone.
//!
//! CPU: centres packed in panels as wide as the register tile (5 rows x 64 centres with AVX-512), which start at
//! `|c|^2` and are scaled by -2, so that a pair costs one multiplication and addition a dimension. Each lane keeps its
//! minimum and the number of its panel as f32, exact below 2^24; for several nearest a row's own sorted list is looked
//! at only when a lane falls below its last entry. Squares are summed directly up to [`DIRECT_MAX`] dimensions; beyond,
//! rows and centres are moved to the mean of the centres (which keeps the cancellation small), and the winners'
//! distances are computed directly, so that a row which equals its centre has distance 0. Two centres whose distances
//! agree to about 1e-6 of the data's spread may change places in that form; equal centres never do. Magnitudes are
//! always summed directly. With VNNI, large searches for the one nearest by Euclidean distance go by products of bytes
//! first and measure what these leave (`screen`): labels are then exact. With AMX, other large searches of more
//! dimensions than that take their scores from the tile unit (`amx`).
//! GPU: 64 rows x 64 centres a workgroup, summed directly; for several nearest, an invocation a row keeps its list, and
//! few rows share out the centres ([`Distance::shares`]) and merge.
//!
//! A place without a finite distance gets label 0.

mod amx;
mod cases;
mod cpu;
mod forms;
mod gpu;
mod keepers;
mod panels;
mod reference;
mod screen;
#[cfg(test)]
mod tests;

use super::kernel::{ArgSpec, Args, Dispatch, Kernel, Shader, Target, Work};
use super::{Case, Op, ShapeError, prelude};
use crate::backend::CpuContext;

pub use amx::DEFAULT as AMX_DEFAULT;

/// Dimensions up to which the CPU kernel sums `(x - c)^2` itself.
pub const DIRECT_MAX: usize = 16;

/// The most centres: so many an index held in f32 can tell apart.
pub const CENTRES_MAX: usize = 1 << 24;

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
        "dist[f,i,..] = the smallest of sum_q (x[f,i,q] - c[f,j,q])^2, 1 - x.c/(|x||c|) or sum_q |x - c| over j, \
         label[f,i,..] = their j"
    }
    fn shaders(&self) -> Vec<Shader> {
        vec![SHADER]
    }
    fn cases(&self) -> Vec<Case> {
        cases::cases()
    }
}

/// How far a row is from a centre.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Metric {
    /// The squared Euclidean distance.
    #[default]
    Euclidean,
    /// 1 less the cosine of the angle; 1 if either is a zero vector.
    Cosine,
    /// The sum of the magnitudes of the differences.
    Manhattan,
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
    /// How far.
    pub metric: Metric,
    /// How many centres each row gets; 1 for the nearest alone.
    pub nearest: usize,
}

/// A checked search. Arguments: `x` [n, d], `c` [k, d], `label` (u32) [n, nearest], `dist` [n, nearest], scratch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Distance {
    spec: DistanceSpec,
}

impl Distance {
    /// Checks that no dimension is 0, that there are as many centres as each row gets, and that everything can be
    /// counted.
    ///
    /// # Errors
    /// Names the dimension.
    pub fn new(spec: DistanceSpec) -> Result<Self, ShapeError> {
        let DistanceSpec { fleet, n, k, d, nearest, .. } = spec;
        ShapeError::positive("distance", &[("fleet", fleet), ("n", n), ("k", k), ("d", d), ("nearest", nearest)])?;
        if k > CENTRES_MAX {
            return Err(ShapeError::mismatch("distance", format!("at most {CENTRES_MAX} centres, found {k}")));
        }
        if nearest > k {
            let reason = format!("at least as many centres as each row gets, found {k} for {nearest}");
            return Err(ShapeError::mismatch("distance", reason));
        }
        ShapeError::countable(
            "distance",
            &[("x", &[fleet, n, d]), ("c", &[fleet, k, d]), ("label", &[fleet, n, nearest])],
        )?;
        let new = Self { spec };
        ShapeError::countable("distance", &[("scratch", &[fleet, new.scratch_len()])])?;
        Ok(new)
    }

    /// What was asked for.
    pub const fn spec(&self) -> &DistanceSpec {
        &self.spec
    }

    /// Into how many parts the GPU cuts the centres: a rule of a member's shape alone.
    pub fn shares(&self) -> usize {
        gpu::shares(&self.spec)
    }

    fn scratch_len(&self) -> usize {
        let plain = panels::scratch_len(self.spec.k, self.spec.d);
        let units = amx::scratch_len(&self.spec).max(screen::scratch_len(&self.spec));
        plain.max(units).max(gpu::scratch_len(&self.spec))
    }
}

impl Kernel for Distance {
    fn name(&self) -> &'static str {
        match (self.spec.metric, self.spec.nearest) {
            (Metric::Euclidean, 1) => "distance",
            (Metric::Cosine, 1) => "distance.cosine",
            (Metric::Manhattan, 1) => "distance.manhattan",
            (Metric::Euclidean, _) => "distance.top_k",
            (Metric::Cosine, _) => "distance.cosine_top_k",
            (Metric::Manhattan, _) => "distance.manhattan_top_k",
        }
    }
    fn boxed(&self) -> Box<dyn Kernel> {
        Box::new(*self)
    }
    fn fleet(&self) -> usize {
        self.spec.fleet
    }
    fn args(&self) -> Vec<ArgSpec> {
        let DistanceSpec { n, k, d, nearest, .. } = self.spec;
        vec![
            ArgSpec::read("x", n * d),
            ArgSpec::read("c", k * d),
            ArgSpec::write("label", n * nearest).u32(),
            ArgSpec::write("dist", n * nearest),
            ArgSpec::scratch("scratch", self.scratch_len()),
        ]
    }
    fn work(&self) -> Work {
        let DistanceSpec { fleet, n, k, d, nearest, .. } = self.spec;
        Work {
            flops: 2.0 * (fleet * n) as f64 * (k * d) as f64,
            bytes: 4.0 * fleet as f64 * (n * d + k * d + 2 * n * nearest) as f64,
        }
    }
    fn reference(&self, args: &mut [Vec<f64>], _step: u32) {
        reference::distance(&self.spec, args);
    }
    fn cpu(&self, ctx: &CpuContext, args: &mut Args<'_>, _step: u32) {
        cpu::distance(&self.spec, ctx, args);
    }
    fn gpu(&self, _on: &Target<'_>) -> Vec<Dispatch> {
        gpu::dispatches(self)
    }
}
