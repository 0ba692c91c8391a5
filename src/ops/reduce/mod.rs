//! Sums, means and maxima in a fixed order.
//!
//! - [`ReduceColumns`]: `y[j] = sum_i x[i, j]`, the gradient of a bias.
//! - [`ReduceRows`]: `y[i] = fold_j x[i, j]` with sum, mean or maximum; one row makes it a total.
//! - [`SumSquares`]: `total = (first ? 0 : total) + sum_i x[i]^2`, for clipping by the norm of all gradients.
//! - [`AccumulateLoss`]: `total = (step == 0 ? 0 : total) + share(step) * sum_i loss[i]`.
//!
//! Long sums are cut into chunks by a rule of the shape alone; the chunks' partial sums lie in the scratch and are then
//! summed in order. The order thus depends neither on the fleet nor on threads.

mod cases;
mod cpu;
mod gpu;
mod reference;
mod total;

use super::kernel::{ArgSpec, Args, Dispatch, Kernel, Shader, Target, Work};
use super::{Case, Op, ShapeError, prelude};
use crate::backend::CpuContext;

pub use total::{AccumulateLoss, AccumulateLossSpec, SumSquares, SumSquaresSpec};

const SHADER: Shader = Shader {
    name: "reduce",
    preludes: &[prelude::GRID, prelude::REDUCE, prelude::SCHEDULE],
    source: include_str!("../../../shaders/ops/reduce.wgsl"),
};

/// The registry's entry.
#[derive(Debug)]
pub struct ReduceOp;

impl Op for ReduceOp {
    fn name(&self) -> &'static str {
        "reduce"
    }
    fn summary(&self) -> &'static str {
        "sums of columns and rows, means, maxima, sums of squares, the epoch's loss"
    }
    fn shaders(&self) -> Vec<Shader> {
        vec![SHADER]
    }
    fn cases(&self) -> Vec<Case> {
        cases::cases()
    }
}

/// How a long sum is cut: `count` chunks of `len`, the last one maybe shorter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Chunks {
    count: usize,
    len: usize,
}

impl Chunks {
    /// Over the rows of a matrix.
    fn of_rows(rows: usize) -> Self {
        Self::cut(rows, 512, 256)
    }

    /// Over the values of a row.
    fn of_values(values: usize) -> Self {
        Self::cut(values, 8192, 4096)
    }

    /// At most 512 chunks, so that one more pass adds them all.
    fn cut(len: usize, whole_max: usize, chunk_min: usize) -> Self {
        if len <= whole_max {
            return Self { count: 1, len };
        }
        let chunk = chunk_min.max(len.div_ceil(512));
        Self { count: len.div_ceil(chunk), len: chunk }
    }

    /// Words for the partial results of `lines` sums.
    const fn scratch_len(self, lines: usize) -> usize {
        if self.count == 1 { 0 } else { self.count * lines }
    }
}

/// How a row becomes one value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Fold {
    /// The sum.
    #[default]
    Sum,
    /// The arithmetic mean.
    Mean,
    /// The largest value. Whether a NaN among the values shows is not said.
    Max,
}

/// Which columns are summed; [`ReduceColumns::new`] checks it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ReduceColumnsSpec {
    /// Members.
    pub fleet: usize,
    /// Rows, which are added up.
    pub rows: usize,
    /// Columns, which stay.
    pub cols: usize,
}

/// `y[j] = sum_i x[i, j]`. Arguments: `x` [rows, cols], `y` `[cols]`, scratch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReduceColumns {
    spec: ReduceColumnsSpec,
}

impl ReduceColumns {
    /// Checks the shape.
    ///
    /// # Errors
    /// If a dimension is 0 or there are too many elements.
    pub fn new(spec: ReduceColumnsSpec) -> Result<Self, ShapeError> {
        let ReduceColumnsSpec { fleet, rows, cols } = spec;
        ShapeError::positive("reduce", &[("fleet", fleet), ("rows", rows), ("cols", cols)])?;
        ShapeError::countable("reduce", &[("x", &[fleet, rows, cols])])?;
        Ok(Self { spec })
    }

    /// The kernel of a spec that its caller has checked as part of its own.
    pub(super) const fn of(spec: ReduceColumnsSpec) -> Self {
        Self { spec }
    }

