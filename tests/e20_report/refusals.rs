//! What cannot be drawn is an error, and nothing to draw is a panel that says so.

use super::xml;
use nightloom::report::chart::{
    BarChart, CalibrationBin, CalibrationPlot, Chart, ConfusionMatrix, HeatMap, Histogram, LineChart, MarkKind,
    RocCurve, ScatterPlot, Size, TrainingCurves, XLabels,
};
use nightloom::report::{NoteKind, Report, ReportError, StepTiming};

fn line() -> LineChart {
    LineChart::new("l", "week", "units", XLabels::From(1))
}

fn of_value(v: f64) -> Vec<(&'static str, Result<Chart, ReportError>)> {
    vec![
        ("line", line().series("s", 0, &[1.0, v]).render()),
        ("band", line().band("b", 0, &[v], &[v]).render()),
        ("reference", line().series("s", 0, &[1.0]).reference(v, "E").render()),
        ("mark", line().series("s", 0, &[1.0]).marks(MarkKind::Actual, "m", &[(0, v)]).render()),
        ("training", TrainingCurves::new("t", &[1.0, v], &[]).render()),
        ("bar", BarChart::new("b", "D").bar("x", v).render()),
        ("histogram", Histogram::new("h", "D").group("g", &[1.0, v]).render()),
        ("scatter", ScatterPlot::new("s", "x", "y").group("g", &[(0.0, v)]).render()),
        ("centres", ScatterPlot::new("s", "x", "y").centres("g", &[(v, 0.0)]).render()),
        ("heat", HeatMap::new("h", "w", &["a"], &["b", "c"], &[vec![1.0, v]]).render()),
        ("roc", RocCurve::new("r").curve("m", &[(0.0, 0.0), (v, 1.0)], 0.5).render()),
        ("auc", RocCurve::new("r").curve("m", &[(0.0, 0.0), (1.0, 1.0)], v).render()),
        (
            "calibration",
            CalibrationPlot::new("c", &[CalibrationBin { predicted: 0.5, observed: v, count: 3 }]).render(),
        ),
    ]
}

#[test]
fn e20_values_that_are_no_numbers_are_refused() {
    for v in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        for (name, result) in of_value(v) {
            assert!(matches!(result, Err(ReportError::NonFinite { .. })), "{name} of {v}: {result:?}");
        }
    }
}

#[test]
fn e20_extreme_values_give_well_formed_pictures() -> Result<(), ReportError> {
    for v in [0.0, -0.0, 1.0, 1e-300, 1e15, 1e300] {
        for (name, result) in
            of_value(v).into_iter().filter(|(name, _)| v <= 1.0 || !["roc", "auc", "calibration"].contains(name))
        {
            assert_eq!(xml::check(&result?.svg("x")), Ok(()), "{name} of {v}");
        }
    }
    let both = line().series("s", 0, &[-1e300, 1e300]).render()?;
    assert_eq!(xml::check(&both.svg("x")), Ok(()));
    let flat = HeatMap::new("h", "w", &["a"], &["b"], &[vec![3.0]]).render()?;
    assert_eq!(xml::check(&flat.svg("x")), Ok(()));
    Ok(())
}

#[test]
fn e20_shapes_that_do_not_fit_are_refused() {
    let text = |r: Result<Chart, ReportError>| r.map_or_else(|e| e.to_string(), |_| "drawn".to_owned());
    let cases = [
        (line().band("b", 0, &[1.0, 2.0], &[3.0]).render(), "expected 2 values, got 1"),
        (line().band("b", 0, &[5.0], &[3.0]).render(), "expected low at most high, got 5 above 3 at index 0"),
        (line().series("s", 0, &[0.0]).log_y().render(), "expected values above 0, got 0"),
        (line().series("s", 0, &[1.0; 9]).span(5, 4, "s").render(), "got 5 to 4"),
        (
            LineChart::new("l", "x", "y", XLabels::Named(vec!["a".into()])).series("s", 0, &[1.0; 3]).render(),
            "expected 3 values, got 1",
        ),
        (TrainingCurves::new("t", &[1.0], &[]).best_epoch(1).render(), "got 1 with 1 epochs"),
        (TrainingCurves::new("t", &[1.0], &[1.0, 2.0]).render(), "expected 1 values, got 2"),
        (RocCurve::new("r").curve("m", &[(0.5, 0.5), (0.4, 1.0)], 0.5).render(), "expected ascending rates"),
        (RocCurve::new("r").curve("m", &[(0.0, 1.5)], 0.5).render(), "expected values from 0 to 1, got 1.5 at index 0"),
        (ConfusionMatrix::new("c", &["a", "b"], &[vec![1, 2], vec![3]]).render(), "row 2: expected 2 values, got 1"),
        (HeatMap::new("h", "w", &["a"], &["b"], &[]).render(), "rows: expected 1 values, got 0"),
        (
            ScatterPlot::new("s", "x", "y").group("g", &[(1.0, 0.0)]).log_axes().render(),
            "values above 0 on logarithmic axes, got 0",
        ),
        (Histogram::new("h", "x").group("g", &[-1.0]).log_x().render(), "values above 0 on a logarithmic axis, got -1"),
    ];
    for (result, expected) in cases {
        let got = text(result);
        assert!(got.contains(expected), "expected {expected:?} in {got:?}");
    }
}

