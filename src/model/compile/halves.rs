//! Training with f16 storage: the weights that the passes read, and the scale of the gradients.

use super::TrainShape;
use crate::model::{Model, Precision};
use crate::ops::mixed::{Judge, JudgeSpec, Round, RoundSpec, STATE, Scale, ScaleSpec};
use crate::plan::{ListId, PlanBuilder, PlanError, TensorId};

/// The f32 parameters, and those that the passes read.
#[derive(Debug)]
pub(super) struct Masters {
    /// For each parameter of the model, what the passes read.
    pub read: Vec<TensorId>,
    /// A master, its f16 copy, their length.
    copies: Vec<(TensorId, TensorId, usize)>,
}

impl Masters {
    /// With f16, matrices and kernels are read from a copy; biases and what belongs to normalisations, which are few and
    /// reach many values, from the f32 parameters.
    pub(super) fn new(b: &mut PlanBuilder, model: &Model, params: &[TensorId], precision: Precision) -> Self {
        let (mut read, mut copies) = (params.to_vec(), vec![]);
        for (param, read) in model.params().iter().zip(&mut read) {
            if precision == Precision::F16 && param.kind.trained() && param.shape.len() > 1 {
                let copy = b.tensor(format!("half.{}", param.name), param.len());
                b.hold_half(copy);
                copies.push((*read, copy, param.len()));
                *read = copy;
            }
        }
        Self { read, copies }
    }

    /// Records that the copies are made anew.
    pub(super) fn round(&self, b: &mut PlanBuilder, list: ListId) -> Result<(), PlanError> {
        for (master, copy, len) in &self.copies {
            let kernel = Round::new(RoundSpec { fleet: b.fleet(), len: *len })?;
            b.push(list, kernel, &[*master, *copy])?;
        }
        Ok(())
    }
}

/// The scale of the loss's gradient.
#[derive(Debug)]
pub(super) struct Scaling {
    /// Its state, which outlives a step.
    pub state: TensorId,
    /// What the optimiser multiplies gradients by.
    pub factor: TensorId,
}

impl Scaling {
    pub(super) fn new(b: &mut PlanBuilder) -> Self {
        Self { state: b.tensor("loss_scale", STATE), factor: b.tensor("gradient.factor", 1) }
    }

    /// Records that the gradient `x` of the model's output is scaled up; returns the product.
    pub(super) fn scale(
        &self,
        b: &mut PlanBuilder,
        list: ListId,
        x: TensorId,
        [rows, width]: [usize; 2],
    ) -> Result<TensorId, PlanError> {
        let y = b.local("dlogits.scaled", rows * width, crate::ops::DType::F32);
        b.push(list, Scale::new(ScaleSpec { fleet: b.fleet(), rows, width })?, &[x, self.state, y])?;
        Ok(y)
    }

    /// Records the judgement of a step whose gradients' squares add up to `norm`.
    pub(super) fn judge(
        &self,
        b: &mut PlanBuilder,
        list: ListId,
        shape: &TrainShape,
        norm: TensorId,
        schedule: TensorId,
    ) -> Result<(), PlanError> {
        let spec = JudgeSpec { fleet: b.fleet(), steps: shape.steps, clip: shape.clip.map(f64::from) };
        b.push(list, Judge::new(spec)?, &[norm, schedule, self.state, self.factor])
    }
}
