//! Running one kernel on a device with given words, for the ops' own tests.

use std::sync::OnceLock;

use crate::backend::{Backend, Cpu, DeviceChoice, SimdLevel, choose};
use crate::ops::{Access, Call, Case, Kernel};
use crate::plan::PlanBuilder;

/// The CPU at each SIMD level there is, then the software GPU unless `NIGHTLOOM_TEST_NO_GPU` is set.
pub(crate) fn backends() -> Vec<Backend> {
    let mut found: Vec<Backend> =
        SimdLevel::ALL.iter().filter_map(|&level| Cpu::new(level).ok()).map(Backend::Cpu).collect();
    if std::env::var_os("NIGHTLOOM_TEST_NO_GPU").is_none() {
        // Opened once, so that a pipeline is compiled once.
        static GPU: OnceLock<Backend> = OnceLock::new();
        let open = || choose(&DeviceChoice::SoftwareGpu).expect("a software Vulkan driver").backend;
        found.push(GPU.get_or_init(open).clone());
    }
    found
}

/// Runs `kernel` once. `words` holds an argument's words for each argument except scratch, in order; outputs come back
/// in the same places.
pub(crate) fn run(kernel: impl Kernel + 'static, backend: &Backend, step: u32, words: &[Vec<u32>]) -> Vec<Vec<u32>> {
    run_boxed(Box::new(kernel), backend, step, words)
}

/// [`run`] of a boxed kernel.
pub(crate) fn run_boxed(kernel: Box<dyn Kernel>, backend: &Backend, step: u32, words: &[Vec<u32>]) -> Vec<Vec<u32>> {
    let args: Vec<_> = kernel.args().into_iter().filter(|arg| arg.access != Access::Scratch).collect();
    let mut builder = PlanBuilder::new(kernel.fleet());
    let list = builder.list();
    let tensors: Vec<_> = args.iter().map(|arg| builder.for_arg(arg.name, arg)).collect();
    builder.push_boxed(list, kernel, &tensors).expect("the tensors fit");
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

/// Runs every call of a case on the CPU with pools of several sizes, on inputs of its own, and compares the bits.
pub(crate) fn assert_same_bits_on_any_number_of_threads(case: &Case) {
    let backend = Backend::cpu().expect("a CPU");
    for call in &case.calls {
        let words = words(case, call);
        let found = [1, 2, 5].map(|threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
            pool.install(|| run_boxed(call.kernel.boxed(), &backend, case.step, &words))
        });
        assert!(found[0] == found[1] && found[0] == found[2], "{} {}", case.id, call.kernel.name());
    }
}

/// A word for each argument of a call except scratch; outputs start as ones.
fn words(case: &Case, call: &Call) -> Vec<Vec<u32>> {
    let fleet = call.kernel.fleet();
    let args = call.args().into_iter().filter(|(_, arg)| arg.access != Access::Scratch);
    args.map(|(name, arg)| if arg.is_input() { case.words(&name, &arg, fleet) } else { vec![1; arg.len * fleet] })
        .collect()
}
