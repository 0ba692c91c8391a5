//! Parquet files of every stored type that tables come in, written by the reference encoder.

#![expect(clippy::disallowed_methods, reason = "test input")]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::types::{Decimal128Type, Int32Type};
use arrow_array::{
    ArrayRef, BooleanArray, Date32Array, Date64Array, DictionaryArray, Float16Array, Float32Array, Float64Array,
    Int8Array, Int64Array, LargeStringArray, ListArray, PrimitiveArray, RecordBatch, StringArray, StringViewArray,
    TimestampMillisecondArray, TimestampNanosecondArray, UInt64Array,
};
use chrono::NaiveDate;
use parquet::arrow::ArrowWriter;
use parquet::file::properties::WriterProperties;

use crate::dataset::{Batch, Column, ColumnType, DataError, RawSource, ReadOptions, RowRef, TableReader, Wanted};

fn write(folder: &Path, columns: Vec<(&str, ArrayRef)>, group_rows: usize) -> PathBuf {
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let properties = WriterProperties::builder().set_max_row_group_row_count(Some(group_rows)).build();
    let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    let path = folder.join("t.parquet");
    std::fs::write(&path, writer.into_inner().unwrap()).unwrap();
    path
}

fn read(path: &Path, columns: Vec<Wanted>) -> Result<Vec<Batch>, DataError> {
    let options = ReadOptions { columns, batch_rows: 2, ..ReadOptions::default() };
    TableReader::open(&RawSource::of(path).check(Path::new("")).unwrap(), &options)?.collect()
}

fn one(array: ArrayRef, kind: Option<ColumnType>) -> Result<Column, DataError> {
    let folder = tempfile::tempdir().unwrap();
    let path = write(folder.path(), vec![("v", array)], 100);
    let columns = vec![Wanted { name: "v".into(), kind }];
    read(&path, columns).map(|mut batches| batches.remove(0).columns.remove(0))
}

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

#[test]
fn e21_parquet_numbers_are_read() {
    let integers = |array: ArrayRef| one(array, None).unwrap().integers().unwrap().to_vec();
    assert_eq!(integers(Arc::new(Int8Array::from(vec![Some(-8), None]))), [Some(-8), None]);
    assert_eq!(integers(Arc::new(Int64Array::from(vec![i64::MIN]))), [Some(i64::MIN)]);
    assert_eq!(integers(Arc::new(UInt64Array::from(vec![7]))), [Some(7)]);
    let floats = |array: ArrayRef| one(array, None).unwrap().floats().unwrap().to_vec();
    assert_eq!(floats(Arc::new(Float16Array::from(vec![half::f16::from_f32(1.5)]))), [Some(1.5)]);
    assert_eq!(floats(Arc::new(Float32Array::from(vec![0.25, f32::NAN]))), [Some(0.25), None]);
    let decimal = PrimitiveArray::<Decimal128Type>::from(vec![12345]).with_precision_and_scale(9, 2).unwrap();
    assert_eq!(floats(Arc::new(decimal)), [Some(123.45)]);
    assert_eq!(one(Arc::new(BooleanArray::from(vec![true])), None).unwrap(), Column::Boolean(vec![Some(true)]));
}

#[test]
fn e21_parquet_texts_are_read() {
    let expected = Column::Text([Some("产品"), None].into_iter().collect());
    let values = || vec![Some("产品"), None];
    let dictionary: DictionaryArray<Int32Type> = values().into_iter().collect();
    let arrays: [ArrayRef; 4] = [
        Arc::new(StringArray::from(values())),
        Arc::new(LargeStringArray::from(values())),
        Arc::new(StringViewArray::from(values())),
        Arc::new(dictionary),
    ];
    for array in arrays {
        assert_eq!(one(array.clone(), None).unwrap(), expected, "{}", array.data_type());
    }
    let numbers: ArrayRef = Arc::new(StringArray::from(vec!["1.5", "NA"]));
    assert_eq!(one(numbers, Some(ColumnType::Float)).unwrap(), Column::Float(vec![Some(1.5), None]));
    let ids: ArrayRef = Arc::new(Int64Array::from(vec![7]));
    assert_eq!(one(ids, Some(ColumnType::Text)).unwrap(), Column::Text([Some("7")].into_iter().collect()));
}

#[test]
fn e21_parquet_times_are_read() {
    let dates = Column::Date(vec![Some(day("2017-01-02"))]);
    assert_eq!(one(Arc::new(Date32Array::from(vec![17168])), None).unwrap(), dates);
    assert_eq!(one(Arc::new(Date64Array::from(vec![17168 * 86_400_000])), None).unwrap(), dates);
    let noon = 1_483_358_400_000; // 2017-01-02 12:00 UTC
    let wall = |text: &str| Column::Datetime(vec![Some(text.parse().unwrap())]);
    let plain = TimestampMillisecondArray::from(vec![noon]);
    assert_eq!(one(Arc::new(plain.clone()), None).unwrap(), wall("2017-01-02T12:00:00"));
    let zoned = plain.clone().with_timezone("Asia/Shanghai");
    assert_eq!(one(Arc::new(zoned), None).unwrap(), wall("2017-01-02T20:00:00"));
    let nanos = TimestampNanosecondArray::from(vec![noon * 1_000_000]);
    assert_eq!(one(Arc::new(nanos), None).unwrap(), wall("2017-01-02T12:00:00"));
    let loses_the_hour = one(Arc::new(plain), Some(ColumnType::Date)).unwrap_err();
    assert!(matches!(loses_the_hour, DataError::Value { .. }), "{loses_the_hour}");
}

