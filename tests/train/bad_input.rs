//! Wrong jobs and wrong tables: refused with the place, before anything is written.

use crate::site::{Job, Site, wave_table, waves};

/// The job with a change, refused with all of these words.
fn job_refused(change: impl FnOnce(&mut Job), parts: &[&str]) {
    let mut job = waves();
    change(&mut job);
    let message = Site::new(&job).refused();
    for part in parts {
        assert!(message.contains(part), "{part:?} is not in: {message}");
    }
}

#[test]
fn e16_wrong_settings_name_their_key_and_line() {
    job_refused(|job| job.head = job.head.replace("classes", "clases"), &["job.toml:3", "task", "`classes`"]);
    job_refused(|job| job.data = job.data.replace("target", "traget"), &["data.traget", "did you mean `target`?"]);
    job_refused(
        |job| job.data = job.data.replace("\"row\"", "{ divide = 0 }"),
        &["data.scale.divide: ", "other than 0"],
    );
    job_refused(|job| job.data = job.data.replace("t1..t16", "t16..t1"), &["data.inputs: ", "range such as"]);
    job_refused(|job| job.data = job.data.replace("\"name\"", "\"shape\""), &["data.id: ", "than the target"]);
    job_refused(|job| job.data = job.data.replace("\"t1..t16\"", "[\"t1\", \"t1\"]"), &["data.inputs: ", "`t1` again"]);
    job_refused(|job| job.data.push_str("\ntest = { path = \"waves.csv\" }\ntest_share = 0.5"), &["data.test_share: "]);
    job_refused(|job| job.data.push_str("\ntest_share = 1.0"), &["data.test_share: ", "got 1"]);
    job_refused(
        |job| {
            job.data.push_str("\nvalidation_share = 0.0");
            job.training.push_str("\nearly_stop = { patience = 3 }");
        },
        &["training.early_stop: ", "validation_share"],
    );
    job_refused(|job| job.head.push_str("\nloss = \"mean_square\""), &["loss: ", "`cross_entropy`"]);
    job_refused(
        |job| job.head = job.head.replace("classes", "regression") + "\nclass_weights = \"balanced\"",
        &["class_weights: ", "task = \"classes\""],
    );
    job_refused(|job| job.model = job.model.replace("16", "8"), &["model.input: ", "16", "got 8 values"]);
    job_refused(|job| job.model = job.model.replace("kernel = 3", "kernel = 4"), &["model.layers: layer 1 (conv1d)"]);
    job_refused(
        |job| job.head.push_str("\nloss = { read_outs = { auxiliary = 0.5 } }"),
        &["loss: ", "`cross_entropy`"],
    );
    job_refused(
        |job| {
            job.head = job.head.replace("classes", "regression") + "\nloss = { read_outs = { auxiliary = 0.5 } }";
        },
        &["loss: ", "`mean_square`"],
    );
    let tower = "layers = [{ kind = \"towers\", columns = [10, 7], units = 4 },";
    job_refused(
        |job| job.model = job.model.replace("layers = [", tower),
        &["model.layers: layer 1 (towers): columns [10, 7] are 17 values, the input has 16 a row"],
    );
    let unflat = |job: &mut Job| job.model = job.model.replace("{ kind = \"global_average_pool\" },", "");
    job_refused(unflat, &["model.layers: layer 4 (dense): the output", "flatten"]);
    job_refused(|job| job.training = job.training.replace("0.01", "-1"), &["training.rate: "]);
    job_refused(|job| job.data = job.data.replace("waves.csv", "nothere.csv"), &["data.source.path: ", "nothere.csv"]);
}

/// The table with a change, refused with all of these words.
fn table_refused(change: impl Fn(String) -> String, job: &Job, parts: &[&str]) {
    let site = Site::new(job);
    site.file("waves.csv", change(wave_table(300, 5)).as_bytes());
    let message = site.refused();
    for part in parts {
        assert!(message.contains(part), "{part:?} is not in: {message}");
    }
}

#[test]
fn e21_wrong_tables_name_file_row_and_column() {
    let job = waves();
    let cell = |text: String, with: &str| {
        let second = text.lines().nth(2).unwrap().to_owned();
        let mut fields: Vec<&str> = second.split(',').collect();
        fields[4] = with;
        text.replace(&second, &fields.join(","))
    };
    table_refused(|t| cell(t, "abc"), &job, &["waves.csv, line 3, column `t3`: expected a number, found `abc`"]);
    table_refused(|t| cell(t, ""), &job, &["waves.csv, line 3, column `t3`: expected a number, found nothing"]);
    table_refused(|t| cell(t, "1e99"), &job, &["waves.csv, line 3, column `t3`: ", "32-bit"]);
    table_refused(|t| t.replace("slow", ""), &job, &["column `shape`: expected a class, found nothing"]);
    table_refused(|t| t.replace("slow", "fast"), &job, &["waves.csv: expected at least two classes", "only `fast`"]);
    table_refused(|t| t.replacen("t7", "u7", 1), &job, &["waves.csv, column `t7`: there is no such column"]);
    let three = |t: String| t.replacen("slow", "none", 9);
    let mut binary = waves();
    binary.head.push_str("\nloss = \"binary_cross_entropy\"");
    table_refused(three, &binary, &["expects two classes in column `shape`, found 3: fast, none, slow"]);
    let few = |t: String| t.split_inclusive('\n').take(4).collect::<String>();
    table_refused(few, &job, &["waves.csv: "]);
}

#[test]
fn e21_a_held_out_row_of_an_unknown_class_is_an_error_with_its_place() {
    let mut job = waves();
    job.data.push_str("\ntest = { path = \"more.csv\" }");
    let site = Site::new(&job);
    site.file("more.csv", wave_table(9, 4).replacen("slow", "slwo", 1).as_bytes());
    let message = site.refused();
    let first = wave_table(9, 4).lines().position(|l| l.contains("slow")).unwrap() + 1;
    let wanted =
        format!("more.csv, line {first}, column `shape`: expected one of the training table's classes (fast, slow)");
    assert!(message.contains(&wanted), "{wanted}: {message}");
    assert!(message.contains("found `slwo`"));
}

#[test]
fn e16_a_network_that_does_not_fit_the_table_is_refused() {
    let mut job = waves();
    job.data = "source = { path = \"waves.csv\" }\ntarget = \"shape\"".to_owned();
    job.model = "layers = [{ kind = \"max_pool\", window = 2 }]".to_owned();
    let message = Site::new(&job).refused();
    assert!(message.contains("`model.layers` on 16 inputs: layer 1 (max_pool)"), "{message}");
}
