//! `nightloom bench step`.

use std::time::Instant;

use rand::{Rng, SeedableRng};
use rand_distr::{Distribution, StandardNormal};
use serde::Serialize;
use serde_json::json;

use super::networks::{self, Network};
use super::timer::{median, time};
use super::{place, print_place, scaled, seconds};
use crate::backend::Backend;
use crate::cli::options::DeviceOptions;
use crate::cli::{print, with_exit_codes};
use crate::model::compile::{self, TrainPlan, TrainShape};
use crate::model::{Loss, Model, Optimizer, initial_weights};
use crate::ops::schedule;
use crate::pipelines::growth::GrowthError;
use crate::run::RunError;
use crate::train::{Control, Data, Member, RateSchedule, Targets, TrainError, TrainSpec, train};

const EXAMPLES: &str = "\
Examples:
  nightloom bench step --device cpu --threads 1
  nightloom bench step mlp --json";

const TIMED: &str = "a step: rows gathered on the device, forward, loss, backward, Adam, and a wait for the device; the \
                     median of the single steps of at least 1 s (at least 5) after 5 steps of warming up. An epoch: order \
                     drawn, tables sent, its steps, losses read, best weights kept; the median of at least 3 after the \
                     first. f32, data drawn at random and on the device before";

/// Time training steps and epochs of named networks.
#[derive(Debug, clap::Args)]
#[command(after_help = with_exit_codes(EXAMPLES))]
pub(super) struct Args {
    /// Only networks with this text in their name.
    filter: Option<String>,
    /// JSON instead of text.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    device: DeviceOptions,
}

/// A timed network.
#[derive(Debug, Serialize)]
struct Row {
    name: &'static str,
    about: &'static str,
    members: usize,
    /// Trained values of one member.
    parameters: usize,
    batch: usize,
    steps_an_epoch: usize,
    seconds_a_step: f64,
    /// Rows of all members.
    samples_a_second: f64,
    seconds_an_epoch: f64,
}

pub(super) fn call(args: &Args) -> Result<(), RunError> {
    let chosen = args.device.choose()?;
    let filter = args.filter.as_deref().unwrap_or("");
    let networks: Vec<Network> = networks::all().into_iter().filter(|n| n.name.contains(filter)).collect();
    if networks.is_empty() {
        let names: Vec<&str> = networks::all().iter().map(|n| n.name).collect();
        return Err(RunError::data(format!("expected a part of one of {}, got {filter:?}", names.join(", "))));
    }
    if !args.json {
        print_place(&chosen, TIMED);
        print(&format!(
            "{:16} {:>8} {:>6} {:>12} {:>12} {:>14}",
            "network", "members", "batch", "a step", "an epoch", "samples/s"
        ));
    }
    let mut rows = vec![];
    for network in &networks {
        let row = time_network(network, &chosen.backend).map_err(|e| RunError::from(GrowthError::from(e)))?;
        if !args.json {
            show(&row);
        }
        rows.push(row);
    }
    if args.json {
        print(&format!("{:#}", json!({ "place": place(&chosen), "timed": TIMED, "rows": rows })));
    } else {
        for row in &rows {
            print(&format!("{}: {}; {} steps an epoch", row.name, row.about, row.steps_an_epoch));
        }
    }
    Ok(())
}

fn show(row: &Row) {
    let (step, epoch) = (seconds(row.seconds_a_step), seconds(row.seconds_an_epoch));
    let samples = scaled(row.samples_a_second);
    print(&format!("{:16} {:>8} {:>6} {step:>12} {epoch:>12} {samples:>14}", row.name, row.members, row.batch));
}

fn time_network(network: &Network, backend: &Backend) -> Result<Row, TrainError> {
    let model = Model::new(network.model.clone())?;
    let drawn = Drawn::new(network, &model);
    let seconds_a_step = step_seconds(network, &model, &drawn, backend)?;
    let seconds_an_epoch = epoch_seconds(network, &model, &drawn, backend, seconds_a_step)?;
    Ok(Row {
        name: network.name,
        about: network.about,
        members: network.members,
        parameters: model.trained_len(),
        batch: network.batch,
        steps_an_epoch: network.steps,
        seconds_a_step,
        samples_a_second: (network.members * network.batch) as f64 / seconds_a_step,
        seconds_an_epoch,
    })
}

