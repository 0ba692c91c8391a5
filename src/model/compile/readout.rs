//! Towers over columns, associations of an encoder's positions, and skips from the network's input.

use super::backward::Backward;
use super::forward::{Forward, fused};
use super::product::Product;
use crate::model::layer::LayerSpec;
use crate::model::shape::Layer;
use crate::ops::association::{Association, AssociationBackward, AssociationSpec};
use crate::ops::columns::{AddColumns, AddColumnsSpec, CopyColumns, CopyColumnsSpec};
use crate::ops::{DType, ShapeError};
use crate::plan::{ListId, PlanBuilder, PlanError, TensorId};

/// One tower of a layer.
#[derive(Debug, Clone, Copy)]
struct Tower {
    number: usize,
    /// Its first column of the layer's input.
    first: usize,
    product: Product,
}

fn towers(columns: &[usize], units: usize, batch: usize) -> Vec<Tower> {
    let mut first = 0;
    let tower = |(number, &ins): (usize, &usize)| {
        let product = Product { batch, positions: 1, ins, outs: units };
        let tower = Tower { number, first, product };
        first += ins;
        tower
    };
    columns.iter().enumerate().map(tower).collect()
}

impl Tower {
    /// Its columns of rows as wide as the layer's input, from or to rows of its own.
    const fn columns(&self, fleet: usize, width: usize) -> CopyColumnsSpec {
        let Product { batch, ins, .. } = self.product;
        let (from_width, from, to_width) = (width, self.first, ins);
        CopyColumnsSpec { fleet, n: batch, from_width, from, to_width, to: 0, len: ins, clears: true }
    }

    /// Its position of the layer's output.
    const fn position(&self, fleet: usize, width: usize) -> CopyColumnsSpec {
        let Product { batch, outs, .. } = self.product;
        let (from_width, from, to_width) = (width, self.number * outs, outs);
        CopyColumnsSpec { fleet, n: batch, from_width, from, to_width, to: 0, len: outs, clears: true }
    }

    /// The way back of such a copy; the first tower's clears what no tower reads.
    const fn back(&self, spec: CopyColumnsSpec) -> CopyColumnsSpec {
        let CopyColumnsSpec { from_width, from, to_width, to, .. } = spec;
        let clears = self.number == 0;
        CopyColumnsSpec { from_width: to_width, from: to, to_width: from_width, to: from, clears, ..spec }
    }
}

/// The pairs of an encoder's positions.
fn association(encoder: &Layer, fleet: usize, batch: usize) -> Result<AssociationSpec, ShapeError> {
    let LayerSpec::Encoder { heads, .. } = encoder.spec else {
        return Err(ShapeError::mismatch("association", "the layer in front is no encoder"));
    };
    let (l, d) = (encoder.input.positions(), encoder.input.channels);
    Ok(AssociationSpec { fleet, n: batch, l, d, heads })
}

/// Values a row that such a layer holds besides its input and output.
pub(super) fn inner_len(layer: &Layer) -> usize {
    match &layer.spec {
        LayerSpec::Towers { columns, units, .. } => columns.iter().sum::<usize>() + 2 * columns.len() * units,
        // The weights of at most as many heads as there are channels, and the gradient of queries, keys and values.
        LayerSpec::Associations => layer.input.len() * (layer.input.positions() + 6),
        _ => 0,
    }
}

