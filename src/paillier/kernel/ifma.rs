//! AVX-512 IFMA: one register holds one limb of eight numbers, and one instruction multiplies eight pairs of limbs and
//! adds the lower or the upper half of each product.
//!
//! Products run in blocks: ten limbs of one factor stay in registers, so do ten columns, and the other factor's limbs
//! pass by: 20 multiply-adds for two loads and a store. Columns are 64 bits wide and a half product is below 2^52, so 4096
//! of them fit before a carry must be taken; a column of the largest key (160 limbs) gets 6 * 160 + 4.
//!
//! Constant-time: all loops are counted by the number of limbs; there is no comparison but those that make masks; tables
//! are read from the first to the last entry; and the multiply-adds, permutations and blends take the same time for all
//! operands (Intel lists them so for its data-independent mode, AMD documents fixed latencies).

use std::arch::x86_64::{
    __m512i, __mmask8, _mm512_add_epi64, _mm512_and_si512, _mm512_load_si512, _mm512_madd52hi_epu64,
    _mm512_madd52lo_epu64, _mm512_mask_mov_epi64, _mm512_permutex2var_epi64, _mm512_set1_epi64, _mm512_srli_epi64,
    _mm512_store_si512, _mm512_sub_epi64, _mm512_test_epi64_mask,
};

use super::{Kernel, Scratch};
use crate::paillier::lanes::{BLOCK, LIMB_BITS, LIMB_MAX, Word};
use crate::paillier::ring::Ring;

type V = __m512i;

pub(super) static KERNEL: Kernel = Kernel {
    name: "ifma",
    fixed_window: 7,
    // SAFETY: `Kernel::all` hands this table out only where `present` found what the functions need.
    multiply: |ring, x, y, s| unsafe { multiply(ring, x, y, s) },
    // SAFETY: as above.
    square: |ring, x, s| unsafe { square(ring, x, s) },
    // SAFETY: as above.
    multiply_low: |ring, x, y, s| unsafe { multiply_low(ring, x, y, s) },
    // SAFETY: as above.
    reduce: |ring, x, s| unsafe { reduce(ring, x, s) },
    // SAFETY: as above.
    product: |x, y, columns| unsafe { product(x, y, columns) },
    // SAFETY: as above.
    select: |table, index, out| unsafe { select(table, index, out) },
    // SAFETY: as above.
    pick: |table, index, out| unsafe { pick(table, index, out) },
};

pub(super) fn present() -> bool {
    is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512ifma")
}

#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
fn load(word: &Word) -> V {
    // SAFETY: a word is 64 bytes, aligned to 64.
    unsafe { _mm512_load_si512((&raw const *word).cast()) }
}

#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
fn store(word: &mut Word, value: V) {
    // SAFETY: a word is 64 bytes, aligned to 64.
    unsafe { _mm512_store_si512((&raw mut *word).cast(), value) }
}

#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
fn splat(limb: u64) -> V {
    _mm512_set1_epi64(limb as i64)
}

/// sum + (x y mod 2^52)
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
fn low(sum: V, x: V, y: V) -> V {
    _mm512_madd52lo_epu64(sum, x, y)
}

/// sum + floor(x y / 2^52)
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
fn high(sum: V, x: V, y: V) -> V {
    _mm512_madd52hi_epu64(sum, x, y)
}

#[target_feature(enable = "avx512f,avx512ifma")]
fn multiply(ring: &Ring, x: &mut [Word], y: &[Word], s: &mut Scratch) {
    let h = ring.limbs();
    s.low.fill(Word::splat(0));
    s.high.fill(Word::splat(0));
    product(&x[..h], &y[..h], &mut s.low);
    product(&x[..h], &y[h..], &mut s.high);
    product(&x[h..], &y[..h], &mut s.high);
    finish(ring, x, s);
}

#[target_feature(enable = "avx512f,avx512ifma")]
fn square(ring: &Ring, x: &mut [Word], s: &mut Scratch) {
    let h = ring.limbs();
    s.low.fill(Word::splat(0));
    s.high.fill(Word::splat(0));
    square_product(&x[..h], &mut s.low);
    product(&x[..h], &x[h..], &mut s.high);
    for column in s.high.iter_mut() {
        let v = load(column);
        store(column, _mm512_add_epi64(v, v));
    }
    finish(ring, x, s);
}

