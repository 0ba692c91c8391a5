//! What is wrong with a job or its data is said at once, with its place, and leaves nothing behind (E16, E21).

use crate::forms::gzip;
use crate::sales;
use crate::site::{Job, LONG, Site, WIDE, code, small, text};

/// `run` and `check` give 2, say all of `parts`, print no results and leave no run.
fn refused(site: &Site, parts: &[&str]) {
    for command in ["run", "check"] {
        let output = site.output(&[command, "job.toml", "--device", "cpu"]);
        let message = text(&output.stderr);
        assert_eq!(code(&output), 2, "{parts:?}: {message}");
        for part in parts {
            assert!(message.contains(part), "{part:?} is not in: {message}");
        }
        assert!(output.stdout.is_empty());
        assert!(!site.has_runs(), "{parts:?}");
    }
}

fn changed(change: impl FnOnce(&mut Job)) -> Job {
    let mut job = small();
    change(&mut job);
    job
}

/// The made-up sales with another text in one cell of the wide table: `row` counts products from 0.
fn with_cell(row: usize, week: usize, cell: &str) -> String {
    let table = sales::wide(&sales::sales(300, 40, 1));
    let mut lines: Vec<String> = table.lines().map(str::to_owned).collect();
    let mut cells: Vec<&str> = lines[row + 1].split(',').collect();
    cells[week + 1] = cell;
    lines[row + 1] = cells.join(",");
    lines.join("\n") + "\n"
}

#[test]
fn e16_words_that_no_job_knows_are_found_with_their_line() {
    let typo = |change: &dyn Fn(&mut Job), parts: &[&str]| refused(&Site::new(&changed(change)), parts);
    typo(
        &|job| job.monitor = "early_stpes = 8".to_owned(),
        &["job.toml:", "monitor.early_stpes: unknown key", "`early_steps`"],
    );
    typo(
        &|job| job.classifier.push_str("\nmebmers = 3"),
        &["classifier.mebmers: unknown key", "did you mean `members`?"],
    );
    typo(&|job| job.history = WIDE.replace("form =", "from ="), &["history.from: unknown key", "did you mean `form`?"]);
    typo(
        &|job| job.increments = "expectation = { kind = \"realtive\", multiple = 1.5 }".to_owned(),
        &["increments.expectation", "relative"],
    );
    typo(
        &|job| job.head = "kind = \"grwoth\"".to_owned(),
        &["job.toml:1:8: kind: no such kind", "did you mean `growth`?"],
    );
}

#[test]
fn e16_impossible_values_are_found_with_their_line() {
    let wrong = |change: &dyn Fn(&mut Job), parts: &[&str]| refused(&Site::new(&changed(change)), parts);
    wrong(
        &|job| job.monitor = "early_steps = 0".to_owned(),
        &["job.toml:", "monitor.early_steps: expected 1 to 10000, got 0"],
    );
    wrong(
        &|job| job.points.push_str("\nheld_out = 1.5"),
        &["points.held_out: expected at least 0 and below 1, got 1.5"],
    );
    wrong(
        &|job| job.classifier_training = "epochs = 5\nbatch = 8\nrate = -1.0".to_owned(),
        &["classifier.training.rate", "must be above 0, found -1"],
    );
    wrong(
        &|job| {
            job.classifier =
                "layers = [{ kind = \"conv1d\", channels = 4, kernel = 50, padding = \"valid\" }]".to_owned();
        },
        &["classifier.layers", "50"],
    );
    wrong(
        &|job| job.increments = "expectation = { kind = \"category\", column = \"brand\", quantile = 0.5 }".to_owned(),
        &["increments.expectation.column: expected one of history.attributes [\"category\"], got \"brand\""],
    );
    // All that is wrong comes at once.
    wrong(
        &|job| {
            job.monitor = "early_steps = 0".to_owned();
            job.references = "min_references = 0".to_owned();
        },
        &["monitor.early_steps", "references.min_references"],
    );
}