/// Made-up data.
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
            Loss::CrossEntropy => Targets::Labels(&self.labels),
            Loss::BinaryCrossEntropy | Loss::MeanSquare | Loss::Pearson => Targets::Values(&self.values),
        };
        Data { inputs: &self.inputs, targets }
    }
}

const RATE: f32 = 1e-3;

/// Seconds of one replayed step.
fn step_seconds(network: &Network, model: &Model, drawn: &Drawn, backend: &Backend) -> Result<f64, TrainError> {
    const WARM_UP: usize = 5;
    const SECONDS_MIN: f64 = 1.0;
    let mut plan = laid_out(network, model, drawn, backend)?;
    let mut samples = vec![];
    let mut total = 0.0;
    for number in 0.. {
        let step = (number % network.steps) as u32;
        let sample = time(|| {
            plan.plan.replay(plan.train, step..step + 1)?;
            plan.plan.wait()
        })?;
        if number >= WARM_UP {
            samples.push(sample);
            total += sample;
        }
        if total >= SECONDS_MIN && samples.len() >= 5 {
            break;
        }
    }
    Ok(median(samples))
}

/// A plan with data, first weights, and tables of an epoch in order.
fn laid_out(network: &Network, model: &Model, drawn: &Drawn, backend: &Backend) -> Result<TrainPlan, TrainError> {
    let Network { members, batch, steps, loss, .. } = *network;
    let shape = TrainShape {
        fleet: members,
        batch,
        rows: network.rows(),
        steps,
        validation_steps: 0,
        loss,
        optimizer: Optimizer::default(),
        clip: None,
    };
    let mut plan = compile::training(model, &shape, backend)?;
    plan.plan.upload_f32(plan.inputs, &drawn.inputs)?;
    match drawn.data(loss).targets {
        Targets::Labels(labels) => plan.plan.upload(plan.targets, labels)?,
        Targets::Values(values) => plan.plan.upload_f32(plan.targets, values)?,
    }
    plan.plan.upload(plan.seed, &(0..members as u32).collect::<Vec<_>>())?;
    let first: Vec<_> = (0..members).map(|m| initial_weights(model, m as u64)).collect();
    for (i, id) in plan.params.clone().into_iter().enumerate() {
        let all: Vec<f32> = first.iter().flat_map(|w| w.values[i].iter().copied()).collect();
        plan.plan.upload_f32(id, &all)?;
    }
    let rows: Vec<u32> = (0..members).flat_map(|m| network.rows_of(m)).collect();
    let tables = plan.train_tables;
    plan.plan.upload(tables.rows, &rows)?;
    plan.plan.upload_f32(tables.weights, &vec![1.0; rows.len()])?;
    plan.plan.upload_f32(tables.schedule, &schedule_table(batch, steps).repeat(members))?;
    Ok(plan)
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

/// Seconds of one epoch of the training loop.
fn epoch_seconds(
    network: &Network,
    model: &Model,
    drawn: &Drawn,
    backend: &Backend,
    step: f64,
) -> Result<f64, TrainError> {
    const EPOCHS_MIN: f64 = 3.0;
    const EPOCHS_MAX: f64 = 50.0;
    let timed = (1.0 / (step * network.steps as f64)).ceil().clamp(EPOCHS_MIN, EPOCHS_MAX);
    let spec = TrainSpec {
        epochs: timed as usize + 1,
        batch: network.batch,
        rate: RATE,
        schedule: RateSchedule::Constant,
        optimizer: Optimizer::default(),
        clip: None,
        early_stop: None,
    };
    let member = |m: usize| Member::new(m as u64, RATE, network.rows_of(m), vec![]);
    let members: Vec<Member> = (0..network.members).map(member).collect();
    let mut ends = vec![];
    let mut control = Control { on_epoch: &mut |_| ends.push(Instant::now()), stop: &|| false, checkpoint: None };
    train(model, &spec, network.loss, drawn.data(network.loss), &members, backend, &mut control)?;
    Ok(median(ends.windows(2).map(|pair| (pair[1] - pair[0]).as_secs_f64()).collect()))
}