#[target_feature(enable = "avx512f,avx512ifma")]
fn multiply_low(ring: &Ring, x: &mut [Word], y: &[Word], s: &mut Scratch) {
    let h = ring.limbs();
    s.low.fill(Word::splat(0));
    product(&x[..h], &y[..h], &mut s.low);
    let m = &ring.m()[..h];
    let (first, rest) = m.split_first_chunk::<BLOCK>().expect("a block of limbs");
    let mut over = splat(0);
    for block in 0..h / BLOCK {
        (_, over) = eliminate(first, rest, splat(ring.inverse()), over, &mut s.low[block * BLOCK..]);
    }
    normalise(&s.low[h..], over, &mut x[..h]);
}

#[target_feature(enable = "avx512f,avx512ifma")]
fn reduce(ring: &Ring, x: &mut [Word], s: &mut Scratch) {
    let h = ring.limbs();
    s.low.fill(Word::splat(0));
    s.high.fill(Word::splat(0));
    s.low[..h].copy_from_slice(&x[..h]);
    s.high[..h].copy_from_slice(&x[h..]);
    finish(ring, x, s);
}

/// Both reductions, a block of the one after a block of the other: a block's quotients wait for each other, and while they
/// do there is the other half's block to work on.
#[target_feature(enable = "avx512f,avx512ifma")]
fn finish(ring: &Ring, out: &mut [Word], s: &mut Scratch) {
    let h = ring.limbs();
    let (first, rest) = ring.m()[..h].split_first_chunk::<BLOCK>().expect("a block of limbs");
    let inverse = splat(ring.inverse());
    let (mut low_over, mut high_over) = (splat(0), splat(0));
    for (block, raise) in ring.raise()[..h].as_chunks::<BLOCK>().0.iter().enumerate() {
        let quotient;
        (quotient, low_over) = eliminate(first, rest, inverse, low_over, &mut s.low[block * BLOCK..]);
        let columns = &mut s.high[block * BLOCK..];
        for t in 0..BLOCK {
            let raised = _mm512_add_epi64(load(&columns[t]), splat(raise[t]));
            store(&mut columns[t], _mm512_sub_epi64(raised, quotient[t]));
        }
        (_, high_over) = eliminate(first, rest, inverse, high_over, columns);
    }
    normalise(&s.low[h..], low_over, &mut out[..h]);
    normalise(&s.high[h..], high_over, &mut out[h..]);
}

/// Takes the carries.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
fn normalise(columns: &[Word], mut over: V, out: &mut [Word]) {
    let mask = splat(LIMB_MAX);
    for (column, out) in columns.iter().zip(out) {
        let sum = _mm512_add_epi64(load(column), over);
        over = _mm512_srli_epi64::<{ LIMB_BITS as u32 }>(sum);
        store(out, _mm512_and_si512(sum, mask));
    }
}

/// columns += x y
#[target_feature(enable = "avx512f,avx512ifma")]
fn product(x: &[Word], y: &[Word], columns: &mut [Word]) {
    for (block, x) in x.as_chunks::<BLOCK>().0.iter().enumerate() {
        let columns = &mut columns[block * BLOCK..];
        let factor = block_of(x);
        let sum = block_at(columns);
        rows(&factor, sum, y, columns);
    }
}

#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
fn block_of(words: &[Word; BLOCK]) -> [V; BLOCK] {
    let mut block = [splat(0); BLOCK];
    for t in 0..BLOCK {
        block[t] = load(&words[t]);
    }
    block
}

/// The first BLOCK words.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
fn block_at(words: &[Word]) -> [V; BLOCK] {
    let mut block = [splat(0); BLOCK];
    let words = &words[..BLOCK];
    for t in 0..BLOCK {
        block[t] = load(&words[t]);
    }
    block
}

/// The sliding part of a product: one row a limb of y. `sum` holds the first BLOCK columns.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
fn rows(factor: &[V; BLOCK], mut sum: [V; BLOCK], y: &[Word], columns: &mut [Word]) {
    let columns = &mut columns[..y.len() + BLOCK];
    for j in 0..y.len() {
        let limb = load(&y[j]);
        store(&mut columns[j], low(sum[0], factor[0], limb));
        let next = load(&columns[j + BLOCK]);
        slide(factor, &mut sum, limb, next);
    }
    for t in 0..BLOCK {
        store(&mut columns[y.len() + t], sum[t]);
    }
}

/// Adds a row to the columns and moves on by one, in one: a loop that only moved registers would become a call.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
fn slide(factor: &[V; BLOCK], sum: &mut [V; BLOCK], limb: V, next: V) {
    for t in 0..BLOCK - 1 {
        sum[t] = high(low(sum[t + 1], factor[t + 1], limb), factor[t], limb);
    }
    sum[BLOCK - 1] = high(next, factor[BLOCK - 1], limb);
}

