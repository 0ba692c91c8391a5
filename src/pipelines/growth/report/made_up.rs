//! Results of a run that never was, for tests: many shapes, consistent in themselves, never labelled as anything else.

use super::super::evaluate::{Located, growth_points, score};
use super::super::results::{
    ClassifierResult, GrowthPoint, GrowthProduct, MethodScores, Part, Product, ReferenceOf, Results,
};
use super::super::settings::Rule;
use crate::train::metrics::{Confusion, brier, calibration, roc, roc_auc};

/// An id that would do harm if it were not escaped.
pub(in super::super) const HOSTILE: &str = "<script>alert('x')</script> \"&\", 商品甲";

const EARLY: usize = 13;
const STEPS: usize = 52;

/// What kind of results are wanted.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct Shape {
    /// Held-out products; training has three times as many, validation as many.
    pub held_out: usize,
    /// Held-out products that are called growth.
    pub growth: usize,
    /// Current products; a quarter of them are called growth.
    pub current: usize,
    /// Whether days are known.
    pub dates: bool,
}

impl Default for Shape {
    fn default() -> Self {
        Self { held_out: 160, growth: 40, current: 0, dates: false }
    }
}

/// A small generator, so that the numbers look like data and never change.
struct Noise(u64);

impl Noise {
    /// A number in [0, 1).
    fn next(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// About a normal deviate.
    fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.next()).sum::<f64>() - 6.0
    }
}

/// A product with its full cycle and what lies behind it.
struct Made {
    product: Product,
    series: Vec<f64>,
    /// The cycle without noise.
    shape: Vec<f64>,
    expectation: f64,
    truth: Vec<bool>,
}

fn sigmoid(z: f64) -> f64 {
    1.0 / (1.0 + (-z).exp())
}

fn make(id: String, part: Part, noise: &mut Noise) -> Made {
    let base = (2.2 + 1.1 * noise.normal()).exp().max(1.0);
    let lift = (0.9 + 0.9 * noise.normal() - 0.25 * base.ln()).max(0.0);
    let peak = 20.0 + 25.0 * noise.next();
    let shape: Vec<f64> =
        (0..STEPS).map(|t| base * (1.0 + lift * (-((t as f64 - peak) / 6.0).powi(2)).exp())).collect();
    let series: Vec<f64> = shape.iter().map(|v| (v * (1.0 + 0.22 * noise.normal())).round().max(0.0)).collect();
    let early_mean = series[..EARLY].iter().sum::<f64>() / EARLY as f64;
    let expectation = 1.5 * early_mean;
    let truth: Vec<bool> = series.iter().map(|v| *v > expectation).collect();
    let excess: Vec<f64> =
        series.iter().map(|v| v / early_mean.max(1e-9) - 1.5).filter(|x| *x > 0.0).map(|x| x * x).collect();
    let increment = if excess.is_empty() { 0.0 } else { excess.iter().sum::<f64>() / excess.len() as f64 };
    let product = Product {
        id,
        part,
        early_mean,
        increment: (part != Part::Current).then_some(increment),
        growth: None,
        probability: sigmoid(1.6 * lift - 2.6 + 0.9 * noise.normal()),
        predicted: false,
        attributes: vec![Some(["tea", "rice", "tools"][(noise.next() * 3.0) as usize].to_owned()), None],
    };
    Made { product, series, shape, expectation, truth }
}

/// Calls the `wanted` most probable products of a part growth; gives the lowest of their probabilities.
fn call(made: &mut [Made], part: Part, wanted: usize) -> f64 {
    let mut order: Vec<usize> = (0..made.len()).filter(|&i| made[i].product.part == part).collect();
    order.sort_by(|&a, &b| made[b].product.probability.total_cmp(&made[a].product.probability));
    order.truncate(wanted);
    for &i in &order {
        made[i].product.predicted = true;
    }
    order.last().map_or(1.0, |&i| made[i].product.probability)
}

