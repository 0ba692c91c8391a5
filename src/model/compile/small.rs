//! Networks that a GPU may train whole, in a workgroup a member.

use std::sync::Arc;

use super::TrainShape;
use crate::backend::{Backend, Gpu};
use crate::model::layer::LayerSpec;
use crate::model::{Loss, Model, Optimizer, Precision};
use crate::ops::network::{Network, NetworkLoss, NetworkSpec};
use crate::ops::optimiser::Rule;
use crate::ops::{Activation, Program};
use crate::plan::{ListId, PlanBuilder, TensorId};

/// A model's training as a small network: dense layers alone, in f32, with a loss that each row has for itself. `trains`
/// tells a training from a mere look at the loss.
pub(super) fn network(model: &Model, shape: &TrainShape, trains: bool) -> Option<Network> {
    if shape.precision != Precision::F32 || model.vocabulary().is_some() {
        return None;
    }
    let loss = match shape.loss {
        Loss::CrossEntropy => NetworkLoss::CrossEntropy,
        Loss::BinaryCrossEntropy => NetworkLoss::BinaryCrossEntropy,
        Loss::MeanSquare => NetworkLoss::MeanSquare,
        Loss::Pearson | Loss::ReadOuts { .. } => return None,
    };
    let (mut widths, mut activations, mut dropouts) = (vec![model.input().len()], vec![], vec![None]);
    for (index, layer) in model.layers.iter().enumerate() {
        match layer.spec {
            LayerSpec::Dropout { rate } => match dropouts.last_mut() {
                Some(last @ None) => *last = Some((rate, index as u32)),
                _ => return None,
            },
            LayerSpec::Flatten | LayerSpec::Activation { function: Activation::None } => {}
            LayerSpec::Dense { activation, .. } => {
                widths.push(layer.output.len());
                activations.push(activation);
                dropouts.push(None);
            }
            _ => return None,
        }
    }
    let spec = NetworkSpec {
        fleet: shape.fleet,
        widths,
        activations,
        dropouts,
        batch: shape.batch,
        steps: if trains { shape.steps } else { shape.validation_steps },
        rows: shape.rows,
        loss,
        optimizer: trains.then(|| rule(shape.optimizer)),
        clip: shape.clip.map(f64::from),
    };
    Network::new(spec).ok()
}

/// What moves values, and the decay of matrices.
pub(super) fn rule(optimizer: Optimizer) -> (Rule, f64) {
    match optimizer {
        Optimizer::Adam { beta1, beta2, epsilon, weight_decay } => {
            let [beta1, beta2, epsilon] = [beta1, beta2, epsilon].map(f64::from);
            (Rule::Adam { beta1, beta2, epsilon }, f64::from(weight_decay))
        }
        Optimizer::Sgd { momentum, nesterov, weight_decay } => {
            (Rule::Sgd { momentum: f64::from(momentum), nesterov }, f64::from(weight_decay))
        }
    }
}

/// Whether this GPU trains the model whole: then nothing of a batch's rows takes memory.
pub(super) fn trains_whole(model: &Model, shape: &TrainShape, gpu: &Gpu) -> bool {
    let fits = |trains| network(model, shape, trains).is_some_and(|network| network.fits(gpu.traits()));
    fits(true) && (shape.validation_steps == 0 || fits(false))
}

/// Has GPUs that have room for it run `list` as one program.
pub(super) fn fuse(b: &mut PlanBuilder, list: ListId, network: Network, reads: Read<'_>, memories: &[Vec<TensorId>]) {
    let trains = !memories.is_empty();
    let mut binds = vec![
        (reads.params.to_vec(), trains),
        (vec![reads.inputs], false),
        (vec![reads.targets], false),
        (reads.tables.to_vec(), false),
        (vec![reads.loss], true),
    ];
    binds.extend(memories.iter().map(|ids| (ids.clone(), true)));
    let kernels = b.kernels(list);
    b.fuse(list, 0..kernels, Arc::new(network), binds);
}

/// What both training and judging read, and where the loss goes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Read<'a> {
    pub params: &'a [TensorId],
    pub inputs: TensorId,
    pub targets: TensorId,
    /// Rows, weights, schedule, and for a training the seed.
    pub tables: &'a [TensorId],
    pub loss: TensorId,
}

/// Bytes that a fleet may take on a device, nearly.
pub fn memory_share(backend: &Backend) -> usize {
    const UNKNOWN: usize = 4 << 30;
    match backend {
        Backend::Cpu(_) => UNKNOWN,
        // Other programs, and what the driver keeps, want their part.
        Backend::Gpu(gpu) => gpu.memory_bytes().map_or(UNKNOWN, |bytes| (bytes / 4 * 3) as usize),
    }
}
