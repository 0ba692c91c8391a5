//! Blocks of rows on AVX-512 VNNI.

use std::arch::x86_64::{
    __m128, __m512, __m512i, _mm_add_ps, _mm_cvtss_f32, _mm_movehdup_ps, _mm_movehl_ps, _mm_sqrt_ps, _mm_storeu_si128,
    _mm256_add_ps, _mm256_castpd_ps, _mm256_castps256_ps128, _mm256_extractf128_ps, _mm256_unpackhi_ps,
    _mm256_unpacklo_ps, _mm512_abs_ps, _mm512_castps_pd, _mm512_castps512_ps256, _mm512_cmple_epi32_mask,
    _mm512_cvtepi32_ps, _mm512_cvtps_epi32, _mm512_cvtsepi32_epi8, _mm512_dpbusd_epi32, _mm512_extractf64x4_pd,
    _mm512_fmadd_ps, _mm512_fnmadd_ps, _mm512_loadu_epi32, _mm512_loadu_ps, _mm512_maskz_loadu_ps, _mm512_max_ps,
    _mm512_min_epi32, _mm512_mul_ps, _mm512_reduce_add_ps, _mm512_reduce_max_ps, _mm512_reduce_min_epi32,
    _mm512_set1_epi32, _mm512_set1_ps, _mm512_setzero_ps, _mm512_storeu_epi32, _mm512_sub_ps,
};

use super::super::cpu::{BLOCK_ROWS, TILE_ROWS};
use super::{Bytes, DIMENSIONS_MAX, MAGNITUDE_MAX, NEVER, PANEL, START_MAX, Task};

/// The most centres whose scores a tile of rows keeps.
const CHUNK_MAX: usize = 2048;

/// Bytes of centres that serve a block of rows while they lie in the second cache.
const CHUNK_BYTES: usize = 1 << 18;

/// Candidates that wait to be measured: they are once half of the places are taken, and a row adds a chunk of centres at
/// most.
const WAITING: usize = 2 * CHUNK_MAX;

/// The rounding of what is bounded in f32 is far below this.
const MARGIN: f32 = 1.001;

/// What a value that is moved and squared in f32 may be wrong by, for each of its parts.
const ROUNDING: f32 = 2.0 * f32::EPSILON;

/// Scores of a tile of rows against a panel.
type Tile = [[i32; PANEL]; TILE_ROWS];

/// Labels rows from the first on, block by block, until bytes say too little; how many it labelled.
pub(super) fn label(task: &Task<'_>, bytes: &Bytes<'_>, labels: &mut [u32], distances: &mut [f32]) -> usize {
    // SAFETY: a search comes here only after `vnni::present` found these features.
    unsafe {
        if task.spec.d <= 128 {
            each_block::<{ BLOCK_ROWS * 128 / 4 }>(task, bytes, labels, distances)
        } else {
            each_block::<{ BLOCK_ROWS * DIMENSIONS_MAX / 4 }>(task, bytes, labels, distances)
        }
    }
}

/// So many candidates a row cost what bytes save beside f32, as timed: a candidate takes some 15 cycles and one for eight
/// dimensions, and a row saves one for 22 products.
const fn candidates_max(k: usize, d: usize) -> usize {
    4 + k * d / (330 + 3 * d)
}

/// A row and a centre that may be its nearest, with their score.
#[derive(Clone, Copy)]
struct Candidate {
    row: u32,
    centre: u32,
    score: i32,
}

