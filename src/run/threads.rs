//! The pool of CPU threads.

use std::ffi::OsStr;

use super::error::RunError;
use crate::backend::Cpu;

/// Builds the process's one pool of threads; 0 means one for each core. Returns how many there are.
///
/// Where there is a thread for each core that this process may use, each stays on a core of its own, unless
/// `NIGHTLOOM_PIN` is `off`.
///
/// # Errors
/// The pool exists already, the system refuses threads, or `NIGHTLOOM_PIN` is neither `on` nor `off`.
pub fn use_threads(threads: usize) -> Result<usize, RunError> {
    let name = |i| format!("worker-{i}");
    let cores = if pins(std::env::var_os("NIGHTLOOM_PIN").as_deref())? { allowed_cores() } else { vec![] };
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

fn pins(setting: Option<&OsStr>) -> Result<bool, RunError> {
    match setting.map(OsStr::to_string_lossy).as_deref() {
        None | Some("on") => Ok(true),
        Some("off") => Ok(false),
        Some(other) => Err(RunError::data(format!("NIGHTLOOM_PIN: expected `on` or `off`, got `{other}`"))),
    }
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

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;

    use super::{allowed_cores, pins, stay_on};

    #[test]
    fn e1_pinning_is_on_unless_it_is_turned_off() {
        assert!(pins(None).is_ok_and(|on| on) && pins(Some(OsStr::new("on"))).is_ok_and(|on| on));
        assert!(pins(Some(OsStr::new("off"))).is_ok_and(|on| !on));
        let refused = pins(Some(OsStr::new("yes"))).expect_err("neither");
        assert!(refused.to_string().contains("NIGHTLOOM_PIN: expected `on` or `off`, got `yes`"), "{refused}");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn e1_a_thread_stays_on_the_core_it_is_given() {
        let cores = allowed_cores();
        let last = *cores.last().expect("a core");
        let seen = std::thread::spawn(move || {
            stay_on(last);
            allowed_cores()
        });
        assert_eq!(seen.join().expect("no panic"), [last]);
        assert_eq!(allowed_cores(), cores, "other threads keep theirs");
    }
}
