//! 1 - Pearson's correlation on the CPU, in f64: its sums over a batch's rows are few beside a network's products.

use super::{LossSpec, is_flat};
use crate::ops::kernel::Args;
use crate::ops::schedule::{self, LOSS_SCALE};

/// Columns that are summed side by side.
const SIDE: usize = 8;

/// One value a column.
type Columns = [f64; SIDE];

pub(super) fn loss(spec: &LossSpec, args: &mut Args<'_>, step: u32) {
    let LossSpec { n, c, .. } = *spec;
    let batch = Batch {
        c,
        z: args.f32(0),
        t: bytemuck::cast_slice(args.u32(1)),
        w: &args.f32(2)[step as usize * n..][..n],
        scale: schedule::row(args.f32(3), step)[LOSS_SCALE],
    };
    let (loss, dz) = (args.f32_mut(4), args.f32_mut(5));
    dz.fill(0.0);
    let total: f64 = batch.live().map(|(_, factor)| factor).sum();
    let columns = (0..c).step_by(SIDE).map(|first| batch.columns(first, total, dz));
    let mean = columns.sum::<f64>() / c as f64;
    for (i, loss) in loss.iter_mut().enumerate() {
        let factor = batch.factor(i);
        *loss = if factor == 0.0 { 0.0 } else { (f64::from(factor) * mean) as f32 };
    }
}

struct Batch<'a> {
    c: usize,
    z: &'a [f32],
    t: &'a [f32],
    w: &'a [f32],
    scale: f32,
}

/// Weighted sums about the means.
#[derive(Default)]
struct Moments {
    z: Columns,
    t: Columns,
    both: Columns,
}

impl Batch<'_> {
    fn factor(&self, i: usize) -> f32 {
        self.w[i] * self.scale
    }

    /// Rows that count, with their factors.
    fn live(&self) -> impl Iterator<Item = (usize, f64)> {
        (0..self.w.len()).map(|i| (i, f64::from(self.factor(i)))).filter(|(_, factor)| *factor != 0.0)
    }

    /// Row i's outputs and targets in the columns from `first` on; what is beyond the last column is 0.
    fn row(&self, i: usize, first: usize) -> (Columns, Columns) {
        let width = SIDE.min(self.c - first);
        let at = i * self.c + first;
        let (mut z, mut t) = (Columns::default(), Columns::default());
        for j in 0..width {
            z[j] = f64::from(self.z[at + j]);
            t[j] = f64::from(self.t[at + j]);
        }
        (z, t)
    }

    fn means(&self, first: usize, total: f64) -> (Columns, Columns) {
        let (mut mean_z, mut mean_t) = (Columns::default(), Columns::default());
        for (i, factor) in self.live() {
            let (z, t) = self.row(i, first);
            for j in 0..SIDE {
                mean_z[j] += factor * z[j];
                mean_t[j] += factor * t[j];
            }
        }
        (mean_z.map(|sum| sum / total), mean_t.map(|sum| sum / total))
    }

    fn moments(&self, first: usize, (mean_z, mean_t): &(Columns, Columns)) -> Moments {
        let mut sums = Moments::default();
        for (i, factor) in self.live() {
            let (z, t) = self.row(i, first);
            for j in 0..SIDE {
                let (from_z, from_t) = (z[j] - mean_z[j], t[j] - mean_t[j]);
                sums.z[j] += factor * from_z * from_z;
                sums.t[j] += factor * from_t * from_t;
                sums.both[j] += factor * from_z * from_t;
            }
        }
        sums
    }

    /// The sum of the losses of up to [`SIDE`] columns; their gradients go to `dz`.
    fn columns(&self, first: usize, total: f64, dz: &mut [f32]) -> f64 {
        let means = self.means(first, total);
        let sums = self.moments(first, &means);
        let width = SIDE.min(self.c - first);
        let mut losses = 0.0;
        let (mut by_t, mut by_z) = (Columns::default(), Columns::default());
        for j in 0..width {
            let flat_targets = is_flat(sums.t[j], means.1[j], total) && !sums.z[j].is_nan();
            if flat_targets || is_flat(sums.z[j], means.0[j], total) {
                losses += 1.0;
                continue;
            }
            let spread = sums.z[j].sqrt() * sums.t[j].sqrt();
            let correlation = sums.both[j] / spread;
            losses += 1.0 - correlation;
            by_t[j] = total / (self.c as f64 * spread);
            by_z[j] = total * correlation / (self.c as f64 * sums.z[j]);
        }
        for (i, factor) in self.live() {
            let (z, t) = self.row(i, first);
            for j in 0..width {
                let slope = by_z[j] * (z[j] - means.0[j]) - by_t[j] * (t[j] - means.1[j]);
                dz[i * self.c + first + j] = (factor * slope) as f32;
            }
        }
        losses
    }
}
