//! GPU: convolution with stride and dilation 1 by strips of x (or dy) in shared memory.
//!
//! The general kernel divides its way to every word that it loads. Here the place of a slot of a strip is found once for
//! all channels and taps, which read it from shared memory: a window of 5 taps over 16 channels costs a fifth of the loads
//! and a hundredth of the divisions. With 8 x 8 values an invocation, four channels of a tap cost 256 multiply-adds and 16
//! reads of 16 bytes, as much as in a product by tiles of 128 x 128.

use super::{ConvShape, GRADIENT, SWEEPS};
use crate::backend::gpu::GpuTraits;
use crate::ops::kernel::{Bind, Dispatch, writes};
use crate::ops::tuning::{Candidate, taken};

/// Shared memory that a strip may take: what every device has.
const SHARED_BYTES: usize = 16_384;

/// Invocations that every device has.
const INVOCATIONS_MAX: usize = 256;

/// How a workgroup makes its part of the result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Form {
    pub name: &'static str,
    entry: &'static str,
    /// Positions of a workgroup and of an invocation, and channels of an invocation.
    positions: usize,
    high: usize,
    wide: usize,
}

impl Form {
    const fn new(name: &'static str, entry: &'static str, [positions, high, wide]: [usize; 3]) -> Self {
        Self { name, entry, positions, high, wide }
    }

    const fn invocations(&self, columns: usize) -> usize {
        self.positions / self.high * columns / self.wide
    }
}

const F44: &str = "four_by_four";
const F84: &str = "eight_by_four";
const F88: &str = "eight_by_eight";

/// More than 16 channels.
const WIDE: [Form; 5] = [
    Form::new("128 8x8", F88, [128, 8, 8]),
    Form::new("256 8x8", F88, [256, 8, 8]),
    Form::new("128 8x4", F84, [128, 8, 4]),
    Form::new("64 8x4", F84, [64, 8, 4]),
    Form::new("64 4x4", F44, [64, 4, 4]),
];

/// At most 16 channels.
const NARROW: [Form; 4] = [
    Form::new("128 8x4", F84, [128, 8, 4]),
    Form::new("256 8x4", F84, [256, 8, 4]),
    Form::new("128 4x4", F44, [128, 4, 4]),
    Form::new("64 4x4", F44, [64, 4, 4]),
];

/// The groups of forms by their names.
pub(super) const GROUPS: [(&str, &[Form]); 2] = [("conv.wide", &WIDE), ("conv.narrow", &NARROW)];

/// The candidates of a group.
pub(super) fn candidates(forms: &[Form]) -> Vec<Candidate> {
    let one =
        |form: &Form| Candidate { name: form.name, invocations: form.invocations(32), workgroup_bytes: SHARED_BYTES };
    forms.iter().map(one).collect()
}

/// One sweep: what it reads and what it makes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sweep {
    /// Whether this is the gradient of x.
    turned: bool,
    fleet: usize,
    n: usize,
    /// Height and width of the source, and its channels.
    source: [usize; 2],
    channels: usize,
    kernel: [usize; 2],
    padding: [usize; 2],
    /// Height and width of the result, and its channels.
    result: [usize; 2],
    columns: usize,
}

impl Sweep {
    /// The sweep over x that makes y, if strips can do it.
    pub(super) fn forward(shape: &ConvShape) -> Option<Self> {
        let spec = shape.spec;
        (spec.stride == [1, 1] && spec.dilation == [1, 1]).then_some(Self {
            turned: false,
            fleet: spec.fleet,
            n: spec.n,
            source: spec.size,
            channels: spec.c_in,
            kernel: spec.kernel,
            padding: spec.padding,
            result: shape.out,
            columns: spec.c_out,
        })
    }

    /// The sweep over dy that makes dx: with the taps in reverse, and the padding that brings its result to the size of x.
    pub(super) fn data(shape: &ConvShape) -> Option<Self> {
        let forward = Self::forward(shape)?;
        let [high, wide] = [0, 1].map(|d| (forward.kernel[d] - 1).checked_sub(forward.padding[d]));
        Some(Self {
            turned: true,
            source: forward.result,
            channels: forward.columns,
            padding: [high?, wide?],
            result: forward.source,
            columns: forward.channels,
            ..forward
        })
    }

    fn positions(&self) -> usize {
        self.n * self.result[0] * self.result[1]
    }

    /// Slots that the windows of `positions` neighbouring positions cover, wherever the first one stands.
    fn slots(&self, positions: usize) -> usize {
        let (wide, halo) = (self.result[1], self.kernel[1] - 1);
        let lines = (positions + wide - 2) / wide;
        positions + (lines + 1) * halo
    }

