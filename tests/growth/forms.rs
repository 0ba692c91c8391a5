//! The forms that data may come in (E21, G1).

use crate::sales::{self, Product};
use crate::site::{Job, LONG, Site, WIDE, code, small, text};

fn with_history(history: &str) -> Job {
    Job { history: history.to_owned(), ..small() }
}

#[test]
fn g1_e21_long_wide_compressed_and_parquet_forms_of_the_same_sales_give_the_same_probabilities() {
    let wide = Site::new(&small()).run(&[]).probabilities();
    let products = sales::sales(300, 40, 1);

    let long = Site::empty(&with_history(LONG));
    long.file("long.csv", sales::long(&products).as_bytes());
    let long = long.run(&[]);
    assert_eq!(long.probabilities(), wide);
    let points = long.table("growth_points");
    assert!(points["start"].iter().all(|day| day.starts_with("2024-")), "dated by the log's own days");

    let gz = Site::empty(&with_history(&WIDE.replace("sales.csv", "sales.csv.gz")));
    gz.file("sales.csv.gz", &gzip(sales::wide(&products).as_bytes()));
    assert_eq!(gz.run(&[]).probabilities(), wide);

    let parquet = Site::empty(&with_history(&WIDE.replace("sales.csv", "sales.parquet")));
    write_parquet(&products, &parquet.path("sales.parquet"));
    assert_eq!(parquet.run(&[]).probabilities(), wide);
}

pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn write_parquet(products: &[Product], path: &std::path::Path) {
    use nightloom::artifact::table::{Cells, Table};
    let mut columns = vec![
        ("product".to_owned(), Cells::text(products.iter().map(|p| p.id.as_str()))),
        ("category".to_owned(), Cells::text(products.iter().map(|p| p.category))),
    ];
    for week in 0..40 {
        columns.push((
            format!("w{}", week + 1),
            Cells::I64(products.iter().map(|p| p.weeks[week].map(i64::from)).collect()),
        ));
    }
    Table::new(columns).unwrap().write_parquet(path).unwrap();
}

#[test]
fn e21_results_can_be_parquet() {
    let mut job = small();
    job.head.push_str("\n[output]\nformat = \"parquet\"");
    let site = Site::new(&job);
    let run = site.run(&[]);
    for name in ["products", "references", "growth_points"] {
        assert_eq!(&run.read(&format!("tables/{name}.parquet"))[..4], b"PAR1");
    }
}

#[test]
fn g4_current_products_have_a_table_of_their_own() {
    let mut job = small();
    job.current =
        WIDE.replace("sales.csv", "current.csv").replace("w1..w40", "w1..w8").replace("2024-01-01", "2025-01-06");
    let site = Site::new(&job);
    let current: Vec<Product> = sales::sales(60, 40, 2)
        .into_iter()
        .map(|p| Product { id: format!("new-{}", p.id), weeks: p.weeks[..8].to_vec(), ..p })
        .collect();
    site.file("current.csv", sales::wide(&current).as_bytes());
    let run = site.run(&[]);
    let products = run.table("products");
    let parts: Vec<&str> = products["part"].iter().map(String::as_str).collect();
    assert!(parts.iter().filter(|p| **p == "current").count() > 40);
    for (i, part) in parts.iter().enumerate() {
        assert_eq!(*part == "current", products["product"][i].starts_with("new-"));
        assert_eq!(*part == "current", products["D"][i].is_empty(), "the truth of current products is not known");
    }
    let points = run.table("growth_points");
    let of = |part: &str| points["part"].iter().filter(|p| *p == part).count();
    assert!(of("current") > 0 && of("test") > 0);
    for (part, start) in points["part"].iter().zip(&points["start"]) {
        assert_eq!(
            part == "current",
            start.starts_with("2025-"),
            "current products are promoted in the future: {start}"
        );
    }
}

/// Sales whose cycles end at different weeks.
fn ragged() -> Vec<Product> {
    let mut products = sales::sales(300, 40, 1);
    for (i, product) in products.iter_mut().enumerate() {
        product.weeks.truncate(40 - 3 * (i % 5));
    }
    products
}

#[test]
fn g1_ragged_cycles_are_read_in_both_forms() {
    let wide = Site::empty(&small());
    wide.file("sales.csv", sales::wide(&ragged()).as_bytes());
    let wide = wide.run(&[]);
    let long = Site::empty(&with_history(LONG));
    long.file("long.csv", sales::long(&ragged()).as_bytes());
    assert_eq!(long.run(&[]).probabilities(), wide.probabilities());
    assert!(wide.table("growth_points")["step"].iter().all(|s| s.parse::<usize>().unwrap() < 40));
}

#[test]
fn g3_turned_cycles_need_cycles_of_one_length() {
    let mut job = small();
    job.classifier.push_str("\nrotations = [0, 10]");
    let site = Site::empty(&job);
    site.file("sales.csv", sales::wide(&ragged()).as_bytes());
    let output = site.output(&["run", "job.toml", "--device", "cpu"]);
    assert_eq!(code(&output), 2);
    assert!(text(&output.stderr).contains("sales.csv: `rotations` turn whole cycles"), "{output:?}");
    assert!(!site.has_runs());
    let site = Site::new(&job);
    let even = site.run(&[]);
    let rows = even.json("metrics.json")["details"]["classifier"]["training_rows"].as_u64().unwrap();
    let train = even.json("metrics.json")["details"]["products"]["train"].as_u64().unwrap();
    assert!(rows > train && rows <= 2 * train, "{rows} rows of {train} products");
}

#[test]
fn e21_a_table_in_gb18030_is_read_right() {
    let site = Site::empty(&small());
    let mut products = sales::sales(300, 40, 1);
    for product in &mut products {
        product.category = if product.category == "tea" { "茶叶与饮料" } else { "大米和面粉" };
    }
    let table = sales::wide(&products);
    site.file("sales.csv", &encoding_rs::GB18030.encode(&table).0);
    let run = site.run(&[]);
    let found = &run.table("products")["category"];
    assert!(found.iter().all(|c| c == "茶叶与饮料" || c == "大米和面粉"), "{:?}", &found[..3]);
    assert_eq!(run.probabilities(), Site::new(&small()).run(&[]).probabilities());
}
