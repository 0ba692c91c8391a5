//! Sales logs in both forms, right and wrong ones.

#![expect(clippy::disallowed_methods, reason = "test input")]

use std::path::{Path, PathBuf};

use super::*;
use crate::artifact::table::{Cells, Table};
use crate::dataset::{DataError, RowRef};

struct Log {
    folder: tempfile::TempDir,
    toml: String,
}

impl Log {
    fn new(text: &str, toml: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("log.csv"), text).unwrap();
        Self { folder, toml: format!("source = {{ path = \"log.csv\" }}\n{toml}") }
    }

    fn read(&self, early_steps: usize) -> Result<SeriesSet, DataError> {
        let raw: RawSeries = toml::from_str(&self.toml).unwrap();
        raw.check(self.folder.path())?.read(early_steps)
    }
}

const LONG: &str = "form = \"long\"\nproduct = \"product\"\ntime = \"day\"\nquantity = \"qty\"\n";
const WIDE: &str = "form = \"wide\"\nproduct = \"product\"\n";

fn long(text: &str, rest: &str) -> Result<SeriesSet, DataError> {
    Log::new(text, &format!("{LONG}{rest}")).read(1)
}

fn wide(text: &str, rest: &str) -> Result<SeriesSet, DataError> {
    Log::new(text, &format!("{WIDE}{rest}")).read(1)
}

/// What an error says, and where.
fn told(result: Result<SeriesSet, DataError>) -> (String, Option<u64>, Option<String>) {
    let error = result.unwrap_err();
    assert!(error.to_string().contains("log.csv"), "{error}");
    (error.to_string(), error.row().map(RowRef::number), error.column().map(str::to_owned))
}

fn all(set: &SeriesSet) -> Vec<Vec<f32>> {
    (0..set.len()).map(|i| set.values(i).to_vec()).collect()
}

#[test]
fn g1_long_form_buckets_dates_and_adds_up() {
    let text = "product,day,qty,kind\n\
                b,2017-01-03,1,x\n\
                a,2017-01-16,5,\n\
                b,2017-01-05,2.5,x\n\
                b,2017-01-17,4,\n\
                a,2017-01-09,3,y\n";
    let set = long(text, "step = \"week\"\nmissing = \"zero\"\nattributes = [\"kind\"]").unwrap();
    assert_eq!(set.ids(), ["b", "a"], "in the order of their first row");
    assert_eq!(all(&set), [vec![3.5, 0.0, 4.0], vec![3.0, 5.0]]);
    assert_eq!((set.start(0), set.start(1)), (0, 1));
    assert_eq!(set.lengths(), Some((2, 3)));
    assert_eq!(set.calendar().len(), 3);
    assert_eq!(set.label(1, 0), Some("2017-01-09"));
    assert_eq!(set.span(1, 1), Some(("2017-01-16".parse().unwrap(), "2017-01-22".parse().unwrap())));
    assert_eq!(set.attribute("kind").unwrap(), [Some("x".to_owned()), Some("y".to_owned())]);
    assert_eq!(set.row(1), RowRef::Line(6), "the earliest in time");
    assert_eq!(set.early(0, 2), [3.5, 0.0]);
    let chosen = set.select(&[1]);
    assert_eq!((chosen.ids(), all(&chosen)), (["a".to_owned()].as_slice(), vec![vec![3.0, 5.0]]));
    assert_eq!(chosen.attribute("kind").unwrap(), [Some("y".to_owned())]);
}

#[test]
fn g1_long_form_spans() {
    let text = "product,day,qty\na,2,1\na,3,2\nb,3,7\nc,5,1\n";
    let with = |span: &str| {
        let set = long(text, &format!("step = \"integer\"\nmissing = \"zero\"\nspan = \"{span}\"")).unwrap();
        ((0..3).map(|i| set.start(i)).collect::<Vec<_>>(), all(&set))
    };
    assert_eq!(with("own"), (vec![0, 1, 3], vec![vec![1.0, 2.0], vec![7.0], vec![1.0]]));
    assert_eq!(with("launch"), (vec![0, 1, 3], vec![vec![1.0, 2.0, 0.0, 0.0], vec![7.0, 0.0, 0.0], vec![1.0]]));
    let log = with("log");
    assert_eq!(log.0, [0, 0, 0]);
    assert_eq!(log.1, [vec![1.0, 2.0, 0.0, 0.0], vec![0.0, 7.0, 0.0, 0.0], vec![0.0, 0.0, 0.0, 1.0]]);
}

