//! An open device. Every call that can fail comes back as a [`BackendError`]; nothing is read back from a submission
//! that failed (E5).

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::adapter::AdapterFacts;
use super::checks::checks_wanted;
use super::pipeline::{Pipeline, PipelineKey, compile};
use super::{GpuTraits, MatrixUnits, TuningState, UnitsState};
use crate::backend::BackendError;

/// How long the answer to a request that is done may take from another thread.
const ANSWER_MAX: Duration = Duration::from_mins(1);

/// An open GPU. Clones share the device.
#[derive(Debug, Clone)]
pub struct Gpu {
    inner: Arc<Inner>,
    traits: Arc<GpuTraits>,
    tuning: Arc<TuningState>,
    units: Arc<UnitsState>,
}

#[derive(Debug)]
struct Inner {
    device: wgpu::Device,
    queue: wgpu::Queue,
    info: wgpu::AdapterInfo,
    limits: wgpu::Limits,
    memory: Option<u64>,
    checked: bool,
    objects: AtomicU64,
    pipelines: Mutex<HashMap<PipelineKey, Arc<Pipeline>>>,
    trouble: Arc<Mutex<Trouble>>,
}

/// The most words that are read back in one go: what passes through memory that the CPU sees stays small.
const READ_BACK_WORDS: usize = 1 << 24;

/// Memory through which results pass on their way to the CPU.
#[derive(Debug, Default)]
pub struct ReadBack {
    buffer: Option<wgpu::Buffer>,
}

