//! Running one kernel on a device with given words, for the ops' own tests.

use crate::backend::{Backend, Cpu, DeviceChoice, SimdLevel, choose};
use crate::ops::{Access, Kernel};
use crate::plan::PlanBuilder;

/// The CPU at each SIMD level there is, then the software GPU unless `NIGHTLOOM_TEST_NO_GPU` is set.
pub(crate) fn backends() -> Vec<Backend> {
    let mut found: Vec<Backend> =
        SimdLevel::ALL.iter().filter_map(|&level| Cpu::new(level).ok()).map(Backend::Cpu).collect();
    if std::env::var_os("NIGHTLOOM_TEST_NO_GPU").is_none() {
        found.push(choose(&DeviceChoice::SoftwareGpu).expect("a software Vulkan driver").backend);
    }
    found
}

/// Runs `kernel` once. `words` holds an argument's words for each argument except scratch, in order; outputs come back
/// in the same places.
pub(crate) fn run(kernel: impl Kernel + 'static, backend: &Backend, step: u32, words: &[Vec<u32>]) -> Vec<Vec<u32>> {
    let args: Vec<_> = kernel.args().into_iter().filter(|arg| arg.access != Access::Scratch).collect();
    let mut builder = PlanBuilder::new(kernel.fleet());
    let list = builder.list();
    let tensors: Vec<_> = args.iter().map(|arg| builder.for_arg(arg.name, arg)).collect();
    builder.push(list, kernel, &tensors).expect("the tensors fit");
    let mut plan = builder.build(backend).expect("the plan fits the device");
    for (id, words) in tensors.iter().zip(words) {
        plan.upload(*id, words).expect("the words fit");
    }
    plan.replay(list, step..step + 1).expect("the device works");
    tensors.iter().map(|id| plan.download(*id).expect("the device works")).collect()
}

/// Bits of f32 values.
pub(crate) fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

/// f32 values of bits.
pub(crate) fn floats(words: &[u32]) -> Vec<f32> {
    words.iter().map(|word| f32::from_bits(*word)).collect()
}
