//! What kernels may ask of a device before they choose their form.

use std::collections::BTreeMap;

use super::MatrixUnits;

/// What a GPU kernel may rely on: the device's limits, and what `nightloom tune` has found best there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GpuTraits {
    /// Bytes of memory that a workgroup's invocations share.
    pub workgroup_bytes: usize,
    /// Invocations a workgroup.
    pub invocations: usize,
    /// Whether buffers may hold f16 (`SHADER_F16`).
    pub half: bool,
    /// Matrix units that have passed their test.
    pub units: Option<MatrixUnits>,
    /// The candidate taken of each group of candidates, by the group's name; a group that is missing takes its first.
    pub tuned: BTreeMap<String, String>,
}

impl GpuTraits {
    /// What the standard promises of every device, and nothing more.
    pub fn least() -> Self {
        Self { workgroup_bytes: 16_384, invocations: 256, half: false, units: None, tuned: BTreeMap::new() }
    }

    /// What a device says of itself.
    pub fn of(limits: &wgpu::Limits, features: wgpu::Features) -> Self {
        Self {
            workgroup_bytes: limits.max_compute_workgroup_storage_size as usize,
            invocations: limits.max_compute_invocations_per_workgroup as usize,
            half: features.contains(wgpu::Features::SHADER_F16),
            units: None,
            tuned: BTreeMap::new(),
        }
    }
}
