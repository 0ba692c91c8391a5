//! Columns of matrices: some are copied to a place in another matrix, or added at every position of rows.
//!
//! Copying: with x [n, from_width] and y [n, to_width], `y[i, to + j] = x[i, from + j]` for j below `len`. What else y
//! holds stays as it is, or becomes 0 (`clears`). The way back is the same copy the other way round.
//!
//! Adding: `y[i, p, j] = x[i, p, j] + s[i, from + j]` for all positions p. The gradient of x is dy itself.

mod cases;
mod cpu;
mod reference;

use super::kernel::{ArgSpec, Args, Dispatch, Kernel, Shader, Target, Tile, Work, reads, writes};
use super::{Case, Op, ShapeError, prelude};
use crate::backend::CpuContext;

const SHADER: Shader =
    Shader { name: "columns", preludes: &[prelude::GRID], source: include_str!("../../../shaders/ops/columns.wgsl") };

/// The registry's entry.
#[derive(Debug)]
pub struct ColumnsOp;

impl Op for ColumnsOp {
    fn name(&self) -> &'static str {
        "columns"
    }
    fn summary(&self) -> &'static str {
        "y[f,i,to+j] = x[f,i,from+j], or y[f,i,p,j] = x[f,i,p,j] + s[f,i,from+j]"
    }
    fn shaders(&self) -> Vec<Shader> {
        vec![SHADER]
    }
    fn cases(&self) -> Vec<Case> {
        cases::cases()
    }
}

/// Which columns go where; [`CopyColumns::new`] checks it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CopyColumnsSpec {
    /// Members.
    pub fleet: usize,
    /// The batch's rows.
    pub n: usize,
    /// Columns of x.
    pub from_width: usize,
    /// The first of them that is copied.
    pub from: usize,
    /// Columns of y.
    pub to_width: usize,
    /// Where the first one goes.
    pub to: usize,
    /// How many are copied.
    pub len: usize,
    /// Whether all other columns of y become 0.
    pub clears: bool,
}

/// A checked copy. Arguments: `x` [n, from_width], `y` [n, to_width].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CopyColumns {
    spec: CopyColumnsSpec,
}

impl CopyColumns {
    /// Checks the shape.
    ///
    /// # Errors
    /// If a dimension is 0, there are too many elements, or the columns do not exist.
    pub fn new(spec: CopyColumnsSpec) -> Result<Self, ShapeError> {
        const OP: &str = "columns";
        let CopyColumnsSpec { fleet, n, from_width, from, to_width, to, len, .. } = spec;
        ShapeError::positive(OP, &[("fleet", fleet), ("n", n), ("len", len)])?;
        ShapeError::countable(OP, &[("x", &[fleet, n, from_width]), ("y", &[fleet, n, to_width])])?;
        within(from, len, from_width)?;
        within(to, len, to_width)?;
        Ok(Self { spec })
    }
}

/// Refuses columns beyond the last.
fn within(first: usize, len: usize, width: usize) -> Result<(), ShapeError> {
    if first.checked_add(len).is_none_or(|end| end > width) {
        let reason = format!("{len} columns from column {first} on, of {width}");
        return Err(ShapeError::mismatch("columns", reason));
    }
    Ok(())
}

impl Kernel for CopyColumns {
    fn name(&self) -> &'static str {
        "columns.copy"
    }
    fn boxed(&self) -> Box<dyn Kernel> {
        Box::new(*self)
    }
    fn fleet(&self) -> usize {
        self.spec.fleet
    }
    fn args(&self) -> Vec<ArgSpec> {
        let CopyColumnsSpec { n, from_width, to_width, clears, .. } = self.spec;
        let y = if clears { ArgSpec::write("y", n * to_width) } else { ArgSpec::update("y", n * to_width) };
        vec![ArgSpec::read("x", n * from_width).rows(), y.rows()]
    }
    fn work(&self) -> Work {
        let CopyColumnsSpec { fleet, n, to_width, len, clears, .. } = self.spec;
        let written = if clears { to_width } else { len };
        Work { flops: 0.0, bytes: 4.0 * (fleet * n) as f64 * (len + written) as f64 }
    }
    fn reference(&self, args: &mut [Vec<f64>], _step: u32) {
        reference::copy(&self.spec, args);
    }
    fn cpu(&self, ctx: &CpuContext, args: &mut Args<'_>, _step: u32) {
        cpu::copy(&self.spec, ctx, args);
    }
    fn gpu(&self, _on: &Target<'_>) -> Vec<Dispatch> {
        let CopyColumnsSpec { fleet, n, from_width, from, to_width, to, len, clears } = self.spec;
        let width = if clears { to_width } else { len };
        let words = fleet * n * width;
        let params = [words, width, from_width, from, to_width, to, len, usize::from(clears)];
        vec![Dispatch {
            shader: SHADER,
            entry: "copy",
            constants: vec![],
            binds: vec![reads(0), writes(1)],
            params: params.map(|word| word as u32).to_vec(),
            groups: words.div_ceil(256),
        }]
    }
    fn rows(&self) -> Option<usize> {
        Some(self.spec.n)
    }
    fn cpu_tile(&self, ctx: &CpuContext, args: &mut Args<'_>, step: u32, _tile: Tile) {
        self.cpu(ctx, args, step);
    }
}

