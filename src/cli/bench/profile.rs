//! `nightloom bench step --profile`: which kernels a step's time goes to.

use serde::Serialize;

use super::laid::Laid;
use super::networks::Network;
use super::seconds;
use super::timer::time;
use crate::backend::Backend;
use crate::cli::print;
use crate::train::TrainError;

/// Steps that are profiled: as many as fill this time.
const SECONDS: f64 = 1.0;

/// All calls of the kernels of one name within a step.
#[derive(Debug, Serialize)]
pub(super) struct Part {
    kernel: &'static str,
    calls_a_step: usize,
    seconds_a_step: f64,
    share: f64,
}

/// The kernels of a step, the dearest first, and what is spent between them. On one thread, since a kernel that waits
/// for another thread's share of it has no time of its own.
pub(super) fn profile(network: &Network, backend: &Backend) -> Result<Option<Vec<Part>>, TrainError> {
    let mut laid = Laid::new(network, backend)?;
    laid.step(0)?;
    let once = time(|| laid.step(1))?.max(1e-9);
    let steps = (SECONDS / once).ceil().clamp(2.0, 10_000.0) as usize;
    let mut found: Vec<(&'static str, f64)> = vec![];
    let all = time(|| {
        for number in 0..steps {
            match laid.profile(number) {
                Some(times) if found.is_empty() => found = times,
                Some(times) => found.iter_mut().zip(times).for_each(|(all, (_, one))| all.1 += one),
                None => break,
            }
        }
        Ok::<(), TrainError>(())
    })?;
    Ok((!found.is_empty()).then(|| parts(&found, all, steps)))
}

fn parts(found: &[(&'static str, f64)], all: f64, steps: usize) -> Vec<Part> {
    let part = |kernel, calls_a_step, spent: f64| Part {
        kernel,
        calls_a_step,
        seconds_a_step: spent / steps as f64,
        share: spent / all,
    };
    let mut parts: Vec<Part> = vec![];
    for (kernel, spent) in found.iter().filter(|(_, spent)| *spent > 0.0) {
        match parts.iter_mut().find(|part| part.kernel == *kernel) {
            Some(known) => {
                known.calls_a_step += 1;
                known.seconds_a_step += spent / steps as f64;
                known.share += spent / all;
            }
            None => parts.push(part(*kernel, 1, *spent)),
        }
    }
    let between = all - found.iter().map(|(_, spent)| spent).sum::<f64>();
    parts.push(part("(between kernels)", 0, between.max(0.0)));
    parts.sort_by(|a, b| b.share.total_cmp(&a.share));
    parts
}

pub(super) fn show(network: &str, parts: &[Part]) {
    print(&format!("\n{network}, one thread: where a step's time goes"));
    print(&format!("{:40} {:>8} {:>12} {:>7}", "kernel", "calls", "a step", "share"));
    for part in parts {
        let spent = seconds(part.seconds_a_step);
        print(&format!("{:40} {:>8} {spent:>12} {:>6.1}%", part.kernel, part.calls_a_step, 100.0 * part.share));
    }
}

#[cfg(test)]
mod tests {
    use super::{parts, profile};
    use crate::backend::Backend;
    use crate::cli::bench::networks;

    #[test]
    fn e6_a_profile_adds_up_to_the_step() {
        let found = parts(&[("a", 1.0), ("b", 3.0), ("a", 2.5), ("c", 0.0)], 8.0, 2);
        let names: Vec<_> = found.iter().map(|part| (part.kernel, part.calls_a_step, part.seconds_a_step)).collect();
        assert_eq!(names, [("a", 2, 1.75), ("b", 1, 1.5), ("(between kernels)", 0, 0.75)]);
        assert_eq!(found.iter().map(|part| part.share).sum::<f64>(), 1.0);
    }

    #[test]
    fn e6_a_profile_names_the_kernels_of_a_step() {
        let network = networks::find("mlp-28-64-32-1").expect("it is named");
        let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("a pool");
        let found = pool.install(|| profile(&network, &Backend::cpu().expect("a CPU")));
        let found = found.expect("a run").expect("the CPU can say");
        let total: f64 = found.iter().map(|part| part.share).sum();
        assert!((total - 1.0).abs() < 1e-6, "{total}");
        assert!(found.iter().any(|part| part.kernel.starts_with("matmul") && part.share > 0.05), "{found:?}");
        assert!(found.iter().any(|part| part.kernel.starts_with("optimiser")), "{found:?}");
    }
}
