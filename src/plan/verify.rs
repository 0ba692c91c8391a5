//! Holding kernels against the reference: the same harness for every op and device.

use std::collections::BTreeMap;
use std::ops::Range;

use super::PlanError;
use super::prepared::{Prepared, Values, inputs, may_be_half};
use crate::backend::Backend;
use crate::backend::half::{HALF_MAX, f16};
use crate::ops::{Access, ArgSpec, Call, Case, DType};

/// Values by name, as [`Values`] in f64.
type Numbers = BTreeMap<String, Vec<f64>>;

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
        let truth = reference(call, &as_f64(call, &values), case.step, 0..call.kernel.fleet());
        let mut runs = vec![run(call, backend, &values, case.step)?];
        if let (Some(rows), Backend::Cpu(_)) = (call.kernel.rows(), backend) {
            // Tiles that do not divide the batch, in several chunks.
            runs.push(run_in_tiles(call, backend, &values, case.step, rows.div_ceil(3))?);
            runs.push(run_in_tiles(call, backend, &values, case.step, rows.div_ceil(71))?);
        }
        for (name, arg) in call.args().into_iter().filter(|(_, arg)| arg.is_output()) {
            for ours in &runs {
                let nmse = nmse(arg.dtype, &ours[&name], &truth[&name]);
                found.push(Agreement { kernel: call.kernel.name(), output: name.clone(), nmse });
            }
            let rounded = truth[&name].iter().map(|&v| to_word(arg.dtype, v)).collect();
            values.insert(name, rounded);
        }
    }
    Ok(found)
}

/// [`agreement`] where all arguments are held as f16 that may be: inputs are rounded to f16 first, so that what is measured
/// is the kernel and the rounding of its outputs. Left out are outputs that f16 cannot hold.
///
/// # Errors
/// As there.
pub fn agreement_in_halves(case: &Case, backend: &Backend) -> Result<Vec<Agreement>, PlanError> {
    let mut values = inputs(case);
    let mut found = vec![];
    for call in &case.calls {
        for (name, _) in call.args().iter().filter(|(_, arg)| may_be_half(arg) && arg.is_input()) {
            values.entry(name.clone()).and_modify(|words| words.iter_mut().for_each(|word| *word = rounded(*word)));
        }
        let truth = reference(call, &as_f64(call, &values), case.step, 0..call.kernel.fleet());
        let rows = call.kernel.rows().unwrap_or(1);
        let tiles = [None, Some(rows.div_ceil(3)), Some(rows.div_ceil(71))];
        let kinds = if matches!(backend, Backend::Cpu(_)) { &tiles[..] } else { &tiles[..1] };
        for tile in kinds {
            let mut prepared = Prepared::in_halves(call, backend, &values, *tile)?;
            prepared.run(case.step)?;
            let ours = prepared.outputs()?;
            for (name, arg) in call.args().into_iter().filter(|(_, arg)| arg.is_output()) {
                let truth = &truth[&name];
                if may_be_half(&arg) && !truth.iter().all(|v| v.abs() <= f64::from(HALF_MAX)) {
                    continue;
                }
                let nmse = nmse(arg.dtype, &ours[&name], truth);
                found.push(Agreement { kernel: call.kernel.name(), output: name, nmse });
            }
        }
        for (name, arg) in call.args().into_iter().filter(|(_, arg)| arg.is_output()) {
            let words = truth[&name].iter().map(|&v| to_word(arg.dtype, v)).collect();
            values.insert(name, words);
        }
    }
    Ok(found)
}

/// The nearest f16's word; what is too large becomes the largest.
fn rounded(word: u32) -> u32 {
    f16::from_f32(f32::from_bits(word).clamp(-HALF_MAX, HALF_MAX)).to_f32().to_bits()
}

/// Compares the gradients that a case's calls write with central differences of its first call's reference: on each of
/// `devices`, in their order, where `None` stands for the reference itself. The differences are taken once.
///
/// # Errors
/// If a plan cannot be built or a device fails.
pub fn gradients(case: &Case, devices: &[Option<&Backend>]) -> Result<Vec<Vec<GradientAgreement>>, PlanError> {
    let mut found: Vec<Vec<GradientAgreement>> = devices.iter().map(|_| vec![]).collect();
    let Some(forward) = case.calls.first() else {
        return Ok(found);
    };
    let named: Vec<(String, ArgSpec)> =
        forward.args().into_iter().filter(|(name, arg)| has_gradient(case, name, arg)).collect();
    if named.is_empty() {
        return Ok(found);
    }
    let (computed, values) = computed_gradients(case, devices)?;
    let base = as_f64(forward, &values);
    for (name, arg) in named {
        let gradient = format!("d{name}");
        let len = computed.first().map_or(0, |outputs| outputs[&gradient].len());
        let expected = differences(case, forward, (&name, &arg), &base, &values, len);
        for (agreements, outputs) in found.iter_mut().zip(&computed) {
            agreements.push(compare(&gradient, &outputs[&gradient], &expected));
        }
    }
    Ok(found)
}

/// Whether a call of the case writes the gradient of the first call's argument.
fn has_gradient(case: &Case, name: &str, arg: &ArgSpec) -> bool {
    let gradient = format!("d{name}");
    let writes = |call: &Call| call.args().iter().any(|(other, arg)| *other == gradient && arg.is_output());
    arg.is_input() && arg.dtype == DType::F32 && case.calls.iter().any(writes)
}

