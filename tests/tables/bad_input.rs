//! Jobs and tables that must be refused, with exit code 2 and before anything is written.

use crate::site::{Site, code, text};

const TABLE: &str = "name,a,b,w,class\nx,1,2,1,p\ny,3,4,1,q\nz,5,7,1,p\n";

fn refused(job: &str, table: &str) -> String {
    let site = Site::new(job);
    site.file("t.csv", table);
    site.refused()
}

fn says(job: &str, table: &str, parts: &[&str]) {
    let message = refused(job, table);
    for part in parts {
        assert!(message.contains(part), "{part:?} is not in: {message}");
    }
}

fn kmeans(more: &str, data: &str) -> String {
    format!("kind = \"kmeans\"\n{more}\n[data]\nsource = {{ path = \"t.csv\" }}\nscale = \"none\"\n{data}\n")
}

#[test]
fn e15_k_means_jobs_that_cannot_be_are_refused() {
    let ab = "inputs = [\"a\", \"b\"]";
    says(&kmeans("k = 0", ab), TABLE, &["job.toml:2:", "k: expected 1 to 16777216, got 0"]);
    says(&kmeans("k = 4", ab), TABLE, &["k-means: at least 4 rows are needed, found 3"]);
    says(&kmeans("k = 2\nmethod = \"fixed\"", ab), TABLE, &["method: \"fixed\" needs `centres`"]);
    says(&kmeans("k = 2\ncentres = [[1.0]]", ab), TABLE, &["centres: expected as many as `k`, 2, got 1"]);
    says(&kmeans("k = 1\ncentres = [[1.0]]", ab), TABLE, &["centres of width 1, expected the rows' width 2"]);
    says(&kmeans("k = 2\nweight = \"w\"", ""), TABLE, &["weight: needs `data.inputs`"]);
    says(&kmeans("k = 2\ntolerance = -1.0", ab), TABLE, &["tolerance: expected a finite number, at least 0, got -1"]);
    says(&kmeans("k = 2\ncluster = 3", ab), TABLE, &["cluster"]);
    says(&kmeans("k = 2", "inputs = [\"a\", \"c\"]"), TABLE, &["t.csv", "`c`"]);
    says(&kmeans("k = 2", "inputs = []"), TABLE, &["data.inputs: expected at least one column, got none"]);
    says(
        &kmeans("k = 2", "inputs = [\"a\"]\nid = \"name\"\nout_of_core = true"),
        TABLE,
        &["data.id: belongs to rows in memory"],
    );
    says(&kmeans("k = 2", ab), "a,b\n1,2\n3,\n", &["t.csv, line 3, column `b`: expected a number, found nothing"]);
    says(&kmeans("k = 2", ab), "a,b\n1,2\n3,inf\n", &["t.csv, line 3, column `b`", "inf"]);
    says(&kmeans("k = 2", ab), "a,b\n1,2\n3,1e30\n", &["row 1, column 1: expected a number of magnitude at most 1e15"]);
    says(&kmeans("k = 2", ""), "name\nx\n", &["expected numeric columns"]);
}

#[test]
fn e15_a_constant_column_and_more_clusters_than_different_rows_are_no_error() {
    let site = Site::new(&kmeans("k = 3", "").replace("scale = \"none\"", "scale = \"standard\""));
    site.file("t.csv", "a,b\n5,1\n5,1\n5,2\n5,2\n");
    let run = site.run(&[]);
    assert_eq!(run.headline("inertia"), 0.0);
    assert!(run.report().contains("1 cluster without rows"), "the report says so");
}

