//! Where a replay's time goes.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// What stands around each piece of work of a replay.
pub(super) trait Watch: Sync {
    /// Does the work, which belongs to the list's `kernel`.
    fn around(&self, kernel: usize, work: impl FnOnce());
}

/// Nothing: an ordinary replay costs nothing for being watchable.
pub(super) struct Unwatched;

impl Watch for Unwatched {
    #[inline(always)]
    fn around(&self, _kernel: usize, work: impl FnOnce()) {
        work();
    }
}

/// A clock for each kernel of a list, and a last one for what belongs to none.
pub(super) struct Clocks(Vec<AtomicU64>);

impl Clocks {
    /// All at 0.
    pub(super) fn new(kernels: usize) -> Self {
        Self((0..=kernels).map(|_| AtomicU64::new(0)).collect())
    }

    /// The seconds of each.
    pub(super) fn seconds(&self) -> Vec<f64> {
        self.0.iter().map(|nanos| nanos.load(Ordering::Relaxed) as f64 * 1e-9).collect()
    }
}

impl Watch for Clocks {
    fn around(&self, kernel: usize, work: impl FnOnce()) {
        let begin = Instant::now();
        work();
        self.0[kernel].fetch_add(begin.elapsed().as_nanos() as u64, Ordering::Relaxed);
    }
}
