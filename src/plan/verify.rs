//! Holding kernels against the reference: the same harness for every op and device.

use std::collections::BTreeMap;
use std::ops::Range;

use super::PlanError;
use super::prepared::{Prepared, Values, inputs};
use crate::backend::Backend;
use crate::ops::{Access, ArgSpec, Call, Case, DType};

/// How well one output of one kernel agrees with the reference.
#[derive(Debug, Clone)]
pub struct Agreement {
    /// The kernel.
    pub kernel: &'static str,
    /// Its output.
    pub output: String,
    /// Mean squared difference over mean square of the reference; NaN and infinity count as infinite.
    pub nmse: f64,
}

/// How well one gradient agrees with central differences.
#[derive(Debug, Clone)]
pub struct GradientAgreement {
    /// The gradient, for instance `dx`.
    pub name: String,
    /// The largest relative difference.
    pub worst: f64,
    /// Elements that were compared.
    pub compared: usize,
}

/// Runs a case's calls on `backend` and compares every output with the f64 reference. Each call gets the reference's
/// results of the calls before it, so that errors do not add up.
///
/// # Errors
/// If a plan cannot be built or the device fails.
pub fn agreement(case: &Case, backend: &Backend) -> Result<Vec<Agreement>, PlanError> {
    let mut values = inputs(case);
    let mut found = vec![];
    for call in &case.calls {
        let ours = run(call, backend, &values, case.step)?;
        let truth = reference(call, &as_f64(call, &values), case.step, 0..call.kernel.fleet());
        for (name, arg) in call.args().into_iter().filter(|(_, arg)| arg.is_output()) {
            let nmse = nmse(arg.dtype, &ours[&name], &truth[&name]);
            found.push(Agreement { kernel: call.kernel.name(), output: name.clone(), nmse });
            let rounded = truth[&name].iter().map(|&v| to_word(arg.dtype, v)).collect();
            values.insert(name, rounded);
        }
    }
    Ok(found)
}

/// Compares the gradients that a case's calls write with central differences of its first call's reference. With a
/// backend, the gradients are that device's; without, the reference's.
///
/// # Errors
/// If a plan cannot be built or the device fails.
pub fn gradients(case: &Case, backend: Option<&Backend>) -> Result<Vec<GradientAgreement>, PlanError> {
    let Some(forward) = case.calls.first() else {
        return Ok(vec![]);
    };
    let (computed, values) = computed_gradients(case, backend)?;
    let base = as_f64(forward, &values);
    let mut found = vec![];
    for (name, arg) in forward.args() {
        let Some(gradient) = computed.get(&format!("d{name}")) else {
            continue;
        };
        if !arg.is_input() || arg.dtype != DType::F32 {
            continue;
        }
        found.push(against_differences(case, forward, &name, &base, gradient, &values));
    }
    Ok(found)
}

fn computed_gradients(
    case: &Case,
    backend: Option<&Backend>,
) -> Result<(BTreeMap<String, Vec<f64>>, Values), PlanError> {
    let mut values = inputs(case);
    let mut computed = BTreeMap::new();
    for call in &case.calls {
        let truth = reference(call, &as_f64(call, &values), case.step, 0..call.kernel.fleet());
        let ours = match backend {
            Some(backend) => Some(run(call, backend, &values, case.step)?),
            None => None,
        };
        for (name, arg) in call.args().into_iter().filter(|(_, arg)| arg.is_output()) {
            let value = match &ours {
                Some(ours) => ours[&name].iter().map(|&w| from_word(arg.dtype, w)).collect(),
                None => truth[&name].clone(),
            };
            computed.insert(name.clone(), value);
            // What is updated in place keeps its old value: the differences start from there.
            if arg.access == Access::Write {
                values.insert(name.clone(), truth[&name].iter().map(|&v| to_word(arg.dtype, v)).collect());
            }
        }
    }
    Ok((computed, values))
}

/// The most elements of one gradient that are compared: the differences cost two forward passes each.
const COMPARED_MAX: usize = 24;

