//! What adapters a machine has.

/// An adapter and what it says of itself.
#[derive(Debug, Clone)]
pub struct AdapterFacts {
    /// Its number in the machine's list.
    pub index: usize,
    /// Name, driver, kind.
    pub info: wgpu::AdapterInfo,
    /// What it offers beyond the standard.
    pub features: wgpu::Features,
    /// Its own limits, not the defaults.
    pub limits: wgpu::Limits,
    /// Bytes of its own memory (of the memory that it shares with the CPU, if it has none), where the driver says so.
    pub memory_bytes: Option<u64>,
    pub(super) adapter: wgpu::Adapter,
}

impl AdapterFacts {
    /// Whether it computes on the CPU (lavapipe, SwiftShader).
    pub fn software(&self) -> bool {
        self.info.device_type == wgpu::DeviceType::Cpu
    }

    /// The better the lower: discrete, integrated, virtual, unknown, software.
    pub fn rank(&self) -> u8 {
        match self.info.device_type {
            wgpu::DeviceType::DiscreteGpu => 0,
            wgpu::DeviceType::IntegratedGpu => 1,
            wgpu::DeviceType::VirtualGpu => 2,
            wgpu::DeviceType::Other => 3,
            wgpu::DeviceType::Cpu => 4,
        }
    }

    /// Vendor and device as `10de:2330`.
    pub fn pci_id(&self) -> String {
        format!("{:04x}:{:04x}", self.info.vendor, self.info.device)
    }

    /// The driver's name and version.
    pub fn driver(&self) -> String {
        format!("{} {}", self.info.driver, self.info.driver_info).trim().to_owned()
    }

    /// One line for lists and errors.
    pub fn line(&self) -> String {
        let kind = if self.software() { "software" } else { "hardware" };
        format!("{}: {} ({kind}, {} {})", self.index, self.info.name, self.info.driver, self.info.driver_info)
    }
}

/// All adapters of the native back ends (Vulkan, Metal, DirectX 12).
pub fn adapters() -> Vec<AdapterFacts> {
    let mut descriptor = wgpu::InstanceDescriptor::new_without_display_handle();
    descriptor.backends = wgpu::Backends::PRIMARY;
    let instance = wgpu::Instance::new(descriptor);
    let found = pollster::block_on(instance.enumerate_adapters(wgpu::Backends::PRIMARY));
    found
        .into_iter()
        .enumerate()
        .map(|(index, adapter)| AdapterFacts {
            index,
            info: adapter.get_info(),
            features: adapter.features(),
            limits: adapter.limits(),
            memory_bytes: memory_bytes(&adapter),
            adapter,
        })
        .collect()
}

/// The largest heap that lies with the device.
#[cfg(any(target_os = "linux", target_os = "windows"))]
fn memory_bytes(adapter: &wgpu::Adapter) -> Option<u64> {
    // Bit 0 of a heap's flags: it is the device's own (VK_MEMORY_HEAP_DEVICE_LOCAL_BIT).
    const DEVICE_LOCAL: u32 = 1;
    // SAFETY: nothing is destroyed; the adapter outlives the call.
    let vulkan = unsafe { adapter.as_hal::<wgpu::hal::api::Vulkan>() }?;
    let instance = vulkan.shared_instance().raw_instance();
    // SAFETY: the physical device belongs to this instance.
    let memory = unsafe { instance.get_physical_device_memory_properties(vulkan.raw_physical_device()) };
    let heaps = &memory.memory_heaps[..memory.memory_heap_count as usize];
    heaps.iter().filter(|heap| heap.flags.as_raw() & DEVICE_LOCAL != 0).map(|heap| heap.size).max()
}

#[cfg(not(any(target_os = "linux", target_os = "windows")))]
fn memory_bytes(_adapter: &wgpu::Adapter) -> Option<u64> {
    None
}