/// A block's rows, rounded, and what is known of their scores.
struct Block {
    /// By how much a row's nearest centre may lie above its lowest score.
    slack: [i32; BLOCK_ROWS],
    lowest: [i32; BLOCK_ROWS],
    waiting: [Candidate; WAITING],
    count: usize,
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,fma")]
#[expect(clippy::large_stack_arrays, reason = "at most 220 KiB of a thread's megabytes; a search allocates nothing")]
fn each_block<const WORDS: usize>(
    task: &Task<'_>,
    bytes: &Bytes<'_>,
    labels: &mut [u32],
    distances: &mut [f32],
) -> usize {
    let (d, k) = (task.spec.d, task.spec.k);
    let groups = d.div_ceil(4);
    let mut words = [0; WORDS];
    let mut tiles = [[[0; PANEL]; TILE_ROWS]; CHUNK_MAX / PANEL];
    let mut starts = [0; CHUNK_MAX];
    let none = Candidate { row: 0, centre: 0, score: 0 };
    let mut block = Block { slack: [0; BLOCK_ROWS], lowest: [0; BLOCK_ROWS], waiting: [none; WAITING], count: 0 };
    let chunk = (CHUNK_BYTES / (4 * groups * PANEL)).clamp(1, CHUNK_MAX / PANEL) * PANEL;
    for (b, (labels, distances)) in labels.chunks_mut(BLOCK_ROWS).zip(distances.chunks_mut(BLOCK_ROWS)).enumerate() {
        let rows = labels.len();
        let x = &task.x[b * BLOCK_ROWS * d..][..rows * d];
        let Some(scale) = round(task, bytes, x, &mut words, &mut block.slack) else { return b * BLOCK_ROWS };
        labels.fill(0);
        distances.fill(f32::MAX);
        block.lowest.fill(i32::MAX);
        let mut left = rows * candidates_max(k, d);
        let Bytes { words: centres, halves, .. } = *bytes;
        for (p, (centres, halves)) in centres.chunks(chunk * groups).zip(halves.chunks(chunk)).enumerate() {
            let starts = &mut starts[..halves.len()];
            for (start, half) in starts.iter_mut().zip(halves) {
                *start = if *half < f32::MAX { (half * scale).round_ties_even() as i32 } else { NEVER };
            }
            for row in (0..rows).step_by(TILE_ROWS) {
                let lowest = score(groups, &words[row * groups..], centres, starts, &mut tiles);
                for (r, lowest) in (row..rows).zip(lowest) {
                    block.lowest[r] = block.lowest[r].min(lowest);
                    let seen = block.look(&tiles[..halves.len() / PANEL], r, p * chunk);
                    if seen > left {
                        return b * BLOCK_ROWS;
                    }
                    left -= seen;
                    if block.count > WAITING / 2 {
                        block.measure(task, x, labels, distances);
                    }
                }
            }
        }
        block.measure(task, x, labels, distances);
    }
    labels.len()
}

/// Rounds a block's rows to bytes, four a word, and bounds what that does to their scores. Returns what a half square is
/// multiplied with to be a score; `None` if a row is not finite or out of reach.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,fma")]
fn round(task: &Task<'_>, bytes: &Bytes<'_>, x: &[f32], words: &mut [i32], slack: &mut [i32]) -> Option<f32> {
    let Bytes { step, norm_max, half_max, error_max, .. } = *bytes;
    let origin = task.panels.centres.origin;
    let d = origin.len();
    let (froms, from) = origin.as_chunks::<16>();
    let mut largest = _mm512_setzero_ps();
    for row in x.chunks_exact(d) {
        let (parts, rest) = row.as_chunks::<16>();
        for (part, from) in parts.iter().zip(froms) {
            largest = _mm512_max_ps(_mm512_abs_ps(_mm512_sub_ps(whole(part), whole(from))), largest);
        }
        largest = _mm512_max_ps(_mm512_abs_ps(_mm512_sub_ps(part(rest), part(from))), largest);
    }
    let unit = (_mm512_reduce_max_ps(largest) / 127.0).max(half_max / step / START_MAX).max(f32::MIN_POSITIVE);
    let scale = 1.0 / (unit * step);
    if !(unit < MAGNITUDE_MAX && scale < f32::MAX) {
        return None;
    }
    let (steps, unit_of) = (_mm512_set1_ps(1.0 / unit), _mm512_set1_ps(unit));
    // Norms come in units, errors as they are.
    let by_norm = 2.0 * MARGIN * (error_max / step + ROUNDING * norm_max / step);
    let by_error = 2.0 * MARGIN * norm_max * scale;
    let always = 4.0 + 2.0 * ROUNDING * half_max * scale;
    let mut sound = true;
    let rows = x.chunks_exact(d).zip(words.chunks_exact_mut(d.div_ceil(4))).zip(slack);
    for ((row, words), slack) in rows {
        let (mut norm, mut error) = (_mm512_setzero_ps(), _mm512_setzero_ps());
        let (parts, rest) = row.as_chunks::<16>();
        let (words, last) = words.split_at_mut(4 * parts.len());
        for ((part, from), to) in parts.iter().zip(froms).zip(words.as_chunks_mut::<4>().0) {
            *to = rounded(_mm512_sub_ps(whole(part), whole(from)), steps, unit_of, &mut norm, &mut error);
        }
        if !last.is_empty() {
            let value = _mm512_sub_ps(part(rest), part(from));
            last.copy_from_slice(&rounded(value, steps, unit_of, &mut norm, &mut error)[..last.len()]);
        }
        let lengths = roots(norm, error);
        let off = _mm_cvtss_f32(lengths) * by_norm + _mm_cvtss_f32(_mm_movehdup_ps(lengths)) * by_error + always;
        // Not so for a NaN either.
        sound &= off < START_MAX / 2.0;
        *slack = off as i32;
    }
    sound.then_some(scale)
}

/// 16 values in steps, as bytes; adds to the squares of their lengths (in steps) and of what rounding took off.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,fma")]
fn rounded(value: __m512, steps: __m512, unit: __m512, norm: &mut __m512, error: &mut __m512) -> [i32; 4] {
    let whole = _mm512_cvtps_epi32(_mm512_mul_ps(value, steps));
    let near = _mm512_cvtepi32_ps(whole);
    let off = _mm512_fnmadd_ps(near, unit, value);
    *norm = _mm512_fmadd_ps(near, near, *norm);
    *error = _mm512_fmadd_ps(off, off, *error);
    let mut bytes = [0; 4];
    // SAFETY: the array has the 16 bytes that are stored.
    unsafe { _mm_storeu_si128((&raw mut bytes).cast(), _mm512_cvtsepi32_epi8(whole)) };
    bytes
}

/// The roots of the sums of both, in the first two lanes.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,fma")]
fn roots(a: __m512, b: __m512) -> __m128 {
    let upper = |v: __m512| _mm256_castpd_ps(_mm512_extractf64x4_pd(_mm512_castps_pd(v), 1));
    let a = _mm256_add_ps(_mm512_castps512_ps256(a), upper(a));
    let b = _mm256_add_ps(_mm512_castps512_ps256(b), upper(b));
    let both = _mm256_add_ps(_mm256_unpacklo_ps(a, b), _mm256_unpackhi_ps(a, b));
    let both = _mm_add_ps(_mm256_castps256_ps128(both), _mm256_extractf128_ps(both, 1));
    _mm_sqrt_ps(_mm_add_ps(both, _mm_movehl_ps(both, both)))
}

/// Writes the scores of a tile of rows against a chunk of centres; returns each row's lowest.
#[inline]
#[expect(clippy::needless_range_loop, reason = "counted loops are unrolled into registers, iterators here are not")]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,fma")]
fn score(
    groups: usize,
    words: &[i32],
    centres: &[i32],
    starts: &[i32],
    tiles: &mut [Tile; CHUNK_MAX / PANEL],
) -> [i32; TILE_ROWS] {
    let mut rows = [words; TILE_ROWS];
    for (r, row) in rows.iter_mut().enumerate() {
        *row = &words[r * groups..][..groups];
    }
    let mut lowest = [_mm512_set1_epi32(i32::MAX); TILE_ROWS];
    let panels = centres.chunks_exact(PANEL * groups).zip(starts.as_chunks::<PANEL>().0);
    for ((panel, start), tile) in panels.zip(tiles) {
        let (start, _) = start.as_chunks::<16>();
        let mut sums =
            [[words_of(&start[0]), words_of(&start[1]), words_of(&start[2]), words_of(&start[3])]; TILE_ROWS];
        for (g, columns) in panel.as_chunks::<PANEL>().0.iter().enumerate() {
            let (columns, _) = columns.as_chunks::<16>();
            let columns = [words_of(&columns[0]), words_of(&columns[1]), words_of(&columns[2]), words_of(&columns[3])];
            for r in 0..TILE_ROWS {
                // SAFETY: a row has as many words as a panel has groups of dimensions.
                let own = _mm512_set1_epi32(unsafe { *rows[r].get_unchecked(g) });
                for w in 0..4 {
                    sums[r][w] = _mm512_dpbusd_epi32(sums[r][w], columns[w], own);
                }
            }
        }
        for r in 0..TILE_ROWS {
            for w in 0..4 {
                lowest[r] = _mm512_min_epi32(lowest[r], sums[r][w]);
                // SAFETY: a row of the tile has four times 16 words.
                unsafe { _mm512_storeu_epi32(tile[r].as_mut_ptr().add(16 * w), sums[r][w]) };
            }
        }
    }
    let mut found = [0; TILE_ROWS];
    for r in 0..TILE_ROWS {
        found[r] = _mm512_reduce_min_epi32(lowest[r]);
    }
    found
}

impl Block {
    /// Notes the centres of a chunk, from centre `first` on, that may be nearest to row `r`; returns how many.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,fma")]
    fn look(&mut self, tiles: &[Tile], r: usize, first: usize) -> usize {
        let limit = _mm512_set1_epi32(self.lowest[r] + self.slack[r]);
        let before = self.count;
        let mut count = before;
        for (p, tile) in tiles.iter().enumerate() {
            let scores = &tile[r % TILE_ROWS];
            let mut hits = 0_u64;
            for (w, scores) in scores.as_chunks::<16>().0.iter().enumerate() {
                hits |= u64::from(_mm512_cmple_epi32_mask(words_of(scores), limit)) << (16 * w);
            }
            // Mostly there is none or one: the list grows by it without a branch.
            loop {
                let place = hits.trailing_zeros() as usize % PANEL;
                let candidate =
                    Candidate { row: r as u32, centre: (first + p * PANEL + place) as u32, score: scores[place] };
                self.waiting[count % WAITING] = candidate;
                count += usize::from(hits != 0);
                hits &= hits.wrapping_sub(1);
                if hits == 0 {
                    break;
                }
            }
        }
        self.count = count;
        count - before
    }

