//! Users without consent, and users who want to be forgotten.

use crate::site::{Site, small, text};

#[test]
fn i0_of_users_without_consent_nothing_is_read_past_the_id() {
    // Their ages, hours and minutes are no numbers: nobody may notice.
    let site = Site::new(&small());
    let run = site.run();
    for user in ["u000", "u010", "u080"] {
        assert_eq!(run.mentions(user), Vec::<std::path::PathBuf>::new());
    }
    assert_eq!(run.json("metrics.json")["details"]["without_consent"], 9);
    assert!(!run.mentions("u011").is_empty());
}

#[test]
fn i0_a_forgotten_user_is_in_no_file_of_the_run_which_still_counts_as_done() {
    let site = Site::new(&small());
    let run = site.run();
    let before = run.rows("intents").len();
    let folder = run.folder.to_str().unwrap();
    let output = site.output(&["forget", "u011", "--run", folder]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let said = text(&output.stdout);
    for part in ["intents.csv: removed 1 row", "portraits.jsonl: removed 1 row", "what remains: the models"] {
        assert!(said.contains(part), "{part:?} is not in: {said}");
    }
    assert_eq!(run.mentions("u011"), Vec::<std::path::PathBuf>::new());
    assert_eq!(run.rows("intents").len(), before - 1);
    let again = site.output(&["run", "job.toml", "--device", "cpu"]);
    assert_eq!(again.status.code(), Some(0));
    assert_eq!(run.rows("intents").len(), before - 1, "the run counts as done");
    let twice = site.output(&["forget", "u011", "--run", folder]);
    assert_eq!(twice.status.code(), Some(2), "{}", text(&twice.stdout));
    assert!(text(&twice.stderr).contains("expected rows of the user `u011`, found none"), "{}", text(&twice.stderr));
}
