//! Results, resume, and what stands in the run's folder.

use std::time::{Duration, Instant};

use crate::site::{JOB, Site, read, text};

#[test]
fn a8_sums_are_exact_models_equal_and_every_byte_the_same_again() {
    let site = Site::new(JOB);
    let run = site.run();
    let details = run.json("metrics.json")["details"].clone();
    assert_eq!(details["equal_models"], true);
    let differences = run.numbers("rounds", "difference_in_half_steps");
    assert_eq!(differences.len(), 4 * 3, "a row a round and company");
    assert!(differences.iter().all(|d| *d > 0.0 && *d <= 1.0 + 1e-6), "{differences:?}");
    let largest = details["largest_difference_of_models"].as_f64().expect("a number");
    assert!(largest <= details["stated_difference_of_models"].as_f64().expect("a number") * 3.0, "{largest}");
    // 113 values and one output: 8 x 18 + 8 + 8 + 1 values of 18 bits at 2048 bits.
    assert_eq!(details["values"], 161);
    assert_eq!(details["upload_bytes"], 512 * 2 + 189);
    assert_eq!(run.results(), Site::new(JOB).run().results(), "with another key and other ciphertexts");
    let key = std::fs::metadata(run.folder.join("checkpoints/alliance/private.key")).expect("the key");
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&key.permissions()) & 0o777, 0o600);
    let transcript = text(&run.read("checkpoints/alliance/server/transcript.jsonl"));
    // Per company and round an upload, a sum and a model.
    assert_eq!(transcript.lines().count(), 4 * 3 * 3);
    let report = text(&run.read("report.html"));
    for words in ["Together or alone", "Who learns what", "Mode `shared_key`", "Flow of the promotion", "Mann and"] {
        assert!(report.contains(words), "{words}");
    }
    let secret = text(&run.read("checkpoints/alliance/private.key"));
    let longest = secret.split_whitespace().max_by_key(|word| word.len()).expect("a number");
    assert!(longest.len() > 100);
    for file in ["report.html", "events.jsonl", "metrics.json", "checkpoints/alliance/server/transcript.jsonl"] {
        assert!(!text(&run.read(file)).contains(longest), "a part of the key in {file}");
    }
}

#[test]
fn a12_a_run_that_is_killed_in_its_rounds_goes_on_and_gives_the_same_bytes() {
    let job = JOB.replace("rounds = 4", "rounds = 30");
    let wanted = Site::new(&job).run().results();
    let site = Site::new(&job);
    let mut kills = 0;
    // After so many completed sums.
    for sums in [1, 5, 6, 14, 29] {
        let mut child = site.start();
        let start = Instant::now();
        let file = format!("checkpoints/alliance/server/sum-{sums:06}.bin");
        while !site.run_folder().is_some_and(|folder| folder.join(&file).exists()) {
            assert!(start.elapsed() < Duration::from_mins(2), "waited in vain for {file}");
            if child.try_wait().unwrap().is_some() {
                break;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        child.kill().unwrap();
        kills += usize::from(child.wait().unwrap().code() != Some(0));
    }
    assert!(kills >= 4, "{kills}");
    let run = site.run();
    assert_eq!(run.results(), wanted);
    let uploads = text(&read(&run.folder, "checkpoints/alliance/server/transcript.jsonl"));
    assert!(!uploads.contains("\"code\":\"Twice\""), "a party that is started again sends the same bytes");
}

#[test]
fn a3_every_algorithm_and_update_runs() {
    let other = [
        "algorithm = { kind = \"fed_sgd\" }\nupdate = { kind = \"adam\", rate = 0.01 }\nweighting = \"samples\"",
        "algorithm = { kind = \"fed_prox\", epochs = 2, batch = 16, rate = 0.02, mu = 0.1 }\nupdate = { kind = \
         \"momentum\", rate = 0.5 }\nweighting = { parts = 9 }",
        "algorithm = { kind = \"fed_sgd\" }\nprivacy = { norm = 0.05, noise = 0.5, delta = 1e-5 }",
    ];
    for plan in other {
        let begin = JOB.find("algorithm").expect("the algorithm");
        let end = begin + JOB[begin..].find('\n').expect("its end");
        let site = Site::new(&format!("{}{plan}{}", &JOB[..begin], &JOB[end..]));
        let run = site.run();
        let details = run.json("metrics.json")["details"].clone();
        assert_eq!(details["equal_models"], true, "{plan}");
        let noisy = plan.contains("privacy");
        let worst = run.headline("difference_in_half_steps");
        assert!(if noisy { worst > 10.0 } else { worst <= 1.0 + 1e-6 }, "{plan}: {worst}");
        assert_eq!(details["privacy"].is_null(), !noisy);
    }
}
