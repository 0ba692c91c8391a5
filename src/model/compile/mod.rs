//! From layers to kernels: a training step, an evaluation step and a prediction, recorded for a fleet.

mod backward;
mod encoder;
mod forward;
mod halves;
mod product;
mod readout;
mod shapes;
mod small;
mod training;

pub use small::memory_share;
use training::largest_member_tensor;
pub use training::{Tables, TrainPlan, TrainShape, bytes_a_member, largest_tensor, lasting_lens, training};

use super::Model;
use crate::backend::Backend;
use crate::ops::DType;
use crate::ops::gather::{Gather, GatherSpec};
use crate::plan::{ListId, Plan, PlanBuilder, PlanError, TensorId};
use forward::{Forward, Mode};

/// A plan that predicts batches: input in, output out.
#[derive(Debug)]
pub struct PredictPlan {
    /// The plan.
    pub plan: Plan,
    /// The kernels of one batch.
    pub list: ListId,
    /// [fleet, batch, length * channels], or without the fleet where its members share their rows.
    pub input: TensorId,
    /// [fleet, batch, outputs].
    pub output: TensorId,
    /// The weights of the last associations layer, [fleet, batch, heads, positions, positions], if there is one.
    pub associations: Option<TensorId>,
    /// The parameters, in the model's order.
    pub params: Vec<TensorId>,
}

/// Whose rows a prediction is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowsOf {
    /// Each member has rows of its own.
    Member,
    /// All members have the same rows, which are carried to the device once.
    Fleet,
}

/// Compiles predictions of `batch` rows a member.
///
/// # Errors
/// If the plan does not fit on the device.
pub fn prediction(
    model: &Model,
    (fleet, batch): (usize, usize),
    rows_of: RowsOf,
    backend: &Backend,
) -> Result<PredictPlan, PlanError> {
    let mut builder = PlanBuilder::new(fleet);
    let params = param_tensors(model, &mut builder);
    let list = builder.list();
    let (width, dtype) = (model.input().len(), input_dtype(model));
    let shared = (rows_of == RowsOf::Fleet && fleet > 1)
        .then(|| (builder.shared("rows", batch * width, dtype), builder.tensor_u32("rows.numbers", batch)));
    let own = match shared {
        None if dtype == DType::U32 => builder.tensor_u32("input", batch * width),
        None => builder.tensor("input", batch * width),
        Some((rows, numbers)) => {
            let own = builder.local("input", batch * width, dtype);
            let spec = GatherSpec { fleet, rows: batch, width, n: batch, steps: 1, dtype };
            builder.push(list, Gather::new(spec)?, &[rows, numbers, own])?;
            own
        }
    };
    let mut forward = Forward::new(model, batch, own, params.clone()).keeping_output();
    let output = forward.record(&mut builder, list, Mode::Evaluate)?;
    let associations = model.last_associations().and_then(|index| forward.traces[index].parts.get("weights").copied());
    let mut plan = builder.build(backend)?;
    if let Some((_, numbers)) = shared {
        let every: Vec<u32> = (0..fleet).flat_map(|_| 0..batch as u32).collect();
        plan.upload(numbers, &every)?;
    }
    let input = shared.map_or(own, |(rows, _)| rows);
    Ok(PredictPlan { plan, list, input, output, associations, params })
}

/// The most members that one prediction of `batch` rows may have, by the size of a binding.
pub fn prediction_fleet_max(model: &Model, batch: usize, backend: &Backend) -> usize {
    match backend {
        Backend::Cpu(_) => usize::MAX,
        Backend::Gpu(gpu) => {
            let words = gpu.binding_bytes_max() as usize / 4;
            (words / largest_member_tensor(model, batch).max(1)).max(1)
        }
    }
}

fn param_tensors(model: &Model, builder: &mut PlanBuilder) -> Vec<TensorId> {
    model.params().iter().map(|param| builder.tensor(param.name.clone(), param.len())).collect()
}

/// Of inputs: whole numbers before an embedding, else values.
fn input_dtype(model: &Model) -> DType {
    if model.vocabulary().is_some() { DType::U32 } else { DType::F32 }
}
