//! Tables that are kept in a file instead of in memory.

use std::fmt::Write;

use crate::site::{Site, code, numbers, text};

fn table(rows: usize) -> String {
    let mut out = "a,b,c\n".to_owned();
    let mut state = 7_u64;
    for row in 0..rows {
        let mut draw = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state % 1000) as f64 / 500.0
        };
        let _ = writeln!(
            out,
            "{:.3},{:.3},{:.3}",
            draw() + (row % 5) as f64 * 9.0,
            draw() - (row % 3) as f64 * 4.0,
            draw()
        );
    }
    out
}

#[test]
fn e15_a_table_out_of_core_gives_the_clusters_and_components_of_one_in_memory() {
    for (kind, more) in [("kmeans", "k = 5\ninit = \"parallel\""), ("pca", "dimensions = 2")] {
        let run = |core: bool, scale: &str| {
            let job = format!(
                "kind = \"{kind}\"\nseed = 4\n{more}\n[data]\nsource = {{ path = \"t.csv\" }}\nscale = \"{scale}\"\nout_of_core = {core}\n"
            );
            let site = Site::new(&job);
            site.file("t.csv", &table(3000));
            let run = site.run(&[]);
            let leftover: Vec<_> =
                std::fs::read_dir(run.folder.join("checkpoints")).into_iter().flatten().flatten().collect();
            assert!(leftover.iter().all(|entry| entry.file_name().to_string_lossy().starts_with("stage-")));
            match kind {
                "kmeans" => run.table("assignments")["cluster"].clone(),
                _ => run.table("projection")["component_1"]
                    .iter()
                    .map(|v| format!("{:.3}", v.parse::<f64>().unwrap()))
                    .collect(),
            }
        };
        for scale in ["none", "standard"] {
            let (disk, memory) = (run(true, scale), run(false, scale));
            assert_eq!(disk.len(), 3000);
            let same = disk.iter().zip(&memory).filter(|(a, b)| a == b).count();
            assert!(same >= 2990, "{kind}, {scale}: {same} of 3000 agree");
        }
    }
}

#[test]
fn e15_a_bad_row_behind_the_first_ones_ends_the_run_and_names_its_place() {
    let job = "kind = \"kmeans\"\nk = 2\n[data]\nsource = { path = \"t.csv\" }\nout_of_core = true\n";
    let site = Site::new(job);
    site.file("t.csv", &format!("{}1,oops,3\n", table(9000)));
    let output = site.output(&["run", "job.toml", "--device", "cpu"]);
    assert_eq!(code(&output), 2, "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("t.csv, line 9002, column `b`"), "{}", text(&output.stderr));
    let cut = Site::new(&job.replace("k = 2", "k = 100"));
    cut.file("t.csv", &table(20));
    let output = cut.output(&["run", "job.toml", "--device", "cpu"]);
    assert_eq!(code(&output), 2);
    assert!(text(&output.stderr).contains("k-means: at least 100 rows are needed, found 20"));
    assert!(numbers(&["1".to_owned()]) == [1.0]);
}
