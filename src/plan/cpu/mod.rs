//! Replay on the CPU: one arena, member by member, tile by tile.

mod crew;
mod halves;
mod memory;
mod replay;
mod segment;
mod watch;

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

use rayon::prelude::*;

use super::builder::{List, ListId, SCRATCH, TensorId, TensorInfo};
use super::{Counts, View};
use crate::backend::{Cpu, CpuContext, SPLIT_FLOPS, half};
use crate::ops::Access;
use crew::Board;
use memory::{LINE, Memory};
use replay::{Replay, Team};
use segment::Segment;
use watch::{Clocks, Unwatched, Watch};

/// A tensor's place in the arena.
#[derive(Debug, Clone, Copy)]
struct Place {
    /// Where it starts.
    start: usize,
    /// Values a member, which are words unless they are f16.
    len: usize,
    /// From one member to the next; 0 if shared.
    stride: usize,
    /// Its values are f16, two a word.
    half: bool,
}

impl Place {
    /// Words that a member's values take.
    fn words(&self) -> usize {
        if self.half { self.len.div_ceil(2) } else { self.len }
    }
}

/// A list, cut into segments.
#[derive(Debug)]
struct Cut {
    list: List,
    segments: Vec<Segment>,
    /// Whether no kernel that runs on the whole batch is worth splitting.
    small: bool,
    /// Whether there is nothing to share.
    whole: bool,
}

/// Pieces of memory of one size, all in one allocation.
#[derive(Debug, Default)]
struct Pieces {
    memory: Memory,
    len: usize,
}

impl Pieces {
    fn of(len: usize) -> Self {
        Self { memory: Memory::default(), len: len.next_multiple_of(LINE) }
    }

    /// There are at least `count` from now on.
    fn provide(&mut self, count: usize) {
        if self.memory.words().len() < self.len * count {
            self.memory = Memory::new(self.len * count);
        }
    }
}

/// Arena and lists.
#[derive(Debug)]
pub(super) struct CpuPlan {
    cpu: Cpu,
    arena: Memory,
    places: Vec<Place>,
    lists: Vec<Cut>,
    /// Where kernels that run on whole batches have their working memory.
    scratch: Place,
    /// For each thread: a tile's tensors, then its working memory.
    workers: Pieces,
    /// Sums of chunks and what is prepared for tiles: for each thread, or for each member while threads share members.
    shared: Pieces,
    kernels_run: AtomicU64,
}

/// The start of memory that tasks share.
#[derive(Clone, Copy)]
struct Base(*mut u32);

// SAFETY: tasks touch disjoint words, see `Replay`; shared tensors are only read.
unsafe impl Send for Base {}
// SAFETY: as above.
unsafe impl Sync for Base {}

impl CpuPlan {
    pub(super) fn new(
        cpu: Cpu,
        fleet: usize,
        tensors: &[TensorInfo],
        lists: Vec<List>,
        tile_rows: Option<usize>,
    ) -> Self {
        let half = crate::plan::builder::held(&lists, tensors);
        let (segments, local) = segment::cut(&lists, tensors, &half, fleet, tile_rows);
        let lists: Vec<Cut> = lists
            .into_iter()
            .zip(segments)
            .map(|(list, segments)| {
                let small = small(&list, &segments, fleet);
                let whole = segments.iter().filter_map(Segment::tiled).all(|tiled| tiled.chunks() == 1);
                Cut { list, segments, small, whole }
            })
            .collect();
        let mut end = 0;
        let mut place = |len: usize, half: bool, shared: bool, exists: bool| {
            let mut place = Place { start: end, len, stride: 0, half };
            // Every member's words begin at a cache line.
            let own = place.words().next_multiple_of(LINE);
            place.stride = if shared { 0 } else { own };
            let words = if shared { own } else { own * fleet };
            end += if exists { words } else { 0 };
            place
        };
        let places = tensors
            .iter()
            .zip(half)
            .zip(local)
            .map(|((info, half), local)| place(info.len, half, info.shared, !local && info.name != SCRATCH))
            .collect();
        let scratch = place(lists.iter().map(whole_scratch).max().unwrap_or(0), false, false, true);
        let tiled = || lists.iter().flat_map(|cut| &cut.segments).filter_map(Segment::tiled);
        let worker = tiled().map(|t| t.local_len.next_multiple_of(LINE) + t.scratch_len).max().unwrap_or(0);
        let shared = lists.iter().flat_map(|cut| &cut.segments).map(Segment::shared_len).max().unwrap_or(0);
        Self {
            cpu,
            arena: Memory::new(end),
            places,
            lists,
            scratch,
            workers: Pieces::of(worker),
            shared: Pieces::of(shared),
            kernels_run: AtomicU64::new(0),
        }
    }

