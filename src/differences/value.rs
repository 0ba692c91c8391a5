//! Single values, and hashes of whole columns.

use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Date32Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType, UInt8Type,
    UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef};
use arrow_schema::{DataType, TimeUnit};

/// A field's value. Dates are days and times are units since 1970, as they are stored.
#[derive(Debug, Clone, Copy)]
pub enum Value<'a> {
    /// Missing.
    Null,
    /// A whole number, a date or a time.
    Int(i64),
    /// A whole number without a sign.
    UInt(u64),
    /// A number.
    Float(f64),
    /// A truth value.
    Bool(bool),
    /// A text.
    Text(&'a str),
}

impl PartialEq for Value<'_> {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Null, Self::Null) => true,
            (Self::Int(a), Self::Int(b)) => a == b,
            (Self::UInt(a), Self::UInt(b)) => a == b,
            (Self::Float(a), Self::Float(b)) => float_bits(*a) == float_bits(*b),
            (Self::Bool(a), Self::Bool(b)) => a == b,
            (Self::Text(a), Self::Text(b)) => a == b,
            _ => false,
        }
    }
}

impl std::fmt::Display for Value<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Null => Ok(()),
            Self::Int(value) => value.fmt(f),
            Self::UInt(value) => value.fmt(f),
            Self::Float(value) => write!(f, "{value:?}"),
            Self::Bool(value) => value.fmt(f),
            Self::Text(value) => value.fmt(f),
        }
    }
}

/// What a type is compared as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Family {
    Int,
    UInt,
    Float,
    Bool,
    Text,
}

pub(super) fn family(kind: &DataType) -> Option<Family> {
    use DataType as T;
    Some(match kind {
        T::Int8 | T::Int16 | T::Int32 | T::Int64 | T::Date32 | T::Timestamp(..) => Family::Int,
        T::UInt8 | T::UInt16 | T::UInt32 | T::UInt64 => Family::UInt,
        T::Float32 | T::Float64 => Family::Float,
        T::Boolean => Family::Bool,
        T::Utf8 | T::LargeUtf8 => Family::Text,
        _ => return None,
    })
}

/// All NaN are one.
fn float_bits(value: f64) -> u64 {
    if value.is_nan() { f64::NAN.to_bits() } else { value.to_bits() }
}

/// Calls `$body` with `$array` as the typed array of `$source` and `$bits`, which turns its values into 64 bits.
macro_rules! with_primitive {
    ($source:expr, $call:ident, $($rest:expr),*) => {
        match $source.data_type() {
            DataType::Int8 => $call::<Int8Type>($source, |v| i64::from(v) as u64, $($rest),*),
            DataType::Int16 => $call::<Int16Type>($source, |v| i64::from(v) as u64, $($rest),*),
            DataType::Int32 => $call::<Int32Type>($source, |v| i64::from(v) as u64, $($rest),*),
            DataType::Int64 => $call::<Int64Type>($source, |v| v as u64, $($rest),*),
            DataType::UInt8 => $call::<UInt8Type>($source, u64::from, $($rest),*),
            DataType::UInt16 => $call::<UInt16Type>($source, u64::from, $($rest),*),
            DataType::UInt32 => $call::<UInt32Type>($source, u64::from, $($rest),*),
            DataType::UInt64 => $call::<UInt64Type>($source, |v| v, $($rest),*),
            DataType::Float32 => $call::<Float32Type>($source, |v| float_bits(f64::from(v)), $($rest),*),
            DataType::Float64 => $call::<Float64Type>($source, float_bits, $($rest),*),
            DataType::Date32 => $call::<Date32Type>($source, |v| i64::from(v) as u64, $($rest),*),
            DataType::Timestamp(TimeUnit::Second, _) => $call::<TimestampSecondType>($source, |v| v as u64, $($rest),*),
            DataType::Timestamp(TimeUnit::Millisecond, _) => $call::<TimestampMillisecondType>($source, |v| v as u64, $($rest),*),
            DataType::Timestamp(TimeUnit::Microsecond, _) => $call::<TimestampMicrosecondType>($source, |v| v as u64, $($rest),*),
            DataType::Timestamp(TimeUnit::Nanosecond, _) => $call::<TimestampNanosecondType>($source, |v| v as u64, $($rest),*),
            _ => None,
        }
    };
}

fn bits_at<T: ArrowPrimitiveType>(array: &ArrayRef, bits: impl Fn(T::Native) -> u64, row: usize) -> Option<u64> {
    Some(bits(array.as_primitive_opt::<T>()?.value(row)))
}

