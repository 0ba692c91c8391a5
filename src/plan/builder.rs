//! Collecting and checking.

use std::ops::Range;
use std::sync::Arc;

use super::fused::Fused;
use super::{Plan, PlanError};
use crate::backend::Backend;
use crate::ops::{ARGS_MAX, Access, ArgSpec, Axis, DType, Kernel, Program};

/// A tensor of a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TensorId(pub(super) usize);

/// A list of kernels of a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ListId(pub(super) usize);

/// What is known of a tensor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TensorInfo {
    /// Its name, for errors and checkpoints.
    pub name: String,
    /// Words a member, or in all if shared.
    pub len: usize,
    /// What the words are.
    pub dtype: DType,
    /// One copy for all members.
    pub shared: bool,
    /// Only the kernels of a list hand it to each other: nothing is uploaded to it or downloaded from it, and nothing of
    /// it outlives the list. The CPU then need not hold all rows of the batch at once.
    pub local: bool,
    /// Held as f16 wherever it lies in memory for longer than a kernel works on it; kernels get f32 (or take f16, see
    /// [`ArgSpec::half`]). Whoever uploads or downloads it sees f32 words.
    pub half: bool,
    /// Tensors of one group lie in one buffer of a GPU.
    pub group: Option<usize>,
}

/// The name of the working memory that all kernels share.
pub(super) const SCRATCH: &str = "scratch";

impl TensorInfo {
    /// Words for the whole fleet.
    pub const fn words(&self, fleet: usize) -> usize {
        if self.shared { self.len } else { self.len * fleet }
    }
}

/// A kernel with its tensors.
#[derive(Debug)]
pub(super) struct Recorded {
    pub kernel: Box<dyn Kernel>,
    pub args: Vec<ArgSpec>,
    pub tensors: Vec<TensorId>,
}

/// Kernels in order, and the schedule that says which steps a member takes.
#[derive(Debug, Default)]
pub(super) struct List {
    pub kernels: Vec<Recorded>,
    pub gate: Option<TensorId>,
    /// Programs in place of some of the kernels; those of all kernels first.
    pub fused: Vec<Fused>,
}

/// Which tensors are held as f16: those that are to be, except sums over rows, to which chunks add in f32, and
/// schedules, which are read between kernels.
pub(super) fn held(lists: &[List], tensors: &[TensorInfo]) -> Vec<bool> {
    let mut held: Vec<bool> = tensors.iter().map(|info| info.half).collect();
    for list in lists {
        for recorded in &list.kernels {
            let args = recorded.args.iter().zip(&recorded.tensors);
            args.filter(|(arg, _)| arg.axis == Axis::Sum).for_each(|(_, id)| held[id.0] = false);
        }
        if let Some(gate) = list.gate {
            held[gate.0] = false;
        }
    }
    held
}

/// What a builder has collected.
pub(super) struct Parts {
    pub fleet: usize,
    pub tensors: Vec<TensorInfo>,
    pub lists: Vec<List>,
    pub tile_rows: Option<usize>,
    pub guard: u64,
}

/// Collects tensors and lists of kernels.
#[derive(Debug)]
pub struct PlanBuilder {
    fleet: usize,
    tensors: Vec<TensorInfo>,
    lists: Vec<List>,
    scratch: Option<TensorId>,
    tile_rows: Option<usize>,
    half_locals: bool,
    groups: usize,
    guard: u64,
}

impl PlanBuilder {
    /// For `fleet` members.
    pub fn new(fleet: usize) -> Self {
        Self {
            fleet,
            tensors: vec![],
            lists: vec![],
            scratch: None,
            tile_rows: None,
            half_locals: false,
            groups: 0,
            guard: 0,
        }
    }

    /// Members of the fleet.
    pub fn fleet(&self) -> usize {
        self.fleet
    }

    /// A zeroed f32 tensor of `len` values a member.
    pub fn tensor(&mut self, name: impl Into<String>, len: usize) -> TensorId {
        self.add(name, len, DType::F32, false)
    }

