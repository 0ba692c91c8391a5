//! Reading whole files, right and wrong ones.

#![expect(clippy::disallowed_methods, reason = "test input")]

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use chrono::NaiveDate;

use super::*;

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn file(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }
}

fn read_raw(raw: &RawSource, options: &ReadOptions) -> Result<(Vec<ColumnInfo>, Vec<Batch>), DataError> {
    let mut reader = TableReader::open(&raw.check(Path::new(""))?, options)?;
    let columns = reader.columns().to_vec();
    let batches = reader.by_ref().collect::<Result<Vec<_>, _>>()?;
    Ok((columns, batches))
}

/// All columns of a small file, in one batch.
fn read(path: &Path) -> Result<Vec<Column>, DataError> {
    let (_, mut batches) = read_raw(&RawSource::of(path), &ReadOptions::default())?;
    assert_eq!(batches.len(), 1);
    Ok(batches.remove(0).columns)
}

/// The error of a CSV text, with its row and column.
fn fault(bytes: impl AsRef<[u8]>) -> (DataError, Option<u64>, Option<String>) {
    let folder = Folder::new();
    let path = folder.file("bad.csv", bytes);
    let error = read(&path).unwrap_err();
    assert!(error.to_string().contains("bad.csv"), "the file is named: {error}");
    let (row, column) = (error.row().map(RowRef::number), error.column().map(str::to_owned));
    (error, row, column)
}

