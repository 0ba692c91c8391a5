//! The pool of CPU threads.

use super::error::RunError;

/// Builds the process's one pool of threads; 0 means one for each core. Returns how many there are.
///
/// # Errors
/// The pool exists already, or the system refuses threads.
pub fn use_threads(threads: usize) -> Result<usize, RunError> {
    let name = |i| format!("worker-{i}");
    rayon::ThreadPoolBuilder::new().num_threads(threads).thread_name(name).build_global().map_err(RunError::work)?;
    Ok(rayon::current_num_threads())
}
