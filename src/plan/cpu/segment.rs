//! Cutting a list of kernels into segments: kernels whose rows are independent run together, tile by tile of the batch,
//! so that what one leaves behind the next finds in the cache; all others run on the whole batch.

use std::collections::BTreeMap;
use std::ops::Range;

use super::halves::{self, Carried, Wide};
use super::memory::LINE;
use crate::ops::{Access, Axis};
use crate::plan::builder::{List, Recorded, TensorId, TensorInfo};

/// Bytes of a tile's rows that should stay in a core's second-level cache, beside the weights.
const TILE_BYTES: usize = 256 << 10;

/// Operations below which a tile is not worth handing to another thread.
const TILE_FLOPS: f64 = 1.2e6;

/// Most pieces of a batch whose sums are kept apart: as many threads one member can use in a segment.
const CHUNKS_MAX: usize = 32;

/// Most words of sums kept apart for one member.
const PARTIALS_MAX: usize = 16 << 20;

impl Segment {
    /// The tiled form.
    pub(super) const fn tiled(&self) -> Option<&Tiled> {
        match self {
            Self::Whole(_) => None,
            Self::Tiled(tiled) => Some(tiled),
        }
    }

    /// Words that one owner needs besides the arena: a member's tiles share them.
    pub(super) fn shared_len(&self) -> usize {
        match self {
            Self::Whole(whole) => whole.wide.last().map_or(0, |wide| wide.start + wide.len),
            Self::Tiled(tiled) => tiled.shared_len,
        }
    }
}

/// Consecutive kernels of a list.
#[derive(Debug)]
pub(super) enum Segment {
    /// One kernel, all rows at once.
    Whole(Whole),
    /// Several, tile by tile.
    Tiled(Tiled),
}

/// A kernel that gets all rows at once.
#[derive(Debug)]
pub(super) struct Whole {
    /// Its number in the list.
    pub kernel: usize,
    /// Its arguments that are held as f16 and that it wants as f32.
    pub wide: Vec<Wide>,
}

/// Where an argument of a tiled kernel stands.
#[derive(Debug, Clone, Copy)]
pub(super) enum Source {
    /// The whole tensor, in the arena.
    Whole,
    /// The whole tensor as f32, at this place of what a member's tiles share.
    Wide(usize),
    /// The tile's rows of a tensor in the arena, of so many words each.
    Rows(usize),
    /// A tensor of which only the tile's rows exist, at this place of the worker's memory.
    Local {
        /// Words from the start.
        start: usize,
        /// Words a row.
        width: usize,
    },
    /// A sum over the batch, at this place of a chunk's sums.
    Sum(usize),
    /// Working memory.
    Scratch,
}

/// Most words of a part of a sum.
const PART_WORDS: usize = 2048;

/// A part of a sum over the batch that a segment makes.
#[derive(Debug, Clone, Copy)]
pub(super) struct SumPart {
    pub tensor: TensorId,
    /// Its first word within the tensor.
    pub first: usize,
    /// Words from the start of a chunk's sums.
    pub start: usize,
    pub len: usize,
}

/// Kernels of one batch that run tile by tile.
#[derive(Debug)]
pub(super) struct Tiled {
    /// Their numbers in the list.
    pub kernels: Range<usize>,
    /// For each of them, where its arguments stand.
    pub sources: Vec<Vec<Source>>,
    /// Rows of the batch.
    pub rows: usize,
    /// Rows of a tile.
    pub tile: usize,
    /// Rows of a chunk: tiles whose sums are added up one after the other.
    pub chunk: usize,
    /// The sums over the batch, cut into parts that threads can share.
    pub parts: Vec<SumPart>,
    /// Words of one chunk's sums.
    pub sums_len: usize,
    /// What each kernel prepares for all tiles: a place after the chunks' sums.
    pub prepared: Vec<Range<usize>>,
    /// Tensors held as f16 that kernels get whole, as f32: a place after what is prepared.
    pub wide: Vec<Wide>,
    /// Tensors held as f16 of which a tile has its rows as f32.
    pub carried: Vec<Carried>,
    /// Words that the member's tiles share.
    pub shared_len: usize,
    /// Words of a tile's tensors.
    pub local_len: usize,
    /// Words of working memory.
    pub scratch_len: usize,
}