    /// Bytes of the arena and of what threads have needed so far.
    pub(super) fn bytes(&self) -> u64 {
        let all = [&self.arena, &self.workers.memory, &self.shared.memory];
        all.iter().map(|memory| memory.words().len() as u64 * 4).sum()
    }

    /// Copies the tensor's words, members one after the other.
    pub(super) fn read(&self, id: TensorId, out: &mut [u32]) {
        let place = self.places[id.0];
        for (member, out) in out.chunks_mut(place.len.max(1)).enumerate() {
            let words = &self.arena.words()[place.start + member * place.stride..][..place.words()];
            if place.half {
                let values = &bytemuck::cast_slice(words)[..out.len()];
                half::widen(self.cpu.simd(), values, bytemuck::cast_slice_mut(out));
            } else {
                copy(&words[..out.len()], out);
            }
        }
    }

    /// The tensor's words where they are, unless they are f16.
    pub(super) fn view(&self, id: TensorId) -> Option<View<'_>> {
        let place = self.places[id.0];
        (!place.half).then(|| View::apart(&self.arena.words()[place.start..], place.len, place.stride))
    }

    /// Overwrites words of the tensor, members one after the other, from `offset` on.
    pub(super) fn write(&mut self, id: TensorId, offset: usize, words: &[u32]) {
        let place = self.places[id.0];
        let mut rest = words;
        let (mut member, mut within) = (offset / place.len.max(1), offset % place.len.max(1));
        while !rest.is_empty() {
            let (now, later) = rest.split_at(rest.len().min(place.len - within));
            let target = &mut self.arena.words_mut()[place.start + member * place.stride..][..place.words()];
            if place.half {
                let values = &mut bytemuck::cast_slice_mut(target)[within..][..now.len()];
                half::narrow(self.cpu.simd(), bytemuck::cast_slice(now), values);
            } else {
                copy(now, &mut target[within..][..now.len()]);
            }
            (rest, member, within) = (later, member + 1, 0);
        }
    }

    pub(super) fn counts(&self) -> Counts {
        Counts { dispatches: self.kernels_run.load(Ordering::Relaxed), ..Counts::default() }
    }

    /// Every member runs all lists by itself; members are spread over the threads, and where there are fewer than two
    /// members a thread, or threads would wait for the last members, so are the tiles of a member.
    pub(super) fn replay(&mut self, fleet: usize, runs: &[(ListId, Range<u32>)]) {
        self.replay_watched(fleet, runs, &Unwatched);
    }

    /// A replay of one list; the seconds of each of its kernels, and then those of adding up the chunks' sums.
    pub(super) fn profile(&mut self, fleet: usize, list: ListId, steps: Range<u32>) -> Vec<(&'static str, f64)> {
        let clocks = Clocks::new(self.lists[list.0].list.kernels.len());
        self.replay_watched(fleet, &[(list, steps)], &clocks);
        let names = self.lists[list.0].list.kernels.iter().map(|recorded| recorded.kernel.name());
        names.chain(["(sums of chunks)"]).zip(clocks.seconds()).collect()
    }

    fn replay_watched(&mut self, fleet: usize, runs: &[(ListId, Range<u32>)], watch: &impl Watch) {
        let threads = rayon::current_num_threads();
        let board = Board::default();
        let every = |holds: fn(&Cut) -> bool| runs.iter().all(|(list, _)| holds(&self.lists[list.0]));
        let alone = threads == 1 || fleet == 1 && every(|cut| cut.small && cut.whole);
        let team = match fleet {
            _ if alone => Team::Alone,
            1 if every(|cut| cut.small) => Team::Crew(&board),
            _ if fleet < 2 * threads => Team::Pool,
            _ if uneven(fleet, threads) && !every(|cut| cut.whole) => Team::Pool,
            _ => Team::Alone,
        };
        self.workers.provide(threads);
        self.shared.provide(if matches!(team, Team::Pool) { fleet.max(threads) } else { threads });
        let replay = Replay {
            arena: Base(self.arena.words_mut().as_mut_ptr()),
            workers: Base(self.workers.memory.words_mut().as_mut_ptr()),
            shared: Base(self.shared.memory.words_mut().as_mut_ptr()),
            plan: self,
            ctx: CpuContext {
                simd: self.cpu.simd(),
                amx: self.cpu.amx(),
                vnni: self.cpu.vnni(),
                parallel: matches!(team, Team::Pool),
            },
            team,
            watch,
        };
        let members = || (0..fleet).into_par_iter().for_each(|member| replay.member(member, runs));
        match team {
            Team::Alone if alone => (0..fleet).for_each(|member| replay.member(member, runs)),
            Team::Crew(board) => {
                let lead = || {
                    let _closes = board.closes();
                    replay.member(0, runs);
                };
                rayon::join(lead, || helpers(threads - 1, &|| replay.assist(board)));
            }
            // All of it on the pool's threads, even a single member: handing each kernel's tasks over from outside the
            // pool would cost a wake-up and now and then an allocation each.
            Team::Alone | Team::Pool => {
                rayon::join(members, || ());
            }
        }
        let run: u64 =
            runs.iter().map(|(list, steps)| self.lists[list.0].list.kernels.len() as u64 * steps.len() as u64).sum();
        self.kernels_run.fetch_add(run, Ordering::Relaxed);
    }
}