/// What is added; [`AddColumns::new`] checks it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AddColumnsSpec {
    /// Members.
    pub fleet: usize,
    /// The batch's rows.
    pub n: usize,
    /// Positions of a row.
    pub positions: usize,
    /// Values of a position.
    pub c: usize,
    /// Columns of s.
    pub width: usize,
    /// The first of them that is added.
    pub from: usize,
}

/// A checked sum. Arguments: `x` [n, positions, c], `s` [n, width], `y` as x.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AddColumns {
    spec: AddColumnsSpec,
}

impl AddColumns {
    /// Checks the shape.
    ///
    /// # Errors
    /// If a dimension is 0, there are too many elements, or the columns do not exist.
    pub fn new(spec: AddColumnsSpec) -> Result<Self, ShapeError> {
        const OP: &str = "columns";
        let AddColumnsSpec { fleet, n, positions, c, width, from } = spec;
        ShapeError::positive(OP, &[("fleet", fleet), ("n", n), ("positions", positions), ("c", c)])?;
        ShapeError::countable(OP, &[("x", &[fleet, n, positions, c]), ("s", &[fleet, n, width])])?;
        within(from, c, width)?;
        Ok(Self { spec })
    }
}

impl Kernel for AddColumns {
    fn name(&self) -> &'static str {
        "columns.add"
    }
    fn boxed(&self) -> Box<dyn Kernel> {
        Box::new(*self)
    }
    fn fleet(&self) -> usize {
        self.spec.fleet
    }
    fn args(&self) -> Vec<ArgSpec> {
        let AddColumnsSpec { n, positions, c, width, .. } = self.spec;
        let values = n * positions * c;
        vec![
            ArgSpec::read("x", values).rows(),
            ArgSpec::read("s", n * width).rows(),
            ArgSpec::write("y", values).rows(),
        ]
    }
    fn work(&self) -> Work {
        let AddColumnsSpec { fleet, n, positions, c, .. } = self.spec;
        let rows = (fleet * n) as f64;
        Work { flops: rows * (positions * c) as f64, bytes: 4.0 * rows * ((2 * positions + 1) * c) as f64 }
    }
    fn reference(&self, args: &mut [Vec<f64>], _step: u32) {
        reference::add(&self.spec, args);
    }
    fn cpu(&self, ctx: &CpuContext, args: &mut Args<'_>, _step: u32) {
        cpu::add(&self.spec, ctx, args);
    }
    fn gpu(&self, _on: &Target<'_>) -> Vec<Dispatch> {
        let AddColumnsSpec { fleet, n, positions, c, width, from } = self.spec;
        let words = fleet * n * positions * c;
        vec![Dispatch {
            shader: SHADER,
            entry: "add",
            constants: vec![],
            binds: vec![reads(0), writes(2), reads(1)],
            params: vec![words as u32, (positions * c) as u32, width as u32, from as u32, 0, 0, c as u32, 0],
            groups: words.div_ceil(256),
        }]
    }
    fn rows(&self) -> Option<usize> {
        Some(self.spec.n)
    }
    fn cpu_tile(&self, ctx: &CpuContext, args: &mut Args<'_>, step: u32, _tile: Tile) {
        self.cpu(ctx, args, step);
    }
}

#[cfg(test)]
mod tests {
    use super::{AddColumns, AddColumnsSpec, CopyColumns, CopyColumnsSpec};

    #[test]
    fn i3_columns_beyond_the_last_are_refused() {
        let copy = CopyColumnsSpec { fleet: 1, n: 2, from_width: 5, from: 2, to_width: 9, to: 0, len: 3, clears: true };
        CopyColumns::new(copy).expect("columns 2 to 4 of 5");
        let refused = CopyColumns::new(CopyColumnsSpec { from: 3, ..copy }).expect_err("columns 3 to 5 of 5");
        assert_eq!(refused.to_string(), "columns: 3 columns from column 3 on, of 5");
        CopyColumns::new(CopyColumnsSpec { to: 7, ..copy }).expect_err("columns 7 to 9 of 9");
        CopyColumns::new(CopyColumnsSpec { to: usize::MAX, ..copy }).expect_err("beyond any");
        let add = AddColumnsSpec { fleet: 1, n: 2, positions: 3, c: 4, width: 6, from: 2 };
        AddColumns::new(add).expect("columns 2 to 5 of 6");
        AddColumns::new(AddColumnsSpec { from: 3, ..add }).expect_err("columns 3 to 6 of 6");
    }
}
