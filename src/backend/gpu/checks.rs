//! Whether kernels check their indices.
//!
//! All indices of all kernels follow from checked shapes, and those that are read from memory (row numbers, labels, class
//! numbers) are held below their bound by the kernel itself; ARCHITECTURE.md says how, kernel by kernel, and a test runs
//! every case without checks between guarded memory. So a release build leaves the checks out. A debug build, which is what
//! tests run, has them.

use std::sync::atomic::{AtomicBool, Ordering};

static DEMANDED: AtomicBool = AtomicBool::new(false);

/// Has GPUs that are opened from now on check every index: `--checked`.
pub fn demand_checks() {
    DEMANDED.store(true, Ordering::Relaxed);
}

/// Whether a GPU that is opened now checks every index.
pub fn checks_wanted() -> bool {
    cfg!(debug_assertions) || DEMANDED.load(Ordering::Relaxed)
}
