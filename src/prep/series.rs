//! From an early series of quantities to a network's inputs.

use serde::{Deserialize, Serialize};

use super::{PrepError, Scale};

/// Inputs that can be derived from the early steps `q` of a product. `m` is their mean, `u` the series in units of
/// demand (see [`Demand`]) and `e` the expectation in the same units; `x = max(u - e, 0)` is what exceeds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Feature {
    /// log(1 + q), at each step.
    Log,
    /// q / m, at each step.
    Relative,
    /// log m.
    LogMean,
    /// q / m from the largest to the smallest.
    SortedRelative,
    /// x, at each step.
    Excess,
    /// x from the largest to the smallest.
    SortedExcess,
    /// log(mean square of the positive x + 0.05): the increment value that the early steps alone have.
    EarlyIncrement,
    /// How many steps exceed the expectation.
    Exceedances,
    /// How far the smallest whole quantity above the expectation exceeds it.
    Gap,
}

/// Ratios are cut here: beyond it a product is simply far out.
const RATIO_MAX: f32 = 6.0;

impl Feature {
    /// Whether it has a value for each step (else one for the product).
    pub const fn per_step(self) -> bool {
        matches!(self, Self::Log | Self::Relative | Self::SortedRelative | Self::Excess | Self::SortedExcess)
    }

    fn write(self, early: &[f32], demand: Demand, out: &mut Vec<f32>) {
        let mean = mean(early).max(1e-6);
        let excess = |q: &f32| (q / demand.unit - demand.expectation).clamp(0.0, RATIO_MAX);
        let start = out.len();
        match self {
            Self::Log => out.extend(early.iter().map(|q| q.ln_1p().min(RATIO_MAX))),
            Self::Relative | Self::SortedRelative => out.extend(early.iter().map(|q| (q / mean).min(RATIO_MAX))),
            Self::Excess | Self::SortedExcess => out.extend(early.iter().map(excess)),
            Self::LogMean => out.push(mean.ln().min(5.0)),
            Self::EarlyIncrement => {
                let over = early.iter().map(|q| q / demand.unit - demand.expectation).filter(|x| *x > 0.0);
                let (sum, count) = over.fold((0.0, 0), |(sum, count), x| (sum + x * x, count + 1));
                out.push((sum / count.max(1) as f32 + 0.05).ln());
            }
            Self::Exceedances => {
                out.push(early.iter().filter(|q| **q / demand.unit > demand.expectation).count() as f32);
            }
            Self::Gap => {
                let next = (demand.expectation * demand.unit + 1e-6).floor() + 1.0;
                out.push((next / demand.unit - demand.expectation).min(RATIO_MAX));
            }
        }
        if matches!(self, Self::SortedRelative | Self::SortedExcess) {
            out[start..].sort_by(|a, b| b.total_cmp(a));
        }
    }
}

fn mean(values: &[f32]) -> f32 {
    (values.iter().map(|v| f64::from(*v)).sum::<f64>() / values.len().max(1) as f64) as f32
}

/// A product's expectation in units of its own: with a relative expectation the unit is the product's early mean, with
/// an absolute one the unit is the expectation itself, which is then 1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Demand {
    /// What quantities are divided by; above 0.
    pub unit: f32,
    /// The expectation, in units.
    pub expectation: f32,
}

impl Demand {
    /// `multiple` times the mean of the early steps. `None` if nothing was sold in them.
    pub fn relative(early: &[f32], multiple: f32) -> Option<Self> {
        let mean = mean(early);
        (mean > 0.0).then_some(Self { unit: mean, expectation: multiple })
    }

    /// A quantity that is the same for all steps. `None` if it is not above 0.
    pub fn absolute(quantity: f32) -> Option<Self> {
        (quantity > 0.0).then_some(Self { unit: quantity, expectation: 1.0 })
    }
}

/// How the inputs lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Layout {
    /// [steps, features]: a sequence with a channel a feature; what has one value a product is repeated at each step.
    Sequence,
    /// One flat row: each feature's values side by side.
    Flat,
}

/// Fitted inputs: features, layout, scale.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SeriesPrep {
    early_steps: usize,
    features: Vec<Feature>,
    layout: Layout,
    scale: Scale,
}

impl SeriesPrep {
    /// Learns the scale from the given products.
    ///
    /// # Errors
    /// If there are none, no feature is asked for or one twice, or a series is shorter than `early_steps`.
    pub fn fit<'a>(
        early_steps: usize,
        features: &[Feature],
        layout: Layout,
        products: impl IntoIterator<Item = (&'a [f32], Demand)>,
    ) -> Result<Self, PrepError> {
        if features.is_empty() || early_steps == 0 {
            return Err(PrepError::Features("expected at least one feature and one step, found none".to_owned()));
        }
        for (i, feature) in features.iter().enumerate() {
            if features[..i].contains(feature) {
                return Err(PrepError::Features(format!("{feature:?} is named twice")));
            }
        }
        let mut rows = vec![];
        for (early, demand) in products {
            raw_row(early_steps, features, layout, early, demand, &mut rows)?;
        }
        let scale = Scale::fit(&rows, &groups(early_steps, features, layout))?;
        Ok(Self { early_steps, features: features.to_vec(), layout, scale })
    }

