//! The bundled jobs and their models.

use crate::site::{DIGITS, Site, code, numbers, text};

#[test]
fn e15_k_means_of_the_digits_and_its_model() {
    let site = Site::bundled("kmeans_digits", |job| job);
    let run = site.run(&[]);
    // scikit-learn's best of ten starts has 1,165,1xx; single starts reach 1,170,000 and more.
    assert!(run.headline("inertia") < 1_170_000.0, "{}", run.headline("inertia"));
    assert!(run.headline("adjusted_rand") > 0.6 && run.headline("silhouette") > 0.17);
    let found = run.table("assignments");
    let distances = numbers(&found["distance"]);
    let inertia: f64 = distances.iter().map(|d| d * d).sum();
    assert!((inertia / run.headline("inertia") - 1.0).abs() < 1e-5);
    let clusters = run.table("clusters");
    assert_eq!(numbers(&clusters["rows"]).iter().sum::<f64>(), 1797.0);
    let curve = numbers(&run.table("curve")["inertia"]);
    assert_eq!((curve.len(), curve.is_sorted_by(|a, b| a > b)), (8, true), "{curve:?}");
    let course = numbers(&run.table("iterations")["inertia"]);
    assert!(course.len() > 3 && course.is_sorted_by(|a, b| a >= b), "{course:?}");
    let said = site.predict(&run, DIGITS);
    assert_eq!((&said["cluster"], &said["distance"]), (&found["cluster"], &found["distance"]));
    let report = run.report();
    assert!(report.contains("Adjusted Rand") && report.contains("Inertia by number of clusters"));
}

#[test]
fn e15_a_run_gives_the_same_bytes_on_any_threads() {
    for name in ["kmeans_digits", "neighbours_digits", "pca_digits", "tree_digits", "boost_brands"] {
        let site = Site::bundled(name, |job| job.replace("restarts = 10", "restarts = 2"));
        let one = site.run(&["--threads", "1", "--out", "one"]).results();
        let two = site.run(&["--threads", "2", "--out", "two"]).results();
        assert!(one.len() >= 3, "{name}: {:?}", one.keys());
        assert_eq!(one, two, "{name}");
    }
}

#[test]
fn e15_forms_of_k_means() {
    let small = |job: String| job.replace("restarts = 10\n", "").replace("curve = [2, 4, 6, 8, 12, 15, 20]\n", "");
    let inertia = |more: &str| {
        let site = Site::bundled("kmeans_digits", |job| small(job).replace("k = 10\n", &format!("k = 10\n{more}\n")));
        site.run(&[]).headline("inertia")
    };
    let full = inertia("restarts = 1");
    assert!((inertia("init = \"parallel\"") / full - 1.0).abs() < 0.08);
    assert!((inertia("method = \"mini_batch\"\nbatch = 256\niterations = 300") / full - 1.0).abs() < 0.08);
    // The mean of 1 less the cosine lies between 0 and 1.
    let cosine = inertia("metric = \"cosine\"") / 1797.0;
    assert!(cosine > 0.05 && cosine < 0.3, "{cosine}");
}

#[test]
fn e15_given_centres_that_stay_and_weights() {
    let job = "kind = \"kmeans\"\nk = 2\nmethod = \"fixed\"\ncentres = [[0.0], [10.0]]\nweight = \"w\"\n[data]\nsource = { path = \
               \"t.csv\" }\ninputs = [\"a\"]\nscale = \"none\"\nid = \"name\"\n";
    let site = Site::new(job);
    site.file("t.csv", "name,a,w\nx,1,1\ny,9,2\nz,4,0.5\n");
    let run = site.run(&[]);
    let found = run.table("assignments");
    assert_eq!(
        (&found["name"][1], &found["cluster"][1], &found["distance"][1]),
        (&"y".into(), &"1".into(), &"1.0".into())
    );
    assert_eq!(run.headline("inertia"), 1.0 + 2.0 + 0.5 * 16.0);
    // Lloyd with the weights: the mean of 1 (weight 1) and 4 (weight 0.5) is 2.
    let moving = Site::new(&job.replace("method = \"fixed\"\n", ""));
    moving.file("t.csv", "name,a,w\nx,1,1\ny,9,2\nz,4,0.5\n");
    let found = moving.run(&[]).table("assignments");
    assert_eq!(numbers(&found["distance"]), [1.0, 0.0, 2.0]);
}

