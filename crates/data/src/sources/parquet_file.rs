//! A Parquet file as a grid of cells: each value as CSV would have it, so that both are read alike.

use std::cell::Cell;
use std::fs::File;
use std::io::Write;
use std::panic;
use std::sync::Once;

use jiff::SignedDuration;
use jiff::civil::DateTime;
use parquet::basic::{ConvertedType, LogicalType, TimeUnit, Type};
use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::DataType;
use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::schema::types::ColumnDescriptor;

use super::grid::{self, Grid, GridWriter};
use super::{Content, SourceFile};
use crate::{DataError, LeftOut};

/// The first bytes of such a file.
pub(super) const MAGIC: &[u8] = b"PAR1";
/// Rows that are read at a time.
const ROWS: usize = 1024;
/// The day from which Parquet counts.
const EPOCH: DateTime = DateTime::constant(1970, 1, 1, 0, 0, 0, 0);

thread_local! {
    /// Whether a panic of this thread is caught, and said as an error.
    static IS_CAUGHT: Cell<bool> = const { Cell::new(false) };
}

/// Reads all columns of single values; those of lists, and of types that are neither numbers, words
/// nor times, are left out.
pub(super) fn read(
    file: &SourceFile,
    memory_bytes: usize,
) -> Result<(Grid, Vec<LeftOut>), DataError> {
    static QUIET: Once = Once::new();
    QUIET.call_once(|| {
        let say = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            if !IS_CAUGHT.get() {
                say(panic);
            }
        }));
    });
    // The crate panics at numbers that only a damaged file has.
    IS_CAUGHT.set(true);
    let read = panic::catch_unwind(|| read_all(file, memory_bytes));
    IS_CAUGHT.set(false);
    read.unwrap_or_else(|_| {
        Err(DataError::Parquet {
            path: file.path.clone(),
            problem: "it is damaged".to_owned(),
        })
    })
}

fn read_all(file: &SourceFile, memory_bytes: usize) -> Result<(Grid, Vec<LeftOut>), DataError> {
    let path = &file.path;
    let failed = |error: ParquetError| DataError::Parquet {
        path: path.clone(),
        problem: error.to_string(),
    };
    let reader = SerializedFileReader::new(open(file)?).map_err(failed)?;
    let schema = reader.metadata().file_metadata().schema_descr();
    let mut columns = Vec::new();
    let mut names = Vec::<String>::new();
    let mut left_out = Vec::new();
    for (place, column) in schema.columns().iter().enumerate() {
        let name = column.path().string();
        match Form::of(column) {
            Ok(form) if !names.contains(&name) => {
                names.push(name);
                columns.push((place, column.max_def_level(), form));
            }
            Ok(_) => {
                return Err(DataError::DuplicateColumn {
                    path: path.clone(),
                    column: name,
                });
            }
            Err(why) => left_out.push(LeftOut {
                column: name,
                why: why.to_owned(),
            }),
        }
    }
    let mut grid = GridWriter::new(path, columns.len(), memory_bytes);
    let mut row = 0;
    for group in 0..reader.num_row_groups() {
        let group = reader.get_row_group(group).map_err(failed)?;
        let mut readers = columns
            .iter()
            .map(|(place, ..)| group.get_column_reader(*place))
            .collect::<Result<Vec<_>, _>>()
            .map_err(failed)?;
        loop {
            let mut cells = Vec::with_capacity(columns.len());
            for (reader, (_, most, form)) in readers.iter_mut().zip(&columns) {
                cells.push(form.read(reader, *most).map_err(failed)?);
            }
            let num_rows = cells.first().map_or(0, Vec::len);
            if cells.iter().any(|column| column.len() != num_rows) {
                let problem = "its columns are not of one length".to_owned();
                let path = path.clone();
                return Err(DataError::Parquet { path, problem });
            }
            for place in 0..num_rows {
                row += 1;
                grid.push(cells.iter().map(|column| column[place].as_str()), row)?;
            }
            if num_rows == 0 {
                break;
            }
        }
    }
    Ok((
        grid.finish(names, true, grid::Form::Parquet, false)?,
        left_out,
    ))
}

