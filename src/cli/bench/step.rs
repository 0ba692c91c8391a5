//! `nightloom bench step`.

use serde::Serialize;
use serde_json::{Value, json};

use super::laid::{Laid, epoch_seconds};
use super::networks::{self, Network};
use super::timer::{median, time};
use super::{peak, place, print_place, profile, scaled, seconds};
use crate::backend::{Backend, Chosen};
use crate::cli::options::DeviceOptions;
use crate::cli::{print, with_exit_codes};
use crate::model::Precision;
use crate::pipelines::growth::GrowthError;
use crate::run::RunError;
use crate::train::TrainError;

const EXAMPLES: &str = "\
Examples:
  nightloom bench step --device cpu --threads 1
  nightloom bench step mlp --json
  nightloom bench step conv1d-28 --seconds 0.3 --no-epochs
  nightloom bench step conv1d-90 --device cpu --profile";

const TIMED: &str = "a step: rows gathered on the device, forward, loss, backward, the optimiser, and a wait for the \
                     device; the median of the single steps of the seconds asked for (at least 5) after 5 steps of \
                     warming up. Queued: a step of many in a row with one wait at the end. An epoch: order drawn, tables sent, its steps, losses read, best weights kept; the \
                     median of at least 3 after the first. Data drawn at random and on the device before";

const FLOOR: &str = "over floor: a step's time over that of its kernels' additions and multiplications at the CPU's peak, \
                     measured just before as multiply-adds between registers at the same SIMD level and threads";

/// Time training steps and epochs of named networks.
#[derive(Debug, clap::Args)]
#[command(after_help = with_exit_codes(EXAMPLES))]
pub(super) struct Args {
    /// Only the network of this name, or else those with this text in their name but for the largest, which must be named.
    filter: Option<String>,
    /// Time each network's steps for so long.
    #[arg(long, value_name = "S", default_value_t = 1.0, value_parser = positive)]
    seconds: f64,
    /// Only steps.
    #[arg(long)]
    no_epochs: bool,
    /// Instead of timing, say which kernels a step's time goes to, on one thread of the CPU.
    #[arg(long)]
    profile: bool,
    /// How tensors are held.
    #[arg(long, value_enum, default_value_t)]
    precision: Precision,
    /// JSON instead of text.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    device: DeviceOptions,
}

fn positive(text: &str) -> Result<f64, String> {
    text.parse().ok().filter(|&s| s > 0.0 && s <= 3600.0).ok_or_else(|| "expected seconds, at most 3600".to_owned())
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
    precision: Precision,
    steps_an_epoch: usize,
    /// What the plan takes on the device, data included.
    plan_bytes: u64,
    seconds_a_step: f64,
    /// Rows of all members.
    samples_a_second: f64,
    seconds_an_epoch: Option<f64>,
    /// A step of many in a row with one wait at the end.
    seconds_a_queued_step: f64,
    /// On a GPU, dispatches a step and the calling thread's own seconds for each.
    dispatches_a_step: Option<f64>,
    cpu_seconds_a_dispatch: Option<f64>,
    /// Additions and multiplications of the kernels of a step, all members together.
    flops_a_step: f64,
    flops_a_second: f64,
    /// What a step would take at the CPU's peak.
    floor_s: Option<f64>,
    over_floor: Option<f64>,
}

