//! What a kernel is: an operation with a checked shape, its arguments, and its three forms (reference, CPU, GPU).
//!
//! The **fleet** axis leads every argument: an argument of per-member length `len` holds `fleet * len` words, member
//! after member, unless it is `shared` (then all members read the same `len` words). The CPU form is written for *one*
//! member and is called once a member; the GPU form serves the whole fleet in one dispatch. A member's result therefore
//! never depends on how many others train beside it.

use std::fmt::Debug;

use crate::backend::CpuContext;
use crate::backend::gpu::GpuTraits;
use crate::backend::half::f16;

/// The most arguments that a kernel may have.
pub const ARGS_MAX: usize = 12;

/// How a kernel touches an argument.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Only read.
    Read,
    /// Written whole, whatever it held before.
    Write,
    /// Read and written in place.
    ReadWrite,
    /// Working memory: holds nothing before and nothing of use after.
    Scratch,
}

/// What an argument's 32-bit words are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DType {
    /// IEEE 754 single precision.
    F32,
    /// Unsigned integers: row numbers, labels, seeds.
    U32,
}

/// How an argument follows the batch when the CPU cuts a batch into tiles of rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Axis {
    /// The same for every tile.
    Whole,
    /// Its first axis is the batch's rows: a tile gets its own rows only.
    Rows,
    /// A sum over the batch's rows: a tile starts it or adds to it ([`Tile::adds`]).
    Sum,
}

/// Some of a batch's rows, which a CPU kernel works on by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tile {
    /// The number of the first row within the batch.
    pub first: usize,
    /// How many there are; at least one.
    pub rows: usize,
    /// Whether arguments of [`Axis::Sum`] hold the sums of earlier rows, to be added to; else they are started anew.
    pub adds: bool,
}

impl Tile {
    /// All `rows` of a batch.
    pub const fn whole(rows: usize) -> Self {
        Self { first: 0, rows, adds: false }
    }
}

/// One argument of a kernel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArgSpec {
    /// Its name in the kernel's equation; a gradient of `x` is called `dx`.
    pub name: &'static str,
    /// Words for one member (for all, if `shared`).
    pub len: usize,
    /// How it is touched.
    pub access: Access,
    /// What its words are.
    pub dtype: DType,
    /// One copy for the whole fleet; only for arguments that are read.
    pub shared: bool,
    /// How it follows the batch.
    pub axis: Axis,
    /// Whether the CPU kernel takes its values as f16 as well ([`Args::floats`]), where a plan holds them so. Of an
    /// argument without this, and of rows of a tile, a plan gives f32 in any case.
    pub half: bool,
}

impl ArgSpec {
    /// An f32 argument that is read.
    pub const fn read(name: &'static str, len: usize) -> Self {
        Self { name, len, access: Access::Read, dtype: DType::F32, shared: false, axis: Axis::Whole, half: false }
    }
    /// An f32 argument that is written whole.
    pub const fn write(name: &'static str, len: usize) -> Self {
        Self { name, len, access: Access::Write, dtype: DType::F32, shared: false, axis: Axis::Whole, half: false }
    }
    /// An f32 argument that is updated in place.
    pub const fn update(name: &'static str, len: usize) -> Self {
        Self { name, len, access: Access::ReadWrite, dtype: DType::F32, shared: false, axis: Axis::Whole, half: false }
    }
    /// Working memory.
    pub const fn scratch(name: &'static str, len: usize) -> Self {
        Self { name, len, access: Access::Scratch, dtype: DType::F32, shared: false, axis: Axis::Whole, half: false }
    }
    /// The same argument with words of type u32.
    #[must_use]
    pub const fn u32(mut self) -> Self {
        self.dtype = DType::U32;
        self
    }
    /// The same argument, one copy for the whole fleet.
    #[must_use]
    pub const fn shared(mut self) -> Self {
        self.shared = true;
        self
    }
    /// The same argument, its first axis being the batch's rows.
    #[must_use]
    pub const fn rows(mut self) -> Self {
        self.axis = Axis::Rows;
        self
    }
    /// The same argument, a sum over the batch's rows.
    #[must_use]
    pub const fn sum(mut self) -> Self {
        self.axis = Axis::Sum;
        self
    }
    /// The same argument, which the CPU kernel takes as f16 as well.
    #[must_use]
    pub const fn or_half(mut self) -> Self {
        self.half = true;
        self
    }
    /// Whether the kernel's caller may read the argument afterwards.
    pub const fn is_output(&self) -> bool {
        matches!(self.access, Access::Write | Access::ReadWrite)
    }
    /// Whether the argument's content matters before the call.
    pub const fn is_input(&self) -> bool {
        matches!(self.access, Access::Read | Access::ReadWrite)
    }
}

