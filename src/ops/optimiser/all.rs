//! The optimiser's step of all parameters in one dispatch, for GPUs: for small models a dispatch costs more than its work.

use std::fmt::Write;

use crate::backend::gpu::GpuTraits;
use crate::ops::prelude;
use crate::ops::program::{Constants, Program};

const FRAME: &str = include_str!("../../../shaders/programs/optimiser_all.wgsl");
const ADAM: &str = include_str!("../../../shaders/programs/adam.wgsl");
const SGD: &str = include_str!("../../../shaders/programs/sgd.wgsl");

/// What moves a value; the decay is each parameter's own.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Rule {
    /// Adam.
    Adam {
        /// Memory of the mean.
        beta1: f64,
        /// Memory of the square.
        beta2: f64,
        /// Added to the root.
        epsilon: f64,
    },
    /// Gradient descent with momentum.
    Sgd {
        /// Memory of the direction.
        momentum: f64,
        /// Nesterov's look ahead.
        nesterov: bool,
    },
}

impl Rule {
    /// The WGSL function `moved`, its constants, and its memories' bindings from `first` on.
    pub(crate) fn text(&self, first: usize) -> String {
        let numbered = |text: &str| {
            text.replace("@binding(FIRST)", &format!("@binding({first})"))
                .replace("@binding(SECOND)", &format!("@binding({})", first + 1))
        };
        let mut c = Constants::default();
        match *self {
            Self::Adam { beta1, beta2, epsilon } => {
                // As the kernel of one parameter has them: 1 - beta is taken before rounding.
                let values = [beta1, 1.0 - beta1, beta2, 1.0 - beta2, epsilon];
                ["KEEP_1", "TAKE_1", "KEEP_2", "TAKE_2", "EPSILON"]
                    .into_iter()
                    .zip(values)
                    .for_each(|(name, value)| c.real(name, value));
                c.text() + &numbered(ADAM)
            }
            Self::Sgd { momentum, nesterov } => {
                c.real("KEEP_1", momentum);
                c.yes_or_no("NESTEROV", nesterov);
                c.text() + &numbered(SGD)
            }
        }
    }
}

/// All parameters of a model.
///
/// Bindings: weights, gradients, the schedule, what gradients are measured by (their squares' sum with a clip, a factor if
/// they are scaled, else anything), and the memories; each in the order of the parameters.
#[derive(Debug, Clone)]
pub struct MoveAll {
    /// Members.
    pub fleet: usize,
    /// Steps that the schedule is for.
    pub steps: usize,
    /// What moves them.
    pub rule: Rule,
    /// For each parameter, values a member and decay.
    pub params: Vec<(usize, f64)>,
    /// The largest norm of a gradient.
    pub clip: Option<f64>,
    /// Whether gradients come with a factor.
    pub scaled: bool,
}

impl MoveAll {
    fn values(&self) -> usize {
        self.fleet * self.params.iter().map(|(len, _)| len).sum::<usize>()
    }
}

impl Program for MoveAll {
    fn name(&self) -> &'static str {
        "optimiser.all"
    }

    fn fits(&self, _device: &GpuTraits) -> bool {
        u32::try_from(self.values()).is_ok()
    }

    fn text(&self, _device: &GpuTraits, offsets: &[Vec<usize>]) -> String {
        let mut c = Constants::default();
        c.whole("VALUES", self.values());
        c.whole("STEPS", self.steps);
        c.yes_or_no("SCALED", self.scaled);
        c.yes_or_no("CLIPPED", self.clip.is_some());
        c.real("CLIP", self.clip.unwrap_or(0.0));
        let mut found = String::from("fn found(e: u32) -> Found {\n");
        let mut begin = 0;
        let second = offsets.get(5).unwrap_or(&offsets[4]);
        for (i, (len, decay)) in self.params.iter().enumerate() {
            let end = begin + self.fleet * len;
            let places = [&offsets[0], &offsets[1], &offsets[4], second].map(|of| format!("{}u + e - {begin}u", of[i]));
            // Writing to a String cannot fail.
            let _ = writeln!(
                found,
                "    if e < {end}u {{ return Found((e - {begin}u) / {len}u, {}, {:?}f); }}",
                places.join(", "),
                *decay as f32
            );
            begin = end;
        }
        found.push_str("    return Found(0u, 0u, 0u, 0u, 0u, 0.0);\n}\n");
        [prelude::GRID, prelude::SCHEDULE, &c.text(), FRAME, &self.rule.text(4), &found].join("\n")
    }

    fn groups(&self) -> usize {
        self.values().div_ceil(256)
    }

    fn steps_most(&self) -> u32 {
        1
    }
}

#[cfg(test)]
mod tests {
    use super::{MoveAll, Rule};
    use crate::backend::gpu::GpuTraits;
    use crate::ops::Program;

    #[test]
    fn e6_the_shader_is_valid_wgsl() {
        let rules =
            [Rule::Adam { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 }, Rule::Sgd { momentum: 0.9, nesterov: true }];
        for rule in rules {
            let params = vec![(7, 0.01), (3, 0.0), (65, 0.01)];
            let all = MoveAll { fleet: 5, steps: 3, rule, params, clip: Some(0.5), scaled: false };
            let own = vec![0, 64, 128];
            let offsets = [own.clone(), own.clone(), vec![0], vec![0], own.clone(), own];
            let text = all.text(&GpuTraits::least(), &offsets);
            let module = naga::front::wgsl::parse_str(&text).map_err(|e| e.emit_to_string(&text));
            let module = module.unwrap_or_else(|error| panic!("{rule:?}: {error}"));
            let (flags, able) = (naga::valid::ValidationFlags::all(), naga::valid::Capabilities::all());
            let valid = naga::valid::Validator::new(flags, able).validate(&module);
            valid.unwrap_or_else(|error| panic!("{rule:?}: {}", error.emit_to_string(&text)));
            assert_eq!(all.groups(), (5_usize * 75).div_ceil(256));
        }
    }
}
