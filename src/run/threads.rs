//! The pool of CPU threads.

use super::error::RunError;
use crate::backend::Cpu;

/// Builds the process's one pool of threads; 0 means one for each core. Returns how many there are.
///
/// # Errors
/// The pool exists already, or the system refuses threads.
pub fn use_threads(threads: usize) -> Result<usize, RunError> {
    let name = |i| format!("worker-{i}");
    let cores = allowed_cores();
    let wanted = if threads == 0 { Cpu::cores() } else { threads };
    // One thread a core: each gets one of its own, and the scheduler never puts two that wait for each other on one.
    let own = move |i: usize| {
        if wanted == cores.len() {
            stay_on(cores[i]);
        }
    };
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).thread_name(name).start_handler(own);
    pool.build_global().map_err(RunError::work)?;
    Ok(rayon::current_num_threads())
}

/// The cores that this process may use; none where the system has no such notion.
fn allowed_cores() -> Vec<usize> {
    #[cfg(target_os = "linux")]
    if let Ok(set) = rustix::thread::sched_getaffinity(None) {
        return (0..rustix::thread::CpuSet::MAX_CPU).filter(|&core| set.is_set(core)).collect();
    }
    vec![]
}

/// Keeps this thread on a core. A system that refuses leaves it where it likes: it only runs slower.
fn stay_on(core: usize) {
    #[cfg(target_os = "linux")]
    {
        let mut set = rustix::thread::CpuSet::new();
        set.set(core);
        let _ = rustix::thread::sched_setaffinity(None, &set);
    }
    #[cfg(not(target_os = "linux"))]
    let _ = core;
}
