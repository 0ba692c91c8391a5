//! Words that start at a cache line: a vector that spans two lines costs twice the loads.

/// Words of a cache line, and of the widest vector.
pub(super) const LINE: usize = 16;

/// One cache line.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(64))]
struct Line([u32; LINE]);

/// Zeroed words, the first at the start of a cache line.
#[derive(Debug, Default)]
pub(super) struct Memory {
    lines: Vec<Line>,
}

impl Memory {
    /// At least `words` zeros.
    pub(super) fn new(words: usize) -> Self {
        Self { lines: vec![Line([0; LINE]); words.div_ceil(LINE)] }
    }

    /// All words.
    pub(super) fn words(&self) -> &[u32] {
        // SAFETY: a line is `LINE` words and nothing else (`repr(C)`, 64 bytes), so the lines are that many words.
        unsafe { std::slice::from_raw_parts(self.lines.as_ptr().cast(), self.lines.len() * LINE) }
    }

    /// All words, for writing.
    pub(super) fn words_mut(&mut self) -> &mut [u32] {
        let len = self.lines.len() * LINE;
        // SAFETY: as in `words`.
        unsafe { std::slice::from_raw_parts_mut(self.lines.as_mut_ptr().cast(), len) }
    }
}

#[cfg(test)]
mod tests {
    use super::{LINE, Memory};

    #[test]
    fn e11_memory_starts_at_a_cache_line_and_holds_zeros() {
        for words in [0, 1, LINE, LINE + 1, 1000] {
            let mut memory = Memory::new(words);
            assert!(memory.words().len() >= words && memory.words().iter().all(|&w| w == 0));
            assert_eq!(memory.words().as_ptr().addr() % 64, 0);
            memory.words_mut().fill(7);
            assert!(memory.words().iter().all(|&w| w == 7));
        }
    }
}
