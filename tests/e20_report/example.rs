//! A growth report as the pipeline would build it, of made-up numbers.

use nightloom::report::chart::{
    BarChart, CalibrationBin, CalibrationPlot, Chart, ConfusionMatrix, HeatMap, Histogram, LineChart, MarkKind,
    RocCurve, ScatterPlot, Size, TrainingCurves, XLabels,
};
use nightloom::report::{Card, Column, NoteKind, Report, ReportError, StepTiming, Table};

/// A small generator, so that the numbers look like data and never change.
pub struct Noise(u64);

impl Noise {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// A number in [0, 1).
    pub fn next(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as f64 / (1u64 << 53) as f64
    }

    /// About a normal deviate.
    pub fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.next()).sum::<f64>() - 6.0
    }
}

pub const HOSTILE: &str = "<script>alert('x')</script> \"&\" 商品甲";

pub fn product(seed: u64, size: Size) -> Result<Chart, ReportError> {
    let mut noise = Noise::new(seed);
    let base = 8.0 + 60.0 * noise.next();
    let peak = 20.0 + 20.0 * noise.next();
    let shape = |t: f64| base * (1.0 + 1.6 * (-((t - peak) / 7.0).powi(2)).exp());
    let series: Vec<f64> = (0..52).map(|t| (shape(f64::from(t)) * (1.0 + 0.16 * noise.normal())).max(0.0)).collect();
    let low: Vec<f64> = (0..52).map(|t| shape(f64::from(t) - 1.0) * 0.62).collect();
    let high: Vec<f64> = (0..52).map(|t| shape(f64::from(t) + 1.0) * 1.3).collect();
    let e = base * 1.9;
    let actual: Vec<(usize, f64)> = (13..52).filter(|&t| series[t] > e).map(|t| (t, series[t])).collect();
    let predicted: Vec<(usize, f64)> =
        (13..52).filter(|&t| shape(t as f64) > e * 1.08).step_by(2).map(|t| (t, series[t])).collect();
    LineChart::new(&format!("Sales of product P{seed}"), "week", "units a week", XLabels::From(1))
        .size(size)
        .band("references, middle 80%", 0, &low, &high)
        .series("sales", 0, &series)
        .reference(e, "E")
        .marks(MarkKind::Actual, "actual growth point", &actual)
        .marks(MarkKind::Predicted, "predicted growth point", &predicted)
        .divider(13, "early", "future")
        .render()
}

fn cloud(noise: &mut Noise, n: usize, at: (f64, f64), spread: f64) -> Vec<(f64, f64)> {
    (0..n).map(|_| (at.0 + spread * noise.normal(), at.1 + spread * 0.7 * noise.normal())).collect()
}

fn roc(power: f64) -> Vec<(f64, f64)> {
    (0..=400).map(|i| f64::from(i) / 400.0).map(|x| (x, x.powf(power))).collect()
}

fn summary(report: &mut Report) -> Result<(), ReportError> {
    let body = report.section("Summary", "summary")?;
    body.cards(vec![
        Card::new("Products in the history", "811", "52 weeks each"),
        Card::new("Labelled growth", "203", "D above 0.0342, the top quarter"),
        Card::new("Held-out ROC-AUC", "0.812", "base level only: 0.731"),
        Card::new("Growth points F1", "0.547", "better baseline: 0.498"),
        Card::new("Time", "1 min 12 s", "NVIDIA H100 80GB HBM3"),
    ]);
    body.paragraph(
        "The classifier sees the first 13 weeks of each product. A product is labelled growth when its positive \
         increment value D, over the whole cycle and relative to its early mean, lies above the threshold.",
    );
    body.note(NoteKind::Warning, "3 clusters stayed empty; each borrowed its 5 nearest history products.");
    Ok(())
}

