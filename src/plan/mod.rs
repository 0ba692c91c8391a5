//! Plans: kernels recorded once, replayed often.
//!
//! A [`PlanBuilder`] collects tensors and *lists* of kernels (a training step, an evaluation step, ...) and checks that
//! every kernel gets what it asks for. [`PlanBuilder::build`] lays the tensors out on a device. From then on a
//! [`Plan::replay`] neither allocates nor binds nor reads back.
//!
//! The fleet axis leads every tensor. On the CPU each member runs the whole list by itself, so that a small model stays
//! in one core's cache; on the GPU one dispatch serves all members.

mod builder;
mod cpu;
mod error;
mod fused;
mod gpu;
mod host;
pub mod prepared;
pub mod tune;
pub mod verify;
mod view;

pub use builder::{ListId, PlanBuilder, TensorId, TensorInfo};
pub use error::PlanError;
pub use host::{host_scratch, run_on_host};
pub use view::View;

use std::ops::Range;

use crate::backend::Backend;
use crate::ops::Work;
use builder::Parts;

/// Tensors on a device and lists of kernels over them.
#[derive(Debug)]
pub struct Plan {
    fleet: usize,
    tensors: Vec<TensorInfo>,
    /// What each list's kernels do at the least in one step.
    works: Vec<Work>,
    storage: Storage,
}

#[derive(Debug)]
enum Storage {
    Cpu(cpu::CpuPlan),
    Gpu(gpu::GpuPlan),
}

/// What a plan has done so far: replay must not allocate, bind or read back.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Kernels (CPU) or dispatches (GPU) run.
    pub dispatches: u64,
    /// Submissions to the GPU.
    pub submits: u64,
    /// Buffers made on the GPU, bind groups included.
    pub allocations: u64,
    /// Reads of device memory.
    pub downloads: u64,
}

impl Plan {
    /// Members of the fleet.
    pub fn fleet(&self) -> usize {
        self.fleet
    }

    /// What is known of a tensor.
    pub fn tensor(&self, id: TensorId) -> &TensorInfo {
        &self.tensors[id.0]
    }

    /// Words that a tensor holds for all members together.
    pub fn words(&self, id: TensorId) -> usize {
        self.tensors[id.0].words(self.fleet)
    }

    /// Bytes that the plan takes on the device; on the CPU with what its threads have needed so far.
    pub fn bytes(&self) -> u64 {
        match &self.storage {
            Storage::Cpu(plan) => plan.bytes(),
            Storage::Gpu(plan) => plan.bytes(),
        }
    }

    /// What the kernels of `list` do at the least in one step, all members together.
    pub fn work(&self, list: ListId) -> Work {
        self.works[list.0]
    }

    /// Runs list `list` for each step of `steps`, all members.
    ///
    /// # Errors
    /// If the device fails.
    pub fn replay(&mut self, list: ListId, steps: Range<u32>) -> Result<(), PlanError> {
        self.replay_all(&[(list, steps)])
    }

    /// Runs list `list` as [`Plan::replay`] does, and says how many seconds each of its kernels took, in the list's order;
    /// the last entry is what the threads' sums took. Only the CPU can say, and only with one thread is a kernel's time
    /// its own.
    pub fn profile(&mut self, list: ListId, steps: Range<u32>) -> Option<Vec<(&'static str, f64)>> {
        match &mut self.storage {
            Storage::Cpu(plan) => Some(plan.profile(self.fleet, list, steps)),
            Storage::Gpu(_) => None,
        }
    }

    /// Runs several lists one after the other, each for its steps.
    ///
    /// # Errors
    /// If the device fails.
    pub fn replay_all(&mut self, runs: &[(ListId, Range<u32>)]) -> Result<(), PlanError> {
        match &mut self.storage {
            Storage::Cpu(plan) => plan.replay(self.fleet, runs),
            Storage::Gpu(plan) => plan.replay(runs)?,
        }
        Ok(())
    }

    /// Writes the whole tensor.
    ///
    /// # Errors
    /// If the length is not the tensor's, or the device fails.
    pub fn upload(&mut self, id: TensorId, words: &[u32]) -> Result<(), PlanError> {
        let expected = self.words(id);
        if words.len() != expected {
            let tensor = self.tensors[id.0].name.clone();
            return Err(PlanError::Length { tensor, expected, found: words.len() });
        }
        self.upload_part(id, 0, words)
    }