    /// A tensor that only the kernels of a list hand to each other ([`TensorInfo::local`]).
    pub fn local(&mut self, name: impl Into<String>, len: usize, dtype: DType) -> TensorId {
        let id = self.add(name, len, dtype, false);
        self.tensors[id.0].local = true;
        if self.half_locals {
            self.hold_half(id);
        }
        id
    }

    /// A [`PlanBuilder::local`] tensor that is never held as f16: targets, and statistics whose rounding would reach many
    /// values.
    pub fn local_exact(&mut self, name: impl Into<String>, len: usize, dtype: DType) -> TensorId {
        let id = self.local(name, len, dtype);
        self.tensors[id.0].half = false;
        id
    }

    /// Holds an f32 tensor as f16 ([`TensorInfo::half`]).
    pub fn hold_half(&mut self, id: TensorId) {
        let info = &mut self.tensors[id.0];
        info.half = info.dtype == DType::F32;
    }

    /// Holds all f32 tensors as f16 that [`PlanBuilder::local`] makes from now on.
    pub fn half_locals(&mut self) {
        self.half_locals = true;
    }

    /// A zeroed u32 tensor of `len` values a member.
    pub fn tensor_u32(&mut self, name: impl Into<String>, len: usize) -> TensorId {
        self.add(name, len, DType::U32, false)
    }

    /// A zeroed tensor of which there is one copy for all members.
    pub fn shared(&mut self, name: impl Into<String>, len: usize, dtype: DType) -> TensorId {
        self.add(name, len, dtype, true)
    }

    /// A tensor that fits an argument.
    pub fn for_arg(&mut self, name: impl Into<String>, arg: &ArgSpec) -> TensorId {
        self.add(name, arg.len, arg.dtype, arg.shared)
    }

    fn add(&mut self, name: impl Into<String>, len: usize, dtype: DType, shared: bool) -> TensorId {
        let info = TensorInfo { name: name.into(), len, dtype, shared, local: false, half: false, group: None };
        self.tensors.push(info);
        TensorId(self.tensors.len() - 1)
    }

    /// Has these tensors, none of which is local, lie in one buffer on a GPU, so that a program can bind them together. No
    /// kernel may then write one of them and read another.
    pub fn group(&mut self, ids: &[TensorId]) {
        for id in ids {
            self.tensors[id.0].group = Some(self.groups);
        }
        self.groups += 1;
    }

    /// A new, empty list.
    pub fn list(&mut self) -> ListId {
        self.lists.push(List::default());
        ListId(self.lists.len() - 1)
    }

    /// Records `kernel` at the end of `list`. `bound` holds a tensor for each argument except scratch, in order: working
    /// memory is the plan's own and shared by all its kernels, which run one after the other.
    ///
    /// # Errors
    /// If number, lengths, types or accesses do not fit, or a tensor that is written is bound twice.
    pub fn push(&mut self, list: ListId, kernel: impl Kernel + 'static, bound: &[TensorId]) -> Result<(), PlanError> {
        self.push_boxed(list, Box::new(kernel), bound)
    }

    /// [`PlanBuilder::push`] of a boxed kernel.
    ///
    /// # Errors
    /// As there.
    pub fn push_boxed(&mut self, list: ListId, kernel: Box<dyn Kernel>, bound: &[TensorId]) -> Result<(), PlanError> {
        let args = kernel.args();
        let wanted = args.iter().filter(|arg| arg.access != Access::Scratch).count();
        if bound.len() != wanted || args.len() > ARGS_MAX || kernel.fleet() != self.fleet {
            return Err(PlanError::Binding {
                kernel: kernel.name(),
                argument: "(all)".to_owned(),
                expected: format!("{wanted} tensors (at most {ARGS_MAX}) for a fleet of {}", kernel.fleet()),
                found: format!("{} tensors for a fleet of {}", bound.len(), self.fleet),
            });
        }
        let mut rest = bound.iter();
        let mut tensors = Vec::with_capacity(args.len());
        for arg in &args {
            if arg.access == Access::Scratch {
                tensors.push(self.scratch_of(arg.len));
            } else if let Some(id) = rest.next() {
                tensors.push(*id);
            }
        }
        self.check(kernel.name(), &args, &tensors)?;
        self.lists[list.0].kernels.push(Recorded { kernel, args, tensors });
        Ok(())
    }

