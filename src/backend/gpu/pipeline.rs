//! Compute pipelines, compiled once a device and kept.

use super::IMMEDIATES_BYTES;

/// Whether a binding is declared `read` or `read_write`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BindAccess {
    /// `var<storage, read>`.
    Read,
    /// `var<storage, read_write>`.
    ReadWrite,
}

/// What makes one pipeline differ from another.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PipelineKey {
    /// The shader's name, for labels and errors.
    pub shader: &'static str,
    /// The whole WGSL text.
    pub text: String,
    /// The entry point.
    pub entry: &'static str,
    /// `override` constants, values by bits.
    pub constants: Vec<(&'static str, u64)>,
    /// The bindings of group 0.
    pub binds: Vec<BindAccess>,
}

/// A compiled pipeline and the layout of its one bind group.
#[derive(Debug)]
pub struct Pipeline {
    /// The pipeline.
    pub pipeline: wgpu::ComputePipeline,
    /// The layout of group 0.
    pub layout: wgpu::BindGroupLayout,
}

/// Compiles `key` on `device`. Errors go to the device's error scopes.
pub(super) fn compile(device: &wgpu::Device, key: &PipelineKey, checked: bool) -> Pipeline {
    let label = format!("{}.{}", key.shader, key.entry);
    let source = wgpu::ShaderSource::Wgsl(key.text.as_str().into());
    let descriptor = wgpu::ShaderModuleDescriptor { label: Some(&label), source };
    let module = if checked {
        device.create_shader_module(descriptor)
    } else {
        let checks = wgpu::ShaderRuntimeChecks::unchecked();
        // SAFETY: the shaders are the program's own. Their loops end, they divide by nothing but sizes, which are checked to
        // be at least 1, and every index is within its binding: it follows from a checked shape, or is held below its bound
        // where it is read from memory (`super::checks`).
        unsafe { device.create_shader_module_trusted(descriptor, checks) }
    };
    let entries: Vec<wgpu::BindGroupLayoutEntry> = key.binds.iter().enumerate().map(entry).collect();
    let layout =
        device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor { label: Some(&label), entries: &entries });
    let pipeline_layout = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
        label: Some(&label),
        bind_group_layouts: &[Some(&layout)],
        immediate_size: IMMEDIATES_BYTES,
    });
    let constants: Vec<(&str, f64)> = key.constants.iter().map(|(name, bits)| (*name, f64::from_bits(*bits))).collect();
    let pipeline = device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
        label: Some(&label),
        layout: Some(&pipeline_layout),
        module: &module,
        entry_point: Some(key.entry),
        compilation_options: wgpu::PipelineCompilationOptions {
            constants: &constants,
            // Kernels write what they share before they read it.
            zero_initialize_workgroup_memory: checked,
        },
        cache: None,
    });
    Pipeline { pipeline, layout }
}

fn entry((i, access): (usize, &BindAccess)) -> wgpu::BindGroupLayoutEntry {
    wgpu::BindGroupLayoutEntry {
        binding: i as u32,
        visibility: wgpu::ShaderStages::COMPUTE,
        ty: wgpu::BindingType::Buffer {
            ty: wgpu::BufferBindingType::Storage { read_only: *access == BindAccess::Read },
            has_dynamic_offset: false,
            min_binding_size: None,
        },
        count: None,
    }
}
