//! `nightloom bench claims`: claims from many threads, beside what the disk can flush.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::artifact::ArtifactError;
use crate::claims::{Claim, ClaimError, ClaimStore, Mode, OfferList, Offered, SqliteClaims};
use crate::ledger::Ledger;
use crate::run::RunError;

use super::{print, scaled, seconds};
use crate::cli::with_exit_codes;

const EXAMPLES: &str = "\
Examples:
  nightloom bench claims --folder /data          on that folder's disk
  nightloom bench claims --threads 100 --json";

/// Time claims: every thread is a manager and claims customers whom all see, one after the other, in an order that jumps
/// over the whole list. The disk's flushes (4 KiB appended, fdatasync) are timed before and behind it.
#[derive(Debug, clap::Args)]
#[command(after_help = with_exit_codes(EXAMPLES))]
pub(super) struct Args {
    /// Where the ledger is made, and removed again.
    #[arg(long, value_name = "FOLDER", default_value = ".")]
    folder: PathBuf,
    /// Threads that claim at once.
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    threads: u32,
    /// Customers a thread claims.
    #[arg(long, value_name = "N", default_value_t = 300, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    each: u32,
    /// One JSON object instead of text.
    #[arg(long)]
    json: bool,
}

pub(super) fn call(args: &Args) -> Result<(), RunError> {
    let io = |e| ArtifactError::io("make a folder in", &args.folder, e);
    let folder = tempfile::tempdir_in(&args.folder).map_err(io)?;
    let before = flushes(folder.path())?;
    let store = SqliteClaims::new(Ledger::open(&folder.path().join("ledger")).map_err(RunError::work)?);
    let customers = args.threads * args.each;
    offer(&store, customers, args.threads).map_err(RunError::work)?;
    let begun = Instant::now();
    let mut times = claim_all(&store, args.threads, args.each)?;
    let took = begun.elapsed().as_secs_f64();
    let behind = flushes(folder.path())?;
    times.sort_by(f64::total_cmp);
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize];
    let (rate, flush) = (f64::from(customers) / took, f64::midpoint(before, behind));
    if args.json {
        let value = json!({
            "threads": args.threads, "claims": customers, "claims_per_s": rate, "fdatasync_per_s": [before, behind],
            "ratio": rate / flush, "median_s": at(0.5), "p99_s": at(0.99), "slowest_s": at(1.0),
        });
        print(&value.to_string());
        return Ok(());
    }
    print(&format!("{customers} claims from {} threads: {}a second", args.threads, scaled(rate)));
    print(&format!(
        "fdatasync: {before:.0} a second before, {behind:.0} behind; claims: {:.1} times as many",
        rate / flush
    ));
    print(&format!("median {}, 99% {}, slowest {}", seconds(at(0.5)), seconds(at(0.99)), seconds(at(1.0))));
    Ok(())
}

fn offer(store: &SqliteClaims, customers: u32, managers: u32) -> Result<(), ClaimError> {
    let offered = |number: u32| Offered { customer: customer(number), managers: vec![], weight: 1.0 };
    store.offer(OfferList {
        grid: "grid".to_owned(),
        task: "task".to_owned(),
        mode: Mode::Grab,
        entries: (0..customers).map(offered).collect(),
        managers: (0..managers).map(manager).collect(),
    })
}

fn customer(number: u32) -> String {
    format!("customer-{number:07}")
}

fn manager(number: u32) -> String {
    format!("manager-{number:05}")
}

/// How long each claim took.
fn claim_all(store: &SqliteClaims, threads: u32, each: u32) -> Result<Vec<f64>, RunError> {
    let customers = u64::from(threads) * u64::from(each);
    let ready = AtomicBool::new(false);
    let claim = |thread: u32| {
        let name = manager(thread);
        while !ready.load(Ordering::Acquire) {
            std::thread::park_timeout(Duration::from_millis(1));
        }
        let mut times = Vec::with_capacity(each as usize);
        for step in 0..each {
            // A prime that divides no such count takes every customer once.
            let place = (u64::from(step) * u64::from(threads) + u64::from(thread)) * 1_000_000_007 % customers;
            let customer = customer(place as u32);
            let begun = Instant::now();
            let answer = store.claim("grid", &customer, &name).map_err(RunError::work)?;
            times.push(begun.elapsed().as_secs_f64());
            if answer != Claim::Won {
                return Err(RunError::work(format!(
                    "{customer}: expected to be won by its only claimant, found {answer:?}"
                )));
            }
        }
        Ok(times)
    };
    std::thread::scope(|scope| {
        let claim = &claim;
        let small = || std::thread::Builder::new().stack_size(128 << 10);
        let spawn = |thread| small().spawn_scoped(scope, move || claim(thread));
        let running: Vec<_> = (0..threads).map(spawn).collect();
        ready.store(true, Ordering::Release);
        let mut times = Vec::new();
        for thread in running {
            match thread.map_err(RunError::work)?.join() {
                Ok(found) => times.extend(found?),
                Err(_) => return Err(RunError::work("a thread panicked")),
            }
        }
        Ok(times)
    })
}

/// How often a second 4 KiB reach the disk.
fn flushes(folder: &Path) -> Result<f64, RunError> {
    let io = |e| RunError::Files(ArtifactError::io("flush a file in", folder, e));
    let mut file = tempfile::tempfile_in(folder).map_err(io)?;
    let (begun, mut count) = (Instant::now(), 0);
    while begun.elapsed().as_secs_f64() < 1.0 {
        file.write_all(&[1; 4096]).map_err(io)?;
        file.sync_data().map_err(io)?;
        count += 1;
    }
    Ok(f64::from(count) / begun.elapsed().as_secs_f64())
}
