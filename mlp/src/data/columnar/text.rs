//! Values of Arrow as the text that cells hold: what a CSV file would say.

use std::fmt::{self, Display, Write};

use arrow_array::cast::AsArray;
use arrow_array::types::*;
use arrow_array::{Array, ArrayAccessor, ArrowPrimitiveType};
use arrow_schema::{DataType, TimeUnit};

use crate::error::shown;

/// Writes the value of a row; an error is a value that has no text, such as a date that no calendar has.
pub(super) type Writer<'a> = Box<dyn Fn(usize, &mut String) -> fmt::Result + 'a>;

/// Whether a column of this type has text, one value for each cell.
pub(super) fn is_readable(kind: &DataType) -> bool {
    use DataType::*;
    match kind {
        Null | Boolean | Utf8 | LargeUtf8 | Utf8View | Date32 | Date64 | Time32(_) | Time64(_) | Timestamp(..) => true,
        Dictionary(_, values) => is_readable(values),
        kind => kind.is_numeric(),
    }
}

/// The writer of a column; what is missing is an empty cell. `None` for types that are not [readable](is_readable).
pub(super) fn writer(array: &dyn Array) -> Option<Writer<'_>> {
    use DataType::*;
    let write: Writer<'_> = match array.data_type() {
        Null => Box::new(|_, _| Ok(())),
        Boolean => {
            let array = array.as_boolean();
            Box::new(|row, text| write!(text, "{}", array.value(row)))
        }
        Int8 => numbers::<Int8Type>(array),
        Int16 => numbers::<Int16Type>(array),
        Int32 => numbers::<Int32Type>(array),
        Int64 => numbers::<Int64Type>(array),
        UInt8 => numbers::<UInt8Type>(array),
        UInt16 => numbers::<UInt16Type>(array),
        UInt32 => numbers::<UInt32Type>(array),
        UInt64 => numbers::<UInt64Type>(array),
        Float16 => floats::<Float16Type>(array),
        Float32 => floats::<Float32Type>(array),
        Float64 => floats::<Float64Type>(array),
        Decimal32(..) => decimals::<Decimal32Type>(array),
        Decimal64(..) => decimals::<Decimal64Type>(array),
        Decimal128(..) => decimals::<Decimal128Type>(array),
        Decimal256(..) => decimals::<Decimal256Type>(array),
        Utf8 => strings(array.as_string::<i32>()),
        LargeUtf8 => strings(array.as_string::<i64>()),
        Utf8View => strings(array.as_string_view()),
        Date32 => dates::<Date32Type>(array),
        Date64 => dates::<Date64Type>(array),
        Time32(TimeUnit::Second) => times::<Time32SecondType>(array),
        Time32(_) => times::<Time32MillisecondType>(array),
        Time64(TimeUnit::Microsecond) => times::<Time64MicrosecondType>(array),
        Time64(_) => times::<Time64NanosecondType>(array),
        Timestamp(TimeUnit::Second, zone) => moments::<TimestampSecondType>(array, zone.is_some()),
        Timestamp(TimeUnit::Millisecond, zone) => moments::<TimestampMillisecondType>(array, zone.is_some()),
        Timestamp(TimeUnit::Microsecond, zone) => moments::<TimestampMicrosecondType>(array, zone.is_some()),
        Timestamp(TimeUnit::Nanosecond, zone) => moments::<TimestampNanosecondType>(array, zone.is_some()),
        Dictionary(..) => entries(array)?,
        _ => return None,
    };
    match array.nulls() {
        Some(nulls) => Some(Box::new(move |row, text| if nulls.is_null(row) { Ok(()) } else { write(row, text) })),
        None => Some(write),
    }
}

fn numbers<P: ArrowPrimitiveType<Native: Display>>(array: &dyn Array) -> Writer<'_> {
    let array = array.as_primitive::<P>();
    Box::new(|row, text| write!(text, "{}", array.value(row)))
}

/// The same number in `f64`, in the fewest digits.
fn floats<P: ArrowPrimitiveType<Native: Into<f64>>>(array: &dyn Array) -> Writer<'_> {
    let array = array.as_primitive::<P>();
    Box::new(|row, text| text.write_str(&shown(array.value(row).into())))
}

fn decimals<P: DecimalType + ArrowPrimitiveType>(array: &dyn Array) -> Writer<'_> {
    let array = array.as_primitive::<P>();
    Box::new(|row, text| text.write_str(&array.value_as_string(row)))
}

/// Without the spaces around, as in CSV.
fn strings<'a>(array: impl ArrayAccessor<Item = &'a str> + 'a) -> Writer<'a> {
    Box::new(move |row, text| text.write_str(array.value(row).trim()))
}

fn dates<P: ArrowTemporalType>(array: &dyn Array) -> Writer<'_>
where
    i64: From<P::Native>,
{
    let array = array.as_primitive::<P>();
    Box::new(|row, text| write!(text, "{}", array.value_as_date(row).ok_or(fmt::Error)?))
}

// What chrono shows for debugging is ISO 8601.

fn times<P: ArrowTemporalType>(array: &dyn Array) -> Writer<'_>
where
    i64: From<P::Native>,
{
    let array = array.as_primitive::<P>();
    Box::new(|row, text| write!(text, "{:?}", array.value_as_time(row).ok_or(fmt::Error)?))
}

/// Where there is a time zone, the moment in UTC.
fn moments<P: ArrowTemporalType>(array: &dyn Array, zone: bool) -> Writer<'_>
where
    i64: From<P::Native>,
{
    let (array, utc) = (array.as_primitive::<P>(), if zone { "Z" } else { "" });
    Box::new(move |row, text| write!(text, "{:?}{utc}", array.value_as_datetime(row).ok_or(fmt::Error)?))
}

/// What the entries of a dictionary stand for.
fn entries(array: &dyn Array) -> Option<Writer<'_>> {
    let dictionary = array.as_any_dictionary_opt()?;
    let values = dictionary.values();
    if values.is_empty() {
        return Some(Box::new(|_, _| Ok(()))); // all keys are missing
    }
    let (write, places) = (writer(values)?, dictionary.normalized_keys());
    Some(Box::new(move |row, text| write(places[row], text)))
}