/// Every output on every device, and the values that the calls leave behind.
fn computed_gradients(case: &Case, devices: &[Option<&Backend>]) -> Result<(Vec<Numbers>, Values), PlanError> {
    let mut values = inputs(case);
    let mut computed: Vec<Numbers> = devices.iter().map(|_| BTreeMap::new()).collect();
    for call in &case.calls {
        let truth = reference(call, &as_f64(call, &values), case.step, 0..call.kernel.fleet());
        let outputs = || call.args().into_iter().filter(|(_, arg)| arg.is_output());
        for (computed, device) in computed.iter_mut().zip(devices) {
            let Some(backend) = device else {
                computed.extend(truth.clone());
                continue;
            };
            let ours = run(call, backend, &values, case.step)?;
            for (name, arg) in outputs() {
                let own = ours[&name].iter().map(|&w| from_word(arg.dtype, w)).collect();
                computed.insert(name, own);
            }
        }
        // What is updated in place keeps its old value: the differences start from there.
        for (name, arg) in outputs().filter(|(_, arg)| arg.access == Access::Write) {
            let rounded = truth[&name].iter().map(|&v| to_word(arg.dtype, v)).collect();
            values.insert(name, rounded);
        }
    }
    Ok((computed, values))
}

/// The most elements of one gradient that are compared: the differences cost two forward passes each.
const COMPARED_MAX: usize = 24;

/// Central differences by some of an argument's elements: their places and the slopes there.
fn differences(
    case: &Case,
    forward: &Call,
    (name, varied): (&str, &ArgSpec),
    base: &Numbers,
    values: &Values,
    len: usize,
) -> Vec<(usize, f64)> {
    let mut at = base.clone();
    // An odd stride visits all members and all places within them.
    let stride = len.div_ceil(COMPARED_MAX).max(1) | 1;
    let mut found = vec![];
    for i in (0..len).step_by(stride) {
        let middle = base[name][i];
        let step = 1e-5 * middle.abs().max(1.0);
        // A member's own value changes that member's outputs alone.
        let members = if varied.shared { 0..forward.kernel.fleet() } else { i / varied.len..i / varied.len + 1 };
        let mut objective_at = |value: f64| {
            if let Some(cell) = at.get_mut(name).and_then(|v| v.get_mut(i)) {
                *cell = value;
            }
            objective(case, forward, &at, values, members.clone())
        };
        let (above, below) = (objective_at(middle + step), objective_at(middle - step));
        if let Some(cell) = at.get_mut(name).and_then(|v| v.get_mut(i)) {
            *cell = middle;
        }
        found.push((i, (above - below) / (2.0 * step)));
    }
    found
}

/// The sum over these members' outputs y of dy * y. An output that is itself a gradient, or that no upstream gradient
/// belongs to, is not part of it unless it is the only kind there is (a loss).
fn objective(case: &Case, forward: &Call, at: &Numbers, values: &Values, members: Range<usize>) -> f64 {
    let outputs = reference(forward, at, case.step, members.clone());
    let mut sum = 0.0;
    for (output, arg) in forward.args().into_iter().filter(|(_, arg)| arg.is_output()) {
        match values.get(&format!("d{output}")) {
            Some(upstream) => {
                let pairs = outputs[&output].iter().zip(&upstream[members.start * arg.len..]);
                sum += pairs.map(|(y, dy)| y * from_word(arg.dtype, *dy)).sum::<f64>();
            }
            None if output == "loss" => sum += outputs[&output].iter().sum::<f64>(),
            None => {}
        }
    }
    sum
}

fn compare(name: &str, gradient: &[f64], expected: &[(usize, f64)]) -> GradientAgreement {
    let rms = (gradient.iter().map(|g| g * g).sum::<f64>() / gradient.len() as f64).sqrt();
    let mut worst = 0.0_f64;
    for &(i, expected) in expected {
        // Values far below the typical one are held to the typical one: their own size is rounding noise.
        let scale = expected.abs().max(gradient[i].abs()).max(0.01 * rms).max(1e-9);
        let relative = (expected - gradient[i]).abs() / scale;
        worst = if relative.is_finite() { worst.max(relative) } else { f64::INFINITY };
    }
    GradientAgreement { name: name.to_owned(), worst, compared: expected.len() }
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

fn as_f64(call: &Call, values: &Values) -> Numbers {
    let named = call.args().into_iter().filter(|(_, arg)| arg.is_input());
    named
        .map(|(name, arg)| {
            let words = values.get(&name).map_or(&[][..], Vec::as_slice);
            (name, words.iter().map(|&w| from_word(arg.dtype, w)).collect())
        })
        .collect()
}

/// The reference, member by member; returns the outputs of these members.
fn reference(call: &Call, values: &Numbers, step: u32, members: Range<usize>) -> Numbers {
    let args = call.args();
    let mut outputs: Numbers = BTreeMap::new();
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

fn member_values(name: &str, arg: &ArgSpec, values: &Numbers, member: usize) -> Vec<f64> {
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

/// The same with the batch cut into tiles.
fn run_in_tiles(call: &Call, backend: &Backend, values: &Values, step: u32, rows: usize) -> Result<Values, PlanError> {
    let mut prepared = Prepared::in_tiles(call, backend, values, rows)?;
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
