//! What a stream costs beside what it cannot do without, for `nightloom bench push`.

use std::path::Path;
use std::time::Instant;

use serde_json::json;

use super::error::PushError;
use super::judge::{Setting, Work};
use super::load::{Loaded, Sources};
use super::model::Model;
use super::settings::Settings;
use super::stream::{BLOCK, Stream};
use crate::artifact::ensure_folder;
use crate::artifact::table::TableFormat;
use crate::backend::Backend;
use crate::cluster::{Classifier, Rows};
use crate::dataset::synth::SynthCustomers;
use crate::dataset::{NumberReader, RawSource};

/// Seconds, each the least of several times.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Measured {
    /// Reading, cleaning, classifying, weighing, and writing every push.
    pub stream: f64,
    /// Reading the same columns alone.
    pub reading: f64,
    /// The nearest of the centres for the same rows in memory alone.
    pub nearest: f64,
    /// Pushes that were written.
    pub pushes: usize,
}

/// Learns classes from a sample of made-up customers at `table`, then times the stream and its parts.
///
/// # Errors
/// If the table cannot be read, results cannot be written, or the device fails.
pub fn measure(
    synth: &SynthCustomers,
    table: &Path,
    classes: usize,
    times: usize,
    backend: &Backend,
) -> Result<Measured, PushError> {
    let settings: Settings = serde_json::from_value(json!({
        "customers": { "source": { "path": table }, "id": "customer", "stream": true, "sample": 50_000 },
        "holdings": { "wide": synth.product_names() },
        "features": { "method": "none" },
        "classes": { "count": classes, "max_rounds": 2 },
    }))
    .map_err(|e| PushError::data(table, e.to_string()))?;
    let source = RawSource::of(table).check(Path::new(""))?;
    let sources = Sources { customers: source.clone(), holdings: None, products: None, exclude: None };
    let (loaded, _) = Loaded::read(&settings, &sources)?;
    let work = Work { settings: &settings, loaded: &loaded, backend, stop: &|| false };
    let setting = Setting { from: settings.classes.from, classes, shrink: 0.0, rounds: 1 };
    let mut model = Model::fit(&work, setting, 1)?;
    let tables = table.with_file_name("tables");
    ensure_folder(&tables)?;
    let names = [synth.feature_names(), synth.product_names()].concat();
    let mut found = Measured { stream: f64::INFINITY, reading: f64::INFINITY, nearest: f64::INFINITY, pushes: 0 };
    for _ in 0..times {
        let start = Instant::now();
        let mut reader = NumberReader::open(&source, Some("customer"), &names, BLOCK, None)?;
        while reader.next_block()?.is_some() {}
        found.reading = found.reading.min(start.elapsed().as_secs_f64());
        found.nearest = found.nearest.min(nearest(&model.centres[0], classes, synth.customers, &loaded, backend)?);
        let start = Instant::now();
        let stream = Stream {
            source: &source,
            id: Some("customer"),
            wide: &synth.product_names(),
            backend,
            tables: &tables,
            scratch: &tables,
            format: TableFormat::Parquet,
            stop: &|| false,
        };
        found.pushes = stream.run(&mut model)?.totals.pushes;
        found.stream = found.stream.min(start.elapsed().as_secs_f64());
    }
    Ok(found)
}

/// The engine's time for as many rows: blocks of the sample again and again.
fn nearest(
    centres: &[f32],
    classes: usize,
    customers: usize,
    loaded: &Loaded,
    backend: &Backend,
) -> Result<f64, PushError> {
    let width = centres.len() / classes;
    let prep = crate::prep::AttributePrep::fit(&loaded.columns, &loaded.learn())?;
    let (sample, _) = prep.apply(&loaded.columns)?;
    let rows: Vec<f32> = sample.iter().copied().cycle().take(BLOCK * width).collect();
    let mut classifier = Classifier::new(backend, centres, width)?;
    let (mut labels, mut distances) = (vec![], vec![]);
    let mut seconds = 0.0;
    for first in (0..customers).step_by(BLOCK) {
        let count = BLOCK.min(customers - first);
        let block = Rows::new(&rows[..count * width], width)?;
        let start = Instant::now();
        classifier.classify(&block, &mut labels, &mut distances)?;
        seconds += start.elapsed().as_secs_f64();
    }
    Ok(seconds)
}
