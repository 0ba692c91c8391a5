//! `nightloom predict` on the models of a run (E14).

use crate::sales;
use crate::site::{Columns, Run, Site, WIDE, code, columns, small, text};

fn model(run: &Run, name: &str) -> String {
    run.folder.join("models").join(name).to_str().unwrap().to_owned()
}

/// Predicts on the CPU; it must succeed.
fn predict(site: &Site, args: &[&str]) -> Columns {
    let output = site.output(&[&["predict", "--device", "cpu"], args].concat());
    assert_eq!(code(&output), 0, "{}", text(&output.stderr));
    columns(&output.stdout)
}

#[test]
fn e14_the_classifier_gives_the_runs_own_probabilities() {
    let site = Site::new(&small());
    let run = site.run(&[]);
    let classifier = model(&run, "classifier.safetensors");
    let found = predict(&site, &[&classifier, "--data", "sales.csv"]);
    let wanted = run.table("products");
    let place = |id: &String| wanted["product"].iter().position(|p| p == id);
    let mut silent = 0;
    for (i, id) in found["product"].iter().enumerate() {
        if let Some(own) = place(id) {
            assert_eq!(found["probability"][i], wanted["probability"][own], "{id}");
            assert_eq!(found["predicted"][i], wanted["predicted"][own], "{id}");
        } else {
            assert_eq!(found["probability"][i], "", "{id} was left out");
            assert_eq!(found["predicted"][i], "", "{id} was left out");
            silent += 1;
        }
    }
    assert_eq!(found["product"].len(), 300);
    assert_eq!(silent, 300 - wanted["product"].len());

    // The early weeks are enough, in any order, as CSV, CSV.gz or to a file.
    let mut early = sales::sales(300, 40, 1);
    for product in &mut early {
        product.weeks.truncate(8);
    }
    early.reverse();
    site.file("early.csv", sales::wide(&early).as_bytes());
    site.file("early.csv.gz", &crate::forms::gzip(sales::wide(&early).as_bytes()));
    for data in ["early.csv", "early.csv.gz"] {
        let again = predict(&site, &[&classifier, "--data", data]);
        let pairs = |c: &Columns| {
            let mut pairs: Vec<(String, String)> =
                c["product"].iter().cloned().zip(c["probability"].iter().cloned()).collect();
            pairs.sort();
            pairs
        };
        assert_eq!(pairs(&again), pairs(&found));
    }
    predict(&site, &[&classifier, "--data", "sales.csv", "--out", "found.csv"]);
    assert_eq!(columns(&std::fs::read(site.path("found.csv")).unwrap()), found);
    predict(&site, &[&classifier, "--data", "sales.csv", "--out", "found.parquet"]);
    assert_eq!(&std::fs::read(site.path("found.parquet")).unwrap()[..4], b"PAR1");
    assert_eq!(predict(&site, &[&classifier, "--data", "sales.csv", "--job", "job.toml"]), found);
}

#[test]
fn e14_the_networks_give_the_runs_own_growth_points() {
    let site = Site::new(&small());
    let run = site.run(&[]);
    let found = predict(&site, &[&model(&run, "growth_points.safetensors"), "--data", "sales.csv"]);
    let wanted = run.table("growth_points");
    // The run lists products by falling probability, the model in the order of the table.
    let rows = |c: &Columns| {
        let column = |name: &str| c[name].clone();
        let keys = ["product", "step", "step_label", "start", "end", "probability"];
        let mut rows: Vec<Vec<String>> =
            (0..c["product"].len()).map(|i| keys.iter().map(|k| column(k)[i].clone()).collect()).collect();
        rows.sort();
        rows
    };
    assert_eq!(rows(&found), rows(&wanted));
}