/// Floating-point operations and bytes that one call moves at the least, for the whole fleet.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Work {
    /// Additions and multiplications, each counted as one.
    pub flops: f64,
    /// Bytes read once and written once.
    pub bytes: f64,
}

impl std::iter::Sum for Work {
    fn sum<I: Iterator<Item = Self>>(works: I) -> Self {
        works.fold(Self::default(), |all, one| Self { flops: all.flops + one.flops, bytes: all.bytes + one.bytes })
    }
}

/// An operation with a checked shape: what a plan records and replays.
///
/// `step` is the step's number within the epoch: kernels that read per-step tables (learning rate, row numbers) index
/// them with it; the others ignore it.
pub trait Kernel: Debug + Send + Sync {
    /// The operation and the direction, for instance `conv.backward_weight`.
    fn name(&self) -> &'static str;
    /// A copy of its own.
    fn boxed(&self) -> Box<dyn Kernel>;
    /// How many members one dispatch serves.
    fn fleet(&self) -> usize;
    /// The arguments in their order; at most [`ARGS_MAX`].
    fn args(&self) -> Vec<ArgSpec>;
    /// What a call costs at the least.
    fn work(&self) -> Work;
    /// The oracle, in f64 and as plain as the equation, for **one** member. `args[i]` holds argument i's words as f64.
    fn reference(&self, args: &mut [Vec<f64>], step: u32);
    /// The CPU kernel for **one** member. Neither allocates nor depends on the number of threads.
    fn cpu(&self, ctx: &CpuContext, args: &mut Args<'_>, step: u32);
    /// The GPU kernel for the whole fleet: its dispatches in order.
    fn gpu(&self, on: &Target<'_>) -> Vec<Dispatch>;
    /// The rows of the batch, if the CPU may cut it into tiles and call [`Kernel::cpu_tile`] for each: whatever a row's
    /// results are, other rows do not enter them except through arguments of [`Axis::Sum`].
    fn rows(&self) -> Option<usize> {
        None
    }
    /// The CPU kernel for one member and the rows of `tile` alone: arguments of [`Axis::Rows`] hold those rows only,
    /// scratch holds [`Kernel::tile_scratch`] words. `ctx.parallel` is false.
    fn cpu_tile(&self, ctx: &CpuContext, args: &mut Args<'_>, step: u32, tile: Tile) {
        let _ = tile;
        self.cpu(ctx, args, step);
    }
    /// Words that [`Kernel::cpu_prepare`] fills.
    fn prepared_len(&self) -> usize {
        0
    }
    /// Fills memory that all tiles of a batch read ([`Args::prepared`]), for instance with weights in another order. Only
    /// arguments of [`Axis::Whole`] may be read.
    fn cpu_prepare(&self, ctx: &CpuContext, args: &Args<'_>, prepared: &mut [f32]) {
        let _ = (ctx, args, prepared);
    }
    /// Rows below which a tile wastes time: the kernel reads much for each tile, however few its rows.
    fn tile_rows_least(&self) -> usize {
        1
    }
    /// Words of working memory that a tile of `rows` rows needs.
    fn tile_scratch(&self, rows: usize) -> usize {
        let _ = rows;
        self.args().iter().filter(|arg| arg.access == Access::Scratch).map(|arg| arg.len).sum()
    }
}

/// One argument's words, as a CPU kernel sees them.
#[derive(Debug)]
pub enum Arg<'a> {
    /// Taken already, or beyond the last argument.
    Taken,
    /// Read only.
    Read(&'a [u32]),
    /// Read and write.
    Write(&'a mut [u32]),
    /// Read only, values held as f16.
    Half(&'a [f16]),
    /// Read and write, values held as f16.
    HalfMut(&'a mut [f16]),
}

/// Values that are read, as they lie in memory.
#[derive(Debug, Clone, Copy)]
pub enum Floats<'a> {
    /// As f32.
    Full(&'a [f32]),
    /// As f16.
    Half(&'a [f16]),
}

/// Values that are written, as they lie in memory.
#[derive(Debug)]
pub enum FloatsMut<'a> {
    /// As f32.
    Full(&'a mut [f32]),
    /// As f16.
    Half(&'a mut [f16]),
}

/// A CPU kernel's arguments for one member.
///
/// The accessors panic when an index or an access does not fit the kernel's own [`Kernel::args`]: that is a mistake in
/// the kernel, never in a user's data, and the agreement tests call every kernel.
#[derive(Debug)]
pub struct Args<'a> {
    slots: [Arg<'a>; ARGS_MAX],
    prepared: &'a [f32],
}

impl<'a> Args<'a> {
    /// Arguments from at most [`ARGS_MAX`] slots.
    pub fn new(slots: [Arg<'a>; ARGS_MAX]) -> Self {
        Self { slots, prepared: &[] }
    }

    /// The same with what [`Kernel::cpu_prepare`] has left.
    #[must_use]
    pub fn with_prepared(self, prepared: &'a [f32]) -> Self {
        Self { prepared, ..self }
    }

    /// What [`Kernel::cpu_prepare`] has left for the tiles of a batch; empty for a whole batch.
    pub fn prepared(&self) -> &'a [f32] {
        self.prepared
    }

    /// Argument `i`, read only.
    pub fn f32(&self, i: usize) -> &'a [f32] {
        bytemuck::cast_slice(self.u32(i))
    }

    /// Argument `i` as u32, read only.
    pub fn u32(&self, i: usize) -> &'a [u32] {
        match &self.slots[i] {
            Arg::Read(words) => words,
            other => unreachable!("argument {i} is not read-only: {other:?}"),
        }
    }

    /// Argument `i` for writing; each can be taken once a call.
    pub fn f32_mut(&mut self, i: usize) -> &'a mut [f32] {
        bytemuck::cast_slice_mut(self.u32_mut(i))
    }

    /// Argument `i`, read only, of those that may be f16 ([`ArgSpec::or_half`]).
    pub fn floats(&self, i: usize) -> Floats<'a> {
        match &self.slots[i] {
            Arg::Half(values) => Floats::Half(values),
            _ => Floats::Full(self.f32(i)),
        }
    }

    /// Argument `i` for writing, of those that may be f16; each can be taken once a call.
    pub fn floats_mut(&mut self, i: usize) -> FloatsMut<'a> {
        match std::mem::replace(&mut self.slots[i], Arg::Taken) {
            Arg::HalfMut(values) => FloatsMut::Half(values),
            other => {
                self.slots[i] = other;
                FloatsMut::Full(self.f32_mut(i))
            }
        }
    }

    /// Argument `i` as u32 for writing; each can be taken once a call.
    pub fn u32_mut(&mut self, i: usize) -> &'a mut [u32] {
        match std::mem::replace(&mut self.slots[i], Arg::Taken) {
            Arg::Write(words) => words,
            other => unreachable!("argument {i} cannot be written: {other:?}"),
        }
    }
}

/// Where a GPU kernel will run, and how its arguments are held there.
#[derive(Debug, Clone, Copy)]
pub struct Target<'a> {
    /// The device.
    pub device: &'a GpuTraits,
    /// Whether argument `i` is held as f16: bit `i`. Shaders are written for f32 throughout; the plan makes those that
    /// read or write f16 from them.
    pub halves: u32,
}

