//! Replay on the GPU: buffers and bind groups made once, many dispatches a pass.

mod halves;
mod layout;
mod record;

use std::ops::Range;
use std::sync::Arc;

use super::builder::{List, ListId, TensorId, TensorInfo};
use super::{Counts, PlanError};
use crate::backend::gpu::{Pipeline, ReadBack};
use crate::backend::half::{f16, narrow, widen};
use crate::backend::{Gpu, SimdLevel};
use crate::ops::PARAMS_MAX;
use layout::{Layout, Place};

/// Dispatches a submission: enough to keep the queue busy, few enough to keep each submission short.
const SUBMIT_EVERY: usize = 64;

/// Words of immediates: always all of them are set, since a pipeline insists on every byte that its shader declares.
const WORDS: usize = PARAMS_MAX + 2;

/// Buffers and recorded lists.
#[derive(Debug)]
pub(super) struct GpuPlan {
    gpu: Gpu,
    buffers: Vec<wgpu::Buffer>,
    places: Vec<Option<Place>>,
    tensors: Vec<(String, usize)>,
    lists: Vec<Recording>,
    read_back: ReadBack,
    bytes: u64,
    counts: Counts,
}

/// What a list became.
#[derive(Debug)]
enum Recording {
    /// These dispatches each step.
    Each(Vec<Step>),
    /// One dispatch for up to so many steps; its first parameter is their number.
    Many(Box<Step>, u32),
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

/// One dispatch of a replay: its number, and how many steps it makes if it makes several.
type Turn<'a> = (u32, Option<u32>, &'a Step);

impl Recording {
    fn turns(&self, steps: Range<u32>) -> Box<dyn Iterator<Item = Turn<'_>> + '_> {
        match self {
            Self::Each(dispatches) => {
                Box::new(steps.flat_map(move |number| dispatches.iter().map(move |step| (number, None, step))))
            }
            Self::Many(step, most) => {
                let end = steps.end;
                Box::new(
                    steps.step_by(*most as usize).map(move |first| (first, Some((end - first).min(*most)), &**step)),
                )
            }
        }
    }
}

impl GpuPlan {
    /// Lays out and records.
    ///
    /// `guard` is for tests: bytes that stay free around each tensor.
    pub(super) fn new(
        gpu: &Gpu,
        fleet: usize,
        tensors: &[TensorInfo],
        lists: &[List],
        guard: u64,
    ) -> Result<Self, PlanError> {
        let before = gpu.objects();
        let (halves, calls) = record::calls(gpu, tensors, lists)?;
        let used = record::used(tensors, lists, &calls);
        let align = u64::from(gpu.limits().min_storage_buffer_offset_alignment).max(4);
        let layout = Layout::new(tensors, lists, &used, &halves, layout::Rules { fleet, align, guard });
        gpu.check_memory(layout.bytes())?;
        let mut plan = Self {
            gpu: gpu.clone(),
            buffers: Vec::with_capacity(layout.buffers.len()),
            tensors: tensors.iter().map(|t| (t.name.clone(), t.words(fleet))).collect(),
            lists: vec![],
            read_back: ReadBack::default(),
            bytes: layout.bytes(),
            counts: Counts::default(),
            places: layout.places,
        };
        for (info, place) in tensors.iter().zip(&plan.places) {
            gpu.check_binding(&info.name, place.map_or(0, |place| place.bytes))?;
        }
        for (name, bytes) in &layout.buffers {
            plan.buffers.push(gpu.buffer(name, *bytes)?);
        }
        for (list, call) in lists.iter().zip(calls) {
            let recording = plan.record(list, call)?;
            plan.lists.push(recording);
        }
        plan.counts.allocations = gpu.objects() - before;
        Ok(plan)
    }