fn day(step: usize, of_week: usize) -> String {
    let start = chrono::NaiveDate::from_ymd_opt(2024, 1, 1).expect("a day");
    (start + chrono::Days::new((7 * step + of_week) as u64)).to_string()
}

fn locate(made: &Made, place: usize, dates: bool, noise: &mut Noise) -> GrowthProduct {
    let probabilities: Vec<f64> = (0..STEPS)
        .map(|t| sigmoid(3.0 * (made.shape[t] / made.expectation.max(1e-9) - 1.0) + 0.4 * noise.normal()))
        .collect();
    let label = |step: usize| if dates { day(step, 0) } else { format!("W{step}") };
    let points = growth_points(&probabilities, EARLY, Rule::ExpectedCount)
        .into_iter()
        .map(|step| GrowthPoint {
            step,
            label: label(step),
            dates: dates.then(|| (day(step, 0), day(step, 6))),
            probability: probabilities[step],
        })
        .collect();
    let current = made.product.part == Part::Current;
    let references = (0..30)
        .map(|r| ReferenceOf {
            id: format!("P{:04}", (place * 31 + r) % 400),
            distance: 0.1 * r as f64,
            borrowed: r > 24,
        })
        .collect();
    GrowthProduct {
        product: place,
        series: if current { made.series[..EARLY].to_vec() } else { made.series.clone() },
        labels: (0..STEPS).map(label).collect(),
        expectation: made.expectation,
        points,
        truth: (!current).then(|| made.truth.clone()),
        references,
        band: made.shape.iter().map(|v| (0.7 * v, 0.95 * v, 1.3 * v)).collect(),
        place: (1.5 * noise.normal(), noise.normal()),
        probabilities,
    }
}

fn classifier(made: &[Made], cut: f64) -> ClassifierResult {
    let test: Vec<&Product> = made.iter().map(|m| &m.product).filter(|p| p.part == Part::Test).collect();
    let scores: Vec<f64> = test.iter().map(|p| p.probability).collect();
    let base: Vec<f64> = test.iter().map(|p| -p.early_mean).collect();
    let truth: Vec<bool> = test.iter().map(|p| p.growth == Some(true)).collect();
    ClassifierResult {
        confusion: Confusion::of(test.iter().map(|p| (p.predicted, p.growth == Some(true)))),
        roc_auc: roc_auc(&scores, &truth).expect("two classes"),
        roc: roc(&scores, &truth),
        brier: brier(&scores, &truth),
        calibration: calibration(&scores, &truth, 10),
        cut,
        base_roc_auc: roc_auc(&base, &truth).expect("two classes"),
        base_roc: roc(&base, &truth),
        base_direction: "less early sales, more growth",
        losses: (0..14)
            .map(f64::from)
            .map(|e| (0.4 + 0.3 * (-e / 4.0).exp(), Some(0.45 + 0.2 * (-e / 3.0).exp() + 0.004 * e)))
            .collect(),
        best_epoch: 10.4,
        training_rows: 480,
        parameters: 4_321,
        members: 8,
    }
}

fn methods(made: &[Made], growth: &[GrowthProduct]) -> Vec<MethodScores> {
    let held_out: Vec<(&GrowthProduct, &Made)> =
        growth.iter().map(|g| (g, &made[g.product])).filter(|(g, _)| g.truth.is_some()).collect();
    if held_out.is_empty() {
        return vec![];
    }
    let rate: Vec<f64> = (0..STEPS)
        .map(|t| held_out.iter().filter(|(_, m)| m.truth[t]).count() as f64 / held_out.len() as f64)
        .collect();
    let blurred = |g: &GrowthProduct| -> Vec<f64> {
        (0..STEPS).map(|t| f64::midpoint(g.probabilities[t.saturating_sub(4)], rate[t])).collect()
    };
    let by = |name: &str, of: &dyn Fn(&GrowthProduct) -> Vec<f64>| {
        let all: Vec<Vec<f64>> = held_out.iter().map(|(g, _)| of(g)).collect();
        let located: Vec<Located<'_>> = all
            .iter()
            .zip(&held_out)
            .map(|(p, (_, m))| Located {
                probabilities: p,
                points: growth_points(p, EARLY, Rule::ExpectedCount),
                truth: &m.truth,
            })
            .collect();
        MethodScores { method: name.to_owned(), scores: score(&located, EARLY) }
    };
    vec![
        by("the products' own networks", &|g| g.probabilities.clone()),
        by("mean profile of the references", &blurred),
        by("the history's overall rate", &|_| rate.clone()),
    ]
}

