//! Devices: which there are, which one runs, and what may go wrong on it.
//!
//! A backend knows nothing of an operation's meaning. The devices are a closed set, hence an enum; operations are an
//! open set, hence the trait [`crate::ops::Kernel`].

pub mod amx;
mod choice;
mod cpu;
mod error;
pub mod gpu;
pub mod half;
pub mod simd;
pub mod vnni;

pub use choice::{Chosen, DeviceChoice, DeviceChoiceError, GpuSelector, choose, choose_for};
pub(crate) use cpu::SPLIT_FLOPS;
pub use cpu::{Cpu, CpuContext};
pub use error::BackendError;
pub use gpu::Gpu;
pub use simd::SimdLevel;

/// The most workgroups that a grid dimension may hold on any device.
pub const GRID_MAX: u32 = 65_535;

/// A device that runs kernels.
#[derive(Debug, Clone)]
pub enum Backend {
    /// This machine's cores.
    Cpu(Cpu),
    /// A wgpu adapter.
    Gpu(Gpu),
}

impl Backend {
    /// The CPU with the best SIMD level there is (or what `NIGHTLOOM_SIMD` says).
    ///
    /// # Errors
    /// If `NIGHTLOOM_SIMD` names no level, or one that this machine lacks.
    pub fn cpu() -> Result<Self, BackendError> {
        Cpu::from_env().map(Self::Cpu)
    }

    /// A short name that stays the same from run to run: it is part of a run's key.
    pub fn id(&self) -> String {
        match self {
            Self::Cpu(cpu) => {
                let vnni = if cpu.vnni() { "-vnni" } else { "" };
                let amx = cpu.amx().map(|amx| format!("-{}", amx.id())).unwrap_or_default();
                format!("cpu-{}{vnni}{amx}", cpu.simd())
            }
            Self::Gpu(gpu) => {
                let units = if gpu.traits().units.is_some() { "-units" } else { "" };
                format!("gpu-{}-{}{units}", gpu.name(), gpu.driver())
            }
        }
    }

    /// What a person wants to know about it, in one line.
    pub fn describe(&self) -> String {
        match self {
            Self::Cpu(cpu) => {
                let amx = match cpu.amx() {
                    Some(amx) => format!(", {}", amx.id()),
                    None => amx::status().warning().map(|text| format!("; {text}")).unwrap_or_default(),
                };
                let vnni = if cpu.vnni() { ", vnni" } else { "" };
                format!("CPU with {} cores, {}{vnni}{amx}", Cpu::cores(), cpu.simd())
            }
            Self::Gpu(gpu) => {
                let units = gpu.units().note().map(|note| format!(", {note}")).unwrap_or_default();
                format!("GPU {} ({}), {}{units}", gpu.name(), gpu.driver(), gpu.tuning().note())
            }
        }
    }
}

/// Folds `groups` workgroups over two grid dimensions (`shaders/common/grid.wgsl` is the WGSL twin). `None` when even
/// two dimensions cannot hold them.
pub fn grid(groups: usize) -> Option<(u32, u32)> {
    let max = GRID_MAX as usize;
    if groups <= max {
        return Some((groups as u32, 1));
    }
    let rows = groups.div_ceil(max);
    (rows <= max).then(|| (groups.div_ceil(rows) as u32, rows as u32))
}

#[cfg(test)]
mod tests {
    use super::{GRID_MAX, grid};

    #[test]
    fn e4_a_grid_never_exceeds_a_dimension_and_holds_all_groups() {
        for groups in [0, 1, 2, 65_535, 65_536, 65_537, 131_071, 1_000_003, 4_000_000_000] {
            let (x, y) = grid(groups).expect("fits two dimensions");
            assert!(x <= GRID_MAX && y <= GRID_MAX, "{groups} -> {x} x {y}");
            assert!(x as usize * y as usize >= groups);
            assert!(x as usize * y as usize - groups < y.max(1) as usize, "wasteful: {groups} -> {x} x {y}");
        }
        assert_eq!(grid(65_535 * 65_535 + 1), None);
    }
}