    /// The one scratch tensor, grown to `len` words a member.
    fn scratch_of(&mut self, len: usize) -> TensorId {
        let id = match self.scratch {
            Some(id) => id,
            None => self.tensor(SCRATCH, 0),
        };
        self.scratch = Some(id);
        let info = &mut self.tensors[id.0];
        info.len = info.len.max(len);
        id
    }

    fn check(&self, kernel: &'static str, args: &[ArgSpec], tensors: &[TensorId]) -> Result<(), PlanError> {
        for (i, (arg, id)) in args.iter().zip(tensors).enumerate() {
            let info = &self.tensors[id.0];
            let bad = |expected: String, found: String| PlanError::Binding {
                kernel,
                argument: arg.name.to_owned(),
                expected,
                found: format!("{found} (tensor `{}`)", info.name),
            };
            if arg.access == Access::Scratch {
                continue;
            }
            if info.len != arg.len || info.dtype != arg.dtype || info.shared != arg.shared {
                return Err(bad(
                    format!("{} words of {:?}, shared: {}", arg.len, arg.dtype, arg.shared),
                    format!("{} words of {:?}, shared: {}", info.len, info.dtype, info.shared),
                ));
            }
            if arg.shared && arg.access != Access::Read {
                return Err(bad("a tensor of each member's own".to_owned(), "a shared one, to be written".to_owned()));
            }
            let again = tensors.iter().enumerate().any(|(j, other)| j != i && other == id);
            if again && arg.access != Access::Read {
                return Err(bad("a tensor of its own".to_owned(), "one that is bound twice".to_owned()));
            }
        }
        Ok(())
    }

    /// Names the schedule ([`crate::ops::schedule`]) of `list`: where it says that a member does not take a step, the
    /// kernels need not run for that member. They must change nothing that outlives the step in any case, since a GPU
    /// runs them for all members.
    pub fn gate(&mut self, list: ListId, schedule: TensorId) {
        self.lists[list.0].gate = Some(schedule);
    }

    /// How many kernels `list` has so far.
    pub fn kernels(&self, list: ListId) -> usize {
        self.lists[list.0].kernels.len()
    }

    /// Has a GPU that has room for it run `program` in place of these kernels of `list`; of programs for the same kernels
    /// the first that fits. `binds` names the tensors of each binding, of one group if there are several, and whether they
    /// are written.
    pub fn fuse(
        &mut self,
        list: ListId,
        kernels: Range<usize>,
        program: Arc<dyn Program>,
        binds: Vec<(Vec<TensorId>, bool)>,
    ) {
        self.lists[list.0].fused.push(Fused { kernels, program, binds });
    }

    /// Leaves so many bytes free before and behind every tensor on a GPU: for tests that look whether kernels leave them
    /// alone.
    pub fn guard(&mut self, bytes: u64) {
        self.guard = bytes;
    }

    /// Makes the CPU cut batches into tiles of so many rows, whatever it would choose itself: for tests of that.
    pub fn tile_rows(&mut self, rows: usize) {
        self.tile_rows = Some(rows.max(1));
    }

    /// Lays everything out on a device.
    ///
    /// # Errors
    /// If a tensor is too large for the device, or the device fails.
    pub fn build(self, backend: &Backend) -> Result<Plan, PlanError> {
        Plan::new(self, backend)
    }

    pub(super) fn into_parts(self) -> Parts {
        let Self { fleet, tensors, lists, tile_rows, guard, .. } = self;
        Parts { fleet, tensors, lists, tile_rows, guard }
    }
}
