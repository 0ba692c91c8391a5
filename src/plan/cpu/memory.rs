//! Words that start at a cache line: a vector that spans two lines costs twice the loads.

use std::mem::MaybeUninit;

/// Words of a cache line, and of the widest vector.
pub(super) const LINE: usize = 16;

/// One cache line.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(64))]
struct Line([u32; LINE]);

/// Zeroed words, the first at the start of a cache line.
#[derive(Debug, Default)]
pub(super) struct Memory {
    lines: Box<[Line]>,
}

impl Memory {
    /// At least `words` zeros.
    pub(super) fn new(words: usize) -> Self {
        let mut lines = Box::new_uninit_slice(words.div_ceil(LINE));
        // Before the first word is touched: that is when the system chooses the page.
        want_huge_pages(&mut lines);
        for line in &mut lines {
            line.write(Line([0; LINE]));
        }
        // SAFETY: every line has just been written.
        Self { lines: unsafe { lines.assume_init() } }
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

/// Bytes from which memory is worth huge pages: one of them.
#[cfg(target_os = "linux")]
const HUGE: usize = 2 << 20;

/// Asks for pages of 2 MiB: large operands then cost far fewer look-ups of addresses. A system that refuses gives small
/// ones.
#[cfg(target_os = "linux")]
fn want_huge_pages(lines: &mut [MaybeUninit<Line>]) {
    let page = rustix::param::page_size();
    let range = lines.as_mut_ptr_range();
    let start = range.start.addr().next_multiple_of(page);
    let len = (range.end.addr().saturating_sub(start)) / page * page;
    if len >= HUGE {
        let start = range.start.with_addr(start).cast();
        // SAFETY: the pages lie within memory that is ours, and the advice changes nothing that they hold.
        let _ = unsafe { rustix::mm::madvise(start, len, rustix::mm::Advice::LinuxHugepage) };
    }
}

#[cfg(not(target_os = "linux"))]
fn want_huge_pages(_lines: &mut [MaybeUninit<Line>]) {}

#[cfg(test)]
mod tests {
    use super::{LINE, Memory};

    #[test]
    fn e11_memory_starts_at_a_cache_line_and_holds_zeros() {
        for words in [0, 1, LINE, LINE + 1, 1000, 3 << 20] {
            let mut memory = Memory::new(words);
            assert!(memory.words().len() >= words && memory.words().iter().all(|&w| w == 0));
            assert_eq!(memory.words().as_ptr().addr() % 64, 0);
            memory.words_mut().fill(7);
            assert!(memory.words().iter().all(|&w| w == 7));
        }
    }
}