/// columns = x^2, from zero: products of different limbs once, doubled, then the squares of limbs.
#[target_feature(enable = "avx512f,avx512ifma")]
fn square_product(x: &[Word], columns: &mut [Word]) {
    for (block, words) in x.as_chunks::<BLOCK>().0.iter().enumerate() {
        let first = block * BLOCK;
        let factor = block_of(words);
        let at = &mut columns[2 * first..];
        corner(&factor, at);
        let sum = block_at(&at[BLOCK..]);
        rows(&factor, sum, &x[first + BLOCK..], &mut at[BLOCK..]);
    }
    let (columns, _) = columns.as_chunks_mut::<2>();
    for (x, [even, odd]) in x.iter().zip(columns) {
        let limb = load(x);
        let (e, o) = (load(even), load(odd));
        store(even, low(_mm512_add_epi64(e, e), limb, limb));
        store(odd, high(_mm512_add_epi64(o, o), limb, limb));
    }
}

/// The products of different limbs within a block.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
fn corner(factor: &[V; BLOCK], columns: &mut [Word]) {
    let mut sum = [splat(0); 2 * BLOCK];
    let columns = &mut columns[..2 * BLOCK];
    for t in 0..2 * BLOCK {
        sum[t] = load(&columns[t]);
    }
    for u in 1..BLOCK {
        for t in 0..u {
            sum[u + t] = low(sum[u + t], factor[t], factor[u]);
        }
        for t in 0..u {
            sum[u + t + 1] = high(sum[u + t + 1], factor[t], factor[u]);
        }
    }
    for t in 0..2 * BLOCK {
        store(&mut columns[t], sum[t]);
    }
}

/// A block of Montgomery's reduction: adds the multiple of m that makes the first BLOCK columns (with a carry into them) a
/// multiple of 2^(52 BLOCK). Those lose their meaning; the quotient's limbs and the carry out of them remain.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
fn eliminate(first: &[u64; BLOCK], rest: &[u64], inverse: V, over: V, columns: &mut [Word]) -> ([V; BLOCK], V) {
    let mut sum = block_at(columns);
    sum[0] = _mm512_add_epi64(sum[0], over);
    let (quotient, over) = quotients(first, inverse, sum);
    let sum = overhang(first, &quotient, block_at(&columns[BLOCK..]));
    multiples(&quotient, sum, rest, &mut columns[BLOCK..]);
    (quotient, over)
}

/// The quotient's limbs of a block of columns, and the carry out of it.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
fn quotients(m: &[u64; BLOCK], inverse: V, mut sum: [V; BLOCK]) -> ([V; BLOCK], V) {
    // One call a limb: as a loop it would not be unrolled, and the columns would leave their registers.
    quotient::<0>(m, inverse, &mut sum);
    quotient::<1>(m, inverse, &mut sum);
    quotient::<2>(m, inverse, &mut sum);
    quotient::<3>(m, inverse, &mut sum);
    quotient::<4>(m, inverse, &mut sum);
    quotient::<5>(m, inverse, &mut sum);
    quotient::<6>(m, inverse, &mut sum);
    quotient::<7>(m, inverse, &mut sum);
    quotient::<8>(m, inverse, &mut sum);
    let over = quotient::<9>(m, inverse, &mut sum);
    (sum, over)
}

/// Puts the quotient's limb T into the place of its column, and gives the carry out of that.
///
/// What limb T adds to column T makes it a multiple of 2^52: the carry is the column divided by 2^52, rounded up, and
/// does not wait for the limb.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
fn quotient<const T: usize>(m: &[u64; BLOCK], inverse: V, sum: &mut [V; BLOCK]) -> V {
    let q = low(splat(0), sum[T], inverse);
    let over = _mm512_srli_epi64::<{ LIMB_BITS as u32 }>(_mm512_add_epi64(sum[T], splat(LIMB_MAX)));
    sum[T] = q;
    if T + 1 < BLOCK {
        let carried = low(_mm512_add_epi64(sum[T + 1], over), q, splat(m[1]));
        sum[T + 1] = _mm512_add_epi64(carried, high(splat(0), q, splat(m[0])));
    }
    for u in 2..BLOCK - T {
        sum[T + u] = high(low(sum[T + u], q, splat(m[u])), q, splat(m[u - 1]));
    }
    over
}