fn texts(values: &[&str]) -> Column {
    Column::Text(values.iter().map(Some).collect())
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn e21_reads_every_encoding_to_the_same_table() {
    let folder = Folder::new();
    let chinese = "产品,数量\n苹果,3\n\"香蕉,大\",4\n";
    let western = "Größe,prix\ncafé,3\n\"naïve, ça\",4\n";
    let utf16 = |text: &str, little: bool| -> Vec<u8> {
        let units = std::iter::once(0xFEFF).chain(text.encode_utf16());
        units.flat_map(|u| if little { u.to_le_bytes() } else { u.to_be_bytes() }).collect()
    };
    for (text, codec) in [(chinese, encoding_rs::GB18030), (western, encoding_rs::WINDOWS_1252)] {
        let own = codec.encode(text).0.into_owned();
        let marked = [b"\xEF\xBB\xBF".as_slice(), text.as_bytes()].concat();
        let plain = read(&folder.file("plain.csv", text)).unwrap();
        assert_eq!(plain[1], Column::Integer(vec![Some(3), Some(4)]));
        for bytes in [own, marked, utf16(text, true), utf16(text, false)] {
            let path = folder.file("t.csv", &bytes);
            assert_eq!(read(&path).unwrap(), plain);
            let (columns, _) = read_raw(&RawSource::of(&path), &ReadOptions::default()).unwrap();
            assert_eq!(columns[0].name, text.split(',').next().unwrap(), "no byte order mark in the first name");
            assert_eq!(read(&folder.file("t.csv.gz", gzip(&bytes))).unwrap(), plain);
        }
    }
}

#[test]
fn e21_reads_quotes_line_ends_and_blank_lines() {
    let folder = Folder::new();
    let body = ["a,b", "\"x, \"\"y\"\"\",1", "\"two", "lines\",2", "", "z,3"];
    for (name, end) in [("lf", "\n"), ("crlf", "\r\n"), ("cr", "\r")] {
        let text = body.join(end);
        for closing in ["", end] {
            let path = folder.file(&format!("{name}.csv"), format!("{text}{closing}"));
            let (_, batches) = read_raw(&RawSource::of(&path), &ReadOptions::default()).unwrap();
            let two = format!("two{end}lines");
            assert_eq!(batches[0].columns[0], texts(&["x, \"y\"", two.as_str(), "z"]), "{name}");
            let lines: Vec<u64> = batches[0].rows.iter().map(|r| r.number()).collect();
            assert_eq!(lines, [2, 3, 6], "{name}: lines as an editor counts them");
        }
    }
}

#[test]
fn e21_infers_types_and_reads_missing_values() {
    use ColumnType::{Boolean, Date, Datetime, Float, Integer, Text};
    let folder = Folder::new();
    let text = "id,q,p,on,day,at,code,none\n1,1,1,true,2017-01-02,2017-01-02 10:00,007,\n\
                2,NA,2.5,FALSE,2017/1/3,2017-01-03,008,NA\n3,3,null,,,NaN,010,\n";
    let (columns, batches) = read_raw(&RawSource::of(folder.file("t.csv", text)), &ReadOptions::default()).unwrap();
    let kinds: Vec<ColumnType> = columns.iter().map(|c| c.kind).collect();
    assert_eq!(kinds, [Integer, Integer, Float, Boolean, Date, Datetime, Text, Text]);
    assert!(columns.iter().all(|c| c.origin == TypeOrigin::Inferred));
    let batch = &batches[0];
    assert_eq!(batch.columns[1], Column::Integer(vec![Some(1), None, Some(3)]));
    assert_eq!(batch.columns[2], Column::Float(vec![Some(1.0), Some(2.5), None]));
    assert_eq!(batch.columns[3], Column::Boolean(vec![Some(true), Some(false), None]));
    assert_eq!(batch.columns[4].dates().unwrap()[1], NaiveDate::from_ymd_opt(2017, 1, 3));
    assert_eq!(batch.columns[5].datetimes().unwrap()[0].unwrap().to_string(), "2017-01-02 10:00:00");
    assert_eq!(batch.columns[7], Column::Text([None::<&str>; 3].into_iter().collect()));
}

#[test]
fn e21_declared_types_delimiters_and_columns_are_obeyed() {
    let folder = Folder::new();
    let path = folder.file("t.csv", "a;b;c\n1;2;x\n3;4;y\n");
    let raw = RawSource {
        delimiter: Some(";".into()),
        types: [("a".to_owned(), ColumnType::Text)].into(),
        ..RawSource::of(&path)
    };
    let columns = vec![Wanted::typed("b", ColumnType::Float), Wanted::any("a")];
    let (infos, batches) = read_raw(&raw, &ReadOptions { columns, ..ReadOptions::default() }).unwrap();
    assert_eq!(batches[0].columns, [Column::Float(vec![Some(2.0), Some(4.0)]), texts(&["1", "3"])]);
    assert_eq!(infos[1].origin, TypeOrigin::Declared);
    let hint =
        read_raw(&RawSource::of(&path), &ReadOptions { columns: vec![Wanted::any("b")], ..ReadOptions::default() });
    assert!(hint.unwrap_err().to_string().contains("is the delimiter ';'?"));
    let tabs = folder.file("t.tsv", "a\tb\n1,5\t2\n");
    assert_eq!(read(&tabs).unwrap()[0], texts(&["1,5"]));
}

#[test]
fn e21_unknown_columns_are_told_with_the_nearest_name() {
    let folder = Folder::new();
    let path = folder.file("t.csv", "product,quantity\na,1\n");
    let ask = |name: &str| {
        let options = ReadOptions { columns: vec![Wanted::any(name)], ..ReadOptions::default() };
        read_raw(&RawSource::of(&path), &options).unwrap_err().to_string()
    };
    assert!(ask("quantiy").ends_with("column `quantiy`: there is no such column; did you mean `quantity`?"));
    assert!(ask("zzz").contains("the header has product, quantity"));
    let types = [("quanttiy".to_owned(), ColumnType::Float)].into();
    let raw = RawSource { types, ..RawSource::of(&path) };
    let error = read_raw(&raw, &ReadOptions::default()).unwrap_err();
    assert!(matches!(error, DataError::UnknownColumn { .. }), "a typo in `types` is no silence: {error}");
}

#[test]
fn e21_a_text_in_a_number_column_names_row_column_and_text() {
    let mut text = "id,qty\n".to_owned();
    (0..1500).for_each(|i| writeln!(text, "{i},{i}").unwrap());
    let (error, row, column) = fault(format!("{text}1500,dozen\n"));
    assert_eq!((row, column.as_deref()), (Some(1502), Some("qty")));
    assert!(matches!(&error, DataError::Value { found, .. } if found == "dozen"));
    assert!(error.to_string().contains("line 1502, column `qty`: expected an integer (as in the first 1000 rows"));
    let (_, row, _) = fault(format!("{text}1500,2.5\n"));
    assert_eq!(row, Some(1502), "a fraction among integers is a contradiction too");
}

#[test]
fn e21_rows_of_the_wrong_width_are_told() {
    for (text, line, found_fields) in
        [("a,b\n1,2\n3\n", 3, 1), ("a,b\n1,2,3\n", 2, 3), ("a,b\n\"1\n1\",2\n\n3,4,5\n", 5, 3)]
    {
        let (error, row, _) = fault(text);
        assert_eq!(row, Some(line), "{text:?}");
        assert!(matches!(error, DataError::Ragged { expected: 2, found, .. } if found == found_fields), "{error}");
    }
    let mut long = "a,b\n".to_owned();
    (0..3000).for_each(|_| long.push_str("1,2\n"));
    assert_eq!(fault(format!("{long}1\n")).1, Some(3002), "beyond the sample as well");
}

#[test]
fn e21_bad_headers_and_empty_files_are_told() {
    assert!(matches!(fault("").0, DataError::Empty { .. }));
    assert!(matches!(fault("\n\r\n\n").0, DataError::Empty { .. }));
    assert!(matches!(fault("\u{FEFF}").0, DataError::Empty { .. }));
    assert!(matches!(fault("a,b\n").0, DataError::NoRows { .. }));
    assert!(matches!(fault("a,b\n\n\n").0, DataError::NoRows { .. }));
    let (error, _, column) = fault("a,b, a\n1,2,3\n");
    assert!(matches!(error, DataError::DuplicateColumn { first: 1, second: 3, .. }), "{error}");
    assert_eq!(column.as_deref(), Some("a"));
    assert!(matches!(fault("a,,c\n1,2,3\n").0, DataError::UnnamedColumn { position: 2, .. }));
}

#[test]
fn e21_a_quotation_mark_left_open_is_found() {
    let (error, row, _) = fault("a,b\n1,2\n\"3,4\n5,6\n7,8\n");
    assert!(matches!(error, DataError::OpenQuote { .. }), "{error}");
    assert_eq!(row, Some(3));
    assert_eq!(fault("a,b\n1,\"2").1, Some(2));
    let mut endless = "a,b\n1,\"".to_owned();
    endless.extend(std::iter::repeat_n('x', 17 << 20));
    let (error, row, _) = fault(endless + "\",3\n");
    assert!(matches!(error, DataError::RowTooLong { .. }), "{error}");
    assert_eq!(row, Some(2));
}

#[test]
fn e21_binary_junk_is_refused() {
    assert!(matches!(fault(b"a,b\n1,\0\0\n").0, DataError::Binary { offset: 6, .. }));
    assert!(matches!(fault(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR").0, DataError::Binary { .. }));
    let mut late = b"a,b\n".to_vec();
    (0..400_000).for_each(|_| late.extend_from_slice(b"1,2\n"));
    late.extend_from_slice(b"1,\0\n");
    let (error, row, _) = fault(&late);
    assert!(matches!(error, DataError::Binary { offset: 1_600_006, .. }), "{error}");
    assert_eq!(row, Some(400_002));
}

#[test]
fn e21_an_encoding_fault_names_line_and_offset() {
    let mut text = b"a,b\n".to_vec();
    (0..300_000).for_each(|_| text.extend_from_slice(b"1,2\n"));
    let offset_of_fault = text.len() as u64 + 2;
    text.extend_from_slice(b"1,\xC4\xE3\n");
    let (error, row, _) = fault(&text);
    assert!(
        matches!(error, DataError::Encoding { offset, encoding: "utf-8", .. } if offset == offset_of_fault),
        "{error}"
    );
    assert_eq!(row, Some(300_002));
    let folder = Folder::new();
    let path = folder.file("t.csv", &text);
    let raw = RawSource { encoding: Some(Encoding::Gb18030), ..RawSource::of(path) };
    let options = ReadOptions { columns: vec![Wanted::typed("b", ColumnType::Text)], ..ReadOptions::default() };
    let (_, batches) = read_raw(&raw, &options).unwrap();
    assert_eq!(batches.last().unwrap().columns[0].texts().last().unwrap(), Some("你"));
}

#[test]
fn e21_a_truncated_archive_names_file_line_and_offset() {
    let mut text = "a,b\n".to_owned();
    (0..50_000_u64).for_each(|i| writeln!(text, "{i},{}", i.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 20).unwrap());
    let whole = gzip(text.as_bytes());
    let folder = Folder::new();
    assert_eq!(read_raw(&RawSource::of(folder.file("t.csv.gz", &whole)), &ReadOptions::default()).unwrap().0.len(), 2);
    for cut in [2, 10, 15, whole.len() / 3, whole.len() / 2, whole.len() - 8, whole.len() - 1] {
        let path = folder.file("cut.csv.gz", &whole[..cut]);
        let error = read_raw(&RawSource::of(&path), &ReadOptions::default()).unwrap_err();
        let DataError::Gzip { offset, .. } = &error else { panic!("cut at {cut}: {error}") };
        let lines_before = text[..*offset as usize].matches('\n').count() as u64;
        assert_eq!(error.row(), Some(RowRef::Line(lines_before + 1)), "cut at {cut}: {error}");
        assert!(error.to_string().contains("cut.csv.gz"));
    }
    let trailing = [whole.as_slice(), b"and more"].concat();
    let error = read_raw(&RawSource::of(folder.file("t.csv.gz", trailing)), &ReadOptions::default()).unwrap_err();
    assert!(matches!(error, DataError::Gzip { .. }), "{error}");
    let plain = read(&folder.file("plain.csv.gz", "a,b\n1,2\n")).unwrap_err();
    assert!(matches!(plain, DataError::NotFormat { .. }));
    assert!(matches!(read(&folder.file("none.csv.gz", "")).unwrap_err(), DataError::Empty { .. }));
    assert!(matches!(read(&folder.file("void.csv.gz", gzip(b""))).unwrap_err(), DataError::Empty { .. }));
}

#[test]
fn e21_a_missing_file_is_named() {
    let error = read(Path::new("/nowhere/sales.csv")).unwrap_err();
    assert!(matches!(error, DataError::Io { action: "open", .. }));
    assert!(error.to_string().contains("/nowhere/sales.csv"));
}

#[test]
fn e21_batches_do_not_depend_on_their_size() {
    let folder = Folder::new();
    let mut text = "id,name,x\n".to_owned();
    for i in 0..200_000 {
        writeln!(text, "{i},\"n,{}\",{}", i % 97, f64::from(i) / 7.0).unwrap();
    }
    let path = folder.file("big.csv.gz", gzip(text.as_bytes()));
    let sums = |batch_rows: usize| {
        let options = ReadOptions { batch_rows, ..ReadOptions::default() };
        let mut reader = TableReader::open(&RawSource::of(&path).check(Path::new("")).unwrap(), &options).unwrap();
        let (mut rows, mut ids, mut bits) = (0, 0, 0_u64);
        while let Some(batch) = reader.next_batch().unwrap() {
            assert!(batch.rows.len() <= batch_rows, "no batch is larger than asked for");
            assert_eq!(batch.rows[0], RowRef::Line(rows as u64 + 2));
            rows += batch.rows.len();
            ids += batch.columns[0].integers().unwrap().iter().flatten().sum::<i64>();
            let floats = batch.columns[2].floats().unwrap().iter().flatten();
            bits = floats.fold(bits, |b, x| b.rotate_left(7) ^ x.to_bits());
        }
        (rows, ids, bits)
    };
    let expected = sums(8192);
    assert_eq!((expected.0, expected.1), (200_000, 19_999_900_000));
    assert_eq!(sums(1000), expected);
    assert_eq!(sums(777), expected);
}

/// All tables of a folder and of the folders in it, by their paths from the first one.
fn tables_within(folder: &Path, path: &str) -> Vec<String> {
    let mut found = vec![];
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let name = format!("{path}{}", entry.file_name().into_string().unwrap());
        if entry.path().is_dir() {
            found.extend(tables_within(&entry.path(), &format!("{name}/")));
        } else if entry.path().extension().is_none_or(|ending| ending != "md" && ending != "json") {
            found.push(name);
        }
    }
    found
}

#[test]
fn e22_bundled_data_matches_its_readme() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("datasets");
    let readme = std::fs::read_to_string(folder.join("README.md")).unwrap();
    let mut listed: Vec<String> = Vec::new();
    for line in readme.lines() {
        let cells: Vec<&str> = line.split('|').map(|c| c.trim().trim_matches('`')).collect();
        if let [_, file, rows, hash, _] = cells[..]
            && hash.len() == 64
        {
            assert_eq!(hash::sha256_file(&folder.join(file)).unwrap().1, hash, "{file}");
            let (_, batches) = read_raw(&RawSource::of(folder.join(file)), &ReadOptions::default()).unwrap();
            assert_eq!(batches.iter().map(|b| b.rows.len()).sum::<usize>().to_string(), rows, "{file}");
            listed.push(file.to_owned());
        }
        // What is no table has its hash alone.
        if let [_, file, hash, ..] = cells[..]
            && hash.len() == 64
            && hash.bytes().all(|b| b.is_ascii_hexdigit())
        {
            assert_eq!(hash::sha256_file(&folder.join(file)).unwrap().1, hash, "{file}");
            listed.push(file.to_owned());
        }
    }
    let mut there = tables_within(&folder, "");
    there.sort();
    listed.sort();
    assert_eq!(listed, there, "every file is in the table of the README");
}

#[test]
fn e21_damaged_text_never_panics() {
    use rand::{RngExt, SeedableRng};
    let folder = Folder::new();
    let text =
        "id,name,day,x\n1,\"a, \"\"b\"\"\",2017-01-02,1.5\n2,产品,2017-01-03,\n3,\"two\r\nlines\",,7\n".to_owned();
    let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(9);
    let mut refused = 0;
    for _ in 0..2000 {
        let mut bytes = text.clone().into_bytes();
        for _ in 0..rng.random_range(1..4) {
            let place = rng.random_range(0..bytes.len());
            match rng.random_range(0..3) {
                0 => bytes[place] = rng.random(),
                1 => drop(bytes.remove(place)),
                _ => bytes.insert(place, b",\"\r\n\xE9 -"[rng.random_range(0..7)]),
            }
        }
        if let Err(error) = read_raw(&RawSource::of(folder.file("bad.csv", &bytes)), &ReadOptions::default()) {
            assert!(error.to_string().contains("bad.csv"), "{error}");
            refused += 1;
        }
    }
    assert!(refused > 200, "{refused} of 2000 damaged texts were refused");
}
