//! The same bytes on repeat, and after kills.

use std::time::{Duration, Instant};

use crate::site::{Draws, Site, small};

#[test]
fn i3_the_same_job_gives_the_same_bytes_and_sigkills_change_none() {
    let start = Instant::now();
    let mut job = small();
    job.network = job.network.replace("epochs = 3", "epochs = 20");
    let undisturbed = Site::new(&job);
    let wanted = undisturbed.run().results();
    let whole_ms = start.elapsed().as_millis() as u64;
    let site = Site::new(&job);
    let mut draws = Draws(20_261_122);
    let (mut kills, mut tries) = (0, 0);
    while kills < 4 && tries < 40 {
        tries += 1;
        let mut child = site.start(&["run", "job.toml", "--device", "cpu"]);
        std::thread::sleep(Duration::from_millis(1 + draws.below((whole_ms / 2).max(2))));
        child.kill().unwrap();
        if child.wait().unwrap().code() == Some(0) {
            std::fs::remove_dir_all(site.path("runs")).unwrap();
        } else {
            kills += 1;
        }
    }
    assert_eq!(kills, 4);
    assert_eq!(site.run().results(), wanted);
}