#[test]
fn g1_days_months_and_weeks_from_the_first_date() {
    let text = "product,day,qty\na,2017-01-30,1\na,2017-02-01,2\na,2017-02-05,4\na,2017-02-06,8\n";
    let months = long(text, "step = \"month\"").unwrap();
    assert_eq!((all(&months), months.label(0, 1)), (vec![vec![1.0, 14.0]], Some("2017-02")));
    let weeks = long(&text.replace("01-30", "01-31"), "step = \"week\"\nweek_start = \"first-date\"").unwrap();
    assert_eq!((all(&weeks), weeks.label(0, 0)), (vec![vec![15.0]], Some("2017-01-31")));
    let mondays = long(&text.replace("01-30", "01-31"), "step = \"week\"").unwrap();
    assert_eq!((all(&mondays), mondays.label(0, 0)), (vec![vec![7.0, 8.0]], Some("2017-01-30")));
    let days = long(text, "step = \"day\"\nmissing = \"zero\"").unwrap();
    assert_eq!(all(&days), [vec![1.0, 0.0, 2.0, 0.0, 0.0, 0.0, 4.0, 8.0]]);
}

#[test]
fn g1_times_of_day_are_different_times() {
    let text = "product,day,qty\na,2017-01-02 09:00,1\na,2017-01-02 10:00,2\n";
    assert_eq!(all(&long(text, "step = \"day\"").unwrap()), [vec![3.0]]);
}

#[test]
fn g1_duplicates_name_both_rows() {
    let text = "product,day,qty\na,2017-01-02,1\nb,2017-01-02,1\na,2017-01-03,1\na,2017-01-02,9\na,2017-01-03,1\n";
    let (message, row, column) = told(long(text, "step = \"week\""));
    assert_eq!((row, column.as_deref()), (Some(5), Some("day")), "the first of two in the file");
    assert!(message.ends_with("product `a` with time 2017-01-02 stands already in line 2"), "{message}");
    let (message, row, column) = told(wide("product,w1\na,1\nb,1\na,2\n", "steps = [\"w1\"]"));
    assert_eq!((row, column.as_deref()), (Some(4), Some("product")));
    assert!(message.ends_with("product `a` stands already in line 2"), "{message}");
}

#[test]
fn g1_bad_quantities_name_row_and_column() {
    for (bad, says) in [
        ("-1", "expected a quantity of 0 or more, found `-1`"),
        ("many", "expected a number, found `many`"),
        ("inf", "expected a number, found `inf`"),
        ("1e39", "within the range of 32-bit floats"),
        ("", "expected a quantity, found nothing"),
        ("NaN", "expected a quantity, found nothing"),
    ] {
        let (message, row, column) =
            told(long(&format!("product,day,qty\na,1,1\na,2,{bad}\n"), "step = \"integer\"\nmissing = \"zero\""));
        assert!(message.contains(says), "{message}");
        assert_eq!((row, column.as_deref()), (Some(3), Some("qty")), "{bad}");
    }
    for bad in ["-1", "many", "1e39"] {
        let (_, row, column) = told(wide(&format!("product,w1,w2\na,1,1\nb,2,{bad}\n"), "steps = \"w1..w2\""));
        assert_eq!((row, column.as_deref()), (Some(3), Some("w2")), "{bad}");
    }
    let two = "product,day,qty\na,2017-01-02,3e38\na,2017-01-03,3e38\n";
    assert!(told(long(two, "step = \"week\"")).0.contains("32-bit"), "a sum too large is no infinity");
}

#[test]
fn g1_missing_parts_and_wrong_times_are_told() {
    let (message, row, column) = told(long("product,day,qty\n,1,1\n", "step = \"integer\""));
    assert!(message.contains("expected a product"), "{message}");
    assert_eq!((row, column.as_deref()), (Some(2), Some("product")));
    let (message, ..) = told(long("product,day,qty\na,,1\n", "step = \"integer\""));
    assert!(message.contains("column `day`: expected a time"), "{message}");
    let (message, ..) = told(long("product,day,qty\na,week 3,1\n", "step = \"week\""));
    assert!(message.contains("expected a date or a date with a time, found `week 3`"), "{message}");
    let (message, ..) = told(long("product,day,qty\na,1.5,1\n", "step = \"integer\""));
    assert!(message.contains("expected an integer, found `1.5`"), "{message}");
    let (message, row, _) = told(long("product,day,qty\na,1,1\na,20170102,1\n", "step = \"integer\""));
    assert!(message.contains("20170102 steps, more than 100000"), "{message}");
    assert_eq!(row, Some(3));
    let ends = format!("product,day,qty\na,{},1\na,{},1\n", i64::MIN, i64::MAX);
    assert!(told(long(&ends, "step = \"integer\"")).0.contains("steps, more than 100000"));
}

