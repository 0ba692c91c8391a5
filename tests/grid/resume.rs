//! The same bytes on repeat, and after kills.

use std::time::{Duration, Instant};

use crate::site::{Draws, Job, Site, small};

#[test]
fn r5_the_same_job_gives_the_same_bytes_and_sigkills_change_none() {
    let more = "[dispatch]\nledger = \"out/l.sqlite\"\noutbox = \"out/m.jsonl\"\nperiod = \"late\"\ntemplates = [{ task = \"*\", text = \
                \"Dear {customer}\" }]";
    let network = small().network.replace("epochs = 10", "epochs = 200");
    let slow = Job { network, more: more.to_owned(), ..small() };
    let undisturbed = Site::new(&slow);
    let start = Instant::now();
    let wanted = undisturbed.run().results();
    let whole_ms = start.elapsed().as_millis() as u64;
    let site = Site::new(&slow);
    let mut draws = Draws(20_261_122);
    let (mut kills, mut tries) = (0, 0);
    while kills < 4 && tries < 40 {
        tries += 1;
        let mut child = site.start(&["run", "job.toml", "--device", "cpu"]);
        std::thread::sleep(Duration::from_millis(1 + draws.below((whole_ms / 2).max(2))));
        child.kill().unwrap();
        if child.wait().unwrap().code() == Some(0) {
            // Done before the kill: start from nothing, the count of kills goes on.
            std::fs::remove_dir_all(site.path("runs")).unwrap();
            std::fs::remove_dir_all(site.path("index")).unwrap();
            std::fs::remove_dir_all(site.path("out")).unwrap();
        } else {
            kills += 1;
        }
    }
    assert_eq!(kills, 4);
    assert_eq!(site.run().results(), wanted);
    let sent = |site: &Site| std::fs::read_to_string(site.path("out/m.jsonl")).unwrap();
    assert!(!sent(&site).is_empty());
    assert_eq!(sent(&site), sent(&undisturbed), "every message once, whoever was killed");
}