fn classifier(report: &mut Report) -> Result<(), ReportError> {
    let body = report.section("Product classifier", "classifier")?;
    let loss = |floor: f64, rise: f64| -> Vec<f64> {
        (0..48).map(|i| floor + 0.34 * (-f64::from(i) / 9.0).exp() + rise * f64::from(i) / 48.0).collect()
    };
    let curves = TrainingCurves::new("Training", &loss(0.31, -0.05), &loss(0.36, 0.07)).best_epoch(24).render()?;
    body.figure(curves, "Cross entropy, mean over the split. Training stopped after 20 epochs without a better one.");
    let counts = [vec![127, 25], vec![14, 37]];
    body.figure(
        ConfusionMatrix::new("Held-out products", &["steady", "growth"], &counts).render()?,
        "Each row is a true class; shares are of the row.",
    );
    let curve = RocCurve::new("ROC").curve("model", &roc(0.24), 0.812).curve("base level only", &roc(0.42), 0.731);
    body.figure(curve.render()?, "");
    let bins: Vec<CalibrationBin> = (0..10)
        .map(|i| f64::from(i) / 10.0 + 0.05)
        .map(|p| CalibrationBin {
            predicted: p,
            observed: (p * p * 0.6 + p * 0.45).min(1.0),
            count: (180.0 * (1.0 - p)) as usize,
        })
        .collect();
    body.figure(CalibrationPlot::new("Calibration", &bins).render()?, "");
    let columns = vec![
        Column::text("method"),
        Column::number("accuracy", 3),
        Column::number("balanced accuracy", 3),
        Column::number("precision", 3),
        Column::number("recall", 3),
        Column::number("F1", 3),
        Column::number("ROC-AUC", 3).with_bar(),
    ];
    let mut table = Table::new("Classifier on held-out products", columns);
    table.row(vec![
        "model".into(),
        0.808.into(),
        0.78.into(),
        0.597.into(),
        0.725.into(),
        0.655.into(),
        0.812.into(),
    ])?;
    table.row(vec![
        "base level only".into(),
        0.749.into(),
        0.66.into(),
        None::<f64>.into(),
        0.0.into(),
        None::<f64>.into(),
        0.731.into(),
    ])?;
    body.table(table.emphasise_row(0));
    Ok(())
}

fn overview(report: &mut Report, points: usize) -> Result<(), ReportError> {
    let mut noise = Noise::new(5);
    let body = report.section("Overview", "overview")?;
    let d: Vec<f64> = (0..811).map(|_| (0.7 * noise.normal() - 4.1).exp()).collect();
    let (growth, steady): (Vec<f64>, Vec<f64>) = d.iter().map(|v| v * 1.0).partition(|v| *v > 0.0342);
    body.figure(
        Histogram::new("Positive increment value D", "D")
            .group("all", &d)
            .log_x()
            .reference(0.0342, "threshold")
            .render()?,
        "811 products.",
    );
    let p = |n: usize, skew: f64, noise: &mut Noise| -> Vec<f64> { (0..n).map(|_| noise.next().powf(skew)).collect() };
    let (low, high) = (p(steady.len(), 2.2, &mut noise), p(growth.len(), 0.7, &mut noise));
    let predicted =
        Histogram::new("Predicted probability of growth", "probability").group("steady", &low).group("growth", &high);
    body.figure(predicted.bins(20).reference(0.5, "cut").render()?, "By true label.");
    let map = ScatterPlot::new("Class map", "first component", "second component")
        .group("steady", &cloud(&mut noise, points, (-1.0, 0.0), 1.1))
        .group("growth", &cloud(&mut noise, points / 4, (1.8, 0.9), 0.9));
    body.figure(
        map.render()?,
        "Early series in the plane of their two largest principal components (58% of the variance).",
    );
    let centres: Vec<(f64, f64)> = cloud(&mut noise, 24, (0.0, 0.0), 1.8);
    let mut map = ScatterPlot::new("Cluster map", "first component", "second component");
    for (i, centre) in centres.iter().enumerate().take(6) {
        map = map.group(&format!("P{:04}", 17 * i + 3), &cloud(&mut noise, 60, *centre, 0.45));
    }
    let map =
        map.background("18 other clusters", &cloud(&mut noise, 500, (0.0, 0.0), 1.6)).centres("centres", &centres);
    body.figure(map.render()?, "Each cluster belongs to one growth product, its centre.");
    let mut ranking = BarChart::new("Ranking by D", "D, relative to the early mean").size(Size::Wide);
    for i in 0..12usize {
        let name = if i == 2 { HOSTILE.to_owned() } else { format!("P{:04}", 7919 * (i + 1) % 1500) };
        ranking = ranking.grouped(if i == 9 { "steady" } else { "growth" }, &name, 1.9 / (1.0 + 0.4 * i as f64));
    }
    body.figure(ranking.reference(0.34, "threshold").render()?, "");
    let values: Vec<Vec<f64>> =
        (0..5).map(|i| (0..8).map(|j| f64::from((i * 7 + j * 3) % 11) / 10.0).collect()).collect();
    let weeks: Vec<String> = (1..9).map(|w| format!("w{w}")).collect();
    let weeks: Vec<&str> = weeks.iter().map(String::as_str).collect();
    body.figure(HeatMap::new("Attention", "weight", &["a", "b", "c", "d", "长名字"], &weeks, &values).render()?, "");
    let values: Vec<Vec<f64>> = (0..30).map(|_| (0..52).map(|_| noise.next()).collect()).collect();
    let names: Vec<String> = (1..53).map(|w| w.to_string()).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    body.figure(HeatMap::new("Many cells", "share", &names[..30], &names, &values).render()?, "");
    Ok(())
}

