//! Replay on the CPU: one arena, member by member.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

use rayon::prelude::*;

use super::Counts;
use super::builder::{List, ListId, Recorded, TensorId, TensorInfo};
use crate::backend::{Cpu, CpuContext};
use crate::ops::{ARGS_MAX, Access, Arg, Args, schedule};

/// Tensors start at multiples of 16 words, a cache line.
const ALIGN: usize = 16;

/// A tensor's place in the arena.
#[derive(Debug, Clone, Copy)]
struct Place {
    /// Where it starts.
    start: usize,
    /// Words a member.
    len: usize,
    /// From one member to the next; 0 if shared.
    stride: usize,
}

/// Arena and lists.
#[derive(Debug)]
pub(super) struct CpuPlan {
    cpu: Cpu,
    arena: Vec<u32>,
    places: Vec<Place>,
    lists: Vec<List>,
    kernels_run: AtomicU64,
}

/// The arena's address, given to the tasks of several members at once.
#[derive(Clone, Copy)]
struct Base(*mut u32);

// SAFETY: tasks of different members touch disjoint words, see `member_args`; shared tensors are only read.
unsafe impl Send for Base {}
// SAFETY: as above.
unsafe impl Sync for Base {}

impl CpuPlan {
    pub(super) fn new(cpu: Cpu, fleet: usize, tensors: &[TensorInfo], lists: Vec<List>) -> Self {
        let mut places = Vec::with_capacity(tensors.len());
        let mut end = 0;
        for info in tensors {
            let stride = if info.shared { 0 } else { info.len };
            places.push(Place { start: end, len: info.len, stride });
            end += info.words(fleet).next_multiple_of(ALIGN);
        }
        Self { cpu, arena: vec![0; end], places, lists, kernels_run: AtomicU64::new(0) }
    }

    pub(super) fn words(&self, id: TensorId) -> &[u32] {
        &self.arena[self.places[id.0].start..]
    }

    pub(super) fn words_mut(&mut self, id: TensorId) -> &mut [u32] {
        let start = self.places[id.0].start;
        &mut self.arena[start..]
    }

    pub(super) fn counts(&self) -> Counts {
        Counts { dispatches: self.kernels_run.load(Ordering::Relaxed), ..Counts::default() }
    }

    /// Every member runs all lists by itself; members are spread over the threads.
    pub(super) fn replay(&mut self, fleet: usize, runs: &[(ListId, Range<u32>)]) {
        let threads = rayon::current_num_threads();
        let ctx = CpuContext { simd: self.cpu.simd(), parallel: threads > 1 && fleet < 2 * threads };
        let base = Base(self.arena.as_mut_ptr());
        let this = &*self;
        if threads == 1 {
            (0..fleet).for_each(|member| this.run_member(base, member, runs, &ctx));
        } else {
            // All of it on the pool's threads, even a single member: handing each kernel's tasks over from outside the
            // pool would cost a wake-up and now and then an allocation each.
            rayon::join(
                || (0..fleet).into_par_iter().for_each(|member| this.run_member(base, member, runs, &ctx)),
                || (),
            );
        }
        let run: u64 =
            runs.iter().map(|(list, steps)| self.lists[list.0].kernels.len() as u64 * steps.len() as u64).sum();
        self.kernels_run.fetch_add(run, Ordering::Relaxed);
    }

    fn run_member(&self, base: Base, member: usize, runs: &[(ListId, Range<u32>)], ctx: &CpuContext) {
        for (list, steps) in runs {
            let list = &self.lists[list.0];
            for step in steps.clone() {
                // SAFETY: the member's own words of the schedule, which no kernel writes.
                if list.gate.is_some_and(|gate| unsafe { !self.takes(base, gate, member, step) }) {
                    continue;
                }
                for recorded in &list.kernels {
                    // SAFETY: `replay` holds the arena exclusively and gives each member to one task.
                    let mut args = unsafe { self.member_args(base, recorded, member) };
                    recorded.kernel.cpu(ctx, &mut args, step);
                }
            }
        }
    }

    /// Whether the schedule says that the member takes the step.
    ///
    /// # Safety
    /// As [`CpuPlan::member_args`].
    unsafe fn takes(&self, base: Base, schedule: TensorId, member: usize, step: u32) -> bool {
        let place = self.places[schedule.0];
        let word = step as usize * schedule::WIDTH + schedule::ACTIVE;
        assert!(word < place.len, "step {step} is beyond the schedule");
        // SAFETY: within the member's words of the tensor.
        f32::from_bits(unsafe { *base.0.add(place.start + member * place.stride + word) }) != 0.0
    }

    /// # Safety
    /// `base` is this arena, which nobody else may touch meanwhile except tasks of other members.
    unsafe fn member_args(&self, base: Base, recorded: &Recorded, member: usize) -> Args<'_> {
        let mut slots = [const { Arg::Taken }; ARGS_MAX];
        for ((slot, arg), id) in slots.iter_mut().zip(&recorded.args).zip(&recorded.tensors) {
            let place = self.places[id.0];
            let len = if arg.access == Access::Scratch { arg.len } else { place.len };
            let offset = place.start + member * place.stride;
            debug_assert!(offset + len <= self.arena.len());
            // SAFETY: places of different tensors do not overlap, nor do those of different members of one tensor; the
            // builder checked that a tensor which is written is bound once in this kernel and is not shared.
            *slot = unsafe {
                let start = base.0.add(offset);
                if arg.access == Access::Read {
                    Arg::Read(std::slice::from_raw_parts(start, len))
                } else {
                    Arg::Write(std::slice::from_raw_parts_mut(start, len))
                }
            };
        }
        Args::new(slots)
    }
}