fn open(file: &SourceFile) -> Result<File, DataError> {
    let opened = match file.content {
        Content::OnDisk => File::open(&file.path),
        Content::Shipped(bytes) => tempfile::tempfile().and_then(|mut file| {
            file.write_all(bytes)?;
            Ok(file)
        }),
    };
    opened.map_err(|source| DataError::Read {
        path: file.path.clone(),
        source,
    })
}

/// What the values of a column are.
#[derive(Debug, Clone, Copy)]
enum Form {
    /// As they are stored.
    Plain,
    Unsigned,
    Days,
    /// Units in a second.
    Time(i64),
    /// Units in a second, since 1970.
    Moment(i64),
    /// Digits behind the point.
    Decimal(i32),
}

impl Form {
    /// Why a column is not read, where it is not.
    fn of(column: &ColumnDescriptor) -> Result<Self, &'static str> {
        if column.max_rep_level() > 0 {
            return Err("it holds lists");
        }
        let per_second = |unit: &TimeUnit| match unit {
            TimeUnit::MILLIS => 1_000,
            TimeUnit::MICROS => 1_000_000,
            TimeUnit::NANOS => 1_000_000_000,
        };
        match column.logical_type_ref() {
            Some(LogicalType::Timestamp(moment)) => {
                return Ok(Self::Moment(per_second(&moment.unit)));
            }
            Some(LogicalType::Time(time)) => return Ok(Self::Time(per_second(&time.unit))),
            _ => {}
        }
        match (column.converted_type(), column.physical_type()) {
            (ConvertedType::DATE, _) => Ok(Self::Days),
            (ConvertedType::TIMESTAMP_MILLIS, _) => Ok(Self::Moment(1_000)),
            (ConvertedType::TIMESTAMP_MICROS, _) => Ok(Self::Moment(1_000_000)),
            (ConvertedType::TIME_MILLIS, _) => Ok(Self::Time(1_000)),
            (ConvertedType::TIME_MICROS, _) => Ok(Self::Time(1_000_000)),
            (ConvertedType::DECIMAL, _) => Ok(Self::Decimal(column.type_scale())),
            (
                ConvertedType::UINT_8
                | ConvertedType::UINT_16
                | ConvertedType::UINT_32
                | ConvertedType::UINT_64,
                _,
            ) => Ok(Self::Unsigned),
            (_, Type::FIXED_LEN_BYTE_ARRAY) => Err("it holds bytes"),
            _ => Ok(Self::Plain),
        }
    }

    /// The next cells of a column, empty where a value is missing.
    fn read(self, reader: &mut ColumnReader, most: i16) -> Result<Vec<String>, ParquetError> {
        match reader {
            ColumnReader::BoolColumnReader(reader) => {
                next(reader, most, |value| Ok(value.to_string()))
            }
            ColumnReader::Int32ColumnReader(reader) => next(reader, most, |&value| match self {
                Self::Unsigned => Ok(value.cast_unsigned().to_string()),
                _ => self.whole(value.into()),
            }),
            ColumnReader::Int64ColumnReader(reader) => next(reader, most, |&value| match self {
                Self::Unsigned => Ok(value.cast_unsigned().to_string()),
                _ => self.whole(value),
            }),
            ColumnReader::Int96ColumnReader(reader) => next(reader, most, |value| {
                Self::Moment(1_000).whole(value.to_millis())
            }),
            ColumnReader::FloatColumnReader(reader) => {
                next(reader, most, |value| Ok(value.to_string()))
            }
            ColumnReader::DoubleColumnReader(reader) => {
                next(reader, most, |value| Ok(value.to_string()))
            }
            ColumnReader::ByteArrayColumnReader(reader) => {
                next(reader, most, |value| self.bytes(value.data()))
            }
            ColumnReader::FixedLenByteArrayColumnReader(reader) => {
                next(reader, most, |value| self.bytes(value.data()))
            }
        }
    }

    fn whole(self, value: i64) -> Result<String, ParquetError> {
        let after = |duration: SignedDuration| {
            EPOCH.checked_add(duration).map_err(|_| {
                ParquetError::General(format!("{value} lies beyond all times that have a date"))
            })
        };
        Ok(match self {
            Self::Days => after(SignedDuration::from_hours(
                value.saturating_mul(24) % (1 << 40),
            ))?
            .date()
            .to_string(),
            Self::Moment(units) => after(duration(value, units))?
                .strftime("%Y-%m-%d %H:%M:%S")
                .to_string(),
            Self::Time(units) => after(duration(value, units))?
                .strftime("%H:%M:%S")
                .to_string(),
            Self::Decimal(scale) => decimal(value.into(), scale),
            Self::Plain | Self::Unsigned => value.to_string(),
        })
    }

    fn bytes(self, bytes: &[u8]) -> Result<String, ParquetError> {
        if let Self::Decimal(scale) = self {
            let sign = if bytes.first().is_some_and(|&byte| byte >= 0x80) {
                0xff
            } else {
                0
            };
            let mut whole = [sign; 16];
            let start = whole.len().checked_sub(bytes.len()).ok_or_else(|| {
                ParquetError::General(format!("a decimal number of {} bytes", bytes.len()))
            })?;
            whole[start..].copy_from_slice(bytes);
            return Ok(decimal(i128::from_be_bytes(whole), scale));
        }
        let text = std::str::from_utf8(bytes);
        text.map(str::to_owned)
            .map_err(|_| ParquetError::General("a cell holds bytes that are no text".to_owned()))
    }
}