impl Tiled {
    /// Into how many chunks the batch is cut.
    pub(super) const fn chunks(&self) -> usize {
        self.rows.div_ceil(self.chunk)
    }
}

/// The segments of all lists, and which tensors exist tile by tile only. `forced` overrides the rows of a tile; tests
/// use it.
pub(super) fn cut(
    lists: &[List],
    tensors: &[TensorInfo],
    half: &[bool],
    fleet: usize,
    forced: Option<usize>,
) -> (Vec<Vec<Segment>>, Vec<bool>) {
    let runs: Vec<Vec<Range<usize>>> = lists.iter().map(|list| runs(list, tensors)).collect();
    let local = local(lists, &runs, tensors);
    let segment = |list: &List, run: &Range<usize>| {
        if run.len() == 1 && list.kernels[run.start].kernel.rows().is_none_or(|rows| rows == 1) {
            let wide = halves::wide(&list.kernels[run.start], |id| half[id.0], &mut 0);
            return Segment::Whole(Whole { kernel: run.start, wide });
        }
        Segment::Tiled(Builder { list, tensors, local: &local, half, fleet, forced }.tiled(run.clone()))
    };
    let segments =
        lists.iter().zip(&runs).map(|(list, runs)| runs.iter().map(|run| segment(list, run)).collect()).collect();
    (segments, local)
}

/// A list as runs of kernels that may run tile by tile together; all others stand alone.
fn runs(list: &List, tensors: &[TensorInfo]) -> Vec<Range<usize>> {
    let mut runs = vec![];
    let mut first = 0;
    while first < list.kernels.len() {
        let end = run_end(list, tensors, first).max(first + 1);
        runs.push(first..end);
        first = end;
    }
    runs
}

/// Which of the tensors that nobody reads from outside live and die within every run that uses them.
fn local(lists: &[List], runs: &[Vec<Range<usize>>], tensors: &[TensorInfo]) -> Vec<bool> {
    let mut local: Vec<bool> = tensors.iter().map(|info| info.local).collect();
    for (list, runs) in lists.iter().zip(runs) {
        let mut home: BTreeMap<TensorId, usize> = BTreeMap::new();
        for (number, run) in runs.iter().enumerate() {
            for recorded in &list.kernels[run.clone()] {
                let tiled = recorded.kernel.rows().is_some_and(|rows| rows > 1);
                for (arg, id) in recorded.args.iter().zip(&recorded.tensors) {
                    let written_here_first = match home.get(id) {
                        Some(home) => *home == number,
                        None => arg.access == Access::Write,
                    };
                    home.entry(*id).or_insert(number);
                    local[id.0] &= tiled && arg.axis == Axis::Rows && written_here_first;
                }
            }
        }
    }
    local
}

/// How the kernels of a run have used a tensor so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Use {
    axis: Axis,
    written: bool,
}

/// The end of the longest run of kernels from `first` on that may run tile by tile together.
fn run_end(list: &List, tensors: &[TensorInfo], first: usize) -> usize {
    let mut uses: BTreeMap<TensorId, Use> = BTreeMap::new();
    let rows = list.kernels[first].kernel.rows();
    let Some(batch) = rows.filter(|&rows| rows > 1) else {
        return first;
    };
    for (i, recorded) in list.kernels.iter().enumerate().skip(first) {
        if recorded.kernel.rows() != Some(batch) || !joins(&mut uses, recorded, tensors, batch) {
            return i;
        }
    }
    list.kernels.len()
}

/// Whether a kernel may run after the others of its run within one tile: what another tile writes, it must not read,
/// and the other way round.
fn joins(uses: &mut BTreeMap<TensorId, Use>, recorded: &Recorded, tensors: &[TensorInfo], batch: usize) -> bool {
    let bound = || recorded.args.iter().zip(&recorded.tensors).filter(|(arg, _)| arg.access != Access::Scratch);
    for (arg, id) in bound() {
        let written = arg.access != Access::Read;
        let fits = match arg.axis {
            Axis::Whole => !written,
            Axis::Rows => tensors[id.0].len.is_multiple_of(batch) && !arg.shared,
            Axis::Sum => arg.access == Access::Write,
        };
        let meets = uses.get(id).is_none_or(|before| match (before.axis, arg.axis) {
            (Axis::Rows, Axis::Rows) => true,
            (Axis::Whole, Axis::Whole | Axis::Rows) | (Axis::Rows, Axis::Whole) => !written && !before.written,
            _ => false,
        });
        if !fits || !meets {
            return false;
        }
    }
    for (arg, id) in bound() {
        let written = arg.access != Access::Read;
        let entry = uses.entry(*id).or_insert(Use { axis: arg.axis, written });
        entry.written |= written;
    }
    true
}