/// The products, called and labelled, the cut and the threshold.
fn population(shape: &Shape, noise: &mut Noise) -> (Vec<Made>, f64, f64) {
    let parts = [
        (Part::Train, 3 * shape.held_out),
        (Part::Validation, shape.held_out),
        (Part::Test, shape.held_out),
        (Part::Current, shape.current),
    ];
    let mut made: Vec<Made> = vec![];
    for (part, count) in parts {
        for _ in 0..count {
            let id = format!("P{:04}", made.len());
            made.push(make(id, part, noise));
        }
    }
    let mut d: Vec<f64> = made.iter().filter_map(|m| m.product.increment).collect();
    d.sort_by(f64::total_cmp);
    let threshold = d[d.len() * 3 / 4];
    for m in &mut made {
        m.product.growth = m.product.increment.map(|d| d > threshold);
    }
    let cut = call(&mut made, Part::Test, shape.growth);
    call(&mut made, Part::Current, shape.current / 4);
    (made, cut, threshold)
}

/// Made-up results of this shape. Where there are two growth products or more, the second has a hostile id.
pub(in super::super) fn results(shape: &Shape) -> Results {
    let mut noise = Noise(0x9e37_79b9_7f4a_7c15);
    let (mut made, cut, threshold) = population(shape, &mut noise);
    let mut called: Vec<usize> = (0..made.len()).filter(|&i| made[i].product.predicted).collect();
    called.sort_by(|&a, &b| made[b].product.probability.total_cmp(&made[a].product.probability));
    if let Some(&second) = called.get(1) {
        HOSTILE.clone_into(&mut made[second].product.id);
    }
    let growth: Vec<GrowthProduct> = called.iter().map(|&i| locate(&made[i], i, shape.dates, &mut noise)).collect();
    let map = (0..if growth.is_empty() { 0 } else { 600 })
        .map(|i| {
            let (x, y) = growth[i % growth.len()].place;
            ((x + 0.3 * noise.normal(), y + 0.3 * noise.normal()), i % growth.len())
        })
        .collect();
    let mut files = vec!["history.csv".to_owned()];
    files.extend((shape.current > 0).then(|| "current.csv".to_owned()));
    Results {
        files,
        attribute_names: vec!["category".to_owned(), "label".to_owned()],
        left_out: (0..37)
            .map(|i| (format!("Q{i}"), "it sold less than the minimum volume in its early steps"))
            .collect(),
        early_steps: EARLY,
        steps: STEPS,
        step_labels: (0..STEPS)
            .map(|step| if shape.dates { (step + 1).to_string() } else { format!("W{step}") })
            .collect(),
        expectation: "1.5 times the early mean".to_owned(),
        threshold,
        min_volume: 26.0,
        classifier: classifier(&made, cut),
        methods: methods(&made, &growth),
        map,
        map_variance: (0.41, 0.17),
        borrowed: growth.len() / 5,
        empty: growth.len() / 20,
        point_epochs: 21.7,
        device: "AMD EPYC, 16 threads, AVX-512: no hardware GPU was found".to_owned(),
        growth,
        products: made.into_iter().map(|m| m.product).collect(),
    }
}
