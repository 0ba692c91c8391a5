//! Timing the candidates of a tuning group on a device.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::PlanError;
use super::prepared::{Prepared, inputs};
use crate::backend::gpu::TuningState;
use crate::backend::{Backend, BackendError, Gpu};
use crate::ops::tuning::{Candidate, TuningGroup};
use crate::ops::{Call, Case, Kernel};

/// How much time measuring may take.
#[derive(Debug, Clone, Copy)]
pub struct Budget {
    /// Whether the group's small shapes are timed in place of those by which it is judged.
    pub small: bool,
    /// Rounds, in each of which every candidate runs: the median counts.
    pub rounds: usize,
    /// How long a candidate runs in a round, at the least.
    pub stretch: Duration,
}

/// What was measured of a group.
#[derive(Debug, Clone)]
pub struct Measured {
    /// The fastest candidate: of equals, the earlier one.
    pub best: &'static str,
    /// Each candidate that fits, in the group's order, with its microseconds: the geometric mean of the shapes' medians.
    pub microseconds: Vec<(&'static str, f64)>,
    /// Shapes that this device has no memory for.
    pub left_out: usize,
}

/// Times every candidate of `group` that fits, one after the other in each round. `None` if the device has no memory for
/// any of the shapes.
///
/// # Errors
/// If the device fails.
pub fn measure(gpu: &Gpu, group: &TuningGroup, budget: &Budget) -> Result<Option<Measured>, PlanError> {
    let fitting: Vec<&Candidate> = group.candidates.iter().filter(|c| c.fits(gpu.traits())).collect();
    let shapes = if budget.small { &group.small } else { &group.judged };
    let mut logs = vec![0.0; fitting.len()];
    let mut timed = 0;
    for kernel in shapes {
        match medians(gpu, group, &fitting, kernel.as_ref(), budget) {
            Ok(times) => {
                logs.iter_mut().zip(times).for_each(|(log, time)| *log += time.ln());
                timed += 1;
            }
            Err(PlanError::Backend(
                BackendError::TooLarge { .. } | BackendError::NoRoom { .. } | BackendError::OutOfMemory { .. },
            )) => {}
            Err(error) => return Err(error),
        }
    }
    if timed == 0 {
        return Ok(None);
    }
    let microseconds: Vec<(&str, f64)> =
        fitting.iter().zip(logs).map(|(c, log)| (c.name, 1e6 * (log / timed as f64).exp())).collect();
    let best = microseconds.iter().min_by(|a, b| a.1.total_cmp(&b.1)).map(|(name, _)| *name);
    Ok(best.map(|best| Measured { best, microseconds, left_out: shapes.len() - timed }))
}

/// The median seconds of each candidate for one shape.
fn medians(
    gpu: &Gpu,
    group: &TuningGroup,
    candidates: &[&Candidate],
    kernel: &dyn Kernel,
    budget: &Budget,
) -> Result<Vec<f64>, PlanError> {
    let mut plans = vec![];
    for candidate in candidates {
        plans.push(prepared(gpu, group, candidate, kernel)?);
    }
    let mut repeats = vec![1; plans.len()];
    for (plan, repeats) in plans.iter_mut().zip(&mut repeats) {
        // The first run compiles, the second one says how many make a stretch.
        stretch(plan, 1)?;
        let once = stretch(plan, 1)?;
        *repeats = (budget.stretch.as_secs_f64() / once.max(1e-6)).ceil().clamp(1.0, 1000.0) as u32;
    }
    let mut times = vec![vec![]; plans.len()];
    for _ in 0..budget.rounds.max(1) {
        for ((plan, repeats), times) in plans.iter_mut().zip(&repeats).zip(&mut times) {
            times.push(stretch(plan, *repeats)? / f64::from(*repeats));
        }
    }
    Ok(times.into_iter().map(median).collect())
}

/// A kernel that takes this candidate, with its inputs on the device.
fn prepared(gpu: &Gpu, group: &TuningGroup, candidate: &Candidate, kernel: &dyn Kernel) -> Result<Prepared, PlanError> {
    let choice = BTreeMap::from([(group.name.to_owned(), candidate.name.to_owned())]);
    let backend = Backend::Gpu(gpu.with_tuned(choice, TuningState::Untuned));
    let call = || Call { names: kernel.args().iter().map(|arg| arg.name.to_owned()).collect(), kernel: kernel.boxed() };
    let case = Case::new("tuning").call(call());
    let new = if group.units { Prepared::reading_halves } else { Prepared::new };
    new(&call(), &backend, &inputs(&case))
}

/// Seconds of `repeats` runs.
fn stretch(plan: &mut Prepared, repeats: u32) -> Result<f64, PlanError> {
    let start = Instant::now();
    plan.run_often(0, repeats)?;
    plan.wait()?;
    Ok(start.elapsed().as_secs_f64())
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2].max(1e-9)
}