    /// Steps that a series must have.
    pub fn early_steps(&self) -> usize {
        self.early_steps
    }

    /// [length, channels] of a row.
    pub fn shape(&self) -> (usize, usize) {
        match self.layout {
            Layout::Sequence => (self.early_steps, self.features.len()),
            Layout::Flat => (1, self.scale.width()),
        }
    }

    /// Appends one product's row.
    ///
    /// # Errors
    /// If the series is shorter than the early steps.
    pub fn row(&self, early: &[f32], demand: Demand, out: &mut Vec<f32>) -> Result<(), PrepError> {
        let start = out.len();
        raw_row(self.early_steps, &self.features, self.layout, early, demand, out)?;
        self.scale.apply(&mut out[start..])
    }
}

/// Columns of a channel share their scale in a sequence; in a flat row every column has its own.
fn groups(steps: usize, features: &[Feature], layout: Layout) -> Vec<usize> {
    match layout {
        Layout::Sequence => (0..steps).flat_map(|_| 0..features.len()).collect(),
        Layout::Flat => (0..features.iter().map(|f| if f.per_step() { steps } else { 1 }).sum()).collect(),
    }
}

fn raw_row(
    steps: usize,
    features: &[Feature],
    layout: Layout,
    early: &[f32],
    demand: Demand,
    out: &mut Vec<f32>,
) -> Result<(), PrepError> {
    let Some(early) = early.get(..steps) else {
        return Err(PrepError::Width { expected: steps, found: early.len() });
    };
    match layout {
        Layout::Flat => features.iter().for_each(|feature| feature.write(early, demand, out)),
        Layout::Sequence => {
            let channels: Vec<Vec<f32>> = features
                .iter()
                .map(|feature| {
                    let mut channel = vec![];
                    feature.write(early, demand, &mut channel);
                    channel
                })
                .collect();
            for step in 0..steps {
                out.extend(channels.iter().map(|channel| channel.get(step).copied().unwrap_or(channel[0])));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{Demand, Feature, Layout, SeriesPrep, raw_row};

    const EARLY: [f32; 4] = [2.0, 0.0, 6.0, 4.0];

    fn raw(features: &[Feature], layout: Layout) -> Vec<f32> {
        let demand = Demand::relative(&EARLY, 1.5).expect("something was sold");
        let mut out = vec![];
        raw_row(4, features, layout, &EARLY, demand, &mut out).expect("four steps");
        out
    }

    #[test]
    fn g1_features_by_hand() {
        assert_eq!(raw(&[Feature::Relative], Layout::Flat), [2.0 / 3.0, 0.0, 2.0, 4.0 / 3.0]);
        assert_eq!(raw(&[Feature::SortedRelative], Layout::Flat), [2.0, 4.0 / 3.0, 2.0 / 3.0, 0.0]);
        assert_eq!(raw(&[Feature::Excess], Layout::Flat), [0.0, 0.0, 0.5, 0.0]);
        assert_eq!(raw(&[Feature::Exceedances], Layout::Flat), [1.0]);
        let early = raw(&[Feature::EarlyIncrement], Layout::Flat)[0];
        assert!((early - 0.3_f32.ln()).abs() < 1e-6);
        // The expectation is 4.5 pieces, the next whole quantity 5: (5 - 4.5) / 3.
        assert!((raw(&[Feature::Gap], Layout::Flat)[0] - 0.5 / 3.0).abs() < 1e-6);
    }

    #[test]
    fn g1_a_sequence_repeats_what_has_one_value() {
        let rows = raw(&[Feature::Relative, Feature::Exceedances], Layout::Sequence);
        assert_eq!(rows, [2.0 / 3.0, 1.0, 0.0, 1.0, 2.0, 1.0, 4.0 / 3.0, 1.0]);
    }

    #[test]
    fn e14_a_saved_preparation_gives_the_same_rows() {
        let demand = Demand::relative(&EARLY, 1.5).expect("something was sold");
        let other = [1.0, 1.0, 1.0, 9.0];
        let products = [(&EARLY[..], demand), (&other[..], Demand::relative(&other, 1.5).expect("sold"))];
        let prep = SeriesPrep::fit(4, &[Feature::Log, Feature::Gap], Layout::Sequence, products).expect("two products");
        let text = serde_json::to_string(&prep).expect("json");
        let again: SeriesPrep = serde_json::from_str(&text).expect("the same type");
        let (mut first, mut second) = (vec![], vec![]);
        prep.row(&EARLY, demand, &mut first).expect("four steps");
        again.row(&EARLY, demand, &mut second).expect("four steps");
        assert_eq!(first, second);
        assert_eq!(prep.shape(), (4, 2));
        assert!(prep.row(&EARLY[..3], demand, &mut first).is_err(), "too short");
    }
}
