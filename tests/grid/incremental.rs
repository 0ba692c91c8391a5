//! Runs after runs in one index (R1, R3).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::site::{Site, contacts, small};

/// All files of the index with the time of their last writing.
fn files(folder: &Path) -> BTreeMap<PathBuf, SystemTime> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        if entry.path().is_dir() {
            found.extend(files(&entry.path()));
        } else if entry.path().extension().is_some_and(|e| e == "parquet") {
            found.insert(entry.path(), entry.metadata().unwrap().modified().unwrap());
        }
    }
    found
}

#[test]
fn r1_r3_only_partitions_that_changed_are_written_and_the_differences_name_the_fields() {
    let site = Site::new(&small());
    let first = site.run().details();
    assert_eq!(first["index"]["added"], 480);
    assert_eq!(first["index"]["grids"], 4, "account, contacts, visits, region");
    let before = files(&site.path("index"));
    assert!(
        before
            .keys()
            .any(|path| path.ends_with(path.file_name().unwrap()) && path.to_string_lossy().contains("grids/visits"))
    );

    // One customer of the north spends more in the last task, one contact is new and one is gone.
    let table = contacts();
    let mut lines: Vec<String> = table.lines().map(str::to_owned).collect();
    let place = lines.iter().position(|l| l.starts_with("c0,t7,")).unwrap();
    let mut cells: Vec<String> = lines[place].split(',').map(str::to_owned).collect();
    let old = std::mem::replace(&mut cells[8], "777".to_owned());
    lines[place] = cells.join(",");
    lines.retain(|l| !l.starts_with("c3,t0,"));
    lines.push("c99,t7,north,71,1,0,owner,5,50,6,ann".to_owned());
    site.file("contacts.csv", &lines.join("\n"));
    let run = site.run();
    let index = run.details()["index"].clone();
    let count = |name: &str| index[name].as_u64().unwrap();
    assert_eq!((count("added"), count("removed"), count("changed"), count("unchanged")), (1, 1, 1, 478));
    assert!(count("partitions_skipped") >= 1, "{index}");
    let differences = run.rows("differences");
    assert_eq!(differences.len(), 3);
    let changed = differences.iter().find(|row| row["kind"] == "changed").unwrap();
    assert_eq!((changed["contact"].as_str(), changed["column"].as_str()), ("t7/c0", "spend"));
    assert_eq!(changed["old"].parse::<f64>().unwrap(), old.parse::<f64>().unwrap());
    assert_eq!(changed["new"].parse::<f64>().unwrap(), 777.0);
    // Only the north's partitions have new files.
    let after = files(&site.path("index"));
    let fresh = after.iter().filter(|(path, time)| before.get(*path) != Some(*time)).count();
    let kept = after.iter().filter(|(path, time)| before.get(*path) == Some(*time)).count();
    assert!(fresh >= 1 && kept > fresh, "{fresh} new, {kept} kept");
    assert_eq!(count("partitions_written"), 1);

    // The same data again, under another seed: nothing changed, nothing is written.
    let job = std::fs::read_to_string(site.path("job.toml")).unwrap();
    site.file("job.toml", &job.replace("seed = 3", "seed = 4"));
    let run = site.run();
    assert_eq!(run.details()["index"]["unchanged"], 480);
    assert_eq!(files(&site.path("index")), after);
    assert!(run.rows("differences").is_empty());
}
