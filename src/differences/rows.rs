//! Rows of Arrow batches, joined and put in another order.

use std::cmp::Ordering;

use arrow_array::{ArrayRef, RecordBatch, UInt32Array};
use arrow_schema::SchemaRef;
use arrow_select::concat::concat_batches;
use arrow_select::take::take_record_batch;

use super::DifferencesError;
use super::value::{Value, value_at};

pub(super) fn join_batches(
    partition: &str,
    schema: &SchemaRef,
    batches: &[RecordBatch],
) -> Result<RecordBatch, DifferencesError> {
    concat_batches(schema, batches).map_err(DifferencesError::arrow(partition))
}

/// The rows at these places.
pub(super) fn gathered(partition: &str, rows: &RecordBatch, places: Vec<u32>) -> Result<RecordBatch, DifferencesError> {
    take_record_batch(rows, &UInt32Array::from(places)).map_err(DifferencesError::arrow(partition))
}

/// The rows' places in the order of their ids; two of one id are an error, and so is a missing one.
pub(super) fn by_id(partition: &str, name: &str, ids: &ArrayRef) -> Result<Vec<u32>, DifferencesError> {
    let values: Vec<Value<'_>> = (0..ids.len()).map(|row| value_at(ids, row)).collect();
    if let Some(row) = values.iter().position(|value| matches!(value, Value::Null)) {
        let found = format!("none in row {} of partition `{partition}`", row + 1);
        return Err(DifferencesError::Column { column: name.to_owned(), expected: "an id in every row", found });
    }
    let mut places: Vec<u32> = (0..ids.len() as u32).collect();
    if !values.is_sorted_by(|a, b| order(a, b) == Ordering::Less) {
        places.sort_by(|a, b| order(&values[*a as usize], &values[*b as usize]));
    }
    match places.windows(2).find(|pair| values[pair[0] as usize] == values[pair[1] as usize]) {
        None => Ok(places),
        Some(pair) => Err(DifferencesError::Duplicate {
            id: values[pair[0] as usize].to_string(),
            first: (partition.to_owned(), u64::from(pair[0]) + 1),
            second: (partition.to_owned(), u64::from(pair[1]) + 1),
        }),
    }
}

fn order(a: &Value<'_>, b: &Value<'_>) -> Ordering {
    match (a, b) {
        (Value::Int(a), Value::Int(b)) => a.cmp(b),
        (Value::Text(a), Value::Text(b)) => a.cmp(b),
        _ => Ordering::Equal,
    }
}
