//! `nightloom bench push`: classifying and pushing in a stream, beside its parts.

use serde_json::json;

use crate::artifact::ArtifactError;
use crate::artifact::table::TableFormat;
use crate::dataset::synth::SynthCustomers;
use crate::pipelines::push::measure;
use crate::run::RunError;

use super::{place, print, print_place, seconds};
use crate::cli::options::DeviceOptions;
use crate::cli::with_exit_codes;

const EXAMPLES: &str = "\
Examples:
  nightloom bench push --customers 1000000
  nightloom bench push --customers 10000000 --folder /data --json

Writes made-up customers into a temporary folder (about 150 MB a million), streams them, and removes them again. The first figure
is the whole job after its classes are trained: reading, cleaning, classifying, weighing, and writing every push; the
others are what it cannot do without.";

/// Time a stream of customers that are classified and pushed, beside reading the file and the nearest centres alone.
#[derive(Debug, clap::Args)]
#[command(after_help = with_exit_codes(EXAMPLES))]
pub(super) struct Args {
    /// Customers, of 64 features and 16 products.
    #[arg(long, value_name = "N", default_value_t = 1_000_000, value_parser = clap::value_parser!(u32).range(10_000..))]
    customers: u32,
    /// Classes.
    #[arg(long, value_name = "N", default_value_t = 32, value_parser = clap::value_parser!(u16).range(2..=4096))]
    classes: u16,
    /// How often each is timed; the least time counts.
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=100))]
    times: u16,
    /// Where the temporary folder is made.
    #[arg(long, value_name = "DIR")]
    folder: Option<std::path::PathBuf>,
    /// One JSON object instead of text.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    device: DeviceOptions,
}

pub(super) fn call(args: &Args) -> Result<(), RunError> {
    let chosen = args.device.choose()?;
    let parent = args.folder.clone().unwrap_or_else(std::env::temp_dir);
    let made = tempfile::tempdir_in(&parent);
    let folder = made.map_err(|e| RunError::from(ArtifactError::io("make a temporary folder in", &parent, e)))?;
    let synth = SynthCustomers { customers: args.customers as usize, features: 64, products: 16, seed: 1 };
    let table = synth.write(folder.path(), TableFormat::Parquet, |_| true)?;
    let found = measure(&synth, &table, usize::from(args.classes), usize::from(args.times), &chosen.backend)?;
    let parts = found.reading + found.nearest;
    if args.json {
        let found = json!({
            "place": place(&chosen),
            "customers": args.customers,
            "classes": args.classes,
            "seconds": found.stream,
            "seconds_reading": found.reading,
            "seconds_nearest": found.nearest,
            "ratio": found.stream / parts,
            "pushes": found.pushes,
        });
        print(&found.to_string());
        return Ok(());
    }
    print_place(&chosen, &format!("{} customers x 64 features, {} classes", args.customers, args.classes));
    print(&format!("stream: {} ({} pushes)", seconds(found.stream), found.pushes));
    print(&format!("reading alone: {}; nearest centres alone: {}", seconds(found.reading), seconds(found.nearest)));
    print(&format!("the stream takes {:.2} times both together", found.stream / parts));
    Ok(())
}