#[test]
fn e14_new_tables_are_read_like_the_current_products_if_there_are_any() {
    let mut job = small();
    job.current = WIDE
        .replace("sales.csv", "current.csv")
        .replace("w1..w40", "w1..w8")
        .replace("2024-01-01", "2025-01-06")
        .replace("\"product\"", "\"sku\"");
    let site = Site::new(&job);
    let current = sales::wide(&sales::sales(60, 20, 2)).replace("product,", "sku,");
    site.file("current.csv", current.as_bytes());
    let run = site.run(&[]);
    let classifier = model(&run, "classifier.safetensors");
    let found = predict(&site, &[&classifier, "--data", "current.csv"]);
    let wanted = run.table("products");
    let probability = |i: usize| {
        let own = (0..found["product"].len()).find(|&k| found["product"][k] == wanted["product"][i]).unwrap();
        found["probability"][own].clone()
    };
    let current: Vec<usize> = (0..wanted["part"].len()).filter(|&i| wanted["part"][i] == "current").collect();
    assert!(current.len() > 40);
    for i in current {
        assert_eq!(probability(i), wanted["probability"][i]);
    }
    predict(&site, &[&classifier, "--data", "sales.csv", "--like", "history"]);
    let points = predict(&site, &[&model(&run, "growth_points.safetensors"), "--data", "current.csv"]);
    assert!(points["start"].iter().all(|day| day.starts_with("2025-")));
    let wrong = site.output(&["predict", &classifier, "--data", "sales.csv", "--device", "cpu"]);
    assert_eq!(code(&wrong), 2);
    assert!(text(&wrong.stderr).contains("sales.csv"), "{wrong:?}");
    assert!(text(&wrong.stderr).contains("`sku`"), "{wrong:?}");
}

#[test]
fn e14_an_expectation_by_category_needs_only_the_categorys_column() {
    let mut job = small();
    job.increments = "expectation = { kind = \"category\", column = \"category\", quantile = 0.8 }".to_owned();
    let site = Site::new(&job);
    let run = site.run(&[]);
    let found = predict(&site, &[&model(&run, "classifier.safetensors"), "--data", "sales.csv"]);
    let wanted = run.probabilities();
    for (id, probability) in found["product"].iter().zip(&found["probability"]) {
        assert_eq!(wanted.get(id).map_or("", String::as_str), probability, "{id}");
    }
}

#[test]
fn e14_wrong_models_and_wrong_data_are_refused() {
    let site = Site::new(&small());
    let run = site.run(&[]);
    let classifier = model(&run, "classifier.safetensors");
    let points = model(&run, "growth_points.safetensors");
    let refused = |args: &[&str], parts: &[&str]| {
        let output = site.output(&[&["predict", "--device", "cpu"], args].concat());
        let message = text(&output.stderr);
        assert_eq!(code(&output), 2, "{message}");
        for part in parts {
            assert!(message.contains(part), "{part:?} is not in: {message}");
        }
        assert!(output.stdout.is_empty());
    };
    refused(&["nothere.safetensors", "--data", "sales.csv"], &["nothere.safetensors", "No such file"]);
    refused(&["sales.csv", "--data", "sales.csv"], &["sales.csv"]);
    let bytes = std::fs::read(&classifier).unwrap();
    site.file("cut.safetensors", &bytes[..bytes.len() - 9]);
    refused(&["cut.safetensors", "--data", "sales.csv"], &["cut.safetensors"]);
    refused(&[&classifier, "--data", "nothere.csv"], &["nothere.csv", "No such file"]);
    refused(&[&classifier, "--data", &classifier], &["classifier.safetensors"]);
    site.file("other.csv", b"sku,w1,w2\na,1,2\n");
    refused(&[&classifier, "--data", "other.csv"], &["other.csv", "`product`"]);
    site.file("short.csv", b"product,category,w1,w2,w3\na,tea,1,2,3\n");
    refused(&[&classifier, "--data", "short.csv"], &["short.csv", "`w4`"]);
    site.file("others.csv", sales::wide(&sales::sales(9, 40, 1)).replace("\np", "\nq").as_bytes());
    refused(&[&points, "--data", "others.csv"], &["others.csv", "products that the networks were trained for"]);
    refused(&[&classifier, "--data", "sales.csv", "--out", "found.xlsx"], &["found.xlsx", ".csv or .parquet"]);
    refused(&[&classifier, "--data", "sales.csv", "--like", "current"], &["current products"]);
    refused(&[&classifier, "--data", "sales.csv", "--job", "nothere.toml"], &["nothere.toml"]);
    site.file("self.toml", b"kind = \"selftest\"\n");
    refused(
        &[&classifier, "--data", "sales.csv", "--job", "self.toml"],
        &["self.toml:1:8: kind: expected a `growth` job"],
    );
}