struct Builder<'a> {
    list: &'a List,
    tensors: &'a [TensorInfo],
    local: &'a [bool],
    half: &'a [bool],
    fleet: usize,
    forced: Option<usize>,
}

impl Builder<'_> {
    fn tiled(&self, kernels: Range<usize>) -> Tiled {
        let Self { list, tensors, fleet, forced, .. } = *self;
        let recorded = &list.kernels[kernels.clone()];
        let rows = recorded[0].kernel.rows().unwrap_or(1);
        let flops: f64 = recorded.iter().map(|r| r.kernel.work().flops).sum::<f64>() / (fleet * rows) as f64;
        let lives = lives(recorded);
        // Of these only a tile's rows stand in f32, in a worker's memory.
        let held = |id: TensorId| self.half[id.0] && !self.local[id.0];
        let placed = |id: &TensorId| self.local[id.0] || held(*id);
        let width = |id: &TensorId| tensors[id.0].len / rows;
        let mut words: usize = lives.iter().filter(|(id, _)| !placed(id)).map(|(id, _)| width(id)).sum();
        words += pack(&lives, 1, |id| placed(id).then(|| width(id)), 1).1;
        let tile = forced.unwrap_or_else(|| tile_rows(rows, words * 4, flops, recorded)).min(rows);
        let (places, local_len) = pack(&lives, tile, |id| placed(id).then(|| width(id)), LINE);
        let carried = halves::carried(recorded, &places, held, |id| width(&id));

        let mut parts: Vec<SumPart> = vec![];
        let mut sums_len = 0;
        let mut sources = vec![];
        for r in recorded {
            let mut own = vec![];
            for (arg, id) in r.args.iter().zip(&r.tensors) {
                own.push(match (arg.access, arg.axis) {
                    (Access::Scratch, _) => Source::Scratch,
                    (_, Axis::Whole) => Source::Whole, // or wide, once its place is known
                    (_, Axis::Rows) => match places.get(id) {
                        Some(&start) => Source::Local { start, width: width(id) },
                        None => Source::Rows(width(id)),
                    },
                    (_, Axis::Sum) => {
                        let start = sums_len;
                        parts.extend((0..arg.len).step_by(PART_WORDS).map(|first| SumPart {
                            tensor: *id,
                            first,
                            start: start + first,
                            len: PART_WORDS.min(arg.len - first),
                        }));
                        sums_len += arg.len.next_multiple_of(LINE);
                        Source::Sum(start)
                    }
                });
            }
            sources.push(own);
        }
        let chunks = rows.div_ceil(tile).min(CHUNKS_MAX).min((PARTIALS_MAX / sums_len.max(1)).max(1));
        let chunk = rows.div_ceil(tile).div_ceil(chunks) * tile;
        let scratch_len = recorded.iter().map(|r| r.kernel.tile_scratch(tile)).max().unwrap_or(0);
        let mut end = if chunks > 1 { rows.div_ceil(chunk) * sums_len } else { 0 };
        let mut prepare = |len: usize| {
            let start = end;
            end += len.next_multiple_of(LINE);
            start..start + len
        };
        let prepared = recorded.iter().map(|r| prepare(r.kernel.prepared_len())).collect();
        let wide = widen(recorded, &mut sources, held, &mut end);
        let shared_len = end;
        Tiled {
            kernels,
            sources,
            rows,
            tile,
            chunk,
            parts,
            sums_len,
            prepared,
            wide,
            carried,
            shared_len,
            local_len,
            scratch_len,
        }
    }
}

