//! Data that are larger than a device takes at once: the rows of some steps at a time.
//!
//! The host gathers the rows of the next steps, in the members' own order, into the tensors that otherwise hold all data. The
//! steps run on the same values in the same order as with all data on the device, so the results are the same bits.

use super::error::TrainError;
use super::fleet::{Data, Targets};
use super::tables::TableShape;
use crate::backend::Backend;
use crate::model::compile::{TrainPlan, TrainShape};
use crate::model::{InputForm, Model};

/// The most bytes that are on their way to the device at a time.
const UPLOAD_BYTES: usize = 256 << 20;

/// How many steps' rows are on the device at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Window {
    steps: usize,
    fleet: usize,
    batch: usize,
}

impl Window {
    /// `None` if the device takes all data at once.
    pub(super) fn new(model: &Model, shape: &TrainShape, backend: &Backend) -> Option<Self> {
        let Backend::Gpu(gpu) = backend else { return None };
        let width = model.input().len().max(model.output().len());
        let binding = gpu.binding_bytes_max() as usize;
        let limit = gpu.memory_bytes().map_or(binding, |bytes| binding.min(bytes as usize / 4));
        if 4 * shape.rows * width <= limit {
            return None;
        }
        let step = 4 * shape.fleet * shape.batch * width;
        let most = shape.steps.max(shape.validation_steps).max(1);
        let steps = (limit.min(UPLOAD_BYTES) / step).clamp(1, most);
        Some(Self { steps, fleet: shape.fleet, batch: shape.batch })
    }

    /// Rows on the device.
    pub(super) fn rows(self) -> usize {
        self.fleet * self.steps * self.batch
    }

    /// Where on the device the rows of a table of `shape` stand.
    pub(super) fn places(self, shape: TableShape) -> Vec<u32> {
        let steps = (0..self.fleet).flat_map(|member| (0..shape.steps).map(move |step| (member, step)));
        let first = move |(member, step)| (member * self.steps + step % self.steps) * self.batch;
        steps.flat_map(|at| first(at)..first(at) + self.batch).map(|place| place as u32).collect()
    }

    /// The stretches of `steps` steps that are on the device together.
    pub(super) fn stretches(self, steps: usize) -> impl Iterator<Item = std::ops::Range<usize>> {
        (0..steps).step_by(self.steps).map(move |first| first..(first + self.steps).min(steps))
    }

    /// Brings the rows of these steps to the device; `rows` is the table that says which they are.
    pub(super) fn fill(
        self,
        plan: &mut TrainPlan,
        form: InputForm,
        data: Data<'_>,
        rows: &[u32],
        steps: std::ops::Range<usize>,
    ) -> Result<(), TrainError> {
        let of_member = rows.len() / self.fleet;
        let taken = |member: usize, step: usize| {
            let first = member * of_member + step * self.batch;
            &rows[first..first + self.batch]
        };
        // A short last stretch leaves old rows behind it, which no step reads.
        let inputs = self.gathered(data.inputs, form.width, &steps, taken);
        plan.plan.upload(plan.inputs, &form.words(&inputs)?)?;
        match data.targets {
            Targets::Labels(labels) => plan.plan.upload(plan.targets, &self.gathered(labels, 1, &steps, taken))?,
            Targets::Values(values) => {
                let width = values.len() / (data.inputs.len() / form.width);
                plan.plan.upload_f32(plan.targets, &self.gathered(values, width, &steps, taken))?;
            }
        }
        Ok(())
    }

    fn gathered<'a, T: Copy + Default>(
        self,
        from: &[T],
        width: usize,
        steps: &std::ops::Range<usize>,
        taken: impl Fn(usize, usize) -> &'a [u32],
    ) -> Vec<T> {
        let mut all = vec![T::default(); self.rows() * width];
        for member in 0..self.fleet {
            for step in steps.clone() {
                let first = (member * self.steps + step - steps.start) * self.batch;
                let to = all[first * width..][..self.batch * width].chunks_exact_mut(width);
                for (to, row) in to.zip(taken(member, step)) {
                    to.copy_from_slice(&from[*row as usize * width..][..width]);
                }
            }
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::Window;
    use crate::train::tables::TableShape;

    #[test]
    fn e4_every_row_of_a_step_has_a_place_of_its_own_within_its_stretch() {
        let window = Window { steps: 3, fleet: 2, batch: 2 };
        let places = window.places(TableShape { fleet: 2, steps: 4, batch: 2 });
        assert_eq!(places, [0, 1, 2, 3, 4, 5, 0, 1, 6, 7, 8, 9, 10, 11, 6, 7]);
        assert_eq!(window.stretches(4).collect::<Vec<_>>(), [0..3, 3..4]);
        assert_eq!(window.rows(), 12);
    }
}
