//! One call of a case as a plan of its own: what the agreement tests run and the benches time.

use std::collections::BTreeMap;

use super::{ListId, Plan, PlanBuilder, PlanError, TensorId};
use crate::backend::Backend;
use crate::ops::{Access, ArgSpec, Axis, Call, Case, DType};

/// What memory holds that no argument lies in, and working memory before a kernel runs: a NaN that none computes.
pub const GUARD: u32 = 0x7fc1_5a5a;

/// Words by name; each entry holds the whole fleet's words, or one copy if shared.
pub type Values = BTreeMap<String, Vec<u32>>;

/// The inputs of a case, filled as it says.
pub fn inputs(case: &Case) -> Values {
    let fleet = case.calls.first().map_or(1, |call| call.kernel.fleet());
    case.inputs().into_iter().map(|(name, arg)| (name.clone(), case.words(&name, &arg, fleet))).collect()
}

/// Whether training with f16 storage may hold the argument as f16: rows of a batch, and what kernels take so.
pub fn may_be_half(arg: &ArgSpec) -> bool {
    arg.dtype == DType::F32 && (arg.axis == Axis::Rows || arg.half)
}

/// A call on a device, its inputs uploaded.
#[derive(Debug)]
pub struct Prepared {
    plan: Plan,
    list: ListId,
    bound: Vec<(String, ArgSpec, TensorId)>,
}

impl Prepared {
    /// Lays `call` out on `backend` and uploads its inputs from `values`. Outputs start as NaN, so that a kernel which
    /// leaves a word unwritten is found out.
    ///
    /// # Errors
    /// If the plan cannot be built, an input is missing or of the wrong length, or the device fails.
    pub fn new(call: &Call, backend: &Backend, values: &Values) -> Result<Self, PlanError> {
        Self::build(call, backend, values, None, false)
    }

    /// The same with tiles of `tile_rows` rows, where the kernel can be cut and the device is a CPU.
    ///
    /// # Errors
    /// As [`Prepared::new`].
    pub fn in_tiles(call: &Call, backend: &Backend, values: &Values, tile_rows: usize) -> Result<Self, PlanError> {
        Self::build(call, backend, values, Some(tile_rows), false)
    }

    /// The same with all arguments held as f16 that may be ([`may_be_half`]).
    ///
    /// # Errors
    /// As [`Prepared::new`].
    pub fn in_halves(
        call: &Call,
        backend: &Backend,
        values: &Values,
        tile_rows: Option<usize>,
    ) -> Result<Self, PlanError> {
        Self::build(call, backend, values, tile_rows, true)
    }

    /// The same with all arguments held as f16 that are read alone, as a plan for training may hold them.
    ///
    /// # Errors
    /// As [`Prepared::new`].
    pub fn reading_halves(call: &Call, backend: &Backend, values: &Values) -> Result<Self, PlanError> {
        let half = |arg: &ArgSpec| arg.access == Access::Read && arg.dtype == DType::F32;
        Self::build_in(PlanBuilder::new(call.kernel.fleet()), call, backend, values, half)
    }

    /// The same on a GPU with bytes of the pattern [`GUARD`] before and behind every argument: see [`Prepared::guards`].
    ///
    /// # Errors
    /// As [`Prepared::new`].
    pub fn guarded(call: &Call, backend: &Backend, values: &Values) -> Result<Self, PlanError> {
        let mut builder = PlanBuilder::new(call.kernel.fleet());
        builder.guard(1024);
        Self::build_in(builder, call, backend, values, |_| false)
    }

    /// What stands around the arguments.
    ///
    /// # Errors
    /// If the device has failed.
    pub fn guards(&mut self) -> Result<Vec<u32>, PlanError> {
        self.plan.outside()
    }

    fn build(
        call: &Call,
        backend: &Backend,
        values: &Values,
        tile_rows: Option<usize>,
        halves: bool,
    ) -> Result<Self, PlanError> {
        let mut builder = PlanBuilder::new(call.kernel.fleet());
        if let Some(rows) = tile_rows {
            builder.tile_rows(rows);
        }
        Self::build_in(builder, call, backend, values, |arg| halves && may_be_half(arg))
    }

    fn build_in(
        mut builder: PlanBuilder,
        call: &Call,
        backend: &Backend,
        values: &Values,
        half: impl Fn(&ArgSpec) -> bool,
    ) -> Result<Self, PlanError> {
        let list = builder.list();
        let mut bound = vec![];
        for (name, arg) in call.args().into_iter().filter(|(_, arg)| arg.access != Access::Scratch) {
            let id = builder.for_arg(name.clone(), &arg);
            if half(&arg) {
                builder.hold_half(id);
            }
            bound.push((name, arg, id));
        }
        let ids: Vec<_> = bound.iter().map(|(_, _, id)| *id).collect();
        builder.push_boxed(list, call.kernel.boxed(), &ids)?;
        let mut plan = builder.build(backend)?;
        plan.fill(GUARD)?;
        for (name, arg, id) in &bound {
            if arg.is_input() {
                plan.upload(*id, values.get(name).map_or(&[][..], Vec::as_slice))?;
            } else {
                plan.upload(*id, &vec![f32::NAN.to_bits(); plan.words(*id)])?;
            }
        }
        Ok(Self { plan, list, bound })
    }

    /// Runs the call at `step`.
    ///
    /// # Errors
    /// If the device fails.
    pub fn run(&mut self, step: u32) -> Result<(), PlanError> {
        self.plan.replay(self.list, step..step + 1)
    }

    /// Runs the call at `step` so often.
    ///
    /// # Errors
    /// If the device fails.
    pub fn run_often(&mut self, step: u32, times: u32) -> Result<(), PlanError> {
        self.plan.replay_all(&vec![(self.list, step..step + 1); times as usize])
    }

    /// Waits until the device is done.
    ///
    /// # Errors
    /// If the device has failed.
    pub fn wait(&mut self) -> Result<(), PlanError> {
        self.plan.wait()
    }

    /// The outputs' words.
    ///
    /// # Errors
    /// If the device has failed.
    pub fn outputs(&mut self) -> Result<Values, PlanError> {
        let mut outputs = Values::new();
        for (name, _, id) in self.bound.iter().filter(|(_, arg, _)| arg.is_output()) {
            outputs.insert(name.clone(), self.plan.download(*id)?);
        }
        Ok(outputs)
    }
}