/// Whether threads that take whole members would idle for more than a tenth of the time.
const fn uneven(fleet: usize, threads: usize) -> bool {
    10 * threads * fleet.div_ceil(threads) > 11 * fleet
}

/// Copies words, large numbers of them by several threads: one alone does not fill the memory's width.
fn copy(from: &[u32], to: &mut [u32]) {
    const PIECE: usize = 1 << 16;
    if from.len() < 2 * PIECE {
        to.copy_from_slice(from);
    } else {
        to.par_chunks_mut(PIECE).zip(from.par_chunks(PIECE)).for_each(|(to, from)| to.copy_from_slice(from));
    }
}

/// Offers the pool's threads work that each of them may take up once.
fn helpers(count: usize, assist: &(impl Fn() + Sync)) {
    match count {
        0 => {}
        1 => assist(),
        _ => {
            rayon::join(assist, || helpers(count - 1, assist));
        }
    }
}

/// Whether no kernel that runs on the whole batch is worth splitting.
fn small(list: &List, segments: &[Segment], fleet: usize) -> bool {
    segments.iter().all(|segment| match segment {
        Segment::Whole(whole) => list.kernels[whole.kernel].kernel.work().flops <= SPLIT_FLOPS * fleet as f64,
        Segment::Tiled(_) => true,
    })
}

/// Words of working memory of a list's kernels that run on whole batches.
fn whole_scratch(cut: &Cut) -> usize {
    let whole = cut.segments.iter().filter_map(|segment| match segment {
        Segment::Whole(whole) => Some(&cut.list.kernels[whole.kernel]),
        Segment::Tiled(_) => None,
    });
    let scratch = whole.flat_map(|recorded| &recorded.args).filter(|arg| arg.access == Access::Scratch);
    scratch.map(|arg| arg.len).max().unwrap_or(0)
}

/// This thread's number within the pool that replays.
fn thread() -> usize {
    rayon::current_thread_index().unwrap_or(0)
}