#[test]
fn e21_parquet_columns_keep_the_order_asked_for_and_rows_their_number() {
    let folder = tempfile::tempdir().unwrap();
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("a", Arc::new(Int64Array::from(vec![1, 2, 3, 4, 5]))),
        ("b", Arc::new(StringArray::from(vec!["v", "w", "x", "y", "z"]))),
        ("c", Arc::new(Float64Array::from(vec![0.5, 1.5, 2.5, 3.5, 4.5]))),
    ];
    let path = write(folder.path(), columns, 3);
    let batches = read(&path, vec![Wanted::any("c"), Wanted::any("a")]).unwrap();
    let rows: Vec<RowRef> = batches.iter().flat_map(|b| b.rows.clone()).collect();
    assert_eq!(rows, (1..=5).map(RowRef::Record).collect::<Vec<_>>());
    let column = |i: usize| batches.iter().map(|b| b.columns[i].clone()).collect::<Vec<_>>();
    assert!(column(0).iter().flat_map(|c| c.floats().unwrap().to_vec()).eq([0.5, 1.5, 2.5, 3.5, 4.5].map(Some)));
    assert!(column(1).iter().flat_map(|c| c.integers().unwrap().to_vec()).eq([1, 2, 3, 4, 5].map(Some)));
    let error = read(&path, vec![Wanted::typed("c", ColumnType::Integer)]).unwrap_err();
    assert_eq!((error.row(), error.column()), (Some(RowRef::Record(1)), Some("c")), "{error}");
    assert!(error.to_string().contains("t.parquet, row 1, column `c`: expected an integer, found `0.5`"));
    let late = read(&path, vec![Wanted::typed("b", ColumnType::Date)]).unwrap_err();
    assert!(late.to_string().contains("expected a date, found `v`"));
}

#[test]
fn e21_parquet_that_cannot_be_read_is_told() {
    let too_large: ArrayRef = Arc::new(UInt64Array::from(vec![u64::MAX]));
    assert!(matches!(one(too_large, None).unwrap_err(), DataError::Parquet { .. }), "never a null");
    let lists: ArrayRef = Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>([Some([Some(1)])]));
    assert!(matches!(one(lists, None).unwrap_err(), DataError::UnsupportedType { .. }));
    let empty: ArrayRef = Arc::new(Int64Array::from(Vec::<i64>::new()));
    assert!(matches!(one(empty, None).unwrap_err(), DataError::NoRows { .. }));

    let folder = tempfile::tempdir().unwrap();
    let values: ArrayRef = Arc::new(Int64Array::from((0..5000).map(|i| i * i * 7919).collect::<Vec<i64>>()));
    let path = write(folder.path(), vec![("v", values)], 1000);
    let whole = std::fs::read(&path).unwrap();
    for cut in [4, 20, whole.len() / 2, whole.len() - 5, whole.len() - 1] {
        std::fs::write(&path, &whole[..cut]).unwrap();
        let error = read(&path, vec![]).unwrap_err();
        assert!(matches!(error, DataError::Parquet { .. }), "cut at {cut}: {error}");
        assert!(error.to_string().contains("t.parquet"));
    }
    std::fs::write(&path, "v\n1\n").unwrap();
    assert!(matches!(read(&path, vec![]).unwrap_err(), DataError::NotFormat { .. }));
}

#[test]
fn e21_damaged_parquet_never_panics() {
    use rand::{RngExt, SeedableRng};
    let folder = tempfile::tempdir().unwrap();
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("v", Arc::new(Int64Array::from((0..300).map(|i| i * i * 7919).collect::<Vec<i64>>()))),
        ("t", Arc::new((0..300).map(|i| Some(format!("text {}", i % 40))).collect::<StringArray>())),
    ];
    let path = write(folder.path(), columns, 100);
    let whole = std::fs::read(&path).unwrap();
    let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(3);
    let mut refused = 0;
    for _ in 0..500 {
        let mut damaged = whole.clone();
        for _ in 0..rng.random_range(1..4) {
            let place = rng.random_range(4..whole.len());
            damaged[place] ^= rng.random_range(1..=255_u8);
        }
        std::fs::write(&path, damaged).unwrap();
        if let Err(error) = read(&path, vec![]) {
            assert!(error.to_string().contains("t.parquet"), "{error}");
            refused += 1;
        }
    }
    assert!(refused > 100, "{refused} of 500 damaged files were refused");
}