    /// Writes words from `offset` on.
    ///
    /// # Errors
    /// If they do not fit, or the device fails.
    pub fn upload_part(&mut self, id: TensorId, offset: usize, words: &[u32]) -> Result<(), PlanError> {
        self.refuse_local(id)?;
        let (held, end) = (self.words(id), offset + words.len());
        if end > held {
            let tensor = self.tensors[id.0].name.clone();
            return Err(PlanError::Length { tensor, expected: held, found: end });
        }
        match &mut self.storage {
            Storage::Cpu(plan) => plan.write(id, offset, words),
            Storage::Gpu(plan) => plan.upload(id, offset, words)?,
        }
        Ok(())
    }

    /// [`Plan::upload`] of f32 values.
    ///
    /// # Errors
    /// As there.
    pub fn upload_f32(&mut self, id: TensorId, values: &[f32]) -> Result<(), PlanError> {
        self.upload(id, bytemuck::cast_slice(values))
    }

    /// Reads the whole tensor into `out`, which must have its length.
    ///
    /// # Errors
    /// If the length is not the tensor's, or the device has failed.
    pub fn download_into(&mut self, id: TensorId, out: &mut [u32]) -> Result<(), PlanError> {
        self.refuse_local(id)?;
        let expected = self.words(id);
        if out.len() != expected {
            let tensor = self.tensors[id.0].name.clone();
            return Err(PlanError::Length { tensor, expected, found: out.len() });
        }
        match &mut self.storage {
            Storage::Cpu(plan) => plan.read(id, out),
            Storage::Gpu(plan) => plan.download(id, out)?,
        }
        Ok(())
    }

    /// The tensor's words where they lie; `None` where they must be downloaded: from a GPU, or from f16.
    pub fn in_place(&self, id: TensorId) -> Option<View<'_>> {
        match &self.storage {
            Storage::Cpu(plan) if !self.tensors[id.0].local => plan.view(id),
            _ => None,
        }
    }

    fn refuse_local(&self, id: TensorId) -> Result<(), PlanError> {
        let info = &self.tensors[id.0];
        if info.local { Err(PlanError::Local { tensor: info.name.clone() }) } else { Ok(()) }
    }

    /// The tensor's words.
    ///
    /// # Errors
    /// If the device has failed.
    pub fn download(&mut self, id: TensorId) -> Result<Vec<u32>, PlanError> {
        let mut out = vec![0; self.words(id)];
        self.download_into(id, &mut out)?;
        Ok(out)
    }

    /// The tensor's words as f32.
    ///
    /// # Errors
    /// If the device has failed.
    pub fn download_f32(&mut self, id: TensorId) -> Result<Vec<f32>, PlanError> {
        Ok(self.download(id)?.into_iter().map(f32::from_bits).collect())
    }

    /// What lies in a GPU's buffers outside of tensors ([`PlanBuilder::guard`]); nothing on the CPU. For tests.
    ///
    /// # Errors
    /// If the device has failed.
    pub fn outside(&mut self) -> Result<Vec<u32>, PlanError> {
        match &mut self.storage {
            Storage::Cpu(_) => Ok(vec![]),
            Storage::Gpu(plan) => plan.outside(),
        }
    }

    /// Fills all of a GPU's buffers with `word`, tensors and what lies around them; nothing on the CPU. For tests.
    ///
    /// # Errors
    /// If the device has failed.
    pub fn fill(&mut self, word: u32) -> Result<(), PlanError> {
        match &mut self.storage {
            Storage::Cpu(_) => Ok(()),
            Storage::Gpu(plan) => plan.fill(word),
        }
    }

    /// Waits until the device is done. On the CPU it always is.
    ///
    /// # Errors
    /// If the device has failed.
    pub fn wait(&mut self) -> Result<(), PlanError> {
        match &mut self.storage {
            Storage::Cpu(_) => Ok(()),
            Storage::Gpu(plan) => plan.wait(),
        }
    }

    /// What was done so far.
    pub fn counts(&self) -> Counts {
        match &self.storage {
            Storage::Cpu(plan) => plan.counts(),
            Storage::Gpu(plan) => plan.counts(),
        }
    }

    fn new(builder: PlanBuilder, backend: &Backend) -> Result<Self, PlanError> {
        let Parts { fleet, tensors, lists, tile_rows, guard } = builder.into_parts();
        let works = lists.iter().map(|list| list.kernels.iter().map(|recorded| recorded.kernel.work()).sum()).collect();
        let storage = match backend {
            Backend::Cpu(cpu) => Storage::Cpu(cpu::CpuPlan::new(*cpu, fleet, &tensors, lists, tile_rows)),
            Backend::Gpu(gpu) => Storage::Gpu(gpu::GpuPlan::new(gpu, fleet, &tensors, &lists, guard)?),
        };
        Ok(Self { fleet, tensors, works, storage })
    }
}
