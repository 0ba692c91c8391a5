//! Dense layers at one or more positions of a batch's rows, `y = act(x w + b)`, and their gradients.

use crate::ops::Activation;
use crate::ops::matmul::{Batch, Matmul, MatmulSpec};
use crate::plan::{ListId, PlanBuilder, PlanError, TensorId};

/// A dense layer's sizes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Product {
    pub batch: usize,
    /// Positions of each of the batch's rows.
    pub positions: usize,
    pub ins: usize,
    pub outs: usize,
}

impl Product {
    /// Rows of x and y as matrices.
    pub(super) const fn rows(self) -> usize {
        self.batch * self.positions
    }

    fn base(self, fleet: usize) -> MatmulSpec {
        MatmulSpec { fleet, positions: self.positions, ..MatmulSpec::default() }
    }

    /// `y = act(x w + b)`; `params` are w and b.
    pub(super) fn forward(
        self,
        builder: &mut PlanBuilder,
        list: ListId,
        activation: Activation,
        x: TensorId,
        params: &[TensorId],
        y: TensorId,
    ) -> Result<(), PlanError> {
        let base = self.base(builder.fleet());
        let (m, k, n) = (self.rows(), self.ins, self.outs);
        let kernel = Matmul::new(MatmulSpec { m, k, n, bias: true, activation, batch: Batch::M, ..base })?;
        builder.push(list, kernel, &[x, params[0], y, params[1]])
    }

    /// `dw = x^T dy` and `db`, the sum of dy's rows.
    pub(super) fn gradients(
        self,
        builder: &mut PlanBuilder,
        list: ListId,
        x: TensorId,
        dy: TensorId,
        [dw, db]: [TensorId; 2],
    ) -> Result<(), PlanError> {
        let base = self.base(builder.fleet());
        let (m, k, n) = (self.ins, self.rows(), self.outs);
        let kernel = Matmul::new(MatmulSpec { m, k, n, a_transposed: true, sums: true, batch: Batch::K, ..base })?;
        builder.push(list, kernel, &[x, dy, dw, db])
    }

    /// `dx = dy w^T`, multiplied by the slope of a mask's activation, which follows from its output.
    pub(super) fn backward_data(
        self,
        builder: &mut PlanBuilder,
        list: ListId,
        dy: TensorId,
        w: TensorId,
        dx: TensorId,
        mask: Option<(Activation, TensorId)>,
    ) -> Result<(), PlanError> {
        let base = self.base(builder.fleet());
        let (m, k, n) = (self.rows(), self.outs, self.ins);
        let (mask, saved) = mask.unzip();
        let mask = mask.unwrap_or_default();
        let kernel = Matmul::new(MatmulSpec { m, k, n, b_transposed: true, mask, batch: Batch::M, ..base })?;
        let mut bound = vec![dy, w, dx];
        bound.extend(saved);
        builder.push(list, kernel, &bound)
    }
}
