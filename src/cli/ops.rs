//! `nightloom ops` (E6, E9).

use serde::Serialize;
use serde_json::json;

use crate::backend::{Backend, DeviceChoice, choose};
use crate::ops::{Op, Registry};
use crate::plan::{PlanError, verify};
use crate::run::{ExitCode, RunError};

use super::{Failure, print, with_exit_codes};

const EXAMPLES: &str = "\
Examples:
  nightloom ops                                              every operation with its equation
  nightloom ops --json
  nightloom ops --check --device cpu --device software-gpu   the agreement table of two devices

The table of --check shows, for each operation, the largest normalised mean squared error of any output of any kernel
against the f64 reference: sum (y - r)^2 / sum r^2. Allowed are 1e-10, or what a case says with its reason.";

/// List the operations, or hold each of them on a device against its reference.
#[derive(Debug, clap::Args)]
#[command(after_help = with_exit_codes(EXAMPLES))]
pub(super) struct Args {
    /// JSON instead of text.
    #[arg(long)]
    json: bool,
    /// Run every tested case on a device and compare it with the f64 reference; exit code 1 if one is too far off.
    #[arg(long)]
    check: bool,
    /// Device to check, may be repeated: auto, cpu, gpu, gpu:<index, name or PCI id>, software-gpu.
    #[arg(long, value_name = "DEVICE", requires = "check")]
    device: Vec<DeviceChoice>,
}

pub(super) fn call(args: &Args) -> Result<ExitCode, Failure> {
    let registry = Registry::standard();
    if args.check {
        return Ok(check(args, &registry)?);
    }
    let facts = registry.facts();
    if args.json {
        print(&format!("{:#}", json!(facts)));
        return Ok(ExitCode::Done);
    }
    for op in &facts {
        print(&format!(
            "{}\n  {}\n  kernels: {}\n  shaders: {}\n  cases: {} tested, {} timed",
            op.name,
            op.equation,
            op.kernels.join(", "),
            op.shaders.join(", "),
            op.tested,
            op.timed
        ));
    }
    Ok(ExitCode::Done)
}

/// How well an operation agrees with its reference on a device.
#[derive(Debug, Serialize)]
struct Row {
    op: &'static str,
    device: String,
    /// The largest of all cases; `None` (JSON has no infinity) if an output was not a number.
    worst_nmse: Option<f64>,
    cases: usize,
    /// The outputs that are further off than their case allows.
    failures: Vec<String>,
}

fn check(args: &Args, registry: &Registry) -> Result<ExitCode, RunError> {
    let devices = if args.device.is_empty() { vec![DeviceChoice::Auto] } else { args.device.clone() };
    let mut rows = vec![];
    for device in &devices {
        let backend = choose(device).map_err(RunError::device)?.backend;
        for op in registry.ops() {
            rows.push(agreement(*op, &backend).map_err(RunError::device)?);
        }
    }
    if args.json {
        print(&format!("{:#}", json!({ "rows": rows })));
    } else {
        show(&rows);
    }
    Ok(if rows.iter().all(|row| row.failures.is_empty()) { ExitCode::Done } else { ExitCode::Failed })
}

fn agreement(op: &dyn Op, backend: &Backend) -> Result<Row, PlanError> {
    let (mut worst, mut cases, mut failures) = (0.0_f64, 0, vec![]);
    for case in op.cases().into_iter().filter(|case| case.tested) {
        cases += 1;
        for output in verify::agreement(&case, backend)? {
            let nmse = if output.nmse.is_nan() { f64::INFINITY } else { output.nmse };
            worst = worst.max(nmse);
            if nmse > case.nmse_max {
                let (kernel, name) = (output.kernel, output.output);
                failures
                    .push(format!("{kernel}, case {}, `{name}`: {nmse:.1e} exceeds {:.1e}", case.id, case.nmse_max));
            }
        }
    }
    let worst_nmse = worst.is_finite().then_some(worst);
    Ok(Row { op: op.name(), device: backend.id(), worst_nmse, cases, failures })
}

fn show(rows: &[Row]) {
    print("| op | device | worst NMSE | cases |\n|---|---|---|---|");
    for row in rows {
        let worst = row.worst_nmse.map_or("not a number".to_owned(), |w| format!("{w:.1e}"));
        print(&format!("| {} | {} | {worst} | {} |", row.op, row.device, row.cases));
    }
    for row in rows {
        for failure in &row.failures {
            print(&format!("failed on {}: {failure}", row.device));
        }
    }
}
