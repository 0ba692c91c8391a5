//! From kernels to dispatches with pipelines and bind groups.

use super::halves::with_halves;
use super::{GpuPlan, Recording, Step, WORDS};
use crate::backend::gpu::{BindAccess, PipelineKey};
use crate::backend::{BackendError, Gpu, grid};
use crate::ops::{Dispatch, PARAMS_MAX, Target};
use crate::plan::PlanError;
use crate::plan::builder::{List, Recorded, SCRATCH, TensorId, TensorInfo, held};
use crate::plan::fused::Fused;

/// What a list becomes.
pub(super) enum Call {
    /// These, each step.
    Each(Vec<Part>),
    /// All kernels in one dispatch, several steps.
    Many(Fused),
}

/// A part of a list.
pub(super) enum Part {
    /// A kernel's dispatches.
    Kernel(usize, Vec<Dispatch>),
    /// Several kernels in one dispatch.
    Fused(Fused),
}

/// Which tensors are held as f16, and what each list becomes.
///
/// A tensor to be held as f16 stays f32 if a shader wants its bare words.
pub(super) fn calls(gpu: &Gpu, tensors: &[TensorInfo], lists: &[List]) -> Result<(Vec<bool>, Vec<Call>), PlanError> {
    let mut halves = held(lists, tensors);
    if halves.contains(&true) && !gpu.traits().half {
        return Err(BackendError::lacks_half(gpu.name()).into());
    }
    loop {
        let calls: Vec<Call> = lists.iter().map(|list| call(gpu, list, &halves)).collect();
        let mut changed = false;
        let mut keep = |id: TensorId| changed |= std::mem::replace(&mut halves[id.0], false);
        for (list, call) in lists.iter().zip(&calls) {
            let parts = match call {
                Call::Each(parts) => parts,
                Call::Many(fused) => {
                    fused.tensors().for_each(&mut keep);
                    continue;
                }
            };
            for part in parts {
                match part {
                    Part::Kernel(number, dispatches) => {
                        let binds = dispatches.iter().flat_map(|dispatch| &dispatch.binds).filter(|bind| bind.bare);
                        binds.for_each(|bind| keep(list.kernels[*number].tensors[bind.arg]));
                    }
                    Part::Fused(fused) => fused.tensors().for_each(&mut keep),
                }
            }
        }
        if !changed {
            return Ok((halves, calls));
        }
    }
}

fn call(gpu: &Gpu, list: &List, halves: &[bool]) -> Call {
    let all = list.kernels.len();
    let fitting: Vec<&Fused> = list.fused.iter().filter(|fused| fused.program.fits(gpu.traits())).collect();
    if let Some(fused) = fitting.iter().copied().find(|fused| fused.kernels == (0..all)) {
        return Call::Many(fused.clone());
    }
    let (mut parts, mut next) = (vec![], 0);
    while next < all {
        if let Some(fused) =
            fitting.iter().copied().find(|fused| fused.kernels.start == next && !fused.kernels.is_empty())
        {
            next = fused.kernels.end;
            parts.push(Part::Fused(fused.clone()));
            continue;
        }
        let recorded = &list.kernels[next];
        let bits = recorded.tensors.iter().enumerate().map(|(i, id)| u32::from(halves[id.0]) << i);
        let target = Target { device: gpu.traits(), halves: bits.sum() };
        parts.push(Part::Kernel(next, recorded.kernel.gpu(&target)));
        next += 1;
    }
    Call::Each(parts)
}

/// Which tensors need memory: all but those that only kernels use which are not run as such, and working memory that no
/// dispatch binds (it serves the CPU kernels).
pub(super) fn used(tensors: &[TensorInfo], lists: &[List], calls: &[Call]) -> Vec<bool> {
    let mut used: Vec<bool> = tensors.iter().map(|t| t.name != SCRATCH && !t.local).collect();
    for (list, call) in lists.iter().zip(calls) {
        let parts = match call {
            Call::Each(parts) => parts,
            Call::Many(fused) => {
                fused.tensors().for_each(|id| used[id.0] = true);
                continue;
            }
        };
        for part in parts {
            match part {
                Part::Kernel(number, dispatches) => {
                    let own = &list.kernels[*number].tensors;
                    dispatches.iter().flat_map(|d| &d.binds).for_each(|bind| used[own[bind.arg].0] = true);
                }
                Part::Fused(fused) => fused.tensors().for_each(|id| used[id.0] = true),
            }
        }
    }
    used
}

/// One binding of a dispatch.
struct Bound {
    buffer: usize,
    offset: u64,
    bytes: u64,
    write: bool,
}

