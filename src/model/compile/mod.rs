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
use crate::plan::{ListId, Plan, PlanBuilder, PlanError, TensorId};
use forward::{Forward, Mode};

/// A plan that predicts batches: input in, output out.
#[derive(Debug)]
pub struct PredictPlan {
    /// The plan.
    pub plan: Plan,
    /// The kernels of one batch.
    pub list: ListId,
    /// [fleet, batch, length * channels].
    pub input: TensorId,
    /// [fleet, batch, outputs].
    pub output: TensorId,
    /// The weights of the last associations layer, [fleet, batch, heads, positions, positions], if there is one.
    pub associations: Option<TensorId>,
    /// The parameters, in the model's order.
    pub params: Vec<TensorId>,
}

/// Compiles predictions of `batch` rows a member.
///
/// # Errors
/// If the plan does not fit on the device.
pub fn prediction(model: &Model, fleet: usize, batch: usize, backend: &Backend) -> Result<PredictPlan, PlanError> {
    let mut builder = PlanBuilder::new(fleet);
    let params = param_tensors(model, &mut builder);
    let input = input_tensor(model, &mut builder, "input", batch);
    let list = builder.list();
    let mut forward = Forward::new(model, batch, input, params.clone()).keeping_output();
    let output = forward.record(&mut builder, list, Mode::Evaluate)?;
    let associations = model.last_associations().and_then(|index| forward.traces[index].parts.get("weights").copied());
    Ok(PredictPlan { plan: builder.build(backend)?, list, input, output, associations, params })
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

/// [batch, height * length * channels] a member: whole numbers before an embedding, else values.
fn input_tensor(model: &Model, builder: &mut PlanBuilder, name: &str, batch: usize) -> TensorId {
    let len = batch * model.input().len();
    if model.vocabulary().is_some() { builder.tensor_u32(name, len) } else { builder.tensor(name, len) }
}
