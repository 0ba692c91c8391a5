//! What a thread does with a member: segment by segment, chunk by chunk, tile by tile.

use std::ops::Range;

use rayon::prelude::*;

use super::crew::{Board, Job, Pieces};
use super::halves::{Carried, Wide, halves, values, values_mut};
use super::memory::LINE;
use super::segment::{Segment, Source, SumPart, Tiled, Whole};
use super::watch::Watch;
use super::{Base, CpuPlan, thread};
use crate::backend::{CpuContext, half};
use crate::ops::{ARGS_MAX, Access, Arg, Args, Tile, schedule};
use crate::plan::builder::{List, ListId, Recorded, TensorId};

/// Words of chunks' sums below which one thread adds them up.
const SUMS_SPLIT: usize = 128 << 10;

/// Who does the pieces of a member's work.
#[derive(Clone, Copy)]
pub(super) enum Team<'a> {
    /// The thread that has the member.
    Alone,
    /// Whichever threads of the pool are free.
    Pool,
    /// The threads at the board.
    Crew(&'a Board),
}

/// A replay under way: it holds all of the plan's memory exclusively.
///
/// Tasks run at the same time for different members, or for different chunks of one member. A member's words of a tensor
/// belong to the task of that member; of a tensor by rows, a chunk's rows to the task of that chunk. A worker's memory
/// belongs to the tile that its thread works on: a tile hands nothing to other threads, so that the thread cannot take up
/// another one in between. A member's sums have a place for each chunk.
pub(super) struct Replay<'a, W> {
    pub plan: &'a CpuPlan,
    pub arena: Base,
    pub workers: Base,
    pub shared: Base,
    pub ctx: CpuContext,
    pub team: Team<'a>,
    pub watch: &'a W,
}

