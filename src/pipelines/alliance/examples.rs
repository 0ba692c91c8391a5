//! Examples: some known steps of a product, and how much it sells afterwards.
//!
//! What goes in is relative to the product's own mean over the known steps, in logarithms, and so is what should come out:
//! nothing is fitted to the data, so nothing about the data has to be agreed upon between companies. A last channel holds
//! the level, ln(1 + mean) / 8.

use super::panel::Panel;
use super::settings::DataSettings;
use crate::model::TensorShape;

/// What the level is divided by.
const LEVEL: f64 = 8.0;

/// Which examples.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Train,
    HeldOut,
}

/// A company's examples.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Examples {
    /// [examples, steps, channels].
    pub inputs: Vec<f32>,
    /// ln(1 + mean of the forecast steps) - ln(1 + mean of the known steps).
    pub targets: Vec<f32>,
    /// The same of the last known step: what "as last time" would say.
    pub last: Vec<f32>,
    /// Which product.
    pub products: Vec<usize>,
    /// The first forecast step.
    pub steps: Vec<i64>,
}

impl Examples {
    /// How many.
    pub(super) fn len(&self) -> usize {
        self.targets.len()
    }
}

/// The shape of an example.
pub(super) fn shape(data: &DataSettings) -> TensorShape {
    TensorShape::sequence(data.window, data.values.len() + 1)
}

/// A company's examples of a part.
pub(super) fn examples(panel: &Panel, company: usize, data: &DataSettings, part: Part) -> Examples {
    let mut out = Examples::default();
    let cut = (data.train_until - panel.first_step + 1).max(0) as usize;
    for product in 0..panel.products.len() {
        let series: Vec<&[f64]> = (0..data.values.len()).map(|c| panel.series(company, product, c)).collect();
        for start in 0..(panel.steps + 1).saturating_sub(data.window + data.horizon) {
            let (from, to) = (start + data.window, start + data.window + data.horizon);
            let inside = if part == Part::Train { to <= cut } else { from >= cut };
            let mean = average(&series[0][start..from]);
            if inside && mean >= f64::from(data.mean_least) {
                push(&mut out, &series, (start, from, to), mean);
                out.products.push(product);
                out.steps.push(panel.first_step + from as i64);
            }
        }
    }
    out
}

fn push(out: &mut Examples, series: &[&[f64]], (start, from, to): (usize, usize, usize), mean: f64) {
    let level = mean.ln_1p();
    let levels: Vec<f64> = series.iter().map(|values| average(&values[start..from]).ln_1p()).collect();
    for step in start..from {
        out.inputs.extend(series.iter().zip(&levels).map(|(values, level)| (values[step].ln_1p() - level) as f32));
        out.inputs.push((level / LEVEL) as f32);
    }
    out.targets.push((average(&series[0][from..to]).ln_1p() - level) as f32);
    out.last.push((series[0][from - 1].ln_1p() - level) as f32);
}

fn average(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}