#[test]
fn g1_gaps_are_zero_or_an_error() {
    let text = "product,day,qty\na,1,1\na,4,2\nb,1,1\nb,2,3\n";
    assert_eq!(all(&long(text, "step = \"integer\"\nmissing = \"zero\"").unwrap())[0], [1.0, 0.0, 0.0, 2.0]);
    let (message, row, column) = told(long(text, "step = \"integer\""));
    assert_eq!((row, column.as_deref()), (Some(3), Some("day")));
    assert!(message.contains("product `a` has no quantity for step 2"), "{message}");

    let text = "product,w1,w2,w3\na,1,,3\nb,1,2,\n";
    let set = wide(text, "steps = \"w1..w3\"\nmissing = \"zero\"").unwrap();
    assert_eq!(all(&set), [vec![1.0, 0.0, 3.0], vec![1.0, 2.0]], "the cycle ends with the last quantity");
    let (message, row, column) = told(wide(text, "steps = \"w1..w3\""));
    assert_eq!((row, column.as_deref()), (Some(2), Some("w2")));
    assert!(message.contains("missing = \"zero\""), "{message}");
}

#[test]
fn g1_series_shorter_than_the_early_steps_are_told() {
    let log = Log::new("product,day,qty\na,1,1\na,2,1\na,3,1\nb,1,1\nb,2,2\n", &format!("{LONG}step = \"integer\""));
    assert_eq!(log.read(2).unwrap().len(), 2);
    let (message, row, column) = told(log.read(3));
    assert_eq!((row, column.as_deref()), (Some(6), Some("day")));
    assert!(message.contains("product `b` has 2 steps, fewer than the 3 early steps"), "{message}");
    let log = Log::new("product,w1,w2,w3\na,1,1,1\nb,1,,\nc,,,\n", &format!("{WIDE}steps = \"w1..w3\""));
    let (message, row, column) = told(log.read(2));
    assert_eq!((row, column.as_deref()), (Some(3), Some("w2")));
    assert!(message.contains("product `b` has 1 steps"), "{message}");
    assert_eq!(told(log.read(0)).1, Some(4), "a product without any quantity is never a series");
}

#[test]
fn g1_attributes_that_disagree_are_told() {
    let text = "product,day,qty,kind\na,1,1,\na,2,1,x\na,3,1,y\n";
    let (message, row, column) = told(long(text, "step = \"integer\"\nattributes = [\"kind\"]"));
    assert_eq!((row, column.as_deref()), (Some(4), Some("kind")));
    assert!(message.ends_with("product `a` has `y` here and `x` in line 3"), "{message}");
}

#[test]
fn g1_wide_form_reads_ranges_lists_drops_and_dates() {
    let text = "w02,product,w01,w03,kind,w04\n2,a,1,3,x,4\n";
    let dates = "start = \"2017-01-02\"\nstep = \"week\"\n";
    let set = wide(text, &format!("steps = \"w01..w04\"\ndrop = [\"w02\"]\nattributes = [\"kind\"]\n{dates}")).unwrap();
    assert_eq!(all(&set), [vec![1.0, 3.0, 4.0]]);
    assert_eq!(set.label(0, 1), Some("w03"));
    let third_week = ("2017-01-16".parse().unwrap(), "2017-01-22".parse().unwrap());
    assert_eq!(set.span(0, 1), Some(third_week), "a dropped column keeps its week");
    let list = wide(text, "steps = [\"w04\", \"w01\"]").unwrap();
    assert_eq!((all(&list), list.span(0, 0)), (vec![vec![4.0, 1.0]], None));
    let typo = told(wide(text, "steps = \"w01..w04\"\ndrop = [\"w05\"]"));
    assert!(typo.0.contains("`w05`") && typo.0.contains("`drop`"), "{}", typo.0);
    let absent = told(wide(text, "steps = \"w01..w05\""));
    assert!(absent.0.contains("column `w05`: there is no such column; did you mean"), "{}", absent.0);
}

