//! `nightloom predict` on the model of a run (E14).

use crate::site::{Columns, Site, code, columns, text, wave_table, waves};

fn predict(site: &Site, args: &[&str]) -> Columns {
    let output = site.output(&[&["predict", "--device", "cpu"], args].concat());
    assert_eq!(code(&output), 0, "{}", text(&output.stderr));
    columns(&output.stdout)
}

#[test]
fn e14_a_model_gives_the_runs_own_predictions() {
    let site = Site::new(&waves());
    let run = site.run(&[]);
    let found = predict(&site, &[&run.model(), "--data", "waves.csv"]);
    let wanted = run.table("predictions");
    assert_eq!(found["name"].len(), 300);
    for (i, name) in wanted["name"].iter().enumerate() {
        let own = found["name"].iter().position(|n| n == name).expect("every row");
        for column in ["predicted", "probability_fast", "probability_slow"] {
            assert_eq!(found[column][own], wanted[column][i], "{name} {column}");
        }
    }
    // The inputs and the id are enough, in any order of columns, to a file too.
    let table = wave_table(300, 5);
    let bare = table.lines().map(|line| {
        let fields: Vec<&str> = line.split(',').collect();
        format!("{},{}\n", fields[2..18].join(","), fields[0])
    });
    site.file("bare.csv", bare.collect::<String>().as_bytes());
    assert_eq!(predict(&site, &[&run.model(), "--data", "bare.csv"]), found);
    predict(&site, &[&run.model(), "--data", "bare.csv", "--out", "found.csv"]);
    assert_eq!(columns(&std::fs::read(site.path("found.csv")).unwrap()), found);
}

#[test]
fn e14_wrong_models_and_tables_are_refused() {
    let site = Site::new(&waves());
    let model = site.run(&[]).model();
    let refused = |args: &[&str], parts: &[&str]| {
        let output = site.output(&[&["predict", "--device", "cpu"], args].concat());
        let message = text(&output.stderr);
        assert_eq!(code(&output), 2, "{message}");
        for part in parts {
            assert!(message.contains(part), "{part:?} is not in: {message}");
        }
        assert!(output.stdout.is_empty());
    };
    refused(&[&model, "--data", "waves.csv", "--like", "history"], &["--like belong to models of `growth`"]);
    site.file("short.csv", b"name,t1,t2\na,1,2\n");
    refused(&[&model, "--data", "short.csv"], &["short.csv", "`t3`"]);
    site.file("gap.csv", wave_table(3, 5).replacen("w1,", ",", 1).as_bytes());
    refused(&[&model, "--data", "gap.csv"], &["gap.csv, line 3, column `name`: expected an id"]);
}
