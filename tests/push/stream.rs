//! Tables that are streamed.

use crate::site::{Site, code, numbers, text};

fn job(more: &str) -> String {
    format!(
        "kind = \"push\"\nseed = 5\n[customers]\nsource = {{ path = \"synthetic/synthetic_customers.parquet\" }}\nid = \
         \"customer\"\n{more}[holdings]\nwide = \"p01..p06\"\n[features]\nmethod = \"none\"\n[classes]\ncount = 4\n[push]\n\
         top_k = 2\nnext = true\ncap = 1\n[exclude]\nsource = {{ path = \"no.csv\" }}\ncustomer = \"c\"\nproduct = \"p\"\n"
    )
}

fn site(job: &str, customers: &str) -> Site {
    let site = Site::new(job);
    let synth = ["synth", "push", "--customers", customers, "--features", "6", "--products", "6"];
    let output = site.output(&synth);
    assert_eq!(code(&output), 0, "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("synthetic data"));
    site.file("no.csv", "c,p\n1,\n2,p01\n2,p02\n");
    site
}

#[test]
fn p4_a_stream_gives_what_the_whole_table_in_memory_gives() {
    let whole = site(&job(""), "3000").run(&[]);
    // The sample is the whole table, so that the same is learned.
    let streamed = site(&job("stream = true\nsample = 3000\n"), "3000").run(&[]);
    let (a, b) = (whole.table("pushes"), streamed.table("pushes"));
    for column in ["customer", "product", "class", "weight", "holders", "class_size"] {
        assert_eq!(a[column], b[column], "{column}");
    }
    assert!(a["customer"].len() > 2500);
    assert_eq!(whole.table("without"), streamed.table("without"));
    assert_eq!(whole.table("classes"), streamed.table("classes"));
    let (a, b) = (whole.table("cleaning"), streamed.table("cleaning"));
    assert_eq!((&a["customer"], &a["column"], &a["replaced_by"]), (&b["customer"], &b["column"], &b["replaced_by"]));
    assert!(streamed.report().contains("Everything was learned from a sample of 3,000 customers."));
    assert_eq!(whole.metrics()["details"]["holdings"], streamed.metrics()["details"]["holdings"]);
}

#[test]
fn p4_a_stream_larger_than_its_sample_classifies_and_weighs_everybody() {
    let site = site(&job("stream = true\nsample = 2000\n"), "70000");
    let run = site.run(&["--threads", "2"]);
    assert_eq!(numbers(&run.table("classes")["customers"]).iter().sum::<f64>(), 70_000.0);
    let (pushes, without) = (run.table("pushes"), run.table("without"));
    assert_eq!(pushes["customer"].len() + without["customer"].len(), 70_000);
    let opted_out = without["customer"].iter().position(|c| c == "1").expect("customer 1");
    assert_eq!(without["reason"][opted_out], "opted out");
    let weights: Vec<f64> =
        numbers(&pushes["holders"]).iter().zip(numbers(&pushes["class_size"])).map(|(b, a)| b / a).collect();
    let found = numbers(&pushes["weight"]);
    assert!(weights.iter().zip(&found).all(|(a, b)| (a - b).abs() < 1e-12), "a weight is holders over class size");
    let again = site.run(&["--threads", "1", "--out", "again"]);
    assert_eq!(run.results(), again.results());
}

#[test]
fn p4_streams_that_cannot_be_are_refused() {
    let site = site(&job("stream = true\nsample = 3000\n").replace("next = true", "rounds = 3"), "1000");
    let said = site.refused();
    assert!(said.contains("push.rounds: expected 1 with `customers.stream`"), "{said}");
    site.file("job.toml", &job("stream = true\nsample = 3000\n").replace("p01..p06", "p01..p07"));
    let said = site.refused();
    assert!(said.contains("expected a column `p07`"), "{said}");
    site.file("job.toml", &job("stream = true\n").replace("synthetic/synthetic_customers.parquet", "customers.csv"));
    let said = site.refused();
    assert!(said.contains("expected"), "{said}");
}
