//! `nightloom bench intent`: answering users, beside the bare network.

use serde_json::json;

use crate::pipelines::intent::speed;
use crate::run::RunError;

use super::{place, print, print_place, seconds};
use crate::cli::options::DeviceOptions;
use crate::cli::with_exit_codes;

const EXAMPLES: &str = "\
Examples:
  nightloom bench intent --users 1000000
  nightloom bench intent --users 100000 --device gpu --json

The first figure is what a run asks of its ensemble of five: rows in, read-outs, associations and probabilities out. The second is
the network's plan replayed alone.";

/// Time the ensemble of an intent job with the widths of the bundled one.
#[derive(Debug, clap::Args)]
#[command(after_help = with_exit_codes(EXAMPLES))]
pub(super) struct Args {
    /// Users.
    #[arg(long, value_name = "N", default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(4096..))]
    users: u32,
    /// How often each is timed; the least time counts.
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=100))]
    times: u16,
    /// One JSON object instead of text.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    device: DeviceOptions,
}

/// Numbers of the towers and products of `jobs/intent.toml`.
const WIDTHS: ([usize; 3], usize) = ([906, 50, 50], 302);

pub(super) fn call(args: &Args) -> Result<(), RunError> {
    let chosen = args.device.choose()?;
    let found = speed(WIDTHS, args.users as usize, usize::from(args.times), &chosen.backend)?;
    let ratio = found.answers / found.network;
    let rate = found.operations * f64::from(args.users) / found.network / 1e9;
    if args.json {
        let found = json!({
            "place": place(&chosen),
            "users": args.users,
            "answers_s": found.answers,
            "network_s": found.network,
            "ratio": ratio,
            "gflops": rate,
        });
        print(&found.to_string());
        return Ok(());
    }
    print_place(&chosen, "least of the rounds");
    print(&format!("{} users, an ensemble of five", args.users));
    print(&format!("answers          {}   {ratio:.2} times the network alone", seconds(found.answers)));
    print(&format!("network alone    {}   {rate:.1} GFLOP/s", seconds(found.network)));
    Ok(())
}
