use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::super::{DeviceChoice, JobText, Overrides, TableFormat, parse};

#[derive(Debug, Deserialize, PartialEq)]
struct Raw {
    data: RawData,
    #[serde(default)]
    cnn: RawCnn,
    expect: Option<RawExpect>,
    scale: Option<Scale>,
}

#[derive(Debug, Deserialize, PartialEq)]
struct RawData {
    history: PathBuf,
    steps: u32,
    #[serde(default)]
    columns: Vec<String>,
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(default)]
struct RawCnn {
    epochs: u32,
    rate: f32,
    shuffle: bool,
}

impl Default for RawCnn {
    fn default() -> Self {
        Self { epochs: 10, rate: 0.1, shuffle: true }
    }
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(untagged, expecting = "expected a number or { quantile = 0.75 }")]
enum RawExpect {
    Number(f64),
    Quantile { quantile: f64 },
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Scale {
    None,
    Standard,
    Power(f32),
    Range { low: f32, high: f32 },
}

const GOOD: &str = "kind = \"tea\"\n[data]\nhistory = \"x.csv\"\nsteps = 3\n";

fn read(text: &str) -> Result<super::Located<Raw>, Vec<String>> {
    let text = JobText::new("jobs/tea.toml", text).expect("TOML");
    parse::<Raw>(&text).map_err(|e| e.iter().map(ToString::to_string).collect())
}

fn errors(text: &str) -> Vec<String> {
    read(text).expect_err("an error")
}

#[test]
fn e16_a_good_job_reads_with_defaults() {
    let job = read(GOOD).unwrap();
    assert_eq!(job.raw.cnn, RawCnn::default());
    assert_eq!((job.head.name.as_str(), job.head.seed, job.head.threads), ("tea", 0, 0));
    assert_eq!(job.head.device, DeviceChoice::Auto);
    assert_eq!(job.head.output.folder, Path::new("jobs/runs"));
    assert_eq!(job.head.output.format, TableFormat::Csv);
}

#[test]
fn e16_several_errors_come_in_one_pass_in_the_files_order() {
    let found = errors(
        "kind = \"tea\"\nsede = 3\nthreads = \"four\"\n[data]\nhistory = 7\nsteps = -1\ncolumns = [\"a\", 3, true]\n\
         [cnn]\nepocs = 5\nrate = \"high\"\nshuffle = 1\n[output]\nformat = \"cvs\"\n",
    );
    let starts = [
        "jobs/tea.toml:2:1: sede: unknown key, expected one of `data`, `cnn`, `expect`, `scale`, `kind`,",
        "jobs/tea.toml:3:11: threads: expected a whole number of at least 0, got the text \"four\"",
        "jobs/tea.toml:5:11: data.history: expected a path in quotes, got the number 7",
        "jobs/tea.toml:6:9: data.steps: expected a whole number of at least 0, got the number -1",
        "jobs/tea.toml:7:17: data.columns[1]: expected a text in quotes, got the number 3",
        "jobs/tea.toml:7:20: data.columns[2]: expected a text in quotes, got true",
        "jobs/tea.toml:9:1: cnn.epocs: unknown key, expected one of `epochs`, `rate`, `shuffle`; did you mean `epochs`?",
        "jobs/tea.toml:10:8: cnn.rate: expected a number, got the text \"high\"",
        "jobs/tea.toml:11:11: cnn.shuffle: expected true or false, got the number 1",
        "jobs/tea.toml:13:10: output.format: expected one of `csv`, `parquet`, got \"cvs\"; did you mean `csv`?",
    ];
    assert_eq!(found.len(), starts.len(), "{found:#?}");
    for (got, start) in found.iter().zip(starts) {
        assert!(got.starts_with(start), "\n{got}\n{start}");
    }
    assert!(found[0].ends_with("did you mean `seed`?"), "{}", found[0]);
}

#[test]
fn e16_missing_keys_name_their_table() {
    assert_eq!(
        errors("kind = \"tea\"\n[data]\nhistory = \"x\"\n"),
        ["jobs/tea.toml:2:1: data.steps: missing; it has no default"]
    );
    assert_eq!(errors("kind = \"tea\"\n"), ["jobs/tea.toml:1:1: data: missing; it has no default"]);
}

#[test]
fn e16_a_wrong_table_is_reported_once() {
    assert_eq!(errors("kind = \"tea\"\ndata = 3\n"), ["jobs/tea.toml:2:8: data: expected a table, got the number 3"]);
}

#[test]
fn e16_untagged_values_say_which_forms_fit() {
    let with = |value: &str| format!("expect = {value}\n{GOOD}");
    assert_eq!(read(&with("2")).unwrap().raw.expect, Some(RawExpect::Number(2.0)));
    assert_eq!(read(&with("{ quantile = 0.5 }")).unwrap().raw.expect, Some(RawExpect::Quantile { quantile: 0.5 }));
    assert_eq!(
        errors(&with("\"mean\"")),
        ["jobs/tea.toml:1:10: expect: expected a number or { quantile = 0.75 }, got the text \"mean\""]
    );
}

#[test]
fn e16_enums_read_words_and_tables() {
    let with = |value: &str| format!("scale = {value}\n{GOOD}");
    assert_eq!(read(&with("\"standard\"")).unwrap().raw.scale, Some(Scale::Standard));
    assert_eq!(read(&with("{ power = 2 }")).unwrap().raw.scale, Some(Scale::Power(2.0)));
    let range = Scale::Range { low: 0.0, high: 1.0 };
    assert_eq!(read(&with("{ range = { low = 0, high = 1 } }")).unwrap().raw.scale, Some(range));
    let cases = [
        ("\"standart\"", "scale: expected one of `none`, `standard`, `power`, `range`, got \"standart\"; did you mean"),
        (
            "{ powr = 2 }",
            "scale: expected one of `none`, `standard`, `power`, `range`, got \"powr\"; did you mean `pow",
        ),
        ("3", "scale: expected one of `none`, `standard`, `power`, `range`, got the number 3"),
        ("{ range = { low = 0, high = 1, hihg = 2 } }", "scale.range.hihg: unknown key, expected one of `low`, `high`"),
        ("{ range = { low = 0 } }", "scale.range.high: missing"),
        ("{ none = 1 }", "scale.none: expected the word alone, with no value, got the number 1"),
    ];
    for (value, part) in cases {
        let found = errors(&with(value));
        assert!(found.len() == 1 && found[0].contains(part), "{value}: {found:?}");
    }
}

#[test]
fn e16_impossible_heads_are_refused() {
    let cases = [
        ("name = \"../x\"", "name: expected letters, digits, `-`, `_` and `.` (not first), got \"../x\""),
        ("name = \"\"", "name: expected 1 to 100 bytes"),
        ("seed = -1", "seed: expected a whole number of at least 0, got the number -1"),
        ("threads = 5000", "threads: expected 0 to 1024, got 5000"),
        ("device = \"gpux\"", "device: expected `auto`"),
    ];
    for (line, part) in cases {
        let found = errors(&format!("{line}\n{GOOD}"));
        assert!(found.len() == 1 && found[0].contains(part), "{line}: {found:?}");
    }
}

#[test]
fn e1_the_command_line_wins_over_the_file() {
    let over = Overrides {
        device: Some(DeviceChoice::Cpu),
        threads: Some(3),
        seed: Some(9),
        out: Some(PathBuf::from("elsewhere")),
    };
    let text = JobText::new("jobs/tea.toml", format!("seed = 1\ndevice = \"gpu\"\n{GOOD}")).unwrap();
    let head = parse::<Raw>(&text.with_overrides(over)).unwrap().head;
    assert_eq!((head.device, head.threads, head.seed), (DeviceChoice::Cpu, 3, 9));
    assert_eq!(head.output.folder, Path::new("elsewhere"));
}

#[test]
fn e16_checks_point_at_lines() {
    let job = read(&format!("{GOOD}[cnn]\nepochs = 0\n")).unwrap();
    let mut issues = job.issues();
    issues.in_range("cnn.epochs", job.raw.cnn.epochs, 1..);
    issues.in_range("cnn.rate", f32::NAN, 0.0..1.0);
    issues.require(false, "data.history", || "expected another file".to_owned());
    let found: Vec<String> = issues.finish().unwrap_err().iter().map(ToString::to_string).collect();
    assert_eq!(
        found,
        [
            "jobs/tea.toml:3:11: data.history: expected another file",
            "jobs/tea.toml:5:1: cnn.rate: expected at least 0 and below 1, got NaN",
            "jobs/tea.toml:6:10: cnn.epochs: expected at least 1, got 0",
        ]
    );
}
