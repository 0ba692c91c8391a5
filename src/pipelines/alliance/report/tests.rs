//! The report as a reader gets it, in several shapes.

use super::super::results::{
    Adoption, Company, Compared, Equivalence, Field, Gain, Promoted, Quality, Results, RoundCheck, Seconds, Sent,
};
use super::*;
use crate::alliance::adoption::Finding;
use crate::alliance::privacy::Spent;
use crate::alliance::stationarity::Balance;
use crate::alliance::tests::raw_plan;
use crate::alliance::trend::Trend;

#[path = "../../../../tests/e20_report/xml.rs"]
#[expect(clippy::duplicate_mod, reason = "a checker that tests of two pipelines share with those in tests/")]
mod xml;

const HOSTILE: &str = "<b>\"Tea\" & 'co'</b>";

fn company(name: &str, alone: f64, together: f64) -> Company {
    let quality = |rmse: f64| Quality { rmse, mae: rmse * 0.8 };
    Company {
        name: name.to_owned(),
        train: 1000,
        weight: 1,
        held_out: 300,
        as_average: quality(0.5),
        as_last: quality(0.55),
        alone: quality(alone),
        clear: quality(together),
        encrypted: quality(together),
        gain: Gain { mean: alone * alone - together * together, error: 0.004 },
    }
}

fn finding(sales_mode_of: Option<usize>) -> Finding {
    let trend = Trend { tau: 0.4, p: 0.01, slope: 0.02 };
    Finding {
        quantity: (0..12).map(|t| f64::from(t) * 0.1 - 0.5).collect(),
        reputation: (0..12).map(|t| f64::from(t) * 0.01).collect(),
        quantity_trend: trend,
        reputation_trend: Trend { tau: 0.3, ..trend },
        sales_mode_of,
        better: 1,
        display: Balance { statistic: 0.2, p: 0.3 },
        after_sales: Balance { statistic: 0.6, p: 0.02 },
        practice_of: None,
    }
}

fn results() -> Results {
    let compared = |product: &str, of| Compared { product: product.to_owned(), pair: [0, 1], finding: finding(of) };
    let field = |name: &str, flow: Option<f64>| Field {
        name: name.to_owned(),
        to_field: 0.5,
        to_product: 0.4,
        steps: [1, 2],
        flow,
        tag: flow.map(|_| "flow-0123456789ab".to_owned()),
    };
    let check = RoundCheck { difference: 0.93, largest: 1e-6, moved: 0.5, held: 3 };
    Results {
        file: "sales.csv".to_owned(),
        note: "One retailer's stores, dealt into two.".to_owned(),
        products: 2,
        rows_left_out: 9,
        target: "quantity".to_owned(),
        companies: vec![company(HOSTILE, 0.46, 0.45), company("B", 0.48, 0.47)],
        courses: [0.0, 0.01, 0.012].map(|less| vec![vec![0.5 - less, 0.52 - less], vec![0.46 - less, 0.48 - less]]),
        layers: vec!["flatten".to_owned(), "dense".to_owned()],
        plan: vec![("rounds".to_owned(), "2".to_owned())],
        equivalence: Equivalence {
            rounds: vec![check; 2],
            error: 1.5e-6,
            models_largest: 2e-6,
            models_stated: Some(3e-6),
            equal_models: true,
        },
        sent: Sent {
            values: 1000,
            slots: 150,
            ciphertexts: 7,
            upload_bytes: 5565,
            sum_bytes: 5587,
            rounds: 2,
            parties: 2,
        },
        privacy: None,
        adoption: Some(Adoption {
            alpha: 0.05,
            span: 12,
            first_step: 9,
            products: vec![compared(HOSTILE, Some(0)), compared("Milk", None)],
            left_out: 4,
        }),
        promotion: Some(Promoted {
            product: HOSTILE.to_owned(),
            first_field: "Milk".to_owned(),
            fields: vec![("Milk".to_owned(), 0.6)],
            scenes: ["Cups".to_owned(), "Honey".to_owned()],
            reached: [7, 5],
            degree_least: 0.3,
            search_steps: 2,
            products: 60,
            candidates: vec![field("Sugar", Some(1.0)), field("Salt", None)],
        }),
        device: "CPU".to_owned(),
    }
}

fn page(results: &Results) -> String {
    let plan = raw_plan(3).check().expect("a plan");
    let timings = [("alone-0".to_owned(), 1.5), ("encrypted".to_owned(), 12.0)];
    let seconds = Seconds { training: 1.0, encryption: 2.0, aggregation: 0.1, decryption: 3.0 };
    let facts = RunFacts { job: "spring", seed: 7, timings: &timings, seconds, plan: &plan };
    build(results, facts).expect("made-up results can be drawn").render()
}

#[test]
fn a8_the_report_shows_all_ways_side_by_side_and_is_well_formed() {
    let page = page(&results());
    assert_eq!(xml::check(&page), Ok(()));
    for id in ["summary", "quality", "equivalence", "sent", "adopt", "promotion", "threat", "plan"] {
        assert!(page.contains(&format!("<section id=\"{id}\"")), "{id}");
    }
    for words in [
        "together, encrypted</td>",
        "equal bit for bit",
        "<dd>0.930</dd>",
        "2.4 at B: below 2 it may be chance",
        "5.57 bytes",
        "B by 2.08%",
        "flow-0123456789ab",
        "not kept",
        "6 values were held at their bounds",
        "each opened sum either can subtract its own update",
    ] {
        assert!(page.contains(words), "{words}");
    }
    assert!(!page.contains("<b>"), "names from data are escaped");
    if let Some(folder) = std::env::var_os("NIGHTLOOM_REPORT_EXAMPLE").map(std::path::PathBuf::from) {
        crate::artifact::write_bytes(&folder.join("alliance.html"), page.as_bytes()).expect("written");
    }
}

#[test]
fn a8_the_report_says_when_an_alliance_is_not_worth_it() {
    let mut worse = results();
    worse.companies[1] = company("B", 0.40, 0.47);
    assert!(page(&worse).contains("but not for B by 17.50%"));
    worse.companies[0] = company("A", 0.40, 0.47);
    let page = page(&worse);
    assert!(page.contains("The common model is not better than what companies trained alone"), "{page}");
}

#[test]
fn a11_the_report_names_epsilon_where_there_is_noise() {
    let mut noisy = results();
    let spent = |rounds, epsilon| Spent { rounds, epsilon, delta: 1e-5 };
    noisy.privacy = Some([spent(1, 2.5), spent(2, 3.75)]);
    noisy.adoption = None;
    noisy.promotion = None;
    let page = page(&noisy);
    assert!(page.contains("after 2 rounds epsilon is 3.75 at a delta of 1e\u{2212}5"));
    assert!(page.contains("With noise the sums differ from the clear by the noise, on purpose"));
    assert!(!page.contains("id=\"adopt\"") && !page.contains("id=\"promotion\""));
}
