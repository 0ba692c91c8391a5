//! Threads that stay with one small member for a whole replay.
//!
//! A step of a small network takes tens of microseconds, and handing a piece of it to a thread of the pool a good part of
//! that. So the threads are asked once a replay: one leads and takes all steps; the others wait at a board, where the
//! leader writes down work that is in pieces, and take pieces as it does. The leader never waits for a helper that has
//! taken nothing: if no thread is free to help, it does all pieces itself.

use std::hint::spin_loop;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};

/// Work in pieces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Job {
    /// The list's number.
    pub list: usize,
    /// The number of its segment.
    pub segment: usize,
    pub step: u32,
    pub pieces: Pieces,
}

/// What the pieces are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pieces {
    /// Chunks of the batch.
    Chunks,
    /// Parts of the sums over the chunks.
    Sums,
}

/// Turns at the board before a waiting thread lets others have its core: about 20 microseconds.
const SPINS: u32 = 512;

/// `open` when the replay has ended.
const CLOSED: u64 = u64::MAX;

/// Where the leader writes down work.
#[derive(Debug, Default)]
pub(super) struct Board {
    /// Upper half: the job's number; lower half: pieces that nobody has taken. A piece is taken by exchanging the whole
    /// word, so that one of an earlier job cannot be taken for one of a later job.
    open: AtomicU64,
    /// Pieces that have been done.
    done: AtomicUsize,
    list: AtomicUsize,
    segment: AtomicUsize,
    step: AtomicU32,
    sums: AtomicBool,
    /// A helper has panicked.
    broken: AtomicBool,
}

impl Board {
    /// Does the work with all who wait at the board; returns when all `count` pieces are done.
    pub(super) fn share(&self, job: Job, count: usize, work: impl Fn(Job, usize)) {
        // Nobody reads these now: the pieces of the job before are done, and this one is not open yet.
        self.list.store(job.list, Ordering::Relaxed);
        self.segment.store(job.segment, Ordering::Relaxed);
        self.step.store(job.step, Ordering::Relaxed);
        self.sums.store(job.pieces == Pieces::Sums, Ordering::Relaxed);
        self.done.store(0, Ordering::Relaxed);
        let number = (self.open.load(Ordering::Relaxed) >> 32).wrapping_add(1) & 0x7fff_ffff;
        self.open.store(number << 32 | count as u64, Ordering::Release);
        let mut own = 0;
        while let Open::Piece(left) = self.take() {
            work(job, count - left);
            own += 1;
        }
        let mut waited = 0;
        while self.done.load(Ordering::Acquire) + own < count {
            assert!(!self.broken.load(Ordering::Relaxed), "a thread that helped has panicked");
            pause(&mut waited);
        }
    }

    /// Takes pieces until the board is closed. `count` says into how many pieces a job is cut.
    pub(super) fn assist(&self, count: impl Fn(Job) -> usize, work: impl Fn(Job, usize)) {
        let _breaks = Breaks(self);
        let mut waited = 0;
        loop {
            match self.take() {
                Open::Piece(left) => {
                    let pieces = if self.sums.load(Ordering::Relaxed) { Pieces::Sums } else { Pieces::Chunks };
                    let job = Job {
                        list: self.list.load(Ordering::Relaxed),
                        segment: self.segment.load(Ordering::Relaxed),
                        step: self.step.load(Ordering::Relaxed),
                        pieces,
                    };
                    work(job, count(job) - left);
                    self.done.fetch_add(1, Ordering::Release);
                    waited = 0;
                }
                Open::Nothing => pause(&mut waited),
                Open::Closed => return,
            }
        }
    }

    /// Sends the helpers away when the guard is dropped, in a panic too.
    pub(super) const fn closes(&self) -> Closes<'_> {
        Closes(self)
    }

    fn take(&self) -> Open {
        let mut open = self.open.load(Ordering::Acquire);
        loop {
            let left = open & u64::from(u32::MAX);
            if open == CLOSED {
                return Open::Closed;
            }
            if left == 0 {
                return Open::Nothing;
            }
            match self.open.compare_exchange_weak(open, open - 1, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => return Open::Piece(left as usize),
                Err(now) => open = now,
            }
        }
    }
}

/// What a look at the board finds.
enum Open {
    /// A piece, now taken: so many were left with it.
    Piece(usize),
    Nothing,
    Closed,
}

/// See [`Board::closes`].
pub(super) struct Closes<'a>(&'a Board);

impl Drop for Closes<'_> {
    fn drop(&mut self) {
        self.0.open.store(CLOSED, Ordering::Release);
    }
}

/// Tells the leader if its thread panics.
struct Breaks<'a>(&'a Board);

impl Drop for Breaks<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.broken.store(true, Ordering::Relaxed);
        }
    }
}

fn pause(waited: &mut u32) {
    if *waited < SPINS {
        *waited += 1;
        spin_loop();
    } else {
        std::thread::yield_now();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::{Board, Job, Pieces};

    fn job(step: u32, pieces: Pieces) -> Job {
        Job { list: 3, segment: 5, step, pieces }
    }

    #[test]
    fn e10_every_piece_is_done_once_whoever_helps() {
        for helpers in [0, 1, 3] {
            let board = Board::default();
            let marks: Vec<AtomicUsize> = (0..7).map(|_| AtomicUsize::new(0)).collect();
            let count = |job: Job| if job.pieces == Pieces::Sums { 2 } else { 7 };
            let work = |job: Job, piece: usize| {
                assert_eq!((job.list, job.segment), (3, 5));
                assert!(piece < count(job), "piece {piece}");
                marks[piece].fetch_add(job.step as usize, Ordering::Relaxed);
            };
            std::thread::scope(|threads| {
                let closes = board.closes();
                for _ in 0..helpers {
                    threads.spawn(|| board.assist(count, work));
                }
                for step in 1..=2000 {
                    board.share(job(step, Pieces::Chunks), 7, work);
                    board.share(job(step, Pieces::Sums), 2, work);
                }
                drop(closes);
            });
            let once = 2000 * 2001 / 2;
            let found: Vec<usize> = marks.iter().map(|mark| mark.load(Ordering::Relaxed)).collect();
            assert_eq!(found, [2 * once, 2 * once, once, once, once, once, once], "{helpers} helpers");
        }
    }

    #[test]
    fn e10_a_panic_of_either_side_ends_both() {
        let board = Board::default();
        let leader = std::thread::scope(|threads| {
            let helper = threads.spawn(|| board.assist(|_| 1, |_, _| panic!("the helper's")));
            let leader = threads.spawn(|| {
                let _closes = board.closes();
                // The helper gets a piece sooner or later.
                loop {
                    board.share(job(0, Pieces::Chunks), 1, |_, _| {});
                }
            });
            assert!(helper.join().is_err());
            leader.join()
        });
        assert!(leader.is_err());
        // What the leader's guard leaves behind sends a helper away at once.
        board.assist(|_| 1, |_, _| unreachable!("the board is closed"));
    }
}