#[test]
fn e15_neighbours_of_the_digits() {
    let site = Site::bundled("neighbours_digits", |job| job);
    let run = site.run(&[]);
    let found = run.table("neighbours");
    assert_eq!(found["row"].len(), 1797 * 5);
    assert!(found["row"].iter().zip(&found["neighbour"]).all(|(own, other)| own != other));
    for five in numbers(&found["distance"]).chunks_exact(5) {
        assert!(five.is_sorted());
    }
    // The model knows the rows themselves: each is its own nearest.
    let said = site.predict(&run, DIGITS);
    let nearest: Vec<(&String, &String)> = said["row"].iter().zip(&said["neighbour"]).step_by(5).collect();
    let own = nearest.iter().filter(|(row, neighbour)| row == neighbour).count();
    assert!(own >= 1790, "{own}: equal digits have a lower row");
}

#[test]
fn e15_pairs_and_queries_of_a_small_table() {
    let job = "kind = \"neighbours\"\nk = 2\npairwise = true\nmetric = \"manhattan\"\nqueries = { path = \"q.csv\" }\n[data]\nsource \
               = { path = \"t.csv\" }\nid = \"n\"\nscale = \"none\"\n";
    let site = Site::new(job);
    site.file("t.csv", "n,a,b\np,0,0\nq,1,2\nr,5,5\n");
    site.file("q.csv", "n,a,b\nnew,4,4\n");
    let run = site.run(&[]);
    let found = run.table("neighbours");
    assert_eq!(
        (&found["neighbour"], &found["distance"]),
        (&vec!["r".to_owned(), "q".to_owned()], &vec!["2.0".to_owned(), "5.0".to_owned()])
    );
    let pairs = run.table("pairs");
    assert_eq!(numbers(&pairs["distance"]), [0.0, 3.0, 10.0, 3.0, 0.0, 7.0, 10.0, 7.0, 0.0]);
}

#[test]
fn e15_more_queries_than_a_part_holds() {
    let job = "kind = \"neighbours\"\nk = 1\nqueries = { path = \"q.csv\" }\n[data]\nsource = { path = \"t.csv\" }\nscale =                \"none\"\n";
    let site = Site::new(job);
    site.file("t.csv", "a\n0\n1000\n2000\n");
    // More than two parts of 65,536 rows.
    let rows: Vec<String> = (0..140_000).map(|i| format!("{}\n", i % 2400)).collect();
    site.file("q.csv", &format!("a\n{}", rows.concat()));
    let run = site.run(&[]);
    let found = run.table("neighbours");
    assert_eq!(found["row"].len(), 140_000);
    for (i, (row, near)) in found["row"].iter().zip(&found["neighbour"]).enumerate() {
        let expected = match i % 2400 {
            0..=500 => "1",
            501..=1500 => "2",
            _ => "3",
        };
        assert_eq!((row.as_str(), near.as_str()), ((i + 1).to_string().as_str(), expected), "row {i}");
    }
    assert_eq!(site.predict(&run, "q.csv"), found);
    let model = run.folder.join("models/model.safetensors");
    let model = model.to_str().unwrap();
    let said = site.output(&["predict", model, "--data", "q.csv", "--device", "cpu", "--out", "said.csv"]);
    assert_eq!(code(&said), 0, "{}", text(&said.stderr));
    assert_eq!(std::fs::read(site.path("said.csv")).unwrap(), run.read("tables/neighbours.csv"));
    // A wrong row behind the first parts: nothing appears, neither in a file nor on stdout.
    site.file("bad.csv", &format!("a\n{}x\n", rows.concat()));
    for more in [&["--out", "bad-said.csv"][..], &[]] {
        let args = [&["predict", model, "--data", "bad.csv", "--device", "cpu"], more].concat();
        let said = site.output(&args);
        assert_eq!((code(&said), said.stdout.len()), (2, 0), "{more:?}");
        assert!(text(&said.stderr).contains("140002"), "{}", text(&said.stderr));
    }
    assert!(!site.path("bad-said.csv").exists());
}

