//! `nightloom bench assign`: the capacity auction on made-up customers.

use std::time::Instant;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::json;

use crate::assign::{AssignError, AuctionSpec, Candidates, Problem};
use crate::run::RunError;

use super::{print, seconds};
use crate::cli::with_exit_codes;

const EXAMPLES: &str = "\
Examples:
  nightloom bench assign
  nightloom bench assign --gains skill --load 0.98 --json";

/// Time an allocation on one core: customers with 16 candidates each, drawn by seed.
#[derive(Debug, clap::Args)]
#[command(after_help = with_exit_codes(EXAMPLES))]
pub(super) struct Args {
    /// Customers.
    #[arg(long, value_name = "N", default_value_t = 1_000_000)]
    customers: u32,
    /// Managers, all with the same capacity.
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(16..))]
    managers: u32,
    /// Places, as a share of the customers.
    #[arg(long, value_name = "SHARE", default_value_t = 0.5)]
    load: f64,
    /// `even`: uniform gains; `skill`: half of a gain is the manager's skill, half the customer's own.
    #[arg(long, value_enum, default_value_t = Gains::Even)]
    gains: Gains,
    /// The gap to reach.
    #[arg(long, value_name = "SHARE", default_value_t = 0.001)]
    gap: f64,
    /// One JSON object instead of text.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Gains {
    Even,
    Skill,
}

pub(super) fn call(args: &Args) -> Result<(), RunError> {
    let problem = problem(args).map_err(RunError::data)?;
    let begun = Instant::now();
    let found = problem.solve(&AuctionSpec { gap: args.gap, ..AuctionSpec::default() }).map_err(RunError::data)?;
    let took = begun.elapsed().as_secs_f64();
    let placed: u32 = found.loads.iter().sum();
    if args.json {
        let value = json!({
            "customers": args.customers, "managers": args.managers, "load": args.load, "seconds": took, "bids": found.bids,
            "value": found.value, "bound": found.bound, "gap": found.gap(), "placed": placed,
        });
        print(&value.to_string());
        return Ok(());
    }
    let (customers, managers) = (args.customers, args.managers);
    print(&format!(
        "{customers} customers, {managers} managers: {}, {} bids, {placed} placed",
        seconds(took),
        found.bids
    ));
    print(&format!("value {:.1}, bound {:.1}, gap {:.4}%", found.value, found.bound, 100.0 * found.gap()));
    Ok(())
}

fn problem(args: &Args) -> Result<Problem, AssignError> {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let places = (f64::from(args.customers) * args.load / f64::from(args.managers)).ceil() as u32;
    let skills: Vec<f32> = (0..args.managers).map(|_| rng.random()).collect();
    let mut candidates = Candidates::new(vec![places; args.managers as usize]);
    for _ in 0..args.customers {
        let quality: f32 = rng.random();
        let mut chosen: Vec<(u32, f32)> = Vec::with_capacity(16);
        while chosen.len() < 16 {
            let manager = rng.random_range(0..args.managers);
            if chosen.iter().all(|(other, _)| *other != manager) {
                let own: f32 = rng.random();
                let gain = match args.gains {
                    Gains::Even => own,
                    Gains::Skill => 0.5 * skills[manager as usize] + 0.5 * quality * own,
                };
                chosen.push((manager, gain));
            }
        }
        candidates.push(chosen);
    }
    candidates.check(vec![0.0])
}
