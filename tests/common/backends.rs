//! The devices that tests run on.

use std::sync::OnceLock;

use nightloom::backend::amx::AmxMode;
use nightloom::backend::{Backend, Cpu, DeviceChoice, SimdLevel, choose};

/// The CPU at each SIMD level there is, then the GPU (a software one will do; `NIGHTLOOM_TEST_NO_GPU=1` leaves it out).
pub fn backends() -> Vec<Backend> {
    let mut found: Vec<Backend> =
        SimdLevel::ALL.iter().filter_map(|&level| Cpu::new(level).ok()).map(Backend::Cpu).collect();
    if std::env::var_os("NIGHTLOOM_TEST_NO_GPU").is_none() {
        found.push(gpu());
    }
    found
}

/// The CPU with its tile unit, if it has one, and with an emulated one, each in every mode.
#[allow(dead_code, reason = "not every test binary that includes this file multiplies on it")]
pub fn tile_units() -> Vec<Backend> {
    let real = |mode: &AmxMode| {
        let cpu = Cpu::new(SimdLevel::detect()).and_then(|cpu| cpu.with_amx(Some(mode.name())));
        cpu.ok().map(Backend::Cpu)
    };
    let emulated = AmxMode::ALL.map(|mode| Backend::Cpu(Cpu::emulated_amx(Some(mode))));
    AmxMode::ALL.iter().filter_map(real).chain(emulated).collect()
}

fn gpu() -> Backend {
    static GPU: OnceLock<Backend> = OnceLock::new();
    let open = || {
        let chosen = choose(&DeviceChoice::Gpu(None)).or_else(|_| choose(&DeviceChoice::SoftwareGpu));
        chosen.expect("a Vulkan driver: apt-get install mesa-vulkan-drivers").backend
    };
    GPU.get_or_init(open).clone()
}
