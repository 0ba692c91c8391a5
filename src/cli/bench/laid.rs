//! A named network with made-up data, ready to be stepped: what `nightloom bench step` and `benches/` time.

use std::time::Instant;

use rand::{Rng, SeedableRng};
use rand_distr::{Distribution, StandardNormal};

use super::networks::Network;
use crate::backend::Backend;
use crate::model::compile::{self, TrainPlan, TrainShape};
use crate::model::{Loss, Model, initial_weights};
use crate::ops::{Work, schedule};
use crate::train::{Control, Data, Member, RateSchedule, Targets, TrainError, TrainSpec, train};

const RATE: f32 = 1e-3;

/// Made-up data: normal inputs, labels 0 and 1.
struct Drawn {
    inputs: Vec<f32>,
    labels: Vec<u32>,
    values: Vec<f32>,
}

impl Drawn {
    fn new(network: &Network, model: &Model) -> Self {
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
        let rows = network.rows();
        let inputs = StandardNormal.sample_iter(&mut rng).take(rows * model.input().len()).collect();
        let labels: Vec<u32> = (0..rows).map(|_| rng.next_u32() % 2).collect();
        let values = labels.iter().map(|&l| l as f32).collect();
        Self { inputs, labels, values }
    }

    fn data(&self, loss: Loss) -> Data<'_> {
        let targets = match loss {
            Loss::CrossEntropy | Loss::ReadOuts { .. } => Targets::Labels(&self.labels),
            Loss::BinaryCrossEntropy | Loss::MeanSquare | Loss::Pearson => Targets::Values(&self.values),
        };
        Data { inputs: &self.inputs, targets }
    }
}

/// A network's plan with data, first weights, and the tables of an epoch in order.
#[derive(Debug)]
pub struct Laid {
    plan: TrainPlan,
    steps: usize,
    parameters: usize,
}

impl Laid {
    /// Lays the network out on a device.
    ///
    /// # Errors
    /// If it does not fit there, or the device fails.
    pub fn new(network: &Network, backend: &Backend) -> Result<Self, TrainError> {
        let model = Model::new(network.model.clone())?;
        let drawn = Drawn::new(network, &model);
        let Network { members, batch, steps, loss, optimizer, precision, .. } = *network;
        let rows = network.rows();
        let shape = TrainShape {
            fleet: members,
            batch,
            rows,
            steps,
            validation_steps: 0,
            loss,
            optimizer,
            clip: None,
            precision,
        };
        let mut made = compile::training(&model, &shape, backend)?;
        upload(&mut made, network, &model, &drawn)?;
        Ok(Self { plan: made, steps, parameters: model.trained_len() })
    }

    /// Trained values of one member.
    pub fn parameters(&self) -> usize {
        self.parameters
    }

    /// Bytes that the plan takes on the device.
    pub fn bytes(&self) -> u64 {
        self.plan.plan.bytes()
    }

    /// What the kernels of a step do at the least, all members together.
    pub fn work(&self) -> Work {
        self.plan.plan.work(self.plan.train)
    }

    /// Takes a step of the epoch, in a circle, and waits for the device.
    ///
    /// # Errors
    /// If the device fails.
    pub fn step(&mut self, number: usize) -> Result<(), TrainError> {
        let step = (number % self.steps) as u32;
        self.plan.plan.replay(self.plan.train, step..step + 1)?;
        Ok(self.plan.plan.wait()?)
    }

    /// Takes `count` steps, in a circle, and waits for the device once. Says how many seconds of the calling thread's own
    /// time it took to hand them over, where that can be known.
    ///
    /// # Errors
    /// If the device fails.
    pub fn replay(&mut self, count: usize) -> Result<Option<f64>, TrainError> {
        let (whole, rest) = (count / self.steps, (count % self.steps) as u32);
        let mut runs = vec![(self.plan.train, 0..self.steps as u32); whole];
        runs.push((self.plan.train, 0..rest));
        let before = thread_seconds();
        self.plan.plan.replay_all(&runs)?;
        let after = thread_seconds();
        self.plan.plan.wait()?;
        Ok(before.zip(after).map(|(before, after)| after - before))
    }

    /// Kernels or dispatches so far.
    pub fn dispatches(&self) -> u64 {
        self.plan.plan.counts().dispatches
    }

    /// Takes a step as [`Laid::step`] does and says how many seconds each kernel took; see
    /// [`Plan::profile`](crate::plan::Plan::profile).
    pub fn profile(&mut self, number: usize) -> Option<Vec<(&'static str, f64)>> {
        let step = (number % self.steps) as u32;
        self.plan.plan.profile(self.plan.train, step..step + 1)
    }
}

/// The calling thread's own time.
#[cfg(target_os = "linux")]
#[expect(clippy::unnecessary_wraps, reason = "not every system can say")]
fn thread_seconds() -> Option<f64> {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Some(time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9)
}