#[test]
fn e20_nothing_to_draw_says_no_data() -> Result<(), ReportError> {
    let charts = [
        line().render()?,
        line().size(Size::Small).series("s", 0, &[]).render()?,
        TrainingCurves::new("t", &[], &[]).render()?,
        BarChart::new("b", "D").render()?,
        Histogram::new("h", "D").group("g", &[]).render()?,
        ScatterPlot::new("s", "x", "y").group("g", &[]).render()?,
        HeatMap::new("h", "w", &[], &[], &[]).render()?,
        RocCurve::new("r").render()?,
        CalibrationPlot::new("c", &[CalibrationBin { predicted: 0.5, observed: 0.5, count: 0 }]).render()?,
        ConfusionMatrix::new("c", &["a"], &[vec![0]]).render()?,
    ];
    for chart in charts {
        let svg = chart.svg("x");
        assert!(svg.contains(">no data</text>"), "{svg}");
        assert_eq!(xml::check(&svg), Ok(()));
    }
    Ok(())
}

#[test]
fn e20_large_scatter_is_thinned_and_says_so() -> Result<(), ReportError> {
    let points: Vec<(f64, f64)> = (0..200_000).map(|i| (f64::from(i % 631), f64::from(i % 977))).collect();
    let chart = ScatterPlot::new("s", "x", "y").group("many", &points).group("one", &[(5.0, 5.0)]).render()?;
    let svg = chart.svg("x");
    assert!(svg.contains("4,000 of 200,001 points shown"), "{}", chart.description());
    assert!(svg.contains("pts c1"), "a group of one point stays");
    assert!(svg.len() < 80_000, "{} bytes", svg.len());
    Ok(())
}

#[test]
fn e20_logarithmic_scatter_has_powers_of_ten() -> Result<(), ReportError> {
    let svg =
        ScatterPlot::new("s", "x", "y").group("g", &[(0.02, 3.0), (40_000.0, 700.0)]).log_axes().render()?.svg("x");
    for tick in [">0.01<", ">100<", ">10,000<", ">2<", ">1,000<"] {
        assert!(svg.contains(tick), "{tick} in {svg}");
    }
    assert_eq!(xml::check(&svg), Ok(()));
    Ok(())
}

#[test]
fn e20_large_roc_keeps_only_what_can_be_seen() -> Result<(), ReportError> {
    let points: Vec<(f64, f64)> = (0..=100_000).map(|i| f64::from(i) / 1e5).map(|x| (x, x.sqrt())).collect();
    let svg = RocCurve::new("r").curve("m", &points, 0.667).render()?.svg("x");
    assert!(svg.len() < 12_000, "{} bytes", svg.len());
    Ok(())
}

#[test]
fn e20_section_ids_are_anchors() {
    let mut report = Report::new("t", "");
    for id in ["", "A", "1a", "a b", "a\"", "a.t", "é"] {
        assert!(matches!(report.section("s", id), Err(ReportError::BadId { .. })), "{id}");
    }
    assert!(report.section("s", "a-1").is_ok());
    assert!(matches!(report.section("s", "a-1"), Err(ReportError::DuplicateId { .. })));
}

#[test]
fn e20_a_title_that_is_markup_is_text() -> Result<(), ReportError> {
    let mut report = Report::new("</title><b>", "<i>");
    let body = report.section("</h2>", "a")?;
    body.heading("<u>").paragraph("</p>").note(NoteKind::Note, "<b>").preformatted("</pre>\n  kept");
    let bad = body.timings(&[StepTiming { step: "x".into(), device: "y".into(), seconds: -1.0 }]);
    assert!(matches!(bad, Err(ReportError::Range { .. })));
    let page = report.render();
    assert_eq!(xml::check(&page), Ok(()));
    assert!(page.contains("&lt;/pre&gt;\n  kept</pre>"));
    Ok(())
}