/// What the first limbs of m add beyond the block.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
fn overhang(m: &[u64; BLOCK], q: &[V; BLOCK], mut sum: [V; BLOCK]) -> [V; BLOCK] {
    for u in 0..BLOCK {
        let limb = splat(m[u]);
        for t in BLOCK - u..BLOCK {
            sum[t + u - BLOCK] = low(sum[t + u - BLOCK], q[t], limb);
        }
        for t in BLOCK - 1 - u..BLOCK {
            sum[t + u + 1 - BLOCK] = high(sum[t + u + 1 - BLOCK], q[t], limb);
        }
    }
    sum
}

/// As [`rows`], with limbs that all lanes share.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
fn multiples(factor: &[V; BLOCK], mut sum: [V; BLOCK], m: &[u64], columns: &mut [Word]) {
    let columns = &mut columns[..m.len() + BLOCK];
    for j in 0..m.len() {
        let limb = splat(m[j]);
        store(&mut columns[j], low(sum[0], factor[0], limb));
        let next = load(&columns[j + BLOCK]);
        slide(factor, &mut sum, limb, next);
    }
    for t in 0..BLOCK {
        store(&mut columns[m.len() + t], sum[t]);
    }
}

/// The entries are merged two by two: by the index's first bit, then by its second, and so on.
#[target_feature(enable = "avx512f,avx512ifma")]
fn select(table: &[Word], index: &Word, out: &mut [Word]) {
    let entries = table.len() / out.len();
    let masks = masks(load(index), 1);
    for (limb, out) in table.chunks_exact(entries).zip(out) {
        let value = match entries / PART {
            1 => scanned::<1>(limb, &masks),
            2 => scanned::<2>(limb, &masks),
            4 => scanned::<4>(limb, &masks),
            8 => scanned::<8>(limb, &masks),
            _ => scanned::<PART>(limb, &masks),
        };
        store(out, value);
    }
}

/// Values that are merged in registers.
const PART: usize = 16;

/// Masks of the index's bits, from one bit on.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
fn masks(index: V, first: u64) -> [__mmask8; 8] {
    let mut masks = [0; 8];
    for (bit, mask) in masks.iter_mut().enumerate() {
        *mask = _mm512_test_epi64_mask(index, splat(first << bit));
    }
    masks
}

/// One of PARTS times PART entries.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
fn scanned<const PARTS: usize>(entries: &[Word], masks: &[__mmask8; 8]) -> V {
    let (lower, upper) = masks.split_at(4);
    let mut merged = [splat(0); PART];
    for (part, merged) in entries.as_chunks::<PART>().0[..PARTS].iter().zip(&mut merged) {
        let mut values = [splat(0); PART];
        for i in 0..PART {
            values[i] = load(&part[i]);
        }
        *merged = merge::<PART>(values, lower);
    }
    merge::<PARTS>(merged, upper)
}

/// A permutation takes one of 16 entries by the index's low four bits; the results are merged as in [`select`].
#[target_feature(enable = "avx512f,avx512ifma")]
fn pick(table: &[Word], index: &Word, out: &mut [Word]) {
    let words = table.len() / out.len();
    let index = load(index);
    let masks = masks(index, 16);
    for (limb, out) in table.chunks_exact(words).zip(out) {
        let value = match words {
            2 => permuted::<1>(limb, index, &masks),
            4 => permuted::<2>(limb, index, &masks),
            8 => permuted::<4>(limb, index, &masks),
            16 => permuted::<8>(limb, index, &masks),
            _ => permuted::<PART>(limb, index, &masks),
        };
        store(out, value);
    }
}

/// One of 16 LEN entries.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
fn permuted<const LEN: usize>(entries: &[Word], index: V, masks: &[__mmask8; 8]) -> V {
    let pairs = &entries.as_chunks::<2>().0[..LEN];
    let mut values = [splat(0); PART];
    for i in 0..LEN {
        values[i] = _mm512_permutex2var_epi64(load(&pairs[i][0]), index, load(&pairs[i][1]));
    }
    merge::<LEN>(values, masks)
}

/// One of the first LEN values.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
fn merge<const LEN: usize>(mut values: [V; PART], masks: &[__mmask8]) -> V {
    let mut left = LEN;
    for mask in masks {
        left /= 2;
        for i in 0..left {
            values[i] = _mm512_mask_mov_epi64(values[2 * i], *mask, values[2 * i + 1]);
        }
    }
    values[0]
}
