//! A convolution's sizes.

use super::{gpu, transformed, weight};
use crate::ops::ShapeError;
use crate::ops::kernel::Work;

/// A convolution's sizes; [`ConvShape::new`] checks them. Pairs are [down, across]; a convolution over one dimension has
/// a height of 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConvSpec {
    /// Members.
    pub fleet: usize,
    /// Samples of a member.
    pub n: usize,
    /// Height and width of a sample.
    pub size: [usize; 2],
    /// Channels of x.
    pub c_in: usize,
    /// Channels of y.
    pub c_out: usize,
    /// Taps.
    pub kernel: [usize; 2],
    /// Positions of x from one window to the next.
    pub stride: [usize; 2],
    /// Zeros in front of x and behind it.
    pub padding: [usize; 2],
    /// Positions of x from one tap to the next.
    pub dilation: [usize; 2],
}

impl Default for ConvSpec {
    /// One tap over one position, no padding.
    fn default() -> Self {
        Self {
            fleet: 1,
            n: 1,
            size: [1; 2],
            c_in: 1,
            c_out: 1,
            kernel: [1; 2],
            stride: [1; 2],
            padding: [0; 2],
            dilation: [1; 2],
        }
    }
}

/// Checked sizes, shared by the three kernels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConvShape {
    pub(super) spec: ConvSpec,
    pub(super) out: [usize; 2],
}

/// Taps, paddings, strides and dilations up to this keep every position countable in 31 bits.
const STEP_MAX: usize = 1 << 14;

impl ConvShape {
    /// Checks that no dimension is 0, that at least one window fits, and that all can be counted in 32 bits.
    ///
    /// # Errors
    /// Names the dimension or the tensor.
    pub fn new(spec: ConvSpec) -> Result<Self, ShapeError> {
        let ConvSpec { fleet, n, size: [h, w], c_in, c_out, kernel: [kh, kw], padding, .. } = spec;
        ShapeError::positive("conv", &[("fleet", fleet), ("n", n), ("c_in", c_in), ("c_out", c_out)])?;
        let out = [along(&spec, 0)?, along(&spec, 1)?];
        let padded = [0, 1].map(|d| spec.size[d].saturating_add(2 * padding[d]));
        ShapeError::countable(
            "conv",
            &[
                ("x", &[fleet, n, h, w, c_in]),
                ("w", &[fleet, kh, kw, c_in, c_out]),
                ("y", &[fleet, n, out[0], out[1], c_out]),
                ("positions of x with padding", &[n, padded[0], padded[1], 2]),
            ],
        )?;
        let shape = Self { spec, out };
        ShapeError::countable("conv", &[("partial sums of dw", &[fleet, shape.weight_scratch_len()])])?;
        Ok(shape)
    }

    /// What was asked for.
    pub const fn spec(&self) -> &ConvSpec {
        &self.spec
    }

    /// Height and width of a sample of y.
    pub const fn out(&self) -> [usize; 2] {
        self.out
    }

    /// Words of a sample of x.
    pub(super) const fn x_sample(&self) -> usize {
        self.spec.size[0] * self.spec.size[1] * self.spec.c_in
    }

    /// Words of a sample of y.
    pub(super) const fn y_sample(&self) -> usize {
        self.out[0] * self.out[1] * self.spec.c_out
    }

    pub(super) const fn x_len(&self) -> usize {
        self.spec.n * self.x_sample()
    }

    pub(super) const fn y_len(&self) -> usize {
        self.spec.n * self.y_sample()
    }

    /// Taps in both directions.
    pub(super) const fn taps(&self) -> usize {
        self.spec.kernel[0] * self.spec.kernel[1]
    }

    pub(super) const fn w_len(&self) -> usize {
        self.taps() * self.spec.c_in * self.spec.c_out
    }

    /// Partial sums of dw and db: on the CPU of chunks of samples, on the GPU of chunks of positions; or on the CPU
    /// transformed samples and sums.
    pub(super) fn weight_scratch_len(&self) -> usize {
        let chunks = weight::chunks(self).0.max(gpu::weight_chunks(self).0);
        let direct = chunks.saturating_mul(self.w_len() + self.spec.c_out);
        direct.max(transformed::gradient_len(self, self.spec.n))
    }

    pub(super) fn work(&self) -> Work {
        let ConvSpec { fleet, c_in, .. } = self.spec;
        Work {
            flops: 2.0 * (fleet * self.y_len()) as f64 * (self.taps() * c_in) as f64,
            bytes: 4.0 * fleet as f64 * (self.x_len() + self.w_len() + self.y_len()) as f64,
        }
    }

    /// Operations of one member.
    pub(super) fn member_flops(&self) -> f64 {
        self.work().flops / self.spec.fleet as f64
    }
}

/// The positions of y in one direction.
fn along(spec: &ConvSpec, d: usize) -> Result<usize, ShapeError> {
    let [kernel, stride, padding, dilation] =
        [spec.kernel, spec.stride, spec.padding, spec.dilation].map(|pair| pair[d]);
    let size = (["h", "w"][d], spec.size[d]);
    ShapeError::positive("conv", &[size, ("kernel", kernel), ("stride", stride), ("dilation", dilation)])?;
    for (name, value) in [("kernel", kernel), ("stride", stride), ("padding", padding), ("dilation", dilation)] {
        if value > STEP_MAX {
            return Err(ShapeError::mismatch("conv", format!("{name} {value}, expected at most {STEP_MAX}")));
        }
    }
    let reach = dilation * (kernel - 1) + 1;
    let padded = size.1.saturating_add(2 * padding);
    if padded < reach {
        let reason = format!("a window reaches over {reach} positions, x has {padded} with its padding");
        return Err(ShapeError::mismatch("conv", reason));
    }
    Ok((padded - reach) / stride + 1)
}