    /// Words of working memory.
    pub(super) fn scratch_words(&self) -> usize {
        self.chunks().scratch_len(self.spec.cols)
    }

    fn chunks(&self) -> Chunks {
        Chunks::of_rows(self.spec.rows)
    }
}

impl Kernel for ReduceColumns {
    fn name(&self) -> &'static str {
        "reduce.columns"
    }
    fn boxed(&self) -> Box<dyn Kernel> {
        Box::new(*self)
    }
    fn fleet(&self) -> usize {
        self.spec.fleet
    }
    fn args(&self) -> Vec<ArgSpec> {
        let ReduceColumnsSpec { rows, cols, .. } = self.spec;
        vec![
            ArgSpec::read("x", rows * cols),
            ArgSpec::write("y", cols),
            ArgSpec::scratch("scratch", self.chunks().scratch_len(cols)),
        ]
    }
    fn work(&self) -> Work {
        let ReduceColumnsSpec { fleet, rows, cols } = self.spec;
        let elements = (fleet * rows) as f64 * cols as f64;
        Work { flops: elements, bytes: 4.0 * (elements + (fleet * cols) as f64) }
    }
    fn reference(&self, args: &mut [Vec<f64>], _step: u32) {
        reference::columns(&self.spec, args);
    }
    fn cpu(&self, ctx: &CpuContext, args: &mut Args<'_>, _step: u32) {
        cpu::columns(self, ctx, args);
    }
    fn gpu(&self, _on: &Target<'_>) -> Vec<Dispatch> {
        gpu::columns(self)
    }
}

/// Which rows are folded; [`ReduceRows::new`] checks it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ReduceRowsSpec {
    /// Members.
    pub fleet: usize,
    /// Rows, which stay; 1 for a total.
    pub rows: usize,
    /// Values a row, which are folded.
    pub cols: usize,
    /// How.
    pub fold: Fold,
}

/// `y[i] = fold_j x[i, j]`. Arguments: `x` [rows, cols], `y` `[rows]`, scratch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReduceRows {
    spec: ReduceRowsSpec,
}

impl ReduceRows {
    /// Checks the shape.
    ///
    /// # Errors
    /// If a dimension is 0 or there are too many elements.
    pub fn new(spec: ReduceRowsSpec) -> Result<Self, ShapeError> {
        let ReduceRowsSpec { fleet, rows, cols, .. } = spec;
        ShapeError::positive("reduce", &[("fleet", fleet), ("rows", rows), ("cols", cols)])?;
        ShapeError::countable("reduce", &[("x", &[fleet, rows, cols])])?;
        Ok(Self { spec })
    }

    fn chunks(&self) -> Chunks {
        Chunks::of_values(self.spec.cols)
    }

    /// What the folded value is multiplied by.
    fn scale(&self) -> f32 {
        if self.spec.fold == Fold::Mean { 1.0 / self.spec.cols as f32 } else { 1.0 }
    }
}

impl Kernel for ReduceRows {
    fn name(&self) -> &'static str {
        "reduce.rows"
    }
    fn boxed(&self) -> Box<dyn Kernel> {
        Box::new(*self)
    }
    fn fleet(&self) -> usize {
        self.spec.fleet
    }
    fn args(&self) -> Vec<ArgSpec> {
        let ReduceRowsSpec { rows, cols, .. } = self.spec;
        vec![
            ArgSpec::read("x", rows * cols),
            ArgSpec::write("y", rows),
            ArgSpec::scratch("scratch", self.chunks().scratch_len(rows)),
        ]
    }
    fn work(&self) -> Work {
        let ReduceRowsSpec { fleet, rows, cols, .. } = self.spec;
        let elements = (fleet * rows) as f64 * cols as f64;
        Work { flops: elements, bytes: 4.0 * (elements + (fleet * rows) as f64) }
    }
    fn reference(&self, args: &mut [Vec<f64>], _step: u32) {
        reference::rows(&self.spec, args);
    }
    fn cpu(&self, ctx: &CpuContext, args: &mut Args<'_>, _step: u32) {
        cpu::rows(self, ctx, args);
    }
    fn gpu(&self, _on: &Target<'_>) -> Vec<Dispatch> {
        gpu::rows(self)
    }
}