impl GpuPlan {
    pub(super) fn record(&self, list: &List, call: Call) -> Result<Recording, PlanError> {
        match call {
            Call::Each(parts) => {
                let mut steps = vec![];
                for part in parts {
                    match part {
                        Part::Kernel(number, dispatches) => {
                            for dispatch in dispatches {
                                steps.push(self.dispatch(&list.kernels[number], &dispatch)?);
                            }
                        }
                        Part::Fused(fused) => steps.push(self.fused(&fused)?),
                    }
                }
                Ok(Recording::Each(steps))
            }
            Call::Many(fused) => Ok(Recording::Many(Box::new(self.fused(&fused)?), fused.program.steps_most().max(1))),
        }
    }

    fn refused(&self, name: &str, reason: String) -> PlanError {
        let device = self.gpu.name().to_owned();
        BackendError::Failed { device, action: format!("recording {name}"), reason }.into()
    }

    fn dispatch(&self, recorded: &Recorded, dispatch: &Dispatch) -> Result<Step, PlanError> {
        let mut bound = vec![];
        let mut halves = vec![];
        for (i, bind) in dispatch.binds.iter().enumerate() {
            let place = self.place(recorded.tensors[bind.arg])?;
            if place.half {
                halves.push(i);
            }
            bound.push(Bound { buffer: place.buffer, offset: place.offset, bytes: place.bytes, write: bind.write });
        }
        let key = PipelineKey {
            shader: dispatch.shader.name,
            text: with_halves(&dispatch.shader.text(), &halves),
            entry: dispatch.entry,
            constants: dispatch.constants.iter().map(|(name, value)| (*name, value.to_bits())).collect(),
            binds: vec![],
        };
        self.step(key, &bound, &dispatch.params, dispatch.groups)
    }

    fn fused(&self, fused: &Fused) -> Result<Step, PlanError> {
        let (mut bound, mut offsets) = (vec![], vec![]);
        for (ids, write) in &fused.binds {
            let span = self.span(ids, *write)?;
            let from = |id: &TensorId| Ok((self.place(*id)?.offset - span.offset) as usize / 4);
            offsets.push(ids.iter().map(from).collect::<Result<_, PlanError>>()?);
            bound.push(span);
        }
        let program = &fused.program;
        let key = PipelineKey {
            shader: program.name(),
            text: program.text(self.gpu.traits(), &offsets),
            entry: "main",
            constants: vec![],
            binds: vec![],
        };
        self.step(key, &bound, &[0], program.groups())
    }

    /// The bytes from the first to the last of tensors that lie in one buffer.
    fn span(&self, ids: &[TensorId], write: bool) -> Result<Bound, PlanError> {
        let mut all: Option<Bound> = None;
        for id in ids {
            let place = self.place(*id)?;
            let end = place.offset + place.bytes;
            all = Some(match all {
                None => Bound { buffer: place.buffer, offset: place.offset, bytes: place.bytes, write },
                Some(old) => {
                    let offset = old.offset.min(place.offset);
                    Bound { bytes: (old.offset + old.bytes).max(end) - offset, offset, ..old }
                }
            });
        }
        let bound = all.ok_or_else(|| self.refused("a fused list", "a binding without tensors".to_owned()))?;
        self.gpu.check_binding(&self.tensors[ids[0].0].0, bound.bytes)?;
        Ok(bound)
    }

    fn step(&self, mut key: PipelineKey, bound: &[Bound], params: &[u32], groups: usize) -> Result<Step, PlanError> {
        let label = format!("{}.{}", key.shader, key.entry);
        let Some(grid) = grid(groups) else {
            return Err(self.refused(&label, format!("{groups} workgroups do not fit into two dimensions")));
        };
        if params.len() > PARAMS_MAX {
            return Err(self.refused(&label, format!("{} parameters, at most {PARAMS_MAX}", params.len())));
        }
        let access = |b: &Bound| if b.write { BindAccess::ReadWrite } else { BindAccess::Read };
        key.binds = bound.iter().map(access).collect();
        let pipeline = self.gpu.pipeline(key)?;
        let entries: Vec<wgpu::BindGroupEntry<'_>> = bound
            .iter()
            .enumerate()
            .map(|(i, bound)| wgpu::BindGroupEntry {
                binding: i as u32,
                resource: wgpu::BindingResource::Buffer(wgpu::BufferBinding {
                    buffer: &self.buffers[bound.buffer],
                    offset: bound.offset,
                    size: std::num::NonZeroU64::new(bound.bytes),
                }),
            })
            .collect();
        let bind_group = self.gpu.bind_group(&label, &pipeline, &entries)?;
        let mut words = [0; WORDS];
        words[1] = groups as u32;
        words[2..2 + params.len()].copy_from_slice(params);
        Ok(Step { pipeline, bind_group, words, grid })
    }
}