#[test]
fn e15_neighbours_and_components_that_cannot_be_are_refused() {
    let table = |kind: &str, more: &str| {
        format!("kind = \"{kind}\"\n{more}\n[data]\nsource = {{ path = \"t.csv\" }}\ninputs = [\"a\", \"b\"]\n")
    };
    says(&table("neighbours", "k = 3"), TABLE, &["nearest rows: at least 4 rows are needed, found 3"]);
    says(&table("neighbours", "metric = \"manhatten\""), TABLE, &["metric", "manhattan"]);
    says(
        &table("pca", "dimensions = 3"),
        TABLE,
        &["`dimensions`: expected at most as many as there are columns, found 3 of 2"],
    );
    says(&table("pca", "dimensions = 1\nshare = 0.5"), TABLE, &["share: belongs to a job without `dimensions`"]);
    says(&table("pca", "share = 1.5"), TABLE, &["share: expected a share above 0 and at most 1, got 1.5"]);
    says(&table("pca", "method = \"random\""), TABLE, &["method: \"random\" needs `dimensions`"]);
    says(&table("pca", ""), "a,b\n1,2\n", &["components: at least 2 rows are needed, found 1"]);
}

#[test]
fn e15_tree_jobs_that_cannot_be_are_refused() {
    let job = |more: &str, data: &str| {
        format!("kind = \"tree\"\ntask = \"classes\"\n{more}\n[data]\nsource = {{ path = \"t.csv\" }}\n{data}\n")
    };
    let class = "target = \"class\"\ninputs = [\"a\", \"b\"]";
    says(&job("impurity = \"gini\"\nmethod = \"boost\"", class), TABLE, &["impurity: belongs to method = \"tree\""]);
    says(&job("bins = 300", class), TABLE, &["bins: expected 2 to 255, got 300"]);
    says(&job("depth = 0", class), TABLE, &["depth: expected 1 to 1000, got 0"]);
    says(
        &job("", "target = \"class\"\ninputs = [\"a\", \"class\"]"),
        TABLE,
        &["data.inputs: expected each column once, got `class` again"],
    );
    says(&job("", class), "a,b,class\n1,2,p\n2,3,p\n", &["expected 2 to 1000 classes in column `class`, found 1"]);
    says(
        &job("", &format!("{class}\ntest_share = 1.5")),
        TABLE,
        &["data.test_share: expected a share above 0 and below 1, got 1.5"],
    );
    says(&job("", class), "a,b,class\n1,2,p\n2,3,\n", &["line 3, column `class`: expected a class"]);
    let many: Vec<String> = (0..300).map(|i| format!("{i},c{i},{}\n", i % 2)).collect();
    let many = many.concat();
    let message = refused(&job("", "target = \"class\"\ncategories = [\"b\"]"), &format!("a,b,class\n{many}"));
    assert!(message.contains("expected 1 to 255 categories in column `b`, found 300"), "{message}");
    let site = Site::new(&job("", class));
    site.file("t.csv", TABLE);
    let output = site.output(&["run", "job.toml", "--device", "software-gpu"]);
    assert!(code(&output) == 3 || code(&output) == 2, "{}", text(&output.stderr));
}

#[test]
fn e14_models_and_tables_that_do_not_fit_are_refused() {
    let site = Site::new(&kmeans("k = 2", "inputs = [\"a\", \"b\"]"));
    site.file("t.csv", TABLE);
    let run = site.run(&[]);
    let model = run.folder.join("models/model.safetensors");
    let model = model.to_str().unwrap();
    let refused = |args: &[&str], part: &str| {
        let output = site.output(&[&["predict", "--device", "cpu"], args].concat());
        let message = text(&output.stderr);
        assert_ne!(code(&output), 0, "{message}");
        assert!(message.contains(part), "{part:?} is not in: {message}");
        assert!(output.stdout.is_empty());
    };
    site.file("narrow.csv", "a\n1\n");
    refused(&[model, "--data", "narrow.csv"], "`b`");
    refused(&[model, "--data", "t.csv", "--like", "history"], "--like belong to models of `growth`");
    site.file("torn.safetensors", "nothing");
    refused(&["torn.safetensors", "--data", "t.csv"], "torn.safetensors");
}