pub(super) fn call(args: &Args) -> Result<(), RunError> {
    let mut networks = wanted(args.filter.as_deref().unwrap_or(""))?;
    for network in &mut networks {
        network.precision = args.precision;
    }
    let chosen = args.device.choose_for(args.precision == Precision::F16)?;
    if args.profile {
        return profiles(&networks, args, &chosen);
    }
    let peak = peak_of(&chosen);
    if !args.json {
        print_place(&chosen, TIMED);
        if let Some(peak) = peak {
            print(&format!("peak: {}FLOP/s; {FLOOR}", scaled(peak)));
        }
        print(&format!(
            "{:16} {:>8} {:>6} {:>12} {:>12} {:>12} {:>12} {:>12} {:>11} {:>10}",
            "network", "members", "batch", "a step", "queued", "an epoch", "samples/s", "FLOP/s", "over floor", "plan"
        ));
    }
    let mut rows = vec![];
    for network in &networks {
        let row = time_network(network, args, &chosen.backend, peak).map_err(failed)?;
        if !args.json {
            show(&row);
        }
        rows.push(row);
    }
    if args.json {
        let timed = json!({ "place": place(&chosen), "peak_flops_a_second": peak, "timed": TIMED, "floor": FLOOR });
        print(&format!("{:#}", with_rows(timed, json!(rows))));
    } else {
        for row in &rows {
            print(&format!("{}: {}; {} steps an epoch", row.name, row.about, row.steps_an_epoch));
        }
    }
    Ok(())
}

fn with_rows(mut all: Value, rows: Value) -> Value {
    all["rows"] = rows;
    all
}

fn profiles(networks: &[Network], args: &Args, chosen: &Chosen) -> Result<(), RunError> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().map_err(RunError::work)?;
    let mut all = serde_json::Map::new();
    for network in networks {
        let found = pool.install(|| profile::profile(network, &chosen.backend)).map_err(failed)?;
        let parts =
            found.ok_or_else(|| RunError::data("--profile: expected the CPU, `--device cpu`, got a GPU".to_owned()))?;
        if !args.json {
            profile::show(network.name, &parts);
        }
        all.insert(network.name.to_owned(), json!(parts));
    }
    if args.json {
        print(&format!("{:#}", json!({ "place": place(chosen), "profiles": all })));
    }
    Ok(())
}

fn failed(error: TrainError) -> RunError {
    RunError::from(GrowthError::from(error))
}

/// The networks that a text asks for.
fn wanted(filter: &str) -> Result<Vec<Network>, RunError> {
    if let Some(network) = networks::find(filter) {
        return Ok(vec![network]);
    }
    let asked_for = |n: &Network| n.name.contains(filter) && !n.large;
    let found: Vec<Network> = networks::all().into_iter().filter(asked_for).collect();
    if found.is_empty() {
        let names: Vec<&str> = networks::all().iter().map(|n| n.name).collect();
        return Err(RunError::data(format!("expected a part of one of {}, got {filter:?}", names.join(", "))));
    }
    Ok(found)
}

fn peak_of(chosen: &Chosen) -> Option<f64> {
    match &chosen.backend {
        Backend::Cpu(cpu) => Some(peak::flops_a_second(*cpu)),
        Backend::Gpu(_) => None,
    }
}

fn show(row: &Row) {
    let step = seconds(row.seconds_a_step);
    let queued = seconds(row.seconds_a_queued_step);
    let epoch = row.seconds_an_epoch.map_or("-".to_owned(), seconds);
    let (samples, flops) = (scaled(row.samples_a_second), scaled(row.flops_a_second));
    let plan = format!("{}B", scaled(row.plan_bytes as f64));
    let over = row.over_floor.map_or("-".to_owned(), |over| format!("{over:.2}"));
    print(&format!(
        "{:16} {:>8} {:>6} {step:>12} {queued:>12} {epoch:>12} {samples:>12} {flops:>12} {over:>11} {plan:>10}",
        row.name, row.members, row.batch
    ));
    if let (Some(dispatches), Some(own)) = (row.dispatches_a_step, row.cpu_seconds_a_dispatch) {
        print(&format!("{:16} {dispatches:.2} dispatches a step, each {} of the calling thread", "", seconds(own)));
    }
}