/// The value of a row; columns were checked to be of a [`Family`].
pub(super) fn value_at(array: &ArrayRef, row: usize) -> Value<'_> {
    if array.is_null(row) {
        return Value::Null;
    }
    let bits = || with_primitive!(array, bits_at, row).unwrap_or(0);
    match family(array.data_type()) {
        Some(Family::Int) => Value::Int(bits() as i64),
        Some(Family::UInt) => Value::UInt(bits()),
        Some(Family::Float) => Value::Float(f64::from_bits(bits())),
        Some(Family::Bool) => Value::Bool(array.as_boolean().value(row)),
        Some(Family::Text) => Value::Text(text_at(array, row)),
        None => Value::Null,
    }
}

fn text_at(array: &ArrayRef, row: usize) -> &str {
    match array.as_string_opt::<i32>() {
        Some(texts) => texts.value(row),
        None => array.as_string_opt::<i64>().map_or("", |texts| texts.value(row)),
    }
}

/// Odd numbers without a pattern (digits of pi), one a use.
const SEEDS: [u64; 4] = [0x2437_2d1b_1e3a_4c91, 0x1319_8a2e_0370_7345, 0xa409_3822_299f_31d1, 0x082e_fa98_ec4e_6c89];
/// What stands for a missing value.
const NULL: u64 = 0x4528_21e6_38d0_1377;

/// Both halves of a 128-bit product, folded: every bit of either factor reaches every bit of the result.
#[inline]
const fn fold(a: u64, b: u64) -> u64 {
    let product = a as u128 * b as u128;
    product as u64 ^ (product >> 64) as u64
}

/// Mixes a value into a hash, so that order counts.
#[inline]
const fn mix(hash: u64, value: u64) -> u64 {
    fold(hash.rotate_left(29) ^ SEEDS[0], value ^ SEEDS[1]).wrapping_add(hash ^ SEEDS[2])
}

/// A text's hash.
#[inline]
fn text_hash(text: &[u8], seed: u64) -> u64 {
    let (words, rest) = text.as_chunks::<8>();
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    let hash = words.iter().fold(mix(seed, text.len() as u64), |hash, word| mix(hash, u64::from_le_bytes(*word)));
    mix(mix(hash, u64::from_le_bytes(last)), seed)
}

/// The 128-bit key of an id. Whole numbers are their own keys.
pub(super) fn key(value: Value<'_>) -> Option<u128> {
    match value {
        Value::Int(id) => Some(u128::from(id as u64)),
        Value::Text(id) => {
            let half = |seed| u128::from(text_hash(id.as_bytes(), seed));
            Some(half(SEEDS[2]) << 64 | half(SEEDS[3]))
        }
        _ => None,
    }
}

fn mix_bits<T: ArrowPrimitiveType>(
    array: &ArrayRef,
    bits: impl Fn(T::Native) -> u64,
    hashes: &mut [u64],
) -> Option<u64> {
    let typed = array.as_primitive_opt::<T>()?;
    match typed.nulls() {
        None => {
            for (hash, value) in hashes.iter_mut().zip(typed.values()) {
                *hash = mix(*hash, bits(*value));
            }
        }
        Some(nulls) => {
            for ((hash, value), there) in hashes.iter_mut().zip(typed.values()).zip(nulls) {
                *hash = if there { mix(*hash, bits(*value)) } else { mix(!*hash, NULL) };
            }
        }
    }
    Some(0)
}

fn mix_all(values: impl Iterator<Item = Option<u64>>, hashes: &mut [u64]) {
    for (hash, value) in hashes.iter_mut().zip(values) {
        *hash = value.map_or_else(|| mix(!*hash, NULL), |value| mix(*hash, value));
    }
}

/// Mixes a column into the rows' hashes.
pub(super) fn mix_column(array: &ArrayRef, hashes: &mut [u64]) {
    let text = |text: Option<&str>| text.map(|text| text_hash(text.as_bytes(), SEEDS[3]));
    match family(array.data_type()) {
        Some(Family::Bool) => mix_all(array.as_boolean().iter().map(|value| value.map(u64::from)), hashes),
        Some(Family::Text) => match array.as_string_opt::<i32>() {
            Some(texts) => mix_all(texts.iter().map(text), hashes),
            None => {
                if let Some(texts) = array.as_string_opt::<i64>() {
                    mix_all(texts.iter().map(text), hashes);
                }
            }
        },
        _ => {
            with_primitive!(array, mix_bits, hashes);
        }
    }
}
