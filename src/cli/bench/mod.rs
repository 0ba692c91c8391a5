//! `nightloom bench`: how fast this machine is, without any other tool.

mod assign;
mod claims;
mod clusters;
mod differences;
mod emotion;
mod intent;
pub mod laid;
pub mod networks;
mod ops;
mod paillier;
mod peak;
mod product;
mod profile;
mod push;
mod round;
mod step;
mod timer;

use serde_json::{Value, json};

use crate::backend::{Backend, Chosen, Cpu};
use crate::run::{Console, ExitCode, LogChoice};

use super::{Failure, print, with_exit_codes};

const EXAMPLES: &str = "\
Examples:
  nightloom bench ops                            every timed case of every operation
  nightloom bench ops conv --device cpu          those with `conv` in their name
  nightloom bench step                           training steps of named networks
  nightloom bench step growth --threads 1 --json
  nightloom bench step conv1d-90 --profile        which kernels the time goes to
  nightloom bench product --size 4096            one square matrix product
  nightloom bench paillier --threads 1           encryption, sums, decryption
  nightloom bench round --parties 16             one round of an alliance's encrypted sums
  nightloom bench clusters kmeans --help         K-means, nearest rows, components, trees on rows of a file
  nightloom bench push --customers 1000000       customers classified and pushed in a stream
  nightloom bench intent                         users answered by an ensemble, beside the network alone
  nightloom bench assign                         a million customers, a thousand managers
  nightloom bench differences --folder /data     ten million rows beside the bare read of their Parquet
  nightloom bench claims --folder /data          claims from 1,000 threads beside the disk's fdatasync
  nightloom bench emotion TRAIN TEST             how well a text model tells emotions

Take the figures from a release build on a machine that does nothing else.";

/// Time the operations, training steps of named networks, encryption, clusters, or a stream of pushes.
#[derive(Debug, clap::Args)]
#[command(after_help = with_exit_codes(EXAMPLES))]
pub(super) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    Ops(ops::Args),
    Step(step::Args),
    Product(product::Args),
    Paillier(paillier::Args),
    Round(round::Args),
    Clusters(clusters::Args),
    Push(push::Args),
    Intent(intent::Args),
    Assign(assign::Args),
    Differences(differences::Args),
    Claims(claims::Args),
    Emotion(emotion::Args),
}

pub(super) fn call(args: &Args) -> Result<ExitCode, Failure> {
    if cfg!(debug_assertions) {
        Console::on_stderr(LogChoice::Plain, false)
            .warn("this is no release build: `cargo build --release` gives one whose figures mean something");
    }
    match &args.what {
        What::Ops(args) => ops::call(args)?,
        What::Step(args) => step::call(args)?,
        What::Product(args) => product::call(args)?,
        What::Paillier(args) => paillier::call(args)?,
        What::Round(args) => round::call(args)?,
        What::Clusters(args) => clusters::call(args)?,
        What::Push(args) => push::call(args)?,
        What::Intent(args) => intent::call(args)?,
        What::Assign(args) => assign::call(args)?,
        What::Differences(args) => differences::call(args)?,
        What::Claims(args) => claims::call(args)?,
        What::Emotion(args) => emotion::call(args)?,
    }
    Ok(ExitCode::Done)
}

/// Where something was timed.
fn place(chosen: &Chosen) -> Value {
    let simd = match &chosen.backend {
        Backend::Cpu(cpu) => Some(cpu.simd().name()),
        Backend::Gpu(_) => None,
    };
    json!({
        "device": chosen.backend.id(),
        "describe": chosen.backend.describe(),
        "simd": simd,
        "cores": Cpu::cores(),
        "threads": rayon::current_num_threads(),
        "release": !cfg!(debug_assertions),
    })
}

fn print_place(chosen: &Chosen, timed: &str) {
    print(&format!("device: {}; {} CPU threads", chosen.backend.describe(), rayon::current_num_threads()));
    print(&format!("timed: {timed}"));
}

/// A count with a unit's prefix: `12.3 G`.
fn scaled(value: f64) -> String {
    let prefixes = ["", "k", "M", "G", "T", "P"];
    let step = (0..prefixes.len() - 1).take_while(|n| value >= 1e3_f64.powi(*n as i32 + 1)).count();
    format!("{:.1} {}", value / 1e3_f64.powi(step as i32), prefixes[step])
}

/// Seconds with a unit that suits them.
fn seconds(value: f64) -> String {
    match value {
        v if v >= 1.0 => format!("{v:.2} s"),
        v if v >= 1e-3 => format!("{:.3} ms", v * 1e3),
        v => format!("{:.2} us", v * 1e6),
    }
}

#[cfg(test)]
mod tests {
    use super::{scaled, seconds};

    #[test]
    fn e6_figures_have_units_that_suit_them() {
        assert_eq!([0.0, 999.0, 1500.0, 2.5e9].map(scaled), ["0.0 ", "999.0 ", "1.5 k", "2.5 G"]);
        assert_eq!([2.0, 0.001_25, 3.5e-6].map(seconds), ["2.00 s", "1.250 ms", "3.50 us"]);
    }
}