#[test]
fn e15_components_of_the_digits() {
    let site = Site::bundled("pca_digits", |job| job);
    let run = site.run(&[]);
    assert_eq!(run.headline("dimensions"), 21.0, "as scikit-learn's PCA(0.9)");
    assert!(run.headline("share") >= 0.9 && run.headline("share") < 0.91);
    let found = run.table("projection");
    let said = site.predict(&run, DIGITS);
    assert_eq!(said["component_21"], found["component_21"]);
    let cumulative = numbers(&run.table("variances")["cumulative"]);
    assert!((cumulative[20] - run.headline("share")).abs() < 1e-12);
    let whitened = Site::bundled("pca_digits", |job| {
        job.replace("share = 0.9", "dimensions = 4\nmethod = \"random\"\nwhiten = true")
    });
    let run = whitened.run(&[]);
    for column in ["component_1", "component_4"] {
        let square: f64 = numbers(&run.table("projection")[column]).iter().map(|v| v * v).sum();
        assert!((square / 1796.0 - 1.0).abs() < 1e-3, "{column}: {square}");
    }
}

#[test]
fn e15_a_tree_reads_the_digits_and_can_be_read() {
    let site = Site::bundled("tree_digits", |job| job);
    let run = site.run(&[]);
    assert!(run.headline("accuracy") > 0.82, "{}", run.headline("accuracy"));
    let words = text(&run.read("tables/tree.txt"));
    assert!(words.starts_with("pixel") && words.contains("|   ") && words.contains(" rows"));
    assert!(text(&run.read("tables/tree.svg")).starts_with("<svg"));
    let wanted = run.table("predictions");
    let said = site.predict(&run, DIGITS);
    for (i, row) in wanted["row"].iter().enumerate() {
        let own: usize = row.parse::<usize>().unwrap() - 1;
        assert_eq!(said["predicted"][own], wanted["predicted"][i], "row {row}");
    }
}

#[test]
fn e15_boosted_trees_tell_brands_with_categories() {
    let site = Site::bundled("boost_brands", |job| job);
    let run = site.run(&[]);
    assert!(run.headline("roc_auc") > 0.74, "{}", run.headline("roc_auc"));
    let importance = run.table("importance");
    assert_eq!(importance["input"][0], "product_category");
    let data = concat!(env!("CARGO_MANIFEST_DIR"), "/datasets/cj_product_week_qty.csv.gz");
    let said = site.predict(&run, data);
    let wanted = run.table("predictions");
    let row = said["product_id"].iter().position(|id| *id == wanted["product_id"][0]).unwrap();
    assert_eq!(said["probability_Private"][row], wanted["probability_Private"][0]);
}

#[test]
fn e15_trees_take_missing_values_and_new_categories() {
    let job = "kind = \"tree\"\ntask = \"regression\"\n[data]\nsource = { path = \"t.csv\" }\ntest = { path = \"u.csv\" }\ntarget = \
               \"y\"\ncategories = [\"town\"]\n";
    let site = Site::new(job);
    site.file("t.csv", "a,town,y\n1,Rome,10\n,Oslo,20\n3,Oslo,20\n4,Rome,10\n5,,10\n6,Oslo,20\n");
    site.file("u.csv", "a,town,y\n1,Oslo,20\n,Rome,10\n2,Bern,10\n");
    let run = site.run(&[]);
    assert_eq!(run.headline("rmse"), 0.0);
    assert!(text(&run.read("tables/tree.txt")).contains("town in {"), "{}", text(&run.read("tables/tree.txt")));
    assert_eq!(site.predict(&run, "u.csv")["predicted"], ["20.0", "10.0", "10.0"]);
}
