//! The schedule: one row of eight f32 values for each step of an epoch, a table of which every member has its own.
//!
//! The host writes it once an epoch, so that a replayed step needs nothing from the host: kernels that depend on the
//! step read row `step` of it. A step that a member does not take (it has stopped early, or has fewer rows than others)
//! has `ACTIVE` 0 and `LIVE` 0, and changes nothing that outlives the step.

/// Values a row.
pub const WIDTH: usize = 8;
/// The learning rate.
pub const RATE: usize = 0;
/// Adam's first correction, 1 / (1 - beta1^t).
pub const CORRECTION_1: usize = 1;
/// Adam's second correction, 1 / (1 - beta2^t).
pub const CORRECTION_2: usize = 2;
/// Rows of the batch that hold data; they come first. The others repeat a row and have weight 0.
pub const LIVE: usize = 3;
/// What a row's weighted loss is multiplied by: 1 / (sum of the batch's weights).
pub const LOSS_SCALE: usize = 4;
/// 1 if the member takes this step, else 0.
pub const ACTIVE: usize = 5;
/// The member's own step count since training began, a whole number below 2^24: feeds the generator of dropout.
pub const COUNT: usize = 6;
/// The batch's share of the epoch's weights: a loss over the epoch is the sum of `SHARE` times the batches' losses.
pub const SHARE: usize = 7;

/// Row `step` of a member's table.
#[inline]
pub fn row(table: &[f32], step: u32) -> &[f32] {
    &table[step as usize * WIDTH..][..WIDTH]
}

/// Row `step` of a table in f64, for the references.
pub fn row_f64(table: &[f64], step: u32) -> &[f64] {
    &table[step as usize * WIDTH..][..WIDTH]
}

/// A table of three steps for cases: step 0 takes all of `rows`, step 1 all but one (if there are two), step 2 none.
pub fn sample(rows: usize) -> Vec<f32> {
    let live = rows.saturating_sub(1).max(1) as f32;
    let full = rows as f32;
    [
        [0.01, 10.0, 1000.0, full, 1.0 / full, 1.0, 1.0, 0.6],
        [0.02, 5.263_158, 500.250_12, live, 1.0 / live, 1.0, 2.0, 0.4],
        [0.02, 3.690_037, 333.667, 0.0, 0.0, 0.0, 3.0, 0.0],
    ]
    .concat()
}
