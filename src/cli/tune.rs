//! `nightloom tune`: which forms of its kernels a GPU runs fastest.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::artifact;
use crate::backend::gpu::TuningFile;
use crate::backend::{Backend, Gpu};
use crate::ops::Registry;
use crate::ops::tuning::TuningGroup;
use crate::plan::tune::{Budget, Measured, measure};
use crate::run::{Console, ExitCode, LogChoice, RunError};

use super::options::DeviceOptions;
use super::{Failure, print, with_exit_codes};

const EXAMPLES: &str = "\
Examples:
  nightloom tune                           the first hardware GPU; minutes, once a device and driver
  nightloom tune --device gpu:1 matmul     only groups with `matmul` in their name
  nightloom tune --device software-gpu --small --rounds 1

Every candidate of each group of kernels is timed on the shapes of that group, one after the other in each round; the one
with the least geometric mean of medians is kept in the user's cache folder and taken by every later run on the same
device and driver. All candidates give the same bits, so results do not depend on it. A cache that is missing, damaged or of
another device, driver or version is never an error: the defaults are taken. `nightloom devices` shows which it is.";

/// Time the forms of the GPU's kernels and keep the fastest for later runs.
#[derive(Debug, clap::Args)]
#[command(after_help = with_exit_codes(EXAMPLES))]
pub(super) struct Args {
    /// Only groups whose name holds this text.
    filter: Option<String>,
    #[command(flatten)]
    device: DeviceOptions,
    /// Time small shapes: for slow devices.
    #[arg(long)]
    small: bool,
    /// Rounds, of which the median counts.
    #[arg(long, value_name = "N", default_value_t = 7, value_parser = clap::value_parser!(u16).range(1..=1000))]
    rounds: u16,
}

pub(super) fn call(args: &Args) -> Result<ExitCode, Failure> {
    let chosen = args.device.choose()?;
    let Backend::Gpu(gpu) = chosen.backend else {
        let reason = format!("the CPU has nothing to tune, and {}", chosen.reason);
        return Err(RunError::device(reason).into());
    };
    let wanted = |group: &TuningGroup| args.filter.as_ref().is_none_or(|text| group.name.contains(text));
    let registry = Registry::standard();
    let runs = |group: &TuningGroup| !group.units || gpu.traits().units.is_some();
    let all = || registry.ops().iter().flat_map(|op| op.tuning()).filter(runs);
    let groups: Vec<TuningGroup> = all().filter(wanted).collect();
    if groups.is_empty() {
        let names: Vec<&str> = all().map(|group| group.name).collect();
        let filter = args.filter.clone().unwrap_or_default();
        let reason = format!("no group has {filter:?} in its name; there are {}", names.join(", "));
        return Err(RunError::data(reason).into());
    }
    let Some(path) = gpu.tuning_path() else {
        let reason = "there is no folder to keep the result in: set XDG_CACHE_HOME or HOME";
        return Err(RunError::data(reason).into());
    };
    let stretch = Duration::from_millis(if args.small { 1 } else { 20 });
    let budget = Budget { small: args.small, rounds: usize::from(args.rounds), stretch };
    let mut file = known(&gpu);
    print(&format!("{}\n| group | candidate | microseconds | |\n|---|---|---|---|", gpu.name()));
    for group in &groups {
        match measure(&gpu, group, &budget).map_err(RunError::device)? {
            Some(measured) => note(&mut file, group.name, &measured),
            None => Console::on_stderr(LogChoice::Plain, false)
                .warn(&format!("{}: the device has no memory for any of its shapes", group.name)),
        }
    }
    if let Some(folder) = path.parent() {
        artifact::ensure_folder(folder).map_err(RunError::from)?;
    }
    artifact::write_json(&path, &file).map_err(RunError::from)?;
    print(&format!("kept in {}", path.display()));
    Ok(ExitCode::Done)
}

/// What earlier runs found, so that groups can be tuned one by one.
fn known(gpu: &Gpu) -> TuningFile {
    let old = gpu.tuning_path().and_then(|path| std::fs::read(path).ok());
    let old = old.and_then(|bytes| serde_json::from_slice::<TuningFile>(&bytes).ok());
    let empty = TuningFile {
        program: env!("CARGO_PKG_VERSION").to_owned(),
        device: gpu.name().to_owned(),
        driver: gpu.driver(),
        choices: BTreeMap::new(),
        microseconds: BTreeMap::new(),
    };
    let same =
        |old: &TuningFile| (&old.program, &old.device, &old.driver) == (&empty.program, &empty.device, &empty.driver);
    old.filter(same).unwrap_or(empty)
}

fn note(file: &mut TuningFile, group: &str, measured: &Measured) {
    for (name, microseconds) in &measured.microseconds {
        let taken = if *name == measured.best { "taken" } else { "" };
        print(&format!("| {group} | {name} | {microseconds:.1} | {taken} |"));
    }
    if measured.left_out > 0 {
        print(&format!("{group}: {} shapes left out for want of memory", measured.left_out));
    }
    file.choices.insert(group.to_owned(), measured.best.to_owned());
    let times = measured.microseconds.iter().map(|(name, time)| ((*name).to_owned(), (time * 10.0).round() / 10.0));
    file.microseconds.insert(group.to_owned(), times.collect());
}