    /// Channels of the result that a workgroup makes.
    fn columns_tile(&self) -> usize {
        self.columns.next_power_of_two().clamp(8, 32)
    }

    /// Channels in shared memory at a time: as many as fit, so that there are few barriers.
    fn depth(&self, form: &Form) -> Option<usize> {
        let slots = self.slots(form.positions);
        let bytes = |depth: usize| {
            let quads = slots * pitch(depth) + self.kernel[1] * depth * self.columns_tile() / 4;
            16 * quads + 4 * slots
        };
        let most = self.channels.next_multiple_of(4).next_power_of_two();
        [16, 8, 4].into_iter().find(|&depth| depth <= most && bytes(depth) <= SHARED_BYTES)
    }

    /// The dispatch, if a form fits: a question of the shape alone. `extra` is the bias or what the mask is taken from, if
    /// there is one, `activation` the activation's or the mask's code.
    pub(super) fn dispatch(
        &self,
        device: &GpuTraits,
        binds: Vec<Bind>,
        extra: bool,
        activation: u32,
    ) -> Option<Dispatch> {
        let (name, forms) = GROUPS[usize::from(self.columns <= 16)];
        let wanted = &forms[taken(name, &candidates(forms), device)];
        let form = std::iter::once(wanted).chain(forms).find(|form| self.depth(form).is_some())?;
        let depth = self.depth(form)?;
        let (columns, slots) = (self.columns_tile(), self.slots(form.positions));
        let (tiles_positions, tiles_columns) =
            (self.positions().div_ceil(form.positions), self.columns.div_ceil(columns));
        let values = [
            ("POSITIONS", form.positions),
            ("COLUMNS", columns),
            ("DEPTH", depth),
            ("INVOCATIONS", form.invocations(columns)),
            ("TAPS", self.kernel[1]),
            ("SLOTS", slots),
            ("PITCH", pitch(depth)),
            ("TURNED", usize::from(self.turned)),
            ("EXTRA", usize::from(extra)),
            ("ACTIVATION", activation as usize),
            ("STRIP_QUADS", slots * pitch(depth)),
            ("WEIGHT_QUADS", self.kernel[1] * depth * columns / 4),
        ];
        Some(Dispatch {
            shader: SWEEPS[texts(self.channels, self.columns)],
            entry: form.entry,
            constants: values.map(|(name, value)| (name, value as f64)).to_vec(),
            binds,
            params: self.params([tiles_positions, tiles_columns, 1, 1, 0, 0]),
            groups: self.fleet * tiles_positions * tiles_columns,
        })
    }

    fn params(&self, own: [usize; 6]) -> Vec<u32> {
        let source = [self.n, self.source[0], self.source[1], self.channels, self.kernel[0]];
        let result = [self.padding[0], self.padding[1], self.result[0], self.result[1], self.columns];
        source.iter().chain(&result).chain(&own).map(|&word| word as u32).collect()
    }
}

/// Quads from one slot to the next: odd, so that neighbouring slots lie in different banks.
const fn pitch(depth: usize) -> usize {
    (depth / 4) | 1
}

/// Which of the four texts: by words or quads on either side.
const fn texts(channels: usize, columns: usize) -> usize {
    channels.is_multiple_of(4) as usize + 2 * columns.is_multiple_of(4) as usize
}

/// How workgroups share the gradient of w: all a rule of the shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Gradient {
    positions: usize,
    columns: usize,
    depth: usize,
    teams: usize,
    pairs: usize,
    memory_quads: usize,
}

impl Gradient {
    /// The way of a shape, if strips can do it.
    pub(super) fn of(shape: &ConvShape) -> Option<Self> {
        let sweep = Sweep::forward(shape)?;
        [64, 32, 16].into_iter().find_map(|positions| Self::with(&sweep, positions))
    }

    fn with(sweep: &Sweep, positions: usize) -> Option<Self> {
        let (columns, taps) = (sweep.columns_tile(), sweep.kernel[1]);
        let depth = sweep.channels.next_multiple_of(4).next_power_of_two().min(16);
        let pairs = (taps * depth / 4).div_ceil(2);
        let team = pairs * columns / 8;
        // An even number of teams makes the invocations a multiple of the quads of columns.
        let teams = (INVOCATIONS_MAX / team) & !1;
        let slots = sweep.slots(positions);
        let strip = slots * depth / 4 + 1 + positions * columns / 4;
        let memory_quads = strip.max(team * 16).max(teams * team);
        let bytes = 16 * memory_quads + 4 * (slots + positions);
        (teams >= 2 && bytes <= SHARED_BYTES).then_some(Self { positions, columns, depth, teams, pairs, memory_quads })
    }

