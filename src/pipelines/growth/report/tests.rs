//! The report as a reader gets it, in several shapes.

use super::made_up::{HOSTILE, Shape, results};
use super::*;

#[path = "../../../../tests/e20_report/xml.rs"]
mod xml;

fn timings() -> Vec<(String, f64)> {
    [("classifier", 12.4), ("held-out-references", 0.3), ("held-out-points", 31.0)]
        .map(|(s, t)| (s.to_owned(), t))
        .into()
}

fn page(shape: &Shape, pictures: usize) -> String {
    let timings = timings();
    let facts = RunFacts { job: "spring", seed: 7, pictures, format: TableFormat::Csv, timings: &timings };
    build(&results(shape), facts).expect("made-up results can be drawn").render()
}

const NO_DATES: Shape = Shape { held_out: 160, growth: 40, current: 0, dates: false };
const CURRENT: Shape = Shape { current: 120, dates: true, ..NO_DATES };
const NONE: Shape = Shape { growth: 0, ..NO_DATES };
const MANY: Shape = Shape { held_out: 2_400, growth: 1_500, ..NO_DATES };

#[test]
fn g8_every_shape_gives_a_well_formed_page() {
    // NIGHTLOOM_REPORT_EXAMPLE names a folder for those who want to look at the pages.
    let folder = std::env::var_os("NIGHTLOOM_REPORT_EXAMPLE").map(std::path::PathBuf::from);
    for (name, shape) in [("no-dates", NO_DATES), ("current", CURRENT), ("none", NONE), ("many", MANY)] {
        let page = page(&shape, 24);
        assert_eq!(xml::check(&page), Ok(()), "{name}");
        for id in ["summary", "products", "pictures", "overview", "classifier", "growth-points", "data", "run"] {
            assert!(page.contains(&format!("<section id=\"{id}\"")), "{name}: {id}");
        }
        assert!(page.len() < 1_500_000, "{name}: {} bytes", page.len());
        assert_eq!(page, self::page(&shape, 24), "{name}: the same results give the same bytes");
        if let Some(folder) = &folder {
            let path = folder.join(name).with_extension("html");
            crate::artifact::write_bytes(&path, page.as_bytes()).expect("written");
        }
    }
}

#[test]
fn g3_the_classifier_stands_beside_the_base_level() {
    let page = page(&NO_DATES, 2);
    let found = results(&NO_DATES).classifier;
    for measure in ["ROC-AUC", "precision", "recall", "F1", "accuracy", "balanced accuracy", "Brier score"] {
        assert!(page.contains(&format!("<td>{measure}</td>")), "{measure}");
    }
    for value in [found.roc_auc, found.base_roc_auc, found.brier, found.confusion.balanced_accuracy()] {
        assert!(page.contains(&format!("<td class=\"n\">{value:.3}</td>")), "{value}");
    }
    for title in ["ROC curve", "Calls against the truth", "Calibration", "Training"] {
        assert!(page.contains(&format!("<div class=\"title\">{title}</div>")), "{title}");
    }
}

#[test]
fn g7_the_best_method_of_every_measure_is_bold() {
    let found = results(&NO_DATES);
    let page = page(&NO_DATES, 2);
    assert_eq!(found.methods.len(), 3);
    let best = found.methods.iter().map(|m| m.scores.f1).fold(0.0, f64::max);
    let least = found.methods.iter().map(|m| m.scores.timing_error_steps).fold(f64::INFINITY, f64::min);
    for text in [format!("{best:.3}"), format!("{least:.2}")] {
        assert!(page.contains(&format!("<strong title=\"best of this column\">{text}</strong>")), "{text}");
    }
    for method in &found.methods {
        assert!(page.contains(&format!("<td>{}</td>", method.method.replace('\'', "&#39;"))), "{}", method.method);
    }
}

#[test]
fn g8_as_many_pictures_as_the_job_asks_for() {
    let count = |pictures: usize| page(&NO_DATES, pictures).matches("role=\"img\"").count();
    let without = count(0);
    assert_eq!(count(1), without + 1);
    assert_eq!(count(24), without + 24);
    assert_eq!(count(1_000), without + 40, "no more than there are growth products");
}

#[test]
fn g7_current_products_come_first_and_have_dates() {
    let page = page(&CURRENT, 8);
    let place = |text: &str| page.find(text).unwrap_or_else(|| panic!("{text}"));
    assert!(place("Current products that are called growth") < place("Held-out products that were called growth"));
    assert!(page.contains("<td>2024-") && page.contains("of 120 current products"));
    assert!(page.contains("Ranking of current products"));
}

#[test]
fn g7_a_long_list_is_cut_and_points_to_the_table() {
    let page = page(&MANY, 4);
    assert!(page.contains("and 1,450 more: see <a href=\"tables/growth_points.csv\">"));
    assert!(page.contains("Rings are drawn for the 40 largest of 600 clusters."));
    let timings = timings();
    let facts = RunFacts { job: "j", seed: 1, pictures: 0, format: TableFormat::Parquet, timings: &timings };
    let page = build(&results(&MANY), facts).expect("drawn").render();
    assert!(page.contains("href=\"tables/growth_points.parquet\""));
}

#[test]
fn g4_no_growth_product_is_no_error() {
    let page = page(&NONE, 24);
    assert!(page.contains("No product is called growth."));
    assert!(page.contains("there is nothing to hold located growth points against"));
    assert!(!page.contains("Cluster map"));
}

#[test]
fn e20_hostile_ids_are_shown_and_do_nothing() {
    let page = page(&NO_DATES, 4);
    assert!(!page.contains(HOSTILE) && !page.contains("<script"));
    assert!(page.contains("<td>&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt; &quot;&amp;&quot;, 商品甲</td>"));
}

#[test]
fn e20_numbers_that_are_none_are_refused() {
    let mut found = results(&NO_DATES);
    found.growth[0].series[3] = f64::NAN;
    let timings = timings();
    let facts = RunFacts { job: "j", seed: 1, pictures: 4, format: TableFormat::Csv, timings: &timings };
    assert!(matches!(build(&found, facts), Err(ReportError::NonFinite { .. })));
}