fn against_differences(
    case: &Case,
    forward: &Call,
    name: &str,
    base: &BTreeMap<String, Vec<f64>>,
    gradient: &[f64],
    values: &Values,
) -> GradientAgreement {
    let args = forward.args();
    let varied = args.iter().find(|(known, _)| known == name).map(|(_, arg)| arg);
    let objective = |at: &BTreeMap<String, Vec<f64>>, members: Range<usize>| -> f64 {
        let outputs = reference(forward, at, case.step, members.clone());
        let mut sum = 0.0;
        for (output, arg) in args.iter().filter(|(_, arg)| arg.is_output()) {
            // An output that is itself a gradient, or that no upstream gradient belongs to, is not part of the objective
            // unless it is the only kind there is (a loss).
            match values.get(&format!("d{output}")) {
                Some(upstream) => {
                    let pairs = outputs[output].iter().zip(&upstream[members.start * arg.len..]);
                    sum += pairs.map(|(y, dy)| y * from_word(arg.dtype, *dy)).sum::<f64>();
                }
                None if output == "loss" => sum += outputs[output].iter().sum::<f64>(),
                None => {}
            }
        }
        sum
    };
    let rms = (gradient.iter().map(|g| g * g).sum::<f64>() / gradient.len() as f64).sqrt();
    let stride = gradient.len().div_ceil(COMPARED_MAX).max(1);
    let mut worst = 0.0_f64;
    let mut compared = 0;
    let mut at = base.clone();
    // An odd stride visits all members and all places within them.
    for i in (0..gradient.len()).step_by(stride | 1) {
        let step = 1e-5 * base[name][i].abs().max(1.0);
        // A member's own value changes that member's outputs alone.
        let members = match varied {
            Some(arg) if !arg.shared => i / arg.len..i / arg.len + 1,
            _ => 0..forward.kernel.fleet(),
        };
        let moved = |at: &mut BTreeMap<String, Vec<f64>>, by: f64| {
            if let Some(cell) = at.get_mut(name).and_then(|v| v.get_mut(i)) {
                *cell = base[name][i] + by;
            }
        };
        moved(&mut at, step);
        let above = objective(&at, members.clone());
        moved(&mut at, -step);
        let below = objective(&at, members);
        moved(&mut at, 0.0);
        let expected = (above - below) / (2.0 * step);
        // Values far below the typical one are held to the typical one: their own size is rounding noise.
        let scale = expected.abs().max(gradient[i].abs()).max(0.01 * rms).max(1e-9);
        let relative = (expected - gradient[i]).abs() / scale;
        worst = if relative.is_finite() { worst.max(relative) } else { f64::INFINITY };
        compared += 1;
    }
    GradientAgreement { name: format!("d{name}"), worst, compared }
}

fn to_word(dtype: DType, value: f64) -> u32 {
    match dtype {
        DType::F32 => (value as f32).to_bits(),
        DType::U32 => value as u32,
    }
}

fn from_word(dtype: DType, word: u32) -> f64 {
    match dtype {
        DType::F32 => f64::from(f32::from_bits(word)),
        DType::U32 => f64::from(word),
    }
}

fn as_f64(call: &Call, values: &Values) -> BTreeMap<String, Vec<f64>> {
    let named = call.args().into_iter().filter(|(_, arg)| arg.is_input());
    named
        .map(|(name, arg)| {
            let words = values.get(&name).map_or(&[][..], Vec::as_slice);
            (name, words.iter().map(|&w| from_word(arg.dtype, w)).collect())
        })
        .collect()
}

/// The reference, member by member; returns the outputs of these members.
fn reference(
    call: &Call,
    values: &BTreeMap<String, Vec<f64>>,
    step: u32,
    members: Range<usize>,
) -> BTreeMap<String, Vec<f64>> {
    let args = call.args();
    let mut outputs: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for member in members {
        let mut own: Vec<Vec<f64>> = args.iter().map(|(name, arg)| member_values(name, arg, values, member)).collect();
        call.kernel.reference(&mut own, step);
        for ((name, arg), value) in args.iter().zip(own) {
            if arg.is_output() {
                outputs.entry(name.clone()).or_default().extend(value);
            }
        }
    }
    outputs
}

fn member_values(name: &str, arg: &ArgSpec, values: &BTreeMap<String, Vec<f64>>, member: usize) -> Vec<f64> {
    match (arg.is_input(), arg.shared) {
        (false, _) => vec![f64::NAN; arg.len],
        (true, true) => values[name].clone(),
        (true, false) => values[name][member * arg.len..][..arg.len].to_vec(),
    }
}

/// One call on a device; returns the outputs' words.
fn run(call: &Call, backend: &Backend, values: &Values, step: u32) -> Result<Values, PlanError> {
    let mut prepared = Prepared::new(call, backend, values)?;
    prepared.run(step)?;
    prepared.outputs()
}

fn nmse(dtype: DType, ours: &[u32], truth: &[f64]) -> f64 {
    if ours.len() != truth.len() {
        return f64::INFINITY;
    }
    let (mut difference, mut scale) = (0.0, 0.0);
    for (&word, &expected) in ours.iter().zip(truth) {
        let value = from_word(dtype, word);
        if !value.is_finite() || !expected.is_finite() {
            return f64::INFINITY;
        }
        difference += (value - expected) * (value - expected);
        scale += expected * expected;
    }
    if difference == 0.0 { 0.0 } else { difference / scale.max(1e-30) }
}