impl<'a> Target<'a> {
    /// All arguments held as f32.
    pub const fn full(device: &'a GpuTraits) -> Self {
        Self { device, halves: 0 }
    }

    /// Whether argument `i` is held as f16.
    pub const fn is_half(&self, i: usize) -> bool {
        self.halves >> i & 1 == 1
    }
}

/// A WGSL source: preludes from `shaders/common`, then the operation's own file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Shader {
    /// The file's name without its ending.
    pub name: &'static str,
    /// Texts put in front, in order.
    pub preludes: &'static [&'static str],
    /// The operation's own text.
    pub source: &'static str,
}

impl Shader {
    /// The whole text that is compiled.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for part in self.preludes.iter().chain(std::iter::once(&self.source)) {
            text.push_str(part);
            text.push('\n');
        }
        text
    }
}

/// Preludes that shaders share (`shaders/common`).
pub mod prelude {
    /// Folding of workgroup numbers over two grid dimensions.
    pub const GRID: &str = include_str!("../../shaders/common/grid.wgsl");
    /// Activations and their derivatives, with clamped `exp` and `tanh`.
    pub const ACTIVATION: &str = include_str!("../../shaders/common/activation.wgsl");
    /// The counter-based generator, the same bits as `ops::rng`.
    pub const RNG: &str = include_str!("../../shaders/common/rng.wgsl");
    /// Places in a schedule row.
    pub const SCHEDULE: &str = include_str!("../../shaders/common/schedule.wgsl");
    /// Losses of single values.
    pub const LOSS: &str = include_str!("../../shaders/common/loss.wgsl");
    /// Reductions over a workgroup of 256 in a fixed order.
    pub const REDUCE: &str = include_str!("../../shaders/common/reduce.wgsl");
}

