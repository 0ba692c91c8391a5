//! Checkpoints: everything that outlives a step, so that a resumed training goes on to the same bits.
//!
//! The order of rows, dropout and learning rates follow from seed and epoch; what is kept is the parameters, the
//! optimiser's memories, the best weights so far, and each member's losses.

use std::path::Path;

use sha2::{Digest, Sha256};

use super::error::TrainError;
use super::fleet::{Data, Member, Targets};
use super::spec::TrainSpec;
use super::state::{FleetState, Progress, Resumed};
use crate::artifact::tensors::{TensorData, TensorFile};
use crate::artifact::{ArtifactError, ensure_folder};
use crate::model::compile::{TrainShape, lasting_lens};
use crate::model::{Loss, Model};

/// Marks "no loss" among losses: a NaN of its own, which a training never records.
const NO_LOSS: u32 = 0x7fc0_1234;

/// A hash of everything that a training's result depends on, besides the device.
pub(super) fn fingerprint(model: &Model, spec: &TrainSpec, loss: Loss, data: Data<'_>, fleet: &[Member]) -> String {
    let mut hash = Sha256::new();
    hash.update(format!("{:?} {spec:?} {loss:?}", model.spec()));
    hash.update(bytemuck::cast_slice::<f32, u8>(data.inputs));
    match data.targets {
        Targets::Labels(labels) => hash.update(bytemuck::cast_slice::<u32, u8>(labels)),
        Targets::Values(values) => hash.update(bytemuck::cast_slice::<f32, u8>(values)),
    }
    for member in fleet {
        hash.update(member.seed.to_le_bytes());
        hash.update(member.rate.to_le_bytes());
        for rows in [&member.train, &member.validation] {
            hash.update((rows.len() as u64).to_le_bytes());
            hash.update(bytemuck::cast_slice::<u32, u8>(rows));
        }
        let start = member.start.iter().flat_map(|w| &w.values);
        for values in
            [&member.train_weights, &member.validation_weights].into_iter().chain(&member.output_bias).chain(start)
        {
            hash.update((values.len() as u64).to_le_bytes());
            hash.update(bytemuck::cast_slice::<f32, u8>(values));
        }
    }
    crate::dataset::hash::hex(&hash.finalize())
}

/// Writes the fleet's state.
pub(super) fn save(path: &Path, model: &Model, state: &mut FleetState<'_>, print: &str) -> Result<(), TrainError> {
    if let Some(folder) = path.parent() {
        ensure_folder(folder)?;
    }
    let mut file = TensorFile::new();
    file.set_text("fingerprint", print);
    file.set_text("model", format!("{:?}", model.spec()));
    let fleet = state.progress.len();
    for (i, id) in state.plan.lasting().into_iter().enumerate() {
        let words = state.plan.plan.download(id)?;
        file.insert(&format!("state.{i}"), &[words.len()], TensorData::U32(words))?;
    }
    let scalars: Vec<u32> = state
        .progress
        .iter()
        .flat_map(|p| [p.best_epoch as u32, p.mark_epoch as u32, u32::from(p.stopped), p.losses.len() as u32])
        .collect();
    file.insert("progress", &[fleet, 4], TensorData::U32(scalars))?;
    let losses = state.progress.iter().flat_map(|p| &p.losses);
    let losses: Vec<u32> = losses.flat_map(|(t, v)| [t.to_bits(), v.map_or(NO_LOSS, f32::to_bits)]).collect();
    file.insert("losses", &[losses.len()], TensorData::U32(losses))?;
    file.insert("epochs_done", &[1], TensorData::U32(vec![state.epochs_done as u32]))?;
    Ok(file.save(path)?)
}

/// Reads a state back; `None` where there is none.
pub(super) fn load(path: &Path, model: &Model, shape: &TrainShape, print: &str) -> Result<Option<Resumed>, TrainError> {
    if !path.exists() {
        return Ok(None);
    }
    let file = TensorFile::load(path)?;
    if file.text("fingerprint")? != print {
        let reason =
            "the checkpoint belongs to another training (other data, settings or seeds): remove it to start anew";
        return Err(ArtifactError::format(path, reason).into());
    }
    let fleet = shape.fleet;
    let mut tensors = vec![];
    for (i, len) in lasting_lens(model, shape).into_iter().enumerate() {
        tensors.push(file.u32(&format!("state.{i}"), &[len * fleet])?.to_vec());
    }
    let scalars = file.u32("progress", &[fleet, 4])?;
    let count: usize = scalars.chunks(4).map(|s| s[3] as usize).sum();
    let mut losses = file.u32("losses", &[count * 2])?.chunks(2);
    let progress = scalars.chunks(4).map(|s| Progress {
        best_epoch: s[0] as usize,
        mark_epoch: s[1] as usize,
        stopped: s[2] != 0,
        losses: losses.by_ref().take(s[3] as usize).map(|pair| (f32::from_bits(pair[0]), loss(pair[1]))).collect(),
    });
    let progress = progress.collect();
    let epochs_done = file.u32("epochs_done", &[1])?[0] as usize;
    Ok(Some(Resumed { epochs_done, progress, tensors }))
}

fn loss(bits: u32) -> Option<f32> {
    (bits != NO_LOSS).then(|| f32::from_bits(bits))
}