impl<W: Watch> Replay<'_, W> {
    /// All lists, all steps, for one member.
    pub(super) fn member(&self, member: usize, runs: &[(ListId, Range<u32>)]) {
        for (list, steps) in runs {
            let cut = &self.plan.lists[list.0];
            for step in steps.clone() {
                if cut.list.gate.is_some_and(|gate| !self.takes(gate, member, step)) {
                    continue;
                }
                for (number, segment) in cut.segments.iter().enumerate() {
                    match segment {
                        Segment::Whole(whole) => {
                            let run = || self.whole(&cut.list.kernels[whole.kernel], whole, member, step);
                            self.watch.around(whole.kernel, run);
                        }
                        Segment::Tiled(tiled) => {
                            let job = Job { list: list.0, segment: number, step, pieces: Pieces::Chunks };
                            self.tiled(&cut.list, tiled, member, job);
                        }
                    }
                }
            }
        }
    }

    /// Whether the schedule says that the member takes the step.
    fn takes(&self, schedule: TensorId, member: usize, step: u32) -> bool {
        let place = self.plan.places[schedule.0];
        let word = step as usize * schedule::WIDTH + schedule::ACTIVE;
        assert!(word < place.len, "step {step} is beyond the schedule");
        // SAFETY: the member's own words of the tensor, which no kernel writes.
        f32::from_bits(unsafe { *self.arena.0.add(place.start + member * place.stride + word) }) != 0.0
    }

    /// A kernel that gets all rows at once.
    fn whole(&self, recorded: &Recorded, whole: &Whole, member: usize, step: u32) {
        let shared = self.shared(member);
        for wide in whole.wide.iter().filter(|wide| wide.read) {
            self.widen(wide, shared, member);
        }
        recorded.kernel.cpu(&self.ctx, &mut self.args(recorded, whole, shared, member), step);
        for wide in whole.wide.iter().filter(|wide| wide.written) {
            // SAFETY: the member's own words in either place; the kernel has run.
            unsafe {
                let to = values_mut(halves(self.at(wide.tensor, member)), wide.len);
                half::narrow(self.ctx.simd, values(shared.0.add(wide.start).cast(), wide.len), to);
            }
        }
    }

    /// The memory that a member's tiles share: the thread's own, unless several threads work on the member.
    fn shared(&self, member: usize) -> Base {
        let owner = if matches!(self.team, Team::Alone) { thread() } else { member };
        Base(self.shared.0.wrapping_add(owner * self.plan.shared.len))
    }

    /// Where a member's words of a tensor begin.
    fn at(&self, tensor: TensorId, member: usize) -> *mut u32 {
        let place = self.plan.places[tensor.0];
        self.arena.0.wrapping_add(place.start + member * place.stride)
    }

    /// All of a tensor that is held as f16, as f32.
    fn widen(&self, wide: &Wide, shared: Base, member: usize) {
        // SAFETY: the member's own memory in either place; no kernel runs on it now.
        unsafe {
            let to = values_mut(shared.0.add(wide.start).cast(), wide.len);
            half::widen(self.ctx.simd, values(halves(self.at(wide.tensor, member)), wide.len), to);
        }
    }

    /// The arguments of a kernel that runs on the whole batch.
    fn args(&self, recorded: &Recorded, whole: &Whole, shared: Base, member: usize) -> Args<'_> {
        let mut slots = [const { Arg::Taken }; ARGS_MAX];
        for ((slot, arg), id) in slots.iter_mut().zip(&recorded.args).zip(&recorded.tensors) {
            let scratch = self.plan.scratch;
            let wide = whole.wide.iter().find(|wide| wide.tensor == *id);
            // SAFETY: places of different tensors do not overlap, nor do those of different members of one tensor; the
            // builder checked that a tensor which is written is bound once in this kernel and is not shared; the lengths
            // are those of the layout.
            *slot = unsafe {
                match (arg.access, wide) {
                    (Access::Scratch, _) => {
                        let start = scratch.start + member * scratch.stride;
                        slot_at(self.arena.0.add(start), arg.len, arg.access)
                    }
                    (_, Some(wide)) => slot_at(shared.0.add(wide.start), arg.len, arg.access),
                    (_, None) => self.slot(*id, member, arg.access),
                }
            };
        }
        Args::new(slots)
    }

    /// A member's words of a tensor, as they stand in the arena.
    ///
    /// # Safety
    /// As [`slot_at`].
    unsafe fn slot(&self, tensor: TensorId, member: usize, access: Access) -> Arg<'_> {
        let (place, start) = (self.plan.places[tensor.0], self.at(tensor, member));
        // SAFETY: as the caller promises.
        unsafe {
            match (place.half, access) {
                (false, _) => slot_at(start, place.len, access),
                (true, Access::Read) => Arg::Half(values(halves(start), place.len)),
                (true, _) => Arg::HalfMut(values_mut(halves(start), place.len)),
            }
        }
    }

    /// The arguments that are the same for all tiles.
    fn whole_args(&self, recorded: &Recorded, sources: &[Source], shared: Base, member: usize) -> Args<'_> {
        let mut slots = [const { Arg::Taken }; ARGS_MAX];
        for (i, slot) in slots.iter_mut().enumerate().take(sources.len()) {
            // SAFETY: as in `args`; nothing writes these tensors within the segment.
            unsafe {
                match sources[i] {
                    Source::Whole => *slot = self.slot(recorded.tensors[i], member, Access::Read),
                    Source::Wide(start) => {
                        *slot = slot_at(shared.0.add(start), recorded.args[i].len, Access::Read);
                    }
                    _ => {}
                }
            }
        }
        Args::new(slots)
    }

    fn tiled(&self, list: &List, tiled: &Tiled, member: usize, job: Job) {
        let sums = self.shared(member);
        for wide in &tiled.wide {
            self.widen(wide, sums, member);
        }
        for (i, recorded) in list.kernels[tiled.kernels.clone()].iter().enumerate() {
            let place = &tiled.prepared[i];
            if !place.is_empty() {
                // SAFETY: the member's own memory; no tile runs yet.
                let words = unsafe { values_mut(sums.0.add(place.start).cast(), place.len()) };
                let args = self.whole_args(recorded, &tiled.sources[i], sums, member);
                let prepare = || recorded.kernel.cpu_prepare(&self.ctx, &args, words);
                self.watch.around(tiled.kernels.start + i, prepare);
            }
        }
        let chunks = tiled.chunks();
        self.spread(self.team, member, job, chunks);
        if chunks > 1 {
            let team = if chunks * tiled.sums_len < SUMS_SPLIT { Team::Alone } else { self.team };
            let job = Job { pieces: Pieces::Sums, ..job };
            self.watch.around(list.kernels.len(), || self.spread(team, member, job, tiled.parts.len()));
        }
    }

    /// Does the pieces of a job.
    fn spread(&self, team: Team<'_>, member: usize, job: Job, pieces: usize) {
        match team {
            Team::Pool if pieces > 1 => {
                (0..pieces).into_par_iter().with_max_len(1).for_each(|piece| self.piece(member, job, piece));
            }
            Team::Crew(board) if pieces > 1 => board.share(job, pieces, |job, piece| self.piece(member, job, piece)),
            _ => (0..pieces).for_each(|piece| self.piece(member, job, piece)),
        }
    }

    /// Helps another thread with the only member until the board is closed.
    pub(super) fn assist(&self, board: &Board) {
        let count = |job: Job| match (self.tiled_of(job), job.pieces) {
            (Some(tiled), Pieces::Chunks) => tiled.chunks(),
            (Some(tiled), Pieces::Sums) => tiled.parts.len(),
            (None, _) => 0,
        };
        board.assist(count, |job, piece| self.piece(0, job, piece));
    }

    fn tiled_of(&self, job: Job) -> Option<&Tiled> {
        self.plan.lists[job.list].segments[job.segment].tiled()
    }

    fn piece(&self, member: usize, job: Job, piece: usize) {
        let Some(tiled) = self.tiled_of(job) else { return };
        let sums = self.shared(member);
        match job.pieces {
            Pieces::Chunks => self.chunk(&self.plan.lists[job.list].list, tiled, (member, job.step), sums, piece),
            Pieces::Sums => self.add_up(tiled, &tiled.parts[piece], sums, member),
        }
    }

    /// The tiles of one chunk, one after the other.
    fn chunk(&self, list: &List, tiled: &Tiled, (member, step): (usize, u32), sums: Base, chunk: usize) {
        let ctx = CpuContext { parallel: false, ..self.ctx };
        let worker = Base(self.workers.0.wrapping_add(thread() * self.plan.workers.len));
        let rows = chunk * tiled.chunk..((chunk + 1) * tiled.chunk).min(tiled.rows);
        for first in rows.clone().step_by(tiled.tile) {
            let tile = Tile { first, rows: tiled.tile.min(rows.end - first), adds: first > rows.start };
            for (k, recorded) in list.kernels[tiled.kernels.clone()].iter().enumerate() {
                for carried in tiled.carried.iter().filter(|c| c.widened == Some(k)) {
                    self.carry(carried, worker, member, tile, false);
                }
                let slots = self.tile_slots(recorded, tiled, k, (worker, sums), (member, chunk), tile);
                let place = &tiled.prepared[k];
                // SAFETY: written before the first tile, and only read since.
                let prepared = unsafe { values(sums.0.add(place.start).cast(), place.len()) };
                let mut args = Args::new(slots).with_prepared(prepared);
                self.watch.around(tiled.kernels.start + k, || recorded.kernel.cpu_tile(&ctx, &mut args, step, tile));
                for carried in tiled.carried.iter().filter(|c| c.narrowed == Some(k)) {
                    self.carry(carried, worker, member, tile, true);
                }
            }
        }
    }

    /// Moves a tile's rows of a tensor held as f16 to the worker's memory, or back.
    fn carry(&self, carried: &Carried, worker: Base, member: usize, tile: Tile, back: bool) {
        let len = tile.rows * carried.width;
        let held = halves(self.at(carried.tensor, member)).wrapping_add(tile.first * carried.width);
        // SAFETY: the tile's own rows in the arena, as described at `Replay`, and the worker's memory.
        unsafe {
            let own = worker.0.add(carried.start).cast();
            if back {
                half::narrow(self.ctx.simd, values(own, len), values_mut(held, len));
            } else {
                half::widen(self.ctx.simd, values(held, len), values_mut(own, len));
            }
        }
    }

    /// The arguments of a tile's kernel.
    fn tile_slots(
        &self,
        recorded: &Recorded,
        tiled: &Tiled,
        kernel: usize,
        (worker, sums): (Base, Base),
        (member, chunk): (usize, usize),
        tile: Tile,
    ) -> [Arg<'_>; ARGS_MAX] {
        let sources = &tiled.sources[kernel];
        let mut slots = [const { Arg::Taken }; ARGS_MAX];
        for (i, slot) in slots.iter_mut().enumerate().take(sources.len()) {
            let (arg, tensor) = (&recorded.args[i], recorded.tensors[i]);
            // SAFETY: as described at `Replay`; `segment` laid out the places, and made sure that what a tile writes no
            // other tile reads.
            *slot = unsafe {
                let (start, len) = match sources[i] {
                    Source::Whole => {
                        *slot = self.slot(tensor, member, arg.access);
                        continue;
                    }
                    Source::Wide(start) => (sums.0.add(start), arg.len),
                    Source::Rows(width) => (self.at(tensor, member).add(tile.first * width), tile.rows * width),
                    Source::Local { start, width } => (worker.0.add(start), tile.rows * width),
                    Source::Sum(_) if tiled.chunks() == 1 => (self.at(tensor, member), arg.len),
                    Source::Sum(start) => (sums.0.add(chunk * tiled.sums_len + start), arg.len),
                    Source::Scratch => (worker.0.add(tiled.local_len.next_multiple_of(LINE)), tiled.scratch_len),
                };
                slot_at(start, len, arg.access)
            };
        }
        slots
    }

    /// Adds a part of the chunks' sums in order.
    fn add_up(&self, tiled: &Tiled, part: &SumPart, sums: Base, member: usize) {
        let place = self.plan.places[part.tensor.0];
        let start = place.start + member * place.stride + part.first;
        // SAFETY: the member's own words, of which no other part has any; the chunks' tasks have ended.
        let total = unsafe { std::slice::from_raw_parts_mut(self.arena.0.add(start).cast::<f32>(), part.len) };
        for chunk in 0..tiled.chunks() {
            let start = chunk * tiled.sums_len + part.start;
            // SAFETY: within the member's sums, which nobody writes now.
            let of_chunk = unsafe { std::slice::from_raw_parts(sums.0.add(start).cast::<f32>(), part.len) };
            if chunk == 0 {
                total.copy_from_slice(of_chunk);
            } else {
                total.iter_mut().zip(of_chunk).for_each(|(t, p)| *t += p);
            }
        }
    }
}

/// # Safety
/// The words are there, nobody writes them meanwhile, and nobody reads them if they are to be written.
unsafe fn slot_at<'a>(start: *mut u32, len: usize, access: Access) -> Arg<'a> {
    // SAFETY: as the caller promises.
    unsafe {
        if access == Access::Read {
            Arg::Read(std::slice::from_raw_parts(start, len))
        } else {
            Arg::Write(std::slice::from_raw_parts_mut(start, len))
        }
    }
}
