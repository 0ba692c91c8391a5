//! Cases: the table that drives agreement tests, gradient tests and benches.

use std::collections::BTreeMap;

use super::kernel::{Access, ArgSpec, DType, Kernel};
use super::rng::counter_bits;

/// How an input is filled.
#[derive(Debug, Clone, PartialEq)]
pub enum Fill {
    /// Standard normal values.
    Normal,
    /// Uniform in [low, high).
    Uniform(f32, f32),
    /// Values at least 0.1 away from 0, where a kink would spoil central differences.
    AwayFromZero,
    /// Values that differ from each other by at least 0.01 within each stretch of 1000: no ties for a maximum.
    Distinct,
    /// Whole numbers below the bound, as u32 if the argument is, else as f32.
    Below(u32),
    /// Any 32 bits (u32 only).
    Bits,
    /// These values, repeated as often as needed.
    Values(Vec<f32>),
}

/// A kernel whose arguments have names in the case's namespace.
#[derive(Debug)]
pub struct Call {
    /// The kernel.
    pub kernel: Box<dyn Kernel>,
    /// A name for each argument.
    pub names: Vec<String>,
}

impl Call {
    /// A kernel under its arguments' own names.
    pub fn new(kernel: impl Kernel + 'static) -> Self {
        let names = kernel.args().iter().map(|arg| arg.name.to_owned()).collect();
        Self { kernel: Box::new(kernel), names }
    }

    /// Other names, by position; missing ones stay as they are, surplus ones are ignored.
    #[must_use]
    pub fn names(mut self, names: &[&str]) -> Self {
        for (own, new) in self.names.iter_mut().zip(names) {
            (*new).clone_into(own);
        }
        self
    }

    /// Arguments with their names.
    pub fn args(&self) -> Vec<(String, ArgSpec)> {
        self.names.iter().cloned().zip(self.kernel.args()).collect()
    }
}

/// A shape to test and time: a forward kernel, then its backward kernels.
///
/// Names wire the calls: what an earlier call wrote, a later one reads. The gradient of `x` is called `dx`: if a later
/// call writes `dx` and the first call reads `x`, `dx` is held against central differences of
/// `sum over outputs y of dy * y` (with dy = 1 where no call reads a `dy`).
#[derive(Debug)]
pub struct Case {
    /// Names the shape.
    pub id: &'static str,
    /// The kernels in order.
    pub calls: Vec<Call>,
    /// How inputs are filled; `Fill::Normal` unless said here.
    pub fills: BTreeMap<&'static str, Fill>,
    /// The step given to the kernels.
    pub step: u32,
    /// The largest normalised mean squared error against the reference.
    pub nmse_max: f64,
    /// Why `nmse_max` is larger than 1e-10, if it is.
    pub slack: Option<&'static str>,
    /// Whether the benches time it.
    pub timed: bool,
    /// Whether the tests run it (large shapes are for benches alone).
    pub tested: bool,
}

impl Case {
    /// A tested case without calls.
    pub fn new(id: &'static str) -> Self {
        Self {
            id,
            calls: vec![],
            fills: BTreeMap::new(),
            step: 0,
            nmse_max: 1e-10,
            slack: None,
            timed: false,
            tested: true,
        }
    }

    /// Adds a call.
    #[must_use]
    pub fn call(mut self, call: Call) -> Self {
        self.calls.push(call);
        self
    }

    /// Says how an input is filled.
    #[must_use]
    pub fn fill(mut self, name: &'static str, fill: Fill) -> Self {
        self.fills.insert(name, fill);
        self
    }

    /// The step given to the kernels.
    #[must_use]
    pub fn at_step(mut self, step: u32) -> Self {
        self.step = step;
        self
    }

    /// Allows a larger error, with the reason.
    #[must_use]
    pub fn slack(mut self, nmse_max: f64, reason: &'static str) -> Self {
        self.nmse_max = nmse_max;
        self.slack = Some(reason);
        self
    }

    /// Also timed.
    #[must_use]
    pub fn bench(mut self) -> Self {
        self.timed = true;
        self
    }

    /// Timed and not tested.
    #[must_use]
    pub fn bench_only(mut self) -> Self {
        self.timed = true;
        self.tested = false;
        self
    }

    /// Words for input `name`: the whole fleet's, or one copy if it is shared. The same words every time.
    pub fn words(&self, name: &str, arg: &ArgSpec, fleet: usize) -> Vec<u32> {
        let count = if arg.shared { arg.len } else { arg.len * fleet };
        let fill = self.fills.get(name).cloned().unwrap_or(Fill::Normal);
        let seed = name.bytes().fold(17_u32, |h, b| counter_bits(h, u32::from(b), 0, 0));
        (0..count).map(|i| word(&fill, arg.dtype, seed, i)).collect()
    }

    /// Every argument that the calls read and none before wrote.
    pub fn inputs(&self) -> Vec<(String, ArgSpec)> {
        let mut written = Vec::new();
        let mut inputs: Vec<(String, ArgSpec)> = Vec::new();
        for call in &self.calls {
            for (name, arg) in call.args() {
                if arg.is_input() && !written.contains(&name) && !inputs.iter().any(|(known, _)| *known == name) {
                    inputs.push((name, arg));
                }
            }
            let outputs = call.args().into_iter().filter(|(_, arg)| arg.access != Access::Read);
            written.extend(outputs.map(|(name, _)| name));
        }
        inputs
    }
}

fn uniform(seed: u32, index: usize, stream: u32) -> f32 {
    (counter_bits(seed, stream, (index >> 32) as u32, index as u32) >> 8) as f32 / 16_777_216.0
}

fn word(fill: &Fill, dtype: DType, seed: u32, i: usize) -> u32 {
    let value = match fill {
        Fill::Bits => return counter_bits(seed, 3, 0, i as u32),
        Fill::Below(bound) => {
            let whole = counter_bits(seed, 4, 0, i as u32) % bound;
            return if dtype == DType::U32 { whole } else { (whole as f32).to_bits() };
        }
        Fill::Values(values) => values[i % values.len()],
        Fill::Uniform(low, high) => low + (high - low) * uniform(seed, i, 0),
        Fill::Distinct => ((i * 617 + seed as usize % 1000) % 1000) as f32 * 0.01 - 5.0,
        Fill::Normal | Fill::AwayFromZero => {
            // Box and Muller's transform.
            let radius = (-2.0 * (1.0 - uniform(seed, i, 1)).ln()).sqrt();
            let normal = radius * (std::f32::consts::TAU * uniform(seed, i, 2)).cos();
            if *fill == Fill::AwayFromZero { normal + 0.1_f32.copysign(normal) } else { normal }
        }
    };
    if dtype == DType::U32 { value as u32 } else { value.to_bits() }
}