/// One binding of a dispatch: bindings are numbered 0, 1, 2... in group 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bind {
    /// Which of the kernel's arguments.
    pub arg: usize,
    /// `read_write` in the shader, else `read`.
    pub write: bool,
    /// The shader takes 32-bit words as they are, whatever they mean: a plan must not hold them as f16.
    pub bare: bool,
}

impl Bind {
    /// The same for a shader that takes the words as they are.
    #[must_use]
    pub const fn bare(mut self) -> Self {
        self.bare = true;
        self
    }
}

/// Argument `arg`, declared `var<storage, read>`.
pub const fn reads(arg: usize) -> Bind {
    Bind { arg, write: false, bare: false }
}

/// Argument `arg`, declared `var<storage, read_write>`.
pub const fn writes(arg: usize) -> Bind {
    Bind { arg, write: true, bare: false }
}

/// The most words of a kernel's own in the immediates: 128 bytes less the two that every shader begins with.
pub const PARAMS_MAX: usize = 30;

/// One dispatch of a GPU kernel.
///
/// The immediates of every shader begin with `step: u32` and `groups: u32` (the number of workgroups that have work;
/// the grid may hold more, see [`prelude::GRID`]); the kernel's own `params` follow.
#[derive(Debug, Clone)]
pub struct Dispatch {
    /// The WGSL text.
    pub shader: Shader,
    /// The entry point in it.
    pub entry: &'static str,
    /// Values of `override` constants.
    pub constants: Vec<(&'static str, f64)>,
    /// Bindings in order.
    pub binds: Vec<Bind>,
    /// The kernel's own words in the immediates (f32 by `to_bits`).
    pub params: Vec<u32>,
    /// How many workgroups have work.
    pub groups: usize,
}
