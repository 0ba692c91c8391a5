//! A copy that each member makes or leaves: `dst = flag != 0 ? src : dst`.
//!
//! For the best weights so far: the loop sets a member's flag when its validation loss has improved. Words are copied as
//! they are, NaN and subnormal numbers included.

mod cases;
mod cpu;
mod gpu;
mod reference;

use super::kernel::{ArgSpec, Args, DType, Dispatch, Kernel, Shader, Target, Work};
use super::{Case, Op, ShapeError, prelude};
use crate::backend::CpuContext;

const SHADER: Shader = Shader {
    name: "keep_best",
    preludes: &[prelude::GRID],
    source: include_str!("../../../shaders/ops/keep_best.wgsl"),
};

/// The registry's entry.
#[derive(Debug)]
pub struct KeepBestOp;

impl Op for KeepBestOp {
    fn name(&self) -> &'static str {
        "keep_best"
    }
    fn summary(&self) -> &'static str {
        "dst[f,i] = flag[f] != 0 ? src[f,i] : dst[f,i]"
    }
    fn shaders(&self) -> Vec<Shader> {
        vec![SHADER]
    }
    fn cases(&self) -> Vec<Case> {
        cases::cases()
    }
}

/// What is copied; [`KeepBest::new`] checks it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeepBestSpec {
    /// Members.
    pub fleet: usize,
    /// Words a member.
    pub len: usize,
    /// What the words are.
    pub dtype: DType,
}

/// The checked copy. Arguments: `src` `[len]`, `flag` `[1]` (f32), `dst` `[len]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeepBest {
    spec: KeepBestSpec,
}

impl KeepBest {
    /// Checks the shape.
    ///
    /// # Errors
    /// If a dimension is 0 or there are too many elements.
    pub fn new(spec: KeepBestSpec) -> Result<Self, ShapeError> {
        ShapeError::positive("keep_best", &[("fleet", spec.fleet), ("len", spec.len)])?;
        ShapeError::countable("keep_best", &[("src", &[spec.fleet, spec.len])])?;
        Ok(Self { spec })
    }
}

impl Kernel for KeepBest {
    fn name(&self) -> &'static str {
        "keep_best"
    }
    fn boxed(&self) -> Box<dyn Kernel> {
        Box::new(*self)
    }
    fn fleet(&self) -> usize {
        self.spec.fleet
    }
    fn args(&self) -> Vec<ArgSpec> {
        let KeepBestSpec { len, dtype, .. } = self.spec;
        vec![
            ArgSpec { dtype, ..ArgSpec::read("src", len) },
            ArgSpec::read("flag", 1),
            ArgSpec { dtype, ..ArgSpec::update("dst", len) },
        ]
    }
    fn work(&self) -> Work {
        Work { flops: 0.0, bytes: 8.0 * (self.spec.fleet * self.spec.len) as f64 }
    }
    fn reference(&self, args: &mut [Vec<f64>], _step: u32) {
        reference::keep_best(args);
    }
    fn cpu(&self, _ctx: &CpuContext, args: &mut Args<'_>, _step: u32) {
        cpu::keep_best(args);
    }
    fn gpu(&self, _on: &Target<'_>) -> Vec<Dispatch> {
        gpu::keep_best(&self.spec)
    }
}

#[cfg(test)]
mod tests {
    use super::{KeepBest, KeepBestSpec};
    use crate::ops::kernel::DType;
    use crate::ops::testing::{backends, bits, run};

    #[test]
    fn e13_the_best_weights_are_copied_bit_for_bit_and_only_where_flagged() {
        // Quiet and signalling NaN, subnormal numbers, minus zero, infinity.
        let odd = [0x7fc0_1234, 0x7f80_0001, 0x0000_0001, 0x807f_ffff, 0x8000_0000, 0xff80_0000];
        let before = vec![0x1234_5678; 18];
        let src: Vec<u32> = odd.repeat(3);
        let flags = bits(&[1.0, 0.0, 0.5]);
        for dtype in [DType::F32, DType::U32] {
            let kernel = KeepBest::new(KeepBestSpec { fleet: 3, len: 6, dtype }).expect("a right shape");
            for backend in backends() {
                let after = run(kernel, &backend, 0, &[src.clone(), flags.clone(), before.clone()]);
                let expected = [&src[..6], &before[6..12], &src[12..]].concat();
                assert_eq!(after[2], expected, "{dtype:?} on {}", backend.id());
            }
        }
    }
}
