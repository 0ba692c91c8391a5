//! `nightloom bench product`.

use serde_json::json;

use super::timer::{median, time};
use super::{place, print_place, scaled, seconds};
use crate::backend::Backend;
use crate::cli::options::DeviceOptions;
use crate::cli::{print, with_exit_codes};
use crate::model::Precision;
use crate::ops::matmul::{Batch, Matmul, MatmulSpec};
use crate::ops::rng::counter_bits;
use crate::ops::{Access, Kernel};
use crate::plan::{ListId, Plan, PlanBuilder, PlanError};
use crate::run::RunError;

const EXAMPLES: &str = "\
Examples:
  nightloom bench product --size 4096 --device gpu
  nightloom bench product --size 8192 --precision f16 --device gpu --json";

const TIMED: &str = "a square matrix product on data that lie on the device: the median of rounds, each of as many products in \
                     a row as take 0.2 s, then one wait for the device";

/// Time one square matrix product.
#[derive(Debug, clap::Args)]
#[command(after_help = with_exit_codes(EXAMPLES))]
pub(super) struct Args {
    /// Rows, columns and depth.
    #[arg(long, value_name = "N", default_value_t = 4096, value_parser = clap::value_parser!(u16).range(1..=16384))]
    size: u16,
    /// How operands and result are held; sums are f32 in either case.
    #[arg(long, value_enum, default_value_t)]
    precision: Precision,
    /// How often it is timed; the median counts.
    #[arg(long, value_name = "N", default_value_t = 7, value_parser = clap::value_parser!(u16).range(1..=1000))]
    rounds: u16,
    /// JSON instead of text.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    device: DeviceOptions,
}

pub(super) fn call(args: &Args) -> Result<(), RunError> {
    let chosen = args.device.choose_for(args.precision == Precision::F16)?;
    let size = usize::from(args.size);
    let found = measure(size, args, &chosen.backend).map_err(RunError::device)?;
    let flops = 2.0 * (size as f64).powi(3) / found;
    if args.json {
        let row = json!({ "size": size, "precision": args.precision, "seconds": found, "flops_a_second": flops });
        print(&format!("{:#}", json!({ "place": place(&chosen), "timed": TIMED, "row": row })));
    } else {
        print_place(&chosen, TIMED);
        print(&format!("{size} cubed, {}: {}, {}FLOP/s", args.precision.name(), seconds(found), scaled(flops)));
    }
    Ok(())
}

/// Median seconds of a product.
fn measure(size: usize, args: &Args, backend: &Backend) -> Result<f64, PlanError> {
    let (mut plan, list) = laid_out(size, args.precision, backend)?;
    let mut run = |count: u32| {
        time(|| {
            plan.replay(list, 0..count)?;
            plan.wait()
        })
    };
    run(1)?;
    let count = (0.2 / run(1)?.max(1e-9)).ceil().clamp(1.0, 10_000.0) as u32;
    let mut samples = vec![];
    for _ in 0..args.rounds {
        samples.push(run(count)? / f64::from(count));
    }
    Ok(median(samples))
}

fn laid_out(size: usize, precision: Precision, backend: &Backend) -> Result<(Plan, ListId), PlanError> {
    let spec = MatmulSpec { fleet: 1, m: size, k: size, n: size, batch: Batch::M, ..MatmulSpec::default() };
    let kernel = Matmul::new(spec)?;
    let mut builder = PlanBuilder::new(1);
    let list = builder.list();
    let mut ids = vec![];
    for arg in kernel.args().iter().filter(|arg| arg.access != Access::Scratch) {
        let id = builder.for_arg(arg.name, arg);
        if precision == Precision::F16 {
            builder.hold_half(id);
        }
        ids.push(id);
    }
    builder.push(list, kernel, &ids)?;
    let mut plan = builder.build(backend)?;
    for (seed, id) in ids[..2].iter().enumerate() {
        let value = |i: usize| counter_bits(seed as u32, 0, 0, i as u32) as f32 / u32::MAX as f32 - 0.5;
        let values: Vec<f32> = (0..size * size).map(value).collect();
        plan.upload_f32(*id, &values)?;
    }
    Ok((plan, list))
}

#[cfg(test)]
mod tests {
    use super::laid_out;
    use crate::backend::Backend;
    use crate::model::Precision;

    #[test]
    fn e6_a_product_runs_in_both_precisions() {
        let backend = Backend::cpu().expect("a CPU");
        for precision in [Precision::F32, Precision::F16] {
            let (mut plan, list) = laid_out(33, precision, &backend).expect("a plan");
            plan.replay(list, 0..2).expect("a replay");
        }
    }
}