impl Forward<'_> {
    pub(super) fn towers(
        &mut self,
        builder: &mut PlanBuilder,
        list: ListId,
        index: usize,
        x: TensorId,
    ) -> Result<TensorId, PlanError> {
        let layer = &self.model.layers[index];
        let LayerSpec::Towers { ref columns, units, activation } = layer.spec else {
            return Err(ShapeError::mismatch("columns", "the layer has no towers").into());
        };
        let (fleet, (read, written)) = (builder.fleet(), (layer.input.len(), layer.output.len()));
        let sum = self.sum_target(builder, index, activation);
        for tower in towers(columns, units, self.batch) {
            let t = tower.number;
            let own = self.part(builder, index, &format!("{t}.input"), tower.product.batch * tower.product.ins);
            builder.push(list, CopyColumns::new(tower.columns(fleet, read))?, &[x, own])?;
            let y = self.part(builder, index, &format!("{t}.output"), tower.product.batch * units);
            let params = &self.params[layer.first_param + 2 * t..];
            tower.product.forward(builder, list, fused(activation), own, params, y)?;
            let place = tower.back(tower.position(fleet, written));
            builder.push(list, CopyColumns::new(place)?, &[y, sum])?;
        }
        self.after_sum(builder, list, index, activation, sum)
    }

    pub(super) fn associations(
        &mut self,
        builder: &mut PlanBuilder,
        list: ListId,
        index: usize,
        x: TensorId,
    ) -> Result<TensorId, PlanError> {
        let spec = association(&self.model.layers[index - 1], builder.fleet(), self.batch)?;
        let qkv = self.part(builder, index - 1, "qkv", 3 * spec.n * spec.l * spec.d);
        let weights = self.weights(builder, index, spec.n * spec.heads * spec.l * spec.l);
        let y = self.output(builder, index);
        builder.push(list, Association::new(spec)?, &[qkv, x, y, weights])?;
        Ok(y)
    }

    pub(super) fn skip(
        &mut self,
        builder: &mut PlanBuilder,
        list: ListId,
        index: usize,
        from: usize,
        x: TensorId,
    ) -> Result<TensorId, PlanError> {
        let y = self.output(builder, index);
        let (positions, c) = (self.model.layers[index].input.positions(), self.model.layers[index].input.channels);
        let width = self.model.input().len();
        let spec = AddColumnsSpec { fleet: builder.fleet(), n: self.batch, positions, c, width, from };
        builder.push(list, AddColumns::new(spec)?, &[x, self.input, y])?;
        Ok(y)
    }
}

impl Backward<'_> {
    /// From the gradient `dz` of the towers' sums.
    pub(super) fn towers(
        &self,
        builder: &mut PlanBuilder,
        index: usize,
        dz: TensorId,
        need_dx: bool,
    ) -> Result<TensorId, PlanError> {
        let layer = &self.forward.model.layers[index];
        let LayerSpec::Towers { ref columns, units, .. } = layer.spec else {
            return Err(ShapeError::mismatch("columns", "the layer has no towers").into());
        };
        let (fleet, (read, written)) = (builder.fleet(), (layer.input.len(), layer.output.len()));
        let dx = if need_dx { self.dx(builder, index) } else { dz };
        for tower in towers(columns, units, self.forward.batch) {
            let (t, Product { batch, ins, .. }) = (tower.number, tower.product);
            let p = layer.first_param + 2 * t;
            let own = builder.local(format!("layers.{index}.{t}.dsum"), batch * units, DType::F32);
            builder.push(self.list, CopyColumns::new(tower.position(fleet, written))?, &[dz, own])?;
            let gradients = [self.gradient(index, p)?, self.gradient(index, p + 1)?];
            let input = self.part(index, &format!("{t}.input"))?;
            tower.product.gradients(builder, self.list, input, own, gradients)?;
            if need_dx {
                let dinput = builder.local(format!("layers.{index}.{t}.dinput"), batch * ins, DType::F32);
                tower.product.backward_data(builder, self.list, own, self.forward.params[p], dinput, None)?;
                let place = tower.back(tower.columns(fleet, read));
                builder.push(self.list, CopyColumns::new(place)?, &[dinput, dx])?;
            }
        }
        Ok(dx)
    }

    /// The gradients of the encoder's output, and of its queries, keys and values as far as they come this way.
    pub(super) fn associations(
        &self,
        builder: &mut PlanBuilder,
        index: usize,
        dy: TensorId,
    ) -> Result<[TensorId; 2], PlanError> {
        let spec = association(&self.forward.model.layers[index - 1], builder.fleet(), self.forward.batch)?;
        let dx = self.dx(builder, index);
        let len = 3 * self.forward.batch * self.forward.model.layers[index].input.len();
        let dqkv = builder.local(format!("layers.{index}.dqkv"), len, DType::F32);
        let (qkv, weights) = (self.part(index - 1, "qkv")?, self.part(index, "weights")?);
        builder.push(self.list, AssociationBackward::new(spec)?, &[qkv, weights, dy, dx, dqkv])?;
        Ok([dx, dqkv])
    }
}