#[test]
fn g1_descriptions_that_cannot_be_meant_are_refused() {
    let field = |toml: &str| match Log::new("", toml).read(1).unwrap_err() {
        DataError::Spec { field, .. } => field,
        other => panic!("{toml}: {other}"),
    };
    assert_eq!(field("form = \"long\"\nproduct = \"p\"\nquantity = \"q\"\nstep = \"day\""), "time");
    assert_eq!(field("form = \"long\"\nproduct = \"p\"\ntime = \"t\"\nstep = \"day\""), "quantity");
    assert_eq!(field("form = \"long\"\nproduct = \"p\"\ntime = \"t\"\nquantity = \"q\""), "step");
    assert_eq!(field(&format!("{LONG}step = \"day\"\nsteps = \"w1..w2\"")), "steps");
    assert_eq!(field(&format!("{LONG}step = \"day\"\nweek_start = \"monday\"")), "week_start");
    assert_eq!(field(&format!("{LONG}step = \"day\"\nattributes = [\"qty\"]")), "attributes");
    assert_eq!(field(WIDE), "steps");
    for range in ["w1-w5", "w5..w1", "w1..v5", "w..w5", "w1..w999999999"] {
        assert_eq!(field(&format!("{WIDE}steps = \"{range}\"")), "steps", "{range}");
    }
    assert_eq!(field(&format!("{WIDE}steps = [\"a\"]\ndrop = [\"a\"]")), "steps");
    assert_eq!(field(&format!("{WIDE}steps = []")), "steps");
    assert_eq!(field(&format!("{WIDE}steps = [\"a\"]\nspan = \"own\"")), "span");
    assert_eq!(field(&format!("{WIDE}steps = [\"a\"]\nstart = \"2017-01-02\"")), "step");
    assert_eq!(field(&format!("{WIDE}steps = [\"a\"]\nstep = \"week\"")), "start");
    assert_eq!(field(&format!("{WIDE}steps = [\"a\"]\nstep = \"week\"\nstart = \"2.1.2017\"")), "start");
    assert_eq!(field(&format!("{WIDE}steps = [\"a\"]\nstep = \"integer\"\nstart = \"2017-01-02\"")), "step");
    let unknown =
        toml::from_str::<RawSeries>("form = \"wide\"\nproduct = \"p\"\nsource = { path = \"a\" }\nstpes = \"\"");
    assert!(unknown.unwrap_err().to_string().contains("stpes"));
}

#[test]
fn g1_parquet_logs_are_read_as_csv_logs_are() {
    let table = Table::new([
        ("product", Cells::i64([7, 7, 9])),
        ("day", Cells::text(["2017-01-02", "2017-01-09", "2017-01-10"])),
        ("qty", Cells::f32([1.0, 2.0, 3.5])),
    ])
    .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let read = |path: PathBuf| {
        let toml = format!("source = {{ path = {path:?} }}\n{LONG}step = \"week\"");
        toml::from_str::<RawSeries>(&toml).unwrap().check(Path::new("")).unwrap().read(1)
    };
    let (csv, parquet) = (folder.path().join("t.csv"), folder.path().join("t.parquet"));
    table.write_csv(&csv).unwrap();
    table.write_parquet(&parquet).unwrap();
    let (from_csv, from_parquet) = (read(csv).unwrap(), read(parquet).unwrap());
    assert_eq!(all(&from_csv), [vec![1.0, 2.0], vec![3.5]]);
    assert_eq!(all(&from_csv), all(&from_parquet));
    assert_eq!(from_csv.ids(), from_parquet.ids());
    assert_eq!(from_parquet.row(1), RowRef::Record(3));
}

#[test]
fn g1_bundled_data_reads_in_the_wide_form() {
    let toml = "source = { path = \"datasets/cj_product_week_qty.csv.gz\" }\nform = \"wide\"\n\
                product = \"product_id\"\nsteps = \"w1..w53\"\ndrop = [\"w53\"]\n\
                attributes = [\"department\", \"product_category\"]";
    let raw: RawSeries = toml::from_str(toml).unwrap();
    let set = raw.check(Path::new(env!("CARGO_MANIFEST_DIR"))).unwrap().read(13).unwrap();
    assert_eq!((set.len(), set.lengths()), (7866, Some((52, 52))));
    let total: f64 = (0..set.len()).flat_map(|i| set.values(i)).map(|v| f64::from(*v)).sum();
    assert_eq!(total, 148_741_422.0, "as counted by another program");
    assert_eq!(set.attribute("product_category").unwrap().iter().filter(|c| c.is_none()).count(), 5);
    assert_eq!((set.ids()[0].as_str(), set.row(0)), ("117847", RowRef::Line(2)));
}

