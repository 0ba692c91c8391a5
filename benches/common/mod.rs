//! Where the benches run.

use nightloom::backend::{Backend, DeviceChoice, choose};

/// The CPU, and a GPU if there is one; `NIGHTLOOM_BENCH_SOFTWARE_GPU=1` takes a software GPU for want of another.
pub fn backends() -> Vec<Backend> {
    let cpu = Backend::cpu().expect("NIGHTLOOM_SIMD names a level of this machine");
    let software = std::env::var_os("NIGHTLOOM_BENCH_SOFTWARE_GPU").is_some();
    let hardware = choose(&DeviceChoice::Gpu(None)).ok();
    let gpu = hardware.or_else(|| {
        software.then(|| choose(&DeviceChoice::SoftwareGpu).expect("NIGHTLOOM_BENCH_SOFTWARE_GPU: a software GPU"))
    });
    std::iter::once(cpu).chain(gpu.map(|chosen| chosen.backend)).collect()
}
