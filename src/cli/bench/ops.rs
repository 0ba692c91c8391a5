//! `nightloom bench ops`.

use serde::Serialize;
use serde_json::json;

use super::timer::{median, time};
use super::{place, print_place, scaled, seconds};
use crate::backend::Backend;
use crate::cli::options::DeviceOptions;
use crate::cli::{print, with_exit_codes};
use crate::ops::{Op, Registry, Work};
use crate::plan::PlanError;
use crate::plan::prepared::{Prepared, inputs};
use crate::run::RunError;

const EXAMPLES: &str = "\
Examples:
  nightloom bench ops matmul --device cpu --threads 1
  nightloom bench ops conv.backward --device gpu --json";

/// A sample repeats its call until it takes so long.
const SAMPLE_SECONDS: f64 = 0.02;

const TIMED: &str = "one call of a kernel on data that lie on the device: the median of rounds that alternate between an \
                     operation's cases; a sample repeats the call for 20 ms, then waits for the device once";

/// Time every timed case of the operations.
#[derive(Debug, clap::Args)]
#[command(after_help = with_exit_codes(EXAMPLES))]
pub(super) struct Args {
    /// Only kernels and cases with this text in `<operation>/<kernel>/<case>`.
    filter: Option<String>,
    /// JSON instead of text.
    #[arg(long)]
    json: bool,
    /// How often each kernel is timed; the median counts.
    #[arg(long, value_name = "N", default_value_t = 7, value_parser = clap::value_parser!(u16).range(1..=1000))]
    rounds: u16,
    #[command(flatten)]
    device: DeviceOptions,
}

/// A timed kernel.
#[derive(Debug, Serialize)]
struct Row {
    name: String,
    seconds: f64,
    /// Floating-point operations a second.
    flops_a_second: f64,
    /// Bytes a second, each argument read or written once.
    bytes_a_second: f64,
}

/// A kernel, ready to be timed.
struct Candidate {
    name: String,
    work: Work,
    prepared: Prepared,
    step: u32,
    repeats: u32,
    samples: Vec<f64>,
}

pub(super) fn call(args: &Args) -> Result<(), RunError> {
    let chosen = args.device.choose()?;
    if !args.json {
        print_place(&chosen, TIMED);
        print(&format!("{:52} {:>12} {:>14} {:>14}", "kernel", "a call", "flops a second", "bytes a second"));
    }
    let mut rows = vec![];
    for op in Registry::standard().ops() {
        let found = time_op(*op, args, &chosen.backend).map_err(RunError::device)?;
        if !args.json {
            found.iter().for_each(show);
        }
        rows.extend(found);
    }
    if rows.is_empty() {
        let filter = args.filter.as_deref().unwrap_or("");
        return Err(RunError::data(format!(
            "no timed case has {filter:?} in its name: `nightloom ops` lists the kernels"
        )));
    }
    if args.json {
        print(&format!("{:#}", json!({ "place": place(&chosen), "timed": TIMED, "rows": rows })));
    }
    Ok(())
}

fn show(row: &Row) {
    let (flops, bytes) = (scaled(row.flops_a_second), scaled(row.bytes_a_second));
    print(&format!("{:52} {:>12} {flops:>14} {bytes:>14}", row.name, seconds(row.seconds)));
}

fn time_op(op: &dyn Op, args: &Args, backend: &Backend) -> Result<Vec<Row>, PlanError> {
    let mut candidates = candidates(op, args.filter.as_deref().unwrap_or(""), backend)?;
    for _ in 0..args.rounds {
        for candidate in &mut candidates {
            let sample = candidate.sample()?;
            candidate.samples.push(sample);
        }
    }
    let row = |candidate: Candidate| {
        let seconds = median(candidate.samples);
        Row {
            name: candidate.name,
            seconds,
            flops_a_second: candidate.work.flops / seconds,
            bytes_a_second: candidate.work.bytes / seconds,
        }
    };
    Ok(candidates.into_iter().map(row).collect())
}

/// The operation's timed kernels; a later call of a case gets what the earlier ones wrote on the same device.
fn candidates(op: &dyn Op, filter: &str, backend: &Backend) -> Result<Vec<Candidate>, PlanError> {
    let mut found = vec![];
    for case in op.cases().iter().filter(|case| case.timed) {
        let kernels: Vec<&str> = case.calls.iter().map(|call| call.kernel.name()).collect();
        let name = |number: usize| {
            // Two calls of a case may be the same kernel in different shapes, as a product's two gradients are.
            let same = kernels.iter().filter(|kernel| **kernel == kernels[number]).count() > 1;
            let mark = if same { format!("#{number}") } else { String::new() };
            format!("{}/{}{mark}/{}", op.name(), kernels[number], case.id)
        };
        let Some(last) = (0..kernels.len()).rev().find(|&number| name(number).contains(filter)) else { continue };
        let mut values = inputs(case);
        for (number, call) in case.calls.iter().enumerate().take(last + 1) {
            let mut prepared = Prepared::new(call, backend, &values)?;
            prepared.run(case.step)?;
            values.extend(prepared.outputs()?);
            if name(number).contains(filter) {
                let work = call.kernel.work();
                let mut candidate =
                    Candidate { name: name(number), work, prepared, step: case.step, repeats: 1, samples: vec![] };
                let once = candidate.sample()?.max(1e-9);
                candidate.repeats = (SAMPLE_SECONDS / once).ceil().clamp(1.0, 100_000.0) as u32;
                found.push(candidate);
            }
        }
    }
    Ok(found)
}

impl Candidate {
    /// Seconds of one call.
    fn sample(&mut self) -> Result<f64, PlanError> {
        let all = time(|| {
            self.prepared.run_often(self.step, self.repeats)?;
            self.prepared.wait()
        })?;
        Ok(all / f64::from(self.repeats))
    }
}
