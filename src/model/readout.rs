//! Checks of the layers around read-outs: towers, associations, skips.

use super::Model;
use super::layer::LayerSpec;
use super::shape::{ModelSpec, TensorShape, bounded};
use crate::ops::association::POSITIONS_MAX;

/// What a model with associations says of a row besides its outputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AssociationShape {
    /// Attention heads.
    pub heads: usize,
    /// Positions.
    pub positions: usize,
}

impl AssociationShape {
    /// Weights a row: [heads, positions, positions].
    pub const fn len(self) -> usize {
        self.heads * self.positions * self.positions
    }

    /// Whether there are none.
    pub const fn is_empty(self) -> bool {
        self.len() == 0
    }
}

impl Model {
    /// The last of its layers that gives associations.
    pub(super) fn last_associations(&self) -> Option<usize> {
        self.layers.iter().rposition(|layer| matches!(layer.spec, LayerSpec::Associations))
    }

    /// The attention whose weights the last associations layer keeps.
    pub fn associations(&self) -> Option<AssociationShape> {
        let encoder = &self.layers[self.last_associations()?.checked_sub(1)?];
        match encoder.spec {
            LayerSpec::Encoder { heads, .. } => Some(AssociationShape { heads, positions: encoder.input.positions() }),
            _ => None,
        }
    }
}

pub(super) fn towers_shape(columns: &[usize], units: usize, input: TensorShape) -> Result<TensorShape, String> {
    if units == 0 || columns.is_empty() || columns.contains(&0) {
        return Err(format!(
            "needs at least one tower, of at least one column each, and units of at least 1, found columns {columns:?} \
             and units {units}"
        ));
    }
    bounded(columns)?;
    bounded(&[units, columns.len()])?;
    let seen: usize = columns.iter().sum();
    if seen > input.len() {
        return Err(format!("columns {columns:?} are {seen} values, the input has {} a row", input.len()));
    }
    Ok(TensorShape::sequence(columns.len(), units))
}

/// The shape behind the layers `before`.
pub(super) fn associations_shape(before: &[LayerSpec], input: TensorShape) -> Result<TensorShape, String> {
    if !matches!(before.last(), Some(LayerSpec::Encoder { .. })) {
        return Err("must come directly behind an encoder, whose attention it takes".to_owned());
    }
    let positions = input.positions();
    if !(2..=POSITIONS_MAX).contains(&positions) {
        return Err(format!("needs 2 to {POSITIONS_MAX} positions, found {positions}"));
    }
    Ok(TensorShape::flat((positions + positions * (positions - 1) / 2) * input.channels))
}

pub(super) fn check_skip(model: &ModelSpec, from: usize, input: TensorShape) -> Result<(), String> {
    if matches!(model.layers.first(), Some(LayerSpec::Embedding { .. })) {
        return Err("adds columns of the network's input, which holds whole numbers before an embedding".to_owned());
    }
    let (columns, channels) = (model.input.len(), input.channels);
    if from.checked_add(channels).is_none_or(|end| end > columns) {
        return Err(format!(
            "adds {channels} columns from column {from} on, as many as there are channels; the network's input has \
             {columns} columns"
        ));
    }
    Ok(())
}