    /// Measures the candidates that wait, in their order: of equally near centres the lowest stays.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,fma")]
    fn measure(&mut self, task: &Task<'_>, x: &[f32], labels: &mut [u32], distances: &mut [f32]) {
        let (d, c) = (task.spec.d, task.panels.centres.c);
        let centre = |j: u32| &c[j as usize * d..][..d];
        let share = (d + 16) as f32 * f32::EPSILON;
        for candidate in &self.waiting[..self.count] {
            let (r, j) = (candidate.row as usize, candidate.centre);
            // The lowest score may have fallen since.
            if candidate.score > self.lowest[r] + self.slack[r] {
                continue;
            }
            let x = &x[r * d..][..d];
            let (known, found) = (distances[r], distance(x, centre(j)));
            let nearer = if (found - known).abs() <= known * share {
                exact(x, centre(j)) < exact(x, centre(labels[r]))
            } else {
                found < known
            };
            distances[r] = if nearer { found } else { known };
            labels[r] = if nearer { j } else { labels[r] };
        }
        self.count = 0;
    }
}

/// The squared distance, summed in the order that every level's vectors are.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,fma")]
fn distance(x: &[f32], c: &[f32]) -> f32 {
    let mut sum = _mm512_setzero_ps();
    let ((xs, x), (cs, c)) = (x.as_chunks::<16>(), c.as_chunks::<16>());
    for (x, c) in xs.iter().zip(cs) {
        let difference = _mm512_sub_ps(whole(x), whole(c));
        sum = _mm512_fmadd_ps(difference, difference, sum);
    }
    if !x.is_empty() {
        let difference = _mm512_sub_ps(part(x), part(c));
        sum = _mm512_fmadd_ps(difference, difference, sum);
    }
    _mm512_reduce_add_ps(sum)
}

/// The squared distance in f64, for distances that f32 cannot tell apart.
#[cold]
fn exact(x: &[f32], c: &[f32]) -> f64 {
    x.iter().zip(c).map(|(x, c)| (f64::from(*x) - f64::from(*c)).powi(2)).sum()
}

#[inline]
#[target_feature(enable = "avx512f")]
fn whole(x: &[f32; 16]) -> __m512 {
    // SAFETY: the array has the 16 values that are read.
    unsafe { _mm512_loadu_ps(x.as_ptr()) }
}

/// Fewer than 16 values, then zeros.
#[inline]
#[target_feature(enable = "avx512f")]
fn part(x: &[f32]) -> __m512 {
    let mask = (1_u32 << x.len().min(16)) - 1;
    // SAFETY: only values that are there are read.
    unsafe { _mm512_maskz_loadu_ps(mask as u16, x.as_ptr()) }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn words_of(x: &[i32; 16]) -> __m512i {
    // SAFETY: the array has the 16 words that are read.
    unsafe { _mm512_loadu_epi32(x.as_ptr()) }
}
