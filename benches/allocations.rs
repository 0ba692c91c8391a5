//! Heap allocations of a training step on the CPU, after warm-up: one JSON object with a figure a network.
//!
//! `cargo bench --bench allocations -- <part of a name>` picks; `RAYON_NUM_THREADS` sets the number of threads. A program
//! of its own, because the counting allocator would cost the normal program an atomic addition an allocation. The pool's
//! threads take the steps, as in `tests/allocation.rs`, which holds the count at 0.

use std::alloc::{GlobalAlloc, Layout, System};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use nightloom::backend::Backend;
use nightloom::cli::bench::laid::Laid;
use nightloom::cli::bench::networks::{self, Network};

struct Counting;

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

// SAFETY: everything is passed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::SeqCst);
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps the contract of `dealloc`.
        unsafe { System.dealloc(place, layout) }
    }
    unsafe fn realloc(&self, place: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::SeqCst);
        // SAFETY: the caller keeps the contract of `realloc`.
        unsafe { System.realloc(place, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Steps that are counted, after as many that warm up.
const STEPS: usize = 8;

/// Allocations a step.
fn count(network: &Network, backend: &Backend) -> f64 {
    let mut laid = Laid::new(network, backend).expect(network.name);
    let mut steps = || (0..STEPS).for_each(|number| laid.step(number).expect(network.name));
    steps();
    let before = ALLOCATIONS.load(Ordering::SeqCst);
    steps();
    (ALLOCATIONS.load(Ordering::SeqCst) - before) as f64 / STEPS as f64
}

fn main() {
    // `cargo bench` adds `--bench`.
    let filter = std::env::args().skip(1).find(|arg| !arg.starts_with('-')).unwrap_or_default();
    let backend = Backend::cpu().expect("NIGHTLOOM_SIMD names a level of this machine");
    let pool = rayon::ThreadPoolBuilder::new().build().expect("threads");
    let found: BTreeMap<&str, f64> = pool.install(|| {
        let wanted = networks::all().into_iter().filter(|network| network.name.contains(&filter));
        wanted.map(|network| (network.name, count(&network, &backend))).collect()
    });
    println!("{}", serde_json::to_string_pretty(&found).expect("numbers"));
}
