//! Batches of natural numbers of one width: plaintexts, exponents, factors.

use crypto_bigint::BoxedUint;
use zeroize::Zeroizing;

/// Numbers of so many 64-bit words each, least word first. Overwritten when dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct Numbers {
    width: usize,
    words: Zeroizing<Vec<u64>>,
}

impl Numbers {
    /// `len` zeros of `width` words (at least one).
    pub fn zero(len: usize, width: usize) -> Self {
        let width = width.max(1);
        Self { width, words: Zeroizing::new(vec![0; len * width]) }
    }

    /// Small numbers.
    pub fn from_u64s(values: &[u64]) -> Self {
        Self { width: 1, words: Zeroizing::new(values.to_vec()) }
    }

    /// How many numbers.
    pub fn len(&self) -> usize {
        self.words.len() / self.width
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// Words of a number.
    pub fn width(&self) -> usize {
        self.width
    }

    /// The words of number `index`; zeros behind the end of the batch.
    pub fn get(&self, index: usize) -> &[u64] {
        self.words.get(index * self.width..(index + 1) * self.width).unwrap_or(&[])
    }

    /// The words of number `index`, to be changed.
    pub fn get_mut(&mut self, index: usize) -> &mut [u64] {
        &mut self.words[index * self.width..(index + 1) * self.width]
    }

    /// The numbers one after another, in groups.
    pub fn groups_mut(&mut self, len: usize) -> impl rayon::iter::IndexedParallelIterator<Item = &mut [u64]> {
        use rayon::slice::ParallelSliceMut;
        self.words.par_chunks_mut(len * self.width)
    }

    /// The first number that is not below a limit. Reads every word of every number, whatever they are.
    pub fn first_not_below(&self, limit: &BoxedUint) -> Option<usize> {
        let limit = limit.as_words();
        (0..self.len()).find(|index| !below(self.get(*index), limit))
    }
}

/// Whether x < y, with the same work for all numbers of these widths.
pub fn below(x: &[u64], y: &[u64]) -> bool {
    let word = |words: &[u64], i: usize| words.get(i).copied().unwrap_or(0);
    let mut borrow = 0;
    for i in 0..x.len().max(y.len()) {
        let (rest, under) = word(x, i).overflowing_sub(word(y, i));
        borrow = u64::from(under) | u64::from(rest < borrow);
    }
    borrow == 1
}