    /// Workgroups for one chunk of a member's positions.
    pub(super) fn workgroups(&self, shape: &ConvShape) -> usize {
        let spec = shape.spec;
        spec.kernel[0] * spec.c_in.div_ceil(self.depth) * spec.c_out.div_ceil(self.columns)
    }

    /// The dispatch that writes sums of chunks to `target`, `member_len` words from one member to the next.
    pub(super) fn dispatch(
        &self,
        shape: &ConvShape,
        (chunks, chunk_len): (usize, usize),
        (target, member_len): (usize, usize),
        bias: bool,
    ) -> Option<Dispatch> {
        let sweep = Sweep::forward(shape)?;
        let (tiles_channels, tiles_columns) =
            (sweep.channels.div_ceil(self.depth), sweep.columns.div_ceil(self.columns));
        let values = [
            ("POSITIONS", self.positions),
            ("COLUMNS", self.columns),
            ("DEPTH", self.depth),
            ("INVOCATIONS", self.teams * self.pairs * self.columns / 8),
            ("TAPS", sweep.kernel[1]),
            ("SLOTS", sweep.slots(self.positions)),
            ("PITCH", self.depth / 4),
            ("TEAMS", self.teams),
            ("PAIRS", self.pairs),
            ("BIAS", usize::from(bias)),
            ("MEMORY_QUADS", self.memory_quads),
        ];
        Some(Dispatch {
            shader: GRADIENT[texts(sweep.channels, sweep.columns)],
            entry: "gradient",
            constants: values.map(|(name, value)| (name, value as f64)).to_vec(),
            binds: vec![crate::ops::reads(0), crate::ops::reads(1), writes(target)],
            params: sweep.params([1, tiles_columns, tiles_channels, chunks, chunk_len, member_len]),
            groups: sweep.fleet * chunks * self.workgroups(shape),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::conv::ConvSpec;

    fn shape(size: [usize; 2], [c_in, c_out]: [usize; 2], kernel: [usize; 2]) -> ConvShape {
        let padding = kernel.map(|taps| taps / 2);
        ConvShape::new(ConvSpec { n: 7, size, c_in, c_out, kernel, padding, ..ConvSpec::default() }).expect("a shape")
    }

    #[test]
    fn e7_slots_hold_every_window_wherever_a_tile_begins() {
        for (wide, taps, positions) in [(28, 5, 128), (1, 3, 16), (5, 9, 64), (90, 5, 256), (7, 1, 32)] {
            let sweep = Sweep::forward(&shape([1, wide], [4, 8], [1, taps])).expect("a sweep");
            let slot =
                |first: usize, at: usize| (at / wide - first / wide) * (wide + taps - 1) + at % wide - first % wide;
            let reach = (0..wide).map(|first| slot(first, first + positions - 1) + taps).max();
            assert_eq!(reach, Some(sweep.slots(positions)), "{wide} {taps} {positions}");
        }
    }

    #[test]
    fn e4_training_shapes_go_by_strips_within_what_every_device_has() {
        let least = GpuTraits::least();
        for shape in [
            shape([1, 28], [1, 16], [1, 5]),
            shape([1, 90], [16, 32], [1, 5]),
            shape([28, 28], [1, 16], [3, 3]),
            shape([14, 14], [64, 64], [3, 3]),
        ] {
            for sweep in [Sweep::forward(&shape), Sweep::data(&shape)] {
                let dispatch = sweep.expect("stride 1").dispatch(&least, vec![], false, 0).expect("a form fits");
                let value = |name: &str| dispatch.constants.iter().find(|c| c.0 == name).map_or(0.0, |c| c.1);
                assert!(value("INVOCATIONS") <= 256.0 && value("INVOCATIONS") >= 16.0);
                assert!(16.0 * (value("STRIP_QUADS") + value("WEIGHT_QUADS")) + 4.0 * value("SLOTS") <= 16_384.0);
            }
            let gradient = Gradient::of(&shape).expect("fits");
            let team = gradient.pairs * gradient.columns / 8;
            assert!((gradient.teams * team).is_multiple_of(gradient.columns / 4) && gradient.teams * team <= 256);
        }
        // Paddings beyond the kernel's reach turn into none for the gradient of x.
        let spec = ConvSpec { size: [1, 9], kernel: [1, 3], padding: [0, 5], ..ConvSpec::default() };
        assert!(Sweep::data(&ConvShape::new(spec).expect("a shape")).is_none());
    }
}