    /// Bytes of all buffers.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    fn place(&self, id: TensorId) -> Result<Place, PlanError> {
        self.places[id.0].ok_or_else(|| PlanError::Length {
            tensor: self.tensors[id.0].0.clone(),
            expected: 0,
            found: 1,
        })
    }

    pub(super) fn replay(&mut self, runs: &[(ListId, Range<u32>)]) -> Result<(), PlanError> {
        let mut todo = runs.iter().flat_map(|(list, steps)| self.lists[list.0].turns(steps.clone())).peekable();
        let (mut dispatches, mut submits) = (0, 0);
        while todo.peek().is_some() {
            let device = self.gpu.device();
            let commands = self.gpu.guarded("recording a plan", || {
                let mut encoder = device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
                {
                    let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
                    let mut last: Option<&Arc<Pipeline>> = None;
                    for (number, count, step) in todo.by_ref().take(SUBMIT_EVERY) {
                        if !last.is_some_and(|last| Arc::ptr_eq(last, &step.pipeline)) {
                            pass.set_pipeline(&step.pipeline.pipeline);
                            last = Some(&step.pipeline);
                        }
                        pass.set_bind_group(0, &step.bind_group, &[]);
                        let mut words = step.words;
                        words[0] = number;
                        words[2] = count.unwrap_or(words[2]);
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

    pub(super) fn upload(&mut self, id: TensorId, offset: usize, words: &[u32]) -> Result<(), PlanError> {
        let place = self.place(id)?;
        if place.half {
            return self.upload_half(id, place, offset, words);
        }
        Ok(self.gpu.upload(&self.buffers[place.buffer], place.offset + 4 * offset as u64, words)?)
    }

    /// Values for a tensor held as f16: neighbours that share a word with them stay as they are.
    fn upload_half(&mut self, id: TensorId, place: Place, offset: usize, words: &[u32]) -> Result<(), PlanError> {
        if words.is_empty() {
            return Ok(());
        }
        let first = offset / 2;
        let mut packed = vec![0_u32; (offset + words.len()).div_ceil(2) - first];
        let last = packed.len() - 1;
        if offset % 2 == 1 {
            self.fetch(place, first, &mut packed[..1])?;
        }
        let end = offset + words.len();
        if end % 2 == 1 && end < self.tensors[id.0].1 {
            self.fetch(place, first + last, &mut packed[last..])?;
        }
        let halves: &mut [f16] = bytemuck::cast_slice_mut(&mut packed);
        let to = &mut halves[offset % 2..][..words.len()];
        narrow(SimdLevel::detect(), bytemuck::cast_slice(words), to);
        Ok(self.gpu.upload(&self.buffers[place.buffer], place.offset + 4 * first as u64, &packed)?)
    }

    pub(super) fn download(&mut self, id: TensorId, out: &mut [u32]) -> Result<(), PlanError> {
        let place = self.place(id)?;
        if !place.half {
            return self.fetch(place, 0, out);
        }
        let mut packed = vec![0_u32; out.len().div_ceil(2)];
        self.fetch(place, 0, &mut packed)?;
        let halves: &[f16] = bytemuck::cast_slice(&packed);
        widen(SimdLevel::detect(), &halves[..out.len()], bytemuck::cast_slice_mut(out));
        Ok(())
    }

    /// Words from the tensor's word `first` on.
    fn fetch(&mut self, place: Place, first: usize, out: &mut [u32]) -> Result<(), PlanError> {
        self.counts.downloads += 1;
        let from = place.offset + 4 * first as u64;
        Ok(self.gpu.download(&self.buffers[place.buffer], from, out, &mut self.read_back)?)
    }

    /// All that lies in the buffers outside of tensors: for tests that look whether kernels leave it alone.
    pub(super) fn outside(&mut self) -> Result<Vec<u32>, PlanError> {
        let mut found = vec![];
        for (number, buffer) in self.buffers.iter().enumerate() {
            let mut all = vec![0; (buffer.size() / 4) as usize];
            self.gpu.download(buffer, 0, &mut all, &mut self.read_back)?;
            let mut inside = vec![false; all.len()];
            for place in self.places.iter().flatten().filter(|place| place.buffer == number) {
                let first = (place.offset / 4) as usize;
                inside[first..first + (place.bytes / 4) as usize].fill(true);
            }
            found.extend(all.iter().zip(inside).filter(|(_, inside)| !inside).map(|(word, _)| *word));
        }
        Ok(found)
    }

    /// Fills every buffer with `word`, whatever it holds.
    pub(super) fn fill(&mut self, word: u32) -> Result<(), PlanError> {
        for buffer in &self.buffers {
            self.gpu.upload(buffer, 0, &vec![word; (buffer.size() / 4) as usize])?;
        }
        Ok(())
    }

    pub(super) fn wait(&self) -> Result<(), PlanError> {
        Ok(self.gpu.wait("waiting for a plan")?)
    }

    pub(super) fn counts(&self) -> Counts {
        self.counts
    }
}