fn duration(value: i64, units: i64) -> SignedDuration {
    let nanos = value.rem_euclid(units) * (1_000_000_000 / units);
    let nanos = i32::try_from(nanos).expect("less than a second");
    SignedDuration::new(value.div_euclid(units), nanos)
}

/// The digits of a number, the point before the last `scale` of them.
fn decimal(value: i128, scale: i32) -> String {
    let Ok(scale) = usize::try_from(scale) else {
        return value.to_string();
    };
    let sign = if value < 0 { "-" } else { "" };
    let scale = scale.min(64);
    let digits = format!("{:0>width$}", value.unsigned_abs(), width = scale + 1);
    let (whole, part) = digits.split_at(digits.len() - scale);
    let point = if part.is_empty() { "" } else { "." };
    format!("{sign}{whole}{point}{part}")
}

/// The next values of a column, up to [`ROWS`].
fn next<T: DataType>(
    reader: &mut ColumnReaderImpl<T>,
    most: i16,
    cell: impl Fn(&T::T) -> Result<String, ParquetError>,
) -> Result<Vec<String>, ParquetError> {
    let (mut levels, mut values) = (Vec::new(), Vec::new());
    reader.read_records(ROWS, Some(&mut levels), None, &mut values)?;
    if most == 0 {
        return values.iter().map(cell).collect();
    }
    let mut values = values.iter();
    let cells = levels.into_iter().map(|level| match level {
        level if level == most => values.next().map_or_else(|| Ok(String::new()), &cell),
        _ => Ok(String::new()),
    });
    cells.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_and_times_are_written_out() {
        assert_eq!(decimal(-5, 2), "-0.05");
        assert_eq!(decimal(1234, 0), "1234");
        assert_eq!(Form::Days.whole(19_723).unwrap(), "2024-01-01");
        assert_eq!(
            Form::Moment(1_000).whole(-1).unwrap(),
            "1969-12-31 23:59:59"
        );
        assert_eq!(
            Form::Time(1_000_000).whole(3_661_000_000).unwrap(),
            "01:01:01"
        );
        assert!(Form::Moment(1).whole(i64::MAX).is_err());
    }
}