/// Gives those tensors a place from `end` on that kernels want whole and as f32, each once, and says so in the sources.
fn widen(
    recorded: &[Recorded],
    sources: &mut [Vec<Source>],
    held: impl Fn(TensorId) -> bool,
    end: &mut usize,
) -> Vec<Wide> {
    let mut wide: Vec<Wide> = vec![];
    for (r, sources) in recorded.iter().zip(sources) {
        for (i, source) in sources.iter_mut().enumerate().filter(|(_, source)| matches!(source, Source::Whole)) {
            let (arg, id) = (&r.args[i], r.tensors[i]);
            if arg.half || !held(id) {
                continue;
            }
            let known = wide.iter().find(|w| w.tensor == id).map(|w| w.start);
            let start = known.unwrap_or_else(|| {
                let start = *end;
                *end += arg.len.next_multiple_of(LINE);
                wide.push(Wide { tensor: id, start, len: arg.len, read: true, written: false });
                start
            });
            *source = Source::Wide(start);
        }
    }
    wide
}

/// The tensors that a kernel has by rows.
fn row_tensors(recorded: &Recorded) -> impl Iterator<Item = TensorId> {
    recorded.args.iter().zip(&recorded.tensors).filter(|(arg, _)| arg.axis == Axis::Rows).map(|(_, id)| *id)
}

/// The rows of a tile, by the shape alone: few enough to stay in cache, enough to be worth a task of its own.
fn tile_rows(rows: usize, row_bytes: usize, row_flops: f64, recorded: &[Recorded]) -> usize {
    let least = recorded.iter().map(|r| r.kernel.tile_rows_least()).max().unwrap_or(1);
    // A kernel alone finds nothing in the cache, and leaves nothing there for another.
    let fits = if recorded.len() == 1 { rows } else { (TILE_BYTES / row_bytes.max(1)).clamp(4, 1 << 16).max(least) };
    let worth = (TILE_FLOPS / row_flops.max(1.0)).ceil() as usize;
    let spread = rows.div_ceil(CHUNKS_MAX);
    let wanted = spread.max(worth).max(least).min(fits);
    // Tiles of nearly equal size, an even number of them: two threads get the same share. A small excess over what is
    // wanted is no reason for another tile.
    let count = rows.div_ceil(wanted).max(1);
    let count = if wanted < fits && 4 * rows <= 5 * wanted * (count - 1) { count - 1 } else { count };
    let count = if count > 1 { count.next_multiple_of(2) } else { 1 };
    // Whole register tiles, if that does not make the last tile much smaller than the others.
    rows.div_ceil(count).next_multiple_of(if rows >= 96 * count { 12 } else { 4 })
}

/// From the first to the last kernel that uses a tensor by rows.
fn lives(recorded: &[Recorded]) -> Vec<(TensorId, Range<usize>)> {
    let mut lives: BTreeMap<TensorId, Range<usize>> = BTreeMap::new();
    for (i, r) in recorded.iter().enumerate() {
        for id in row_tensors(r) {
            lives.entry(id).or_insert(i..i + 1).end = i + 1;
        }
    }
    let mut lives: Vec<_> = lives.into_iter().collect();
    lives.sort_by_key(|(id, life)| (life.start, *id));
    lives
}

/// Places for the tensors that `width` knows, so that those alive at the same time do not overlap; returns the words in
/// all. First fit: a tile's tensors are few.
fn pack(
    lives: &[(TensorId, Range<usize>)],
    rows: usize,
    width: impl Fn(&TensorId) -> Option<usize>,
    align: usize,
) -> (BTreeMap<TensorId, usize>, usize) {
    let mut placed: Vec<(Range<usize>, Range<usize>)> = vec![];
    let mut places = BTreeMap::new();
    let mut total = 0;
    for (id, life) in lives {
        let Some(width) = width(id) else { continue };
        let len = (width * rows).next_multiple_of(align);
        let mut taken: Vec<Range<usize>> = placed
            .iter()
            .filter(|(other, _)| other.start < life.end && life.start < other.end)
            .map(|(_, words)| words.clone())
            .collect();
        taken.sort_by_key(|words| words.start);
        let mut start = 0;
        for words in taken {
            if words.start >= start + len {
                break;
            }
            start = start.max(words.end);
        }
        placed.push((life.clone(), start..start + len));
        places.insert(*id, start);
        total = total.max(start + len);
    }
    (places, total)
}