fn growth_points(report: &mut Report, pictures: usize, products: usize) -> Result<(), ReportError> {
    let body = report.section("Growth points", "growth-points")?;
    let dates: Vec<String> = (0..52).map(|w| format!("2024-{:02}-{:02}", w / 4 % 12 + 1, w % 4 * 7 + 1)).collect();
    let flat: Vec<f64> = (0..52).map(|t| 30.0 + f64::from(t * 7 % 11)).collect();
    let chart = LineChart::new("History's rate of increment", "week", "units a week", XLabels::Named(dates))
        .size(Size::Wide)
        .series("mean profile of the references", 0, &flat)
        .context("history", 0, &flat.iter().map(|v| v * 0.7 + 4.0).collect::<Vec<_>>())
        .reference(33.0, "E = 33.0")
        .reference(34.0, "mean")
        .span(20, 26, "promotion span")
        .divider(13, "early", "future");
    body.figure(chart.render()?, "Dates are the first day of each week.");
    let charts = (1..=pictures as u64).map(|i| Ok((format!("P{i:04}"), product(i, Size::Small)?)));
    let caption =
        "Units a week over 52 weeks, for the products with the largest D. The dotted line ends the early weeks.";
    body.grid(caption, charts.collect::<Result<_, ReportError>>()?);
    let columns = vec![
        Column::text("product"),
        Column::text("weeks"),
        Column::text("span"),
        Column::percent("highest probability", 1),
    ];
    let mut table = Table::new("All growth points", columns);
    for i in 0..products {
        let name = if i == 1 { HOSTILE.to_owned() } else { format!("P{i:04}") };
        table.row(vec![name.into(), "21, 23, 25".into(), "2024-05-20 to 2024-06-23".into(), 0.934.into()])?;
    }
    body.table(table.cut(1000, "tables/growth_points.csv"));
    Ok(())
}

/// The whole report.
pub fn report(pictures: usize, products: usize) -> Result<Report, ReportError> {
    let mut report = Report::new("Growth products", "CJ weekly sales: 811 products, 52 weeks, the first 13 known");
    summary(&mut report)?;
    classifier(&mut report)?;
    overview(&mut report, products)?;
    growth_points(&mut report, pictures, products)?;
    let body = report.section("Run", "run")?;
    let step =
        |step: &str, seconds| StepTiming { step: step.to_owned(), device: "NVIDIA H100 80GB HBM3".to_owned(), seconds };
    body.timings(&[step("read and check", 0.41), step("train classifier", 38.2), step("train 203 networks", 31.7)])?;
    let mut job = nightloom::report::Body::new();
    job.preformatted("kind = \"growth\"\nseed = 7\n\n[growth]\nearly_steps = 13\nexpectation = { relative = 1.5 }\n");
    body.details("The resolved job", job);
    report.footer("Input cj_product_week_qty.csv, SHA-256 3f1c9a…");
    Ok(report)
}