#[test]
fn g1_random_logs_give_the_same_sums_in_both_forms() {
    use rand::{RngExt, SeedableRng};
    use std::fmt::Write as _;
    let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(11);
    for _ in 0..20 {
        let (products, weeks) = (rng.random_range(1..8_usize), rng.random_range(1..12_usize));
        let mut wide_text = format!("product,{}\n", (0..weeks).map(|w| format!("w{w}")).collect::<Vec<_>>().join(","));
        let mut rows = Vec::new();
        for p in 0..products {
            write!(wide_text, "p{p}").unwrap();
            for w in 0..weeks {
                let days: Vec<u32> = (0..7).map(|_| rng.random_range(0..50)).collect();
                write!(wide_text, ",{}", days.iter().sum::<u32>()).unwrap();
                let date = |d: usize| {
                    chrono::NaiveDate::from_ymd_opt(2018, 1, 1).unwrap() + chrono::Days::new((7 * w + d) as u64)
                };
                rows.extend(days.iter().enumerate().map(|(d, q)| format!("p{p},{},{q}\n", date(d))));
            }
            wide_text.push('\n');
        }
        rand::seq::SliceRandom::shuffle(rows.as_mut_slice(), &mut rng);
        let from_long = long(&format!("product,day,qty\n{}", rows.concat()), "step = \"week\"").unwrap();
        let from_wide = wide(&wide_text, &format!("steps = \"w0..w{}\"", weeks - 1)).unwrap();
        for (product, id) in from_wide.ids().iter().enumerate() {
            let other = from_long.ids().iter().position(|o| o == id).unwrap();
            assert_eq!(from_long.values(other), from_wide.values(product), "{id}");
        }
    }
}

#[test]
fn e16_the_schema_of_a_log_explains_its_fields() {
    let schema = serde_json::to_value(schemars::schema_for!(RawSeries)).unwrap();
    assert_eq!(schema["additionalProperties"], false);
    for (field, property) in schema["properties"].as_object().unwrap() {
        let described = property.get("description").is_some_and(|d| !d.as_str().unwrap().is_empty());
        assert!(described, "`{field}` has no description");
    }
    assert_eq!(schema["required"], serde_json::json!(["source", "form", "product"]));
}

#[test]
fn e17_a_checked_job_writes_back_the_same_description() {
    let toml = format!(
        "source = {{ path = \"log.csv\", encoding = \"gbk\" }}\n{LONG}step = \"week\"\nweek_start = \"first-date\""
    );
    let raw: RawSeries = toml::from_str(&toml).unwrap();
    let text = toml::to_string(&raw).unwrap();
    assert!(text.contains("encoding = \"gb18030\"") && !text.contains("span"), "{text}");
    let again: RawSeries = toml::from_str(&text).unwrap();
    assert_eq!(toml::to_string(&again).unwrap(), text);
}

#[test]
fn e14_the_first_steps_keep_the_dates_of_the_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log.csv");
    let toml = format!(
        "source = {{ path = {:?} }}\nform = \"wide\"\nproduct = \"id\"\nsteps = \"w1..w9\"\ndrop = [\"w2\", \"w8\"]\n\
         start = \"2024-01-01\"\nstep = \"week\"",
        path.to_str().unwrap()
    );
    let raw: RawSeries = toml::from_str(&toml).unwrap();
    let header = |names: &str| names.split(',').map(str::to_owned).collect::<Vec<_>>();
    assert!(raw.has_all_steps(&header("id,w1,w2,w3,w4,w5,w6,w7,w8,w9")).unwrap());
    assert!(!raw.has_all_steps(&header("id,w1,w2,w3,w4")).unwrap());
    crate::artifact::write_bytes(&path, b"id,w1,w2,w3,w4\na,1,9,2,3\n").unwrap();
    let set = raw.first_steps(3).unwrap().check(Path::new("")).unwrap().read(3).unwrap();
    assert_eq!(all(&set), [[1.0, 2.0, 3.0]]);
    assert_eq!(set.span(0, 1).map(|(first, _)| first.to_string()).as_deref(), Some("2024-01-15"), "w2 counts");
}
