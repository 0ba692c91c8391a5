//! Tasks, losses and forms of tables.

use crate::site::{Run, Site, code, text, wave_table, waves};

/// The accuracy, recounted from the table of predictions.
fn accuracy(run: &Run) -> f64 {
    let table = run.table("predictions");
    let right = table["target"].iter().zip(&table["predicted"]).filter(|(a, b)| a == b).count();
    right as f64 / table["target"].len() as f64
}

#[test]
fn e11_a_convolution_tells_waves_apart_and_says_so_everywhere() {
    let run = Site::new(&waves()).run(&[]);
    assert!(accuracy(&run) > 0.9, "{}", accuracy(&run));
    assert!((run.headline("accuracy") - accuracy(&run)).abs() < 1e-12);
    assert!(run.headline("roc_auc") > 0.95 && run.headline("log_loss") < 0.5);
    let table = run.table("predictions");
    assert_eq!(table["name"].len(), 60, "a fifth is held out");
    for (fast, slow) in table["probability_fast"].iter().zip(&table["probability_slow"]) {
        let sum: f64 = fast.parse::<f64>().unwrap() + slow.parse::<f64>().unwrap();
        assert!((sum - 1.0).abs() < 1e-12);
    }
    let metrics = run.json("metrics.json");
    assert_eq!(metrics["details"]["rows"], serde_json::json!({"train": 216, "validation": 24, "test": 60}));
    assert_eq!(metrics["details"]["epochs"], serde_json::json!([30, 30]));
    let epochs = run.table("epochs");
    assert_eq!((epochs["member"].len(), epochs["epoch"][59].as_str()), (60, "30"));
    let report = text(&run.read("report.html"));
    for part in ["Loss by epoch", "Predicted against true classes", "conv1d", "16 x 4", "ROC curve", "waves.csv"] {
        assert!(report.contains(part), "{part}");
    }
}

#[test]
fn e10_threads_and_repetition_change_no_byte() {
    let site = Site::new(&waves());
    let wanted = site.run(&["--threads", "1"]).results();
    assert_eq!(site.run(&["--threads", "2", "--force"]).results(), wanted);
}

#[test]
fn e12_a_single_network_is_a_member_of_the_ensemble() {
    let mut job = waves();
    job.model = job.model.replace("members = 2", "members = 1");
    let (one, two) = (Site::new(&job).run(&[]), Site::new(&waves()).run(&[]));
    let losses = |run: &Run| run.table("epochs")["train_loss"][..30].to_vec();
    assert_eq!(losses(&one), losses(&two));
}

#[test]
fn e13_one_logit_balanced_classes_and_no_validation_rows() {
    let mut job = waves();
    job.head.push_str("\nloss = \"binary_cross_entropy\"\nclass_weights = \"balanced\"");
    job.data.push_str("\nvalidation_share = 0.0");
    let run = Site::new(&job).run(&[]);
    assert!(accuracy(&run) > 0.9, "{}", accuracy(&run));
    assert!(run.table("epochs")["validation_loss"].iter().all(String::is_empty));
    assert_eq!(run.json("metrics.json")["details"]["best_epochs"], serde_json::json!([30, 30]));
}

#[test]
fn e21_a_table_of_held_out_rows_and_default_inputs() {
    let mut job = waves();
    job.data = "source = { path = \"waves.csv\" }\ntest = { path = \"more.csv\" }\ntarget = \"shape\"".to_owned();
    job.model = "layers = [{ kind = \"dense\", units = 16, activation = \"tanh\" }]".to_owned();
    let site = Site::new(&job);
    site.file("more.csv", wave_table(80, 99).as_bytes());
    let check = site.output(&["check", "job.toml", "--device", "cpu"]);
    let facts = text(&check.stdout);
    assert_eq!(code(&check), 0);
    for part in ["270 train, 30 validate, 80 held out", "16 columns; left out, for they hold no numbers: name, word"] {
        assert!(facts.contains(part), "{part}: {facts}");
    }
    let run = site.run(&["--out", "elsewhere"]);
    let table = run.table("predictions");
    assert_eq!((table["row"].len(), table["row"][79].as_str()), (80, "80"));
}

#[test]
fn e11_regression_finds_a_sum_and_scores_it_in_the_targets_unit() {
    let mut job = waves();
    job.head = job.head.replace("classes", "regression");
    job.data = "source = { path = \"sums.csv\" }\ntarget = \"y\"".to_owned();
    job.model = "layers = []".to_owned();
    job.training = "epochs = 60\nbatch = 16\nrate = 0.02".to_owned();
    let site = Site::new(&job);
    let mut draws = crate::site::Draws(7);
    let rows = (0..400).map(|_| {
        let (a, b) = (draws.below(100), draws.below(100));
        format!("{a},{b},{}\n", 5000 + 30 * a + 2 * b)
    });
    site.file("sums.csv", format!("a,b,y\n{}", rows.collect::<String>()).as_bytes());
    let run = site.run(&[]);
    assert!(run.headline("r2") > 0.999, "{}", run.headline("r2"));
    let table = run.table("predictions");
    let errors = table["target"].iter().zip(&table["predicted"]).map(|(t, p)| {
        let (t, p): (f64, f64) = (t.parse().unwrap(), p.parse().unwrap());
        (t - p).powi(2)
    });
    let rmse = (errors.sum::<f64>() / table["target"].len() as f64).sqrt();
    assert!((run.headline("rmse") - rmse).abs() < 1e-9 && rmse < 30.0, "{rmse}");
    assert!(text(&run.read("report.html")).contains("Predicted against true"));
}