#[cfg(not(target_os = "linux"))]
fn thread_seconds() -> Option<f64> {
    None
}

fn upload(made: &mut TrainPlan, network: &Network, model: &Model, drawn: &Drawn) -> Result<(), TrainError> {
    let members = network.members;
    made.plan.upload_f32(made.inputs, &drawn.inputs)?;
    match drawn.data(network.loss).targets {
        Targets::Labels(labels) => made.plan.upload(made.targets, labels)?,
        Targets::Values(values) => made.plan.upload_f32(made.targets, values)?,
    }
    made.plan.upload(made.seed, &(0..members as u32).collect::<Vec<_>>())?;
    let first: Vec<_> = (0..members).map(|m| initial_weights(model, m as u64)).collect();
    for (i, id) in made.params.clone().into_iter().enumerate() {
        let all: Vec<f32> = first.iter().flat_map(|w| w.values[i].iter().copied()).collect();
        made.plan.upload_f32(id, &all)?;
    }
    let rows: Vec<u32> = (0..members).flat_map(|m| network.rows_of(m)).collect();
    let tables = made.train_tables;
    made.plan.upload(tables.rows, &rows)?;
    made.plan.upload_f32(tables.weights, &vec![1.0; rows.len()])?;
    made.plan.upload_f32(tables.schedule, &schedule_table(network.batch, network.steps).repeat(members))?;
    Ok(())
}

/// One member's schedule: whole batches at a constant rate.
fn schedule_table(batch: usize, steps: usize) -> Vec<f32> {
    let correction = |beta: f64, count: usize| (1.0 / (1.0 - beta.powf(count as f64))) as f32;
    let row = |step: usize| {
        let mut row = [0.0; schedule::WIDTH];
        row[schedule::RATE] = RATE;
        row[schedule::CORRECTION_1] = correction(0.9, step + 1);
        row[schedule::CORRECTION_2] = correction(0.999, step + 1);
        row[schedule::LIVE] = batch as f32;
        row[schedule::LOSS_SCALE] = 1.0 / batch as f32;
        row[schedule::ACTIVE] = 1.0;
        row[schedule::COUNT] = (step + 1) as f32;
        row[schedule::SHARE] = 1.0 / steps as f32;
        row
    };
    (0..steps).flat_map(row).collect()
}

/// Seconds of each of `count` epochs of the training loop, after one that is not counted.
///
/// # Errors
/// If the network does not fit on the device, or the device fails.
pub fn epoch_seconds(network: &Network, backend: &Backend, count: usize) -> Result<Vec<f64>, TrainError> {
    let model = Model::new(network.model.clone())?;
    let drawn = Drawn::new(network, &model);
    let spec = TrainSpec {
        epochs: count + 1,
        batch: network.batch,
        rate: RATE,
        schedule: RateSchedule::Constant,
        optimizer: network.optimizer,
        clip: None,
        precision: network.precision,
        early_stop: None,
    };
    let member = |m: usize| Member::new(m as u64, RATE, network.rows_of(m), vec![]);
    let members: Vec<Member> = (0..network.members).map(member).collect();
    let mut ends = vec![];
    let mut control = Control { on_epoch: &mut |_| ends.push(Instant::now()), stop: &|| false, checkpoint: None };
    train(&model, &spec, network.loss, drawn.data(network.loss), &members, backend, &mut control)?;
    Ok(ends.windows(2).map(|pair| (pair[1] - pair[0]).as_secs_f64()).collect())
}

#[cfg(test)]
mod tests {
    use super::{Laid, epoch_seconds};
    use crate::backend::Backend;
    use crate::cli::bench::networks;

    #[test]
    fn e6_a_network_steps_and_counts_its_work() {
        let network = networks::find("mlp-28-64-32-1").expect("it is named");
        let backend = Backend::cpu().expect("a CPU");
        let mut laid = Laid::new(&network, &backend).expect("a plan");
        for number in 0..=network.steps {
            laid.step(number).expect("a step");
        }
        assert_eq!(laid.parameters(), 28 * 64 + 64 + 64 * 32 + 32 + 32 + 1);
        // Forward, and for all but the first layer both gradients: 2 operations a weight and row each.
        let products = 2.0 * 256.0 * (3.0 * (28.0 * 64.0 + 64.0 * 32.0 + 32.0) - 28.0 * 64.0);
        let flops = laid.work().flops;
        assert!(flops >= products && flops < 1.2 * products, "{flops} operations, of which products {products}");
        let epochs = epoch_seconds(&network, &backend, 2).expect("epochs");
        assert_eq!(epochs.len(), 2);
        assert!(epochs.iter().all(|&seconds| seconds > 0.0), "{epochs:?}");
    }
}
