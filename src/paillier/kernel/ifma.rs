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
    montgomery(ring, &mut s.low, &mut s.quotient);
    normalise(&s.low[h..], &mut x[..h]);
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

#[target_feature(enable = "avx512f,avx512ifma")]
fn finish(ring: &Ring, out: &mut [Word], s: &mut Scratch) {
    let h = ring.limbs();
    montgomery(ring, &mut s.low, &mut s.quotient);
    for ((column, quotient), raise) in s.high.iter_mut().zip(s.quotient.iter()).zip(ring.raise()) {
        let raised = _mm512_add_epi64(load(column), splat(*raise));
        store(column, _mm512_sub_epi64(raised, load(quotient)));
    }
    montgomery(ring, &mut s.high, &mut s.quotient);
    normalise(&s.low[h..], &mut out[..h]);
    normalise(&s.high[h..], &mut out[h..]);
}

/// Takes the carries.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
fn normalise(columns: &[Word], out: &mut [Word]) {
    let mask = splat(LIMB_MAX);
    let mut over = splat(0);
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

/// Montgomery's reduction: the quotient q that makes columns + q m a multiple of R; the upper half of columns becomes
/// the upper half of that sum, the lower half loses its meaning.
#[target_feature(enable = "avx512f,avx512ifma")]
fn montgomery(ring: &Ring, columns: &mut [Word], quotient: &mut [Word]) {
    let h = ring.limbs();
    let m = &ring.m()[..h];
    let (first, rest) = m.split_first_chunk::<BLOCK>().expect("a block of limbs");
    let inverse = splat(ring.inverse());
    let mut over = splat(0);
    for (block, quotient) in quotient.as_chunks_mut::<BLOCK>().0.iter_mut().enumerate() {
        let columns = &mut columns[block * BLOCK..];
        let mut sum = block_at(columns);
        sum[0] = _mm512_add_epi64(sum[0], over);
        let q;
        (q, over) = quotients(first, inverse, sum);
        for t in 0..BLOCK {
            store(&mut quotient[t], q[t]);
        }
        let sum = overhang(first, &q, block_at(&columns[BLOCK..]));
        multiples(&q, sum, rest, &mut columns[BLOCK..]);
    }
    let sum = _mm512_add_epi64(load(&columns[h]), over);
    store(&mut columns[h], sum);
}

/// The quotient's limbs of a block of columns, and the carry out of it.
///
/// What limb t adds to column t makes it a multiple of 2^52: the carry is the column divided by 2^52, rounded up, and
/// does not wait for the limb.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
fn quotients(m: &[u64; BLOCK], inverse: V, mut sum: [V; BLOCK]) -> ([V; BLOCK], V) {
    let mut q = [splat(0); BLOCK];
    let mut over = splat(0);
    for t in 0..BLOCK {
        q[t] = low(splat(0), sum[t], inverse);
        over = _mm512_srli_epi64::<{ LIMB_BITS as u32 }>(_mm512_add_epi64(sum[t], splat(LIMB_MAX)));
        if t + 1 < BLOCK {
            let carried = low(_mm512_add_epi64(sum[t + 1], over), q[t], splat(m[1]));
            sum[t + 1] = _mm512_add_epi64(carried, high(splat(0), q[t], splat(m[0])));
        }
        for u in 2..BLOCK - t {
            sum[t + u] = high(low(sum[t + u], q[t], splat(m[u])), q[t], splat(m[u - 1]));
        }
    }
    (q, over)
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
        let value = match entries {
            16 => merged::<4>(limb, &masks),
            32 => merged::<5>(limb, &masks),
            64 => merged::<6>(limb, &masks),
            128 => merged::<7>(limb, &masks),
            _ => merged::<8>(limb, &masks),
        };
        store(out, value);
    }
}

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

/// One of 2^BITS entries.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
fn merged<const BITS: usize>(entries: &[Word], masks: &[__mmask8; 8]) -> V {
    let mut tree = [splat(0); 9];
    for (place, entry) in entries[..1 << BITS].iter().enumerate() {
        merge(&mut tree, masks, place, load(entry));
    }
    tree[BITS]
}

/// A permutation takes one of 16 entries by the index's low four bits; the results are merged as in [`select`].
#[target_feature(enable = "avx512f,avx512ifma")]
fn pick(table: &[Word], index: &Word, out: &mut [Word]) {
    let words = table.len() / out.len();
    let index = load(index);
    let masks = masks(index, 16);
    for (limb, out) in table.chunks_exact(words).zip(out) {
        let value = match words {
            2 => permuted::<0>(limb, index, &masks),
            4 => permuted::<1>(limb, index, &masks),
            8 => permuted::<2>(limb, index, &masks),
            16 => permuted::<3>(limb, index, &masks),
            _ => permuted::<4>(limb, index, &masks),
        };
        store(out, value);
    }
}

/// One of 16 2^BITS entries.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
fn permuted<const BITS: usize>(entries: &[Word], index: V, masks: &[__mmask8; 8]) -> V {
    let mut tree = [splat(0); 9];
    for (place, [first, second]) in entries[..2 << BITS].as_chunks::<2>().0.iter().enumerate() {
        merge(&mut tree, masks, place, _mm512_permutex2var_epi64(load(first), index, load(second)));
    }
    tree[BITS]
}

/// Adds a value to a tree of merges as one is added to a binary counter: `tree[k]` waits for its partner.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
fn merge(tree: &mut [V; 9], masks: &[__mmask8; 8], place: usize, mut value: V) {
    let pairs = place.trailing_ones() as usize;
    for k in 0..pairs {
        value = _mm512_mask_mov_epi64(tree[k], masks[k], value);
    }
    tree[pairs] = value;
}
