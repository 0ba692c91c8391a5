//! Replay on the GPU: buffers and bind groups made once, many dispatches a pass.

use std::ops::Range;
use std::sync::Arc;

use super::builder::{List, ListId, Recorded, SCRATCH, TensorId, TensorInfo};
use super::{Counts, PlanError};
use crate::backend::gpu::{BindAccess, Pipeline, PipelineKey};
use crate::backend::{BackendError, Gpu, grid};
use crate::ops::{Dispatch, PARAMS_MAX, Target};

/// Dispatches a submission: enough to keep the queue busy, few enough to keep each submission short.
const SUBMIT_EVERY: usize = 64;

/// Words of immediates: always all of them are set, since a pipeline insists on every byte that its shader declares.
const WORDS: usize = PARAMS_MAX + 2;

/// Buffers and recorded lists.
#[derive(Debug)]
pub(super) struct GpuPlan {
    gpu: Gpu,
    buffers: Vec<Option<wgpu::Buffer>>,
    names: Vec<String>,
    lists: Vec<Vec<Step>>,
    counts: Counts,
}

/// One dispatch, ready to be recorded.
#[derive(Debug)]
struct Step {
    pipeline: Arc<Pipeline>,
    bind_group: wgpu::BindGroup,
    /// Immediates; the first word is the step.
    words: [u32; WORDS],
    grid: (u32, u32),
}

impl GpuPlan {
    pub(super) fn new(gpu: &Gpu, fleet: usize, tensors: &[TensorInfo], lists: &[List]) -> Result<Self, PlanError> {
        let dispatches: Vec<Vec<Vec<Dispatch>>> = lists
            .iter()
            .map(|list| list.kernels.iter().map(|r| r.kernel.gpu(&Target::full(gpu.traits()))).collect())
            .collect();
        // Working memory that no dispatch binds (it serves the CPU kernels) is not allocated.
        let mut used: Vec<bool> = tensors.iter().map(|t| t.name != SCRATCH).collect();
        for (list, calls) in lists.iter().zip(&dispatches) {
            for (recorded, call) in list.kernels.iter().zip(calls) {
                let bound = call.iter().flat_map(|d| &d.binds).map(|bind| recorded.tensors[bind.arg]);
                bound.for_each(|id| used[id.0] = true);
            }
        }
        let mut plan = Self {
            gpu: gpu.clone(),
            buffers: Vec::with_capacity(tensors.len()),
            names: tensors.iter().map(|t| t.name.clone()).collect(),
            lists: vec![],
            counts: Counts::default(),
        };
        for (info, used) in tensors.iter().zip(used) {
            let buffer = if used { Some(gpu.buffer(&info.name, info.words(fleet))?) } else { None };
            plan.counts.allocations += u64::from(used);
            plan.buffers.push(buffer);
        }
        for (list, calls) in lists.iter().zip(dispatches) {
            let mut steps = vec![];
            for (recorded, call) in list.kernels.iter().zip(calls) {
                for dispatch in call {
                    steps.push(plan.record(recorded, &dispatch)?);
                }
            }
            plan.lists.push(steps);
        }
        Ok(plan)
    }

    fn record(&mut self, recorded: &Recorded, dispatch: &Dispatch) -> Result<Step, PlanError> {
        let refused = |reason: String| BackendError::Failed {
            device: self.gpu.name().to_owned(),
            action: format!("recording {}", recorded.kernel.name()),
            reason,
        };
        let Some(grid) = grid(dispatch.groups) else {
            return Err(refused(format!("{} workgroups do not fit into two dimensions", dispatch.groups)).into());
        };
        if dispatch.params.len() > PARAMS_MAX {
            return Err(refused(format!("{} parameters, at most {PARAMS_MAX}", dispatch.params.len())).into());
        }
        let access = |write| if write { BindAccess::ReadWrite } else { BindAccess::Read };
        let pipeline = self.gpu.pipeline(PipelineKey {
            shader: dispatch.shader.name,
            text: dispatch.shader.text(),
            entry: dispatch.entry,
            constants: dispatch.constants.iter().map(|(name, value)| (*name, value.to_bits())).collect(),
            binds: dispatch.binds.iter().map(|bind| access(bind.write)).collect(),
        })?;
        let mut entries = Vec::with_capacity(dispatch.binds.len());
        for (i, bind) in dispatch.binds.iter().enumerate() {
            let id = recorded.tensors[bind.arg];
            let resource = self.buffer(id)?.as_entire_binding();
            entries.push(wgpu::BindGroupEntry { binding: i as u32, resource });
        }
        let label = format!("{}.{}", dispatch.shader.name, dispatch.entry);
        let bind_group = self.gpu.guarded(&format!("binding {label}"), || {
            self.gpu.device().create_bind_group(&wgpu::BindGroupDescriptor {
                label: Some(&label),
                layout: &pipeline.layout,
                entries: &entries,
            })
        })?;
        let mut words = [0; WORDS];
        words[1] = dispatch.groups as u32;
        words[2..2 + dispatch.params.len()].copy_from_slice(&dispatch.params);
        self.counts.allocations += 1;
        Ok(Step { pipeline, bind_group, words, grid })
    }

    fn buffer(&self, id: TensorId) -> Result<&wgpu::Buffer, PlanError> {
        self.buffers[id.0].as_ref().ok_or_else(|| PlanError::Length {
            tensor: self.names[id.0].clone(),
            expected: 0,
            found: 1,
        })
    }

    pub(super) fn replay(&mut self, runs: &[(ListId, Range<u32>)]) -> Result<(), PlanError> {
        let mut todo = runs
            .iter()
            .flat_map(|(list, steps)| steps.clone().flat_map(|s| self.lists[list.0].iter().map(move |step| (s, step))))
            .peekable();
        let (mut dispatches, mut submits) = (0, 0);
        while todo.peek().is_some() {
            let device = self.gpu.device();
            let commands = self.gpu.guarded("recording a plan", || {
                let mut encoder = device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
                {
                    let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
                    for (number, step) in todo.by_ref().take(SUBMIT_EVERY) {
                        pass.set_pipeline(&step.pipeline.pipeline);
                        pass.set_bind_group(0, &step.bind_group, &[]);
                        let mut words = step.words;
                        words[0] = number;
                        pass.set_immediates(0, bytemuck::bytes_of(&words));
                        pass.dispatch_workgroups(step.grid.0, step.grid.1, 1);
                        dispatches += 1;
                    }
                }
                encoder.finish()
            })?;
            self.gpu.submit("running a plan", commands)?;
            submits += 1;
        }
        self.counts.dispatches += dispatches;
        self.counts.submits += submits;
        Ok(())
    }

    pub(super) fn upload(&self, id: TensorId, offset: usize, words: &[u32]) -> Result<(), PlanError> {
        Ok(self.gpu.upload(self.buffer(id)?, offset, words)?)
    }

    pub(super) fn download(&mut self, id: TensorId, out: &mut [u32]) -> Result<(), PlanError> {
        self.counts.downloads += 1;
        Ok(self.gpu.download(self.buffer(id)?, 0, out)?)
    }

    pub(super) fn wait(&self) -> Result<(), PlanError> {
        Ok(self.gpu.wait("waiting for a plan")?)
    }

    pub(super) fn counts(&self) -> Counts {
        self.counts
    }
}