fn time_network(network: &Network, args: &Args, backend: &Backend, peak: Option<f64>) -> Result<Row, TrainError> {
    let mut laid = Laid::new(network, backend)?;
    let seconds_a_step = step_seconds(&mut laid, args.seconds)?;
    let queued = queued(&mut laid, seconds_a_step, args.seconds, backend)?;
    let (parameters, flops, plan_bytes) = (laid.parameters(), laid.work().flops, laid.bytes());
    drop(laid);
    let seconds_an_epoch = if args.no_epochs {
        None
    } else {
        let count = (args.seconds / (seconds_a_step * network.steps as f64)).ceil().clamp(3.0, 50.0);
        Some(median(epoch_seconds(network, backend, count as usize)?))
    };
    let floor = peak.map(|peak| flops / peak);
    Ok(Row {
        name: network.name,
        about: network.about,
        members: network.members,
        parameters,
        batch: network.batch,
        precision: network.precision,
        plan_bytes,
        steps_an_epoch: network.steps,
        seconds_a_step,
        samples_a_second: (network.members * network.batch) as f64 / seconds_a_step,
        seconds_an_epoch,
        seconds_a_queued_step: queued.seconds,
        dispatches_a_step: queued.dispatches,
        cpu_seconds_a_dispatch: queued.cpu_seconds,
        flops_a_step: flops,
        flops_a_second: flops / seconds_a_step,
        floor_s: floor,
        over_floor: floor.map(|floor| seconds_a_step / floor),
    })
}

/// Steps in a row.
struct Queued {
    seconds: f64,
    dispatches: Option<f64>,
    cpu_seconds: Option<f64>,
}

/// The medians of five runs of as many steps in a row as fit into the time.
fn queued(laid: &mut Laid, step: f64, at_least: f64, backend: &Backend) -> Result<Queued, TrainError> {
    let count = (at_least / 5.0 / step.max(1e-9)).ceil().clamp(1.0, 4096.0) as usize;
    let (mut times, mut own, mut dispatches) = (vec![], vec![], 0);
    for _ in 0..5 {
        let before = laid.dispatches();
        let mut handed_over = None;
        let all = time(|| laid.replay(count).map(|seconds| handed_over = seconds))?;
        dispatches = laid.dispatches() - before;
        times.push(all / count as f64);
        own.extend(handed_over.map(|seconds| seconds / dispatches as f64));
    }
    let gpu = matches!(backend, Backend::Gpu(_));
    Ok(Queued {
        seconds: median(times),
        dispatches: gpu.then(|| dispatches as f64 / count as f64),
        cpu_seconds: (gpu && !own.is_empty()).then(|| median(own)),
    })
}

/// Seconds of one replayed step.
fn step_seconds(laid: &mut Laid, at_least: f64) -> Result<f64, TrainError> {
    const WARM_UP: usize = 5;
    let mut samples = vec![];
    let mut total = 0.0;
    for number in 0.. {
        let sample = time(|| laid.step(number))?;
        if number >= WARM_UP {
            samples.push(sample);
            total += sample;
        }
        if total >= at_least && samples.len() >= 5 {
            break;
        }
    }
    Ok(median(samples))
}

#[cfg(test)]
mod tests {
    use super::{positive, wanted};

    #[test]
    fn e6_a_name_asks_for_one_network_and_a_part_for_all_that_have_it() {
        let names = |filter| wanted(filter).map(|found| found.iter().map(|n| n.name).collect::<Vec<_>>());
        assert_eq!(names("growth-cnn").expect("found"), ["growth-cnn"]);
        assert_eq!(names("growth").expect("found"), ["growth-cnn", "growth-cnn-8"]);
        let error = names("no such").expect_err("not there").to_string();
        assert!(error.contains("mlp-fleet-1000") && error.contains("\"no such\""), "{error}");
    }

    #[test]
    fn e6_seconds_are_positive() {
        assert_eq!(positive("0.5"), Ok(0.5));
        for bad in ["0", "-1", "nan", "inf", "x", "1e9"] {
            assert!(positive(bad).is_err(), "{bad}");
        }
    }
}