#[test]
fn e21_files_that_are_not_there_or_not_what_they_say() {
    let missing = Site::empty(&small());
    refused(&missing, &["job.toml:4:19: history.source.path: cannot read sales.csv: No such file or directory"]);
    let empty = Site::empty(&small());
    empty.file("sales.csv", b"");
    refused(&empty, &["sales.csv: the file is empty"]);
    let header = Site::empty(&small());
    header.file("sales.csv", sales::wide(&sales::sales(300, 40, 1)).lines().next().unwrap().as_bytes());
    refused(&header, &["sales.csv", "the file has a header but no rows"]);
    let job = changed(|job| job.history = WIDE.replace("sales.csv", "sales.csv.gz"));
    let cut = Site::empty(&job);
    let whole = gzip(sales::wide(&sales::sales(300, 40, 1)).as_bytes());
    cut.file("sales.csv.gz", &whole[..whole.len() * 2 / 3]);
    refused(&cut, &["sales.csv.gz", "the gzip data is cut off or damaged"]);
    let plain = Site::empty(&job);
    plain.file("sales.csv.gz", b"product,category,w1\n");
    refused(&plain, &["sales.csv.gz", "gzip"]);
    let column = Site::new(&changed(|job| job.history = WIDE.replace("w1..w40", "w1..w41")));
    refused(&column, &["sales.csv", "w41"]);
}

#[test]
fn e21_cells_that_are_no_quantities_are_named_by_row_and_column() {
    let cases: [(&str, &[&str]); 6] = [
        ("many", &["sales.csv", "line 6", "`w3`", "`many`"]),
        ("-2", &["sales.csv", "line 6", "`w3`", "a quantity of 0 or more", "-2"]),
        ("inf", &["sales.csv", "line 6", "`w3`", "inf"]),
        ("1e39", &["sales.csv", "line 6", "`w3`", "32-bit"]),
        ("NaN", &["sales.csv", "line 6", "`w3`", "p004"]),
        ("", &["sales.csv", "line 6", "`w3`", "p004"]),
    ];
    for (cell, parts) in cases {
        let site = Site::empty(&small());
        site.file("sales.csv", with_cell(4, 3, cell).as_bytes());
        refused(&site, parts);
    }
    // What is missing may count as nothing sold, if the job says so.
    let lenient = Site::empty(&changed(|job| job.history.push_str("\nmissing = \"zero\"")));
    lenient.file("sales.csv", with_cell(4, 3, "").as_bytes());
    lenient.run(&[]);
}

#[test]
fn g1_products_and_weeks_that_stand_twice_are_named() {
    let mut products = sales::sales(300, 40, 1);
    products[7].id = products[2].id.clone();
    let site = Site::empty(&small());
    site.file("sales.csv", sales::wide(&products).as_bytes());
    refused(&site, &["sales.csv", "line 9", "`product`", "product `p002`", "line 4"]);
    let long = Site::empty(&changed(|job| job.history = LONG.to_owned()));
    let table = sales::long(&sales::sales(300, 40, 1));
    long.file("long.csv", (table + "2024-01-09,p001,rice,3\n").as_bytes());
    refused(&long, &["long.csv", "line 12002", "`p001`"]);
}

#[test]
fn g1_series_that_end_before_the_early_steps_are_named() {
    let mut products = sales::sales(300, 40, 1);
    products[3].weeks.truncate(5);
    let site = Site::empty(&small());
    site.file("sales.csv", sales::wide(&products).as_bytes());
    refused(&site, &["sales.csv", "line 5", "`w6`", "`p003` has 5 steps, fewer than the 8 early steps"]);
}

#[test]
fn g2_a_history_of_one_class_is_refused() {
    let mut products = sales::sales(300, 40, 1);
    for product in &mut products {
        product.weeks.fill(Some(3));
    }
    let site = Site::empty(&small());
    site.file("sales.csv", sales::wide(&products).as_bytes());
    refused(&site, &["sales.csv", "is labelled `steady`", "increments.threshold"]);
}

#[test]
fn g1_too_few_products_are_refused() {
    let site = Site::empty(&small());
    site.file("sales.csv", sales::wide(&sales::sales(8, 40, 1)).as_bytes());
    refused(&site, &["sales.csv", "at least 10 are needed"]);
    let picky = Site::new(&changed(|job| job.monitor = "early_steps = 8\nmin_volume = 1e9".to_owned()));
    refused(&picky, &["sales.csv", "0 products are left", "min_volume"]);
}
