//! One kernel on values that lie in memory already: nothing is laid out and nothing copied.

use crate::backend::{Cpu, CpuContext};
use crate::ops::{ARGS_MAX, Access, Arg, ArgSpec, Args, Kernel};

/// Words of working memory that [`run_on_host`] must be given for `kernel`.
pub fn host_scratch(kernel: &dyn Kernel) -> usize {
    kernel.args().iter().filter(|arg| arg.access == Access::Scratch).map(|arg| arg.len).max().unwrap_or(0)
}

/// Runs a kernel of one member on this machine's cores, with its arguments in their order. The bits are those that a plan
/// gives.
///
/// # Panics
/// If there are other arguments, or arguments of other lengths, than the kernel lists, or the kernel has several members:
/// a mistake of the caller.
pub fn run_on_host<'a>(cpu: Cpu, kernel: &dyn Kernel, args: impl IntoIterator<Item = Arg<'a>>) {
    let wanted = kernel.args();
    let mut slots = [const { Arg::Taken }; ARGS_MAX];
    let mut given = 0;
    for (slot, arg) in slots.iter_mut().zip(args) {
        *slot = arg;
        given += 1;
    }
    let fits = |(arg, slot): (&ArgSpec, &Arg<'_>)| match slot {
        Arg::Read(words) => arg.len == words.len(),
        Arg::Write(words) => arg.len == words.len(),
        _ => false,
    };
    assert!(
        kernel.fleet() == 1 && given == wanted.len() && wanted.iter().zip(&slots).all(fits),
        "the arguments of `{}`",
        kernel.name()
    );
    let ctx = CpuContext { simd: cpu.simd(), amx: cpu.amx(), vnni: cpu.vnni(), parallel: true };
    let mut args = Args::new(slots);
    // On the pool's threads, as a plan does.
    rayon::join(|| kernel.cpu(&ctx, &mut args, 0), || ());
}
