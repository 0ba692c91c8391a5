//! Collecting and checking.

use super::{Plan, PlanError};
use crate::backend::Backend;
use crate::ops::{ARGS_MAX, Access, ArgSpec, DType, Kernel};

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
    /// [`ArgSpec::half`]). Whoever uploads or downloads it sees f32 words. The CPU only.
    pub half: bool,
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
}

/// What a builder has collected.
pub(super) struct Parts {
    pub fleet: usize,
    pub tensors: Vec<TensorInfo>,
    pub lists: Vec<List>,
    pub tile_rows: Option<usize>,
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
}

impl PlanBuilder {
    /// For `fleet` members.
    pub fn new(fleet: usize) -> Self {
        Self { fleet, tensors: vec![], lists: vec![], scratch: None, tile_rows: None, half_locals: false }
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
        self.tensors.push(TensorInfo { name: name.into(), len, dtype, shared, local: false, half: false });
        TensorId(self.tensors.len() - 1)
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
        Parts { fleet: self.fleet, tensors: self.tensors, lists: self.lists, tile_rows: self.tile_rows }
    }
}