/// What the driver reported outside any error scope.
#[derive(Debug, Default)]
struct Trouble {
    lost: Option<String>,
    uncaptured: Option<String>,
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Gpu {
    /// Opens an adapter with all of its own limits; kernels check their indices if [`checks_wanted`] says so.
    ///
    /// # Errors
    /// If it lacks immediates or storage bindings that the kernels need, or the driver refuses.
    pub fn open(facts: &AdapterFacts) -> Result<Self, BackendError> {
        Self::open_with(facts, checks_wanted())
    }

    /// [`Gpu::open`], where the caller decides whether kernels check their indices.
    ///
    /// # Errors
    /// As there.
    pub fn open_with(facts: &AdapterFacts, checked: bool) -> Result<Self, BackendError> {
        let device_name = facts.info.name.clone();
        if !facts.features.contains(wgpu::Features::IMMEDIATES) || facts.limits.max_immediate_size < 128 {
            return Err(BackendError::Unsupported { device: device_name, what: "128 bytes of immediates".to_owned() });
        }
        let mut wanted = wgpu::Features::IMMEDIATES | wgpu::Features::SHADER_F16 | wgpu::Features::TIMESTAMP_QUERY;
        let mut experimental_features = wgpu::ExperimentalFeatures::disabled();
        if facts.matrix_units().is_some() {
            wanted |= wgpu::Features::EXPERIMENTAL_COOPERATIVE_MATRIX;
            // SAFETY: of the experimental features this one alone is asked for. Its shaders load and store within the arrays
            // that they declare, in uniform control flow, and are used only after a test on this device.
            experimental_features = unsafe { wgpu::ExperimentalFeatures::enabled() };
        }
        let descriptor = wgpu::DeviceDescriptor {
            label: Some("nightloom"),
            required_features: wanted & facts.features,
            required_limits: facts.limits.clone(),
            experimental_features,
            ..Default::default()
        };
        let opened = pollster::block_on(facts.adapter.request_device(&descriptor));
        let (device, queue) = opened.map_err(|e| BackendError::NoDevice {
            wanted: device_name,
            reason: format!("the driver refused to open it: {e}"),
        })?;
        let trouble = Arc::new(Mutex::new(Trouble::default()));
        let on_lost = Arc::clone(&trouble);
        device.set_device_lost_callback(move |reason, message| {
            locked(&on_lost).lost = Some(format!("{reason:?}: {message}"));
        });
        let on_error = Arc::clone(&trouble);
        device.on_uncaptured_error(Arc::new(move |error: wgpu::Error| {
            locked(&on_error).uncaptured.get_or_insert(error.to_string());
        }));
        let inner = Inner {
            device,
            queue,
            info: facts.info.clone(),
            limits: facts.limits.clone(),
            memory: facts.memory_bytes,
            checked,
            objects: AtomicU64::new(0),
            pipelines: Mutex::new(HashMap::new()),
            trouble,
        };
        let traits = GpuTraits::of(&facts.limits, wanted & facts.features);
        let (tuning, units) = (Arc::new(TuningState::Untuned), Arc::new(UnitsState::Absent));
        Ok(Self { inner: Arc::new(inner), traits: Arc::new(traits), tuning, units })
    }

    /// The same device, for kernels that take these candidates; `state` says where they come from.
    #[must_use]
    pub fn with_tuned(&self, tuned: BTreeMap<String, String>, state: TuningState) -> Self {
        let traits = GpuTraits { tuned, ..self.traits().clone() };
        Self { traits: Arc::new(traits), tuning: Arc::new(state), ..self.clone() }
    }

    /// The same device, for kernels that use these matrix units; `state` says why.
    #[must_use]
    pub fn with_units_state(&self, units: Option<MatrixUnits>, state: UnitsState) -> Self {
        let traits = GpuTraits { units, ..self.traits().clone() };
        Self { traits: Arc::new(traits), units: Arc::new(state), ..self.clone() }
    }

    /// What opening it found out about its matrix units.
    pub fn units(&self) -> &UnitsState {
        &self.units
    }

    /// What opening it found in the cache of `nightloom tune`.
    pub fn tuning(&self) -> &TuningState {
        &self.tuning
    }

    /// The adapter's name.
    pub fn name(&self) -> &str {
        &self.inner.info.name
    }

    /// What the adapter says of itself.
    pub fn info(&self) -> &wgpu::AdapterInfo {
        &self.inner.info
    }

    /// The driver's name and version.
    pub fn driver(&self) -> String {
        format!("{} {}", self.inner.info.driver, self.inner.info.driver_info).trim().to_owned()
    }

    /// The device's limits.
    pub fn limits(&self) -> &wgpu::Limits {
        &self.inner.limits
    }

    /// What kernels may rely on.
    pub fn traits(&self) -> &GpuTraits {
        &self.traits
    }

    /// The wgpu device, for those who record.
    pub fn device(&self) -> &wgpu::Device {
        &self.inner.device
    }

    /// The most bytes that one storage binding may have.
    pub fn binding_bytes_max(&self) -> u64 {
        self.inner.limits.max_storage_buffer_binding_size.min(self.inner.limits.max_buffer_size)
    }

    /// The pipeline of `key`, compiled on first use.
    ///
    /// # Errors
    /// If the driver refuses the shader.
    pub fn pipeline(&self, key: PipelineKey) -> Result<Arc<Pipeline>, BackendError> {
        if let Some(found) = locked(&self.inner.pipelines).get(&key) {
            return Ok(Arc::clone(found));
        }
        let action = format!("compiling {}.{}", key.shader, key.entry);
        let compiled = Arc::new(self.guarded(&action, || compile(&self.inner.device, &key, self.inner.checked))?);
        self.made();
        locked(&self.inner.pipelines).insert(key, Arc::clone(&compiled));
        Ok(compiled)
    }

    /// Whether kernels check their indices.
    pub fn checked(&self) -> bool {
        self.inner.checked
    }

    /// Buffers, bind groups and pipelines made so far.
    pub fn objects(&self) -> u64 {
        self.inner.objects.load(Ordering::Relaxed)
    }

    fn made(&self) {
        self.inner.objects.fetch_add(1, Ordering::Relaxed);
    }

    /// Bytes of the device's own memory, where the driver says so.
    pub fn memory_bytes(&self) -> Option<u64> {
        self.inner.memory
    }

    /// Refuses work whose buffers together are larger than the device's memory, before any is made.
    ///
    /// # Errors
    /// If they are.
    pub fn check_memory(&self, bytes: u64) -> Result<(), BackendError> {
        match self.inner.memory {
            Some(bytes_max) if bytes > bytes_max => {
                Err(BackendError::NoRoom { bytes, bytes_max, device: self.name().to_owned() })
            }
            _ => Ok(()),
        }
    }

    /// Refuses a tensor that is larger than a binding may be.
    ///
    /// # Errors
    /// If it is.
    pub fn check_binding(&self, tensor: &str, bytes: u64) -> Result<(), BackendError> {
        if bytes <= self.binding_bytes_max() {
            return Ok(());
        }
        Err(BackendError::TooLarge {
            tensor: tensor.to_owned(),
            bytes,
            bytes_max: self.binding_bytes_max(),
            device: self.name().to_owned(),
        })
    }

    /// A zeroed buffer of `bytes` bytes, a multiple of 4, that kernels bind and copies reach.
    ///
    /// # Errors
    /// If it is larger than a buffer may be, or memory runs out.
    pub fn buffer(&self, name: &str, bytes: u64) -> Result<wgpu::Buffer, BackendError> {
        let bytes_max = self.inner.limits.max_buffer_size;
        if bytes > bytes_max {
            let (tensor, device) = (name.to_owned(), self.name().to_owned());
            return Err(BackendError::TooLarge { tensor, bytes, bytes_max, device });
        }
        let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC | wgpu::BufferUsages::COPY_DST;
        self.guarded(&format!("allocating {bytes} bytes for `{name}`"), || self.raw_buffer(name, bytes, usage))
    }

    fn raw_buffer(&self, name: &str, bytes: u64, usage: wgpu::BufferUsages) -> wgpu::Buffer {
        self.made();
        let descriptor = wgpu::BufferDescriptor { label: Some(name), size: bytes, usage, mapped_at_creation: false };
        self.inner.device.create_buffer(&descriptor)
    }

    /// Binds buffers to a pipeline's group.
    ///
    /// # Errors
    /// If the driver refuses.
    pub fn bind_group(
        &self,
        label: &str,
        pipeline: &Pipeline,
        entries: &[wgpu::BindGroupEntry<'_>],
    ) -> Result<wgpu::BindGroup, BackendError> {
        self.made();
        let descriptor = wgpu::BindGroupDescriptor { label: Some(label), layout: &pipeline.layout, entries };
        self.guarded(&format!("binding {label}"), || self.inner.device.create_bind_group(&descriptor))
    }

    /// Copies `words` to the buffer, `offset` bytes from its start.
    ///
    /// # Errors
    /// If the driver refuses.
    pub fn upload(&self, buffer: &wgpu::Buffer, offset: u64, words: &[u32]) -> Result<(), BackendError> {
        self.guarded("uploading", || {
            self.inner.queue.write_buffer(buffer, offset, bytemuck::cast_slice(words));
        })
    }

    /// Submits recorded commands.
    ///
    /// # Errors
    /// If the driver refuses them or the device is lost.
    pub fn submit(&self, action: &str, commands: wgpu::CommandBuffer) -> Result<(), BackendError> {
        self.guarded(action, || {
            self.inner.queue.submit(std::iter::once(commands));
        })
    }

    /// Waits until all that was submitted is done.
    ///
    /// # Errors
    /// If the device is lost or a kernel failed.
    pub fn wait(&self, action: &str) -> Result<(), BackendError> {
        let polled = self.inner.device.poll(wgpu::PollType::wait_indefinitely());
        self.check(action)?;
        polled.map(|_| ()).map_err(|e| self.failed(action, &e.to_string()))
    }

    /// Reads `out.len()` words back, `offset` bytes from the buffer's start, after all that was submitted is done. `by` is
    /// where they pass; it is made larger if it must be, and kept for the next time.
    ///
    /// # Errors
    /// If anything submitted before has failed: then nothing is read.
    pub fn download(
        &self,
        buffer: &wgpu::Buffer,
        offset: u64,
        out: &mut [u32],
        by: &mut ReadBack,
    ) -> Result<(), BackendError> {
        for (number, part) in out.chunks_mut(READ_BACK_WORDS).enumerate() {
            self.download_part(buffer, offset + 4 * (number * READ_BACK_WORDS) as u64, part, by)?;
        }
        Ok(())
    }

    fn download_part(
        &self,
        buffer: &wgpu::Buffer,
        offset: u64,
        out: &mut [u32],
        by: &mut ReadBack,
    ) -> Result<(), BackendError> {
        let action = "reading back";
        let bytes = out.len() as u64 * 4;
        let staging = match by.buffer.take() {
            Some(staging) if staging.size() >= bytes => staging,
            _ => {
                let usage = wgpu::BufferUsages::COPY_DST | wgpu::BufferUsages::MAP_READ;
                self.guarded(action, || self.raw_buffer("read-back", bytes.next_power_of_two(), usage))?
            }
        };
        self.guarded(action, || {
            let mut encoder = self.inner.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
            encoder.copy_buffer_to_buffer(buffer, offset, &staging, 0, Some(bytes));
            self.inner.queue.submit(std::iter::once(encoder.finish()));
        })?;
        let (sender, receiver) = std::sync::mpsc::channel();
        staging.slice(..bytes).map_async(wgpu::MapMode::Read, move |result| {
            // The receiver lives until the wait below is over; if it is gone there is nobody to tell.
            let _ = sender.send(result);
        });
        self.wait(action)?;
        // The work is done, but another thread's poll may have taken the answer and be about to deliver it.
        match receiver.recv_timeout(ANSWER_MAX) {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return Err(self.failed(action, &error.to_string())),
            Err(_) => return Err(self.failed(action, "the driver never answered the map request")),
        }
        self.check(action)?;
        {
            let view = staging.slice(..bytes).get_mapped_range().map_err(|e| self.failed(action, &e.to_string()))?;
            out.copy_from_slice(bytemuck::cast_slice(&view));
        }
        staging.unmap();
        by.buffer = Some(staging);
        Ok(())
    }

    /// Runs `work` inside error scopes and turns whatever the driver says into an error.
    ///
    /// # Errors
    /// What the driver reported.
    pub fn guarded<T>(&self, action: &str, work: impl FnOnce() -> T) -> Result<T, BackendError> {
        self.check(action)?;
        let device = &self.inner.device;
        let validation = device.push_error_scope(wgpu::ErrorFilter::Validation);
        let memory = device.push_error_scope(wgpu::ErrorFilter::OutOfMemory);
        let internal = device.push_error_scope(wgpu::ErrorFilter::Internal);
        let value = work();
        let errors = [internal.pop(), memory.pop(), validation.pop()].map(pollster::block_on);
        match errors.into_iter().flatten().next() {
            Some(wgpu::Error::OutOfMemory { source }) => Err(BackendError::OutOfMemory {
                device: self.name().to_owned(),
                action: action.to_owned(),
                reason: source.to_string(),
            }),
            Some(error) => Err(self.failed(action, &error.to_string())),
            None => self.check(action).map(|()| value),
        }
    }

    /// Gives the device up, as if it were lost. For tests of what follows.
    pub fn destroy(&self) {
        self.inner.device.destroy();
        // Lets the lost callback run; the answer itself is of no interest.
        let _ = self.inner.device.poll(wgpu::PollType::Poll);
    }

    fn check(&self, action: &str) -> Result<(), BackendError> {
        let trouble = locked(&self.inner.trouble);
        if let Some(reason) = &trouble.lost {
            return Err(BackendError::Lost {
                device: self.name().to_owned(),
                action: action.to_owned(),
                reason: reason.clone(),
            });
        }
        match &trouble.uncaptured {
            Some(reason) => Err(self.failed(action, reason)),
            None => Ok(()),
        }
    }

    fn failed(&self, action: &str, reason: &str) -> BackendError {
        BackendError::Failed { device: self.name().to_owned(), action: action.to_owned(), reason: reason.to_owned() }
    }
}
