//! Series in an archive of arrays, as `numpy.savez` writes it: `x` of `[N, T]` or `[N, T, D]` with
//! the classes `y` of `[N]`, and a test set in `x_test` and `y_test` where there is one.

use std::io::{Cursor, Read};
use std::path::Path;

use npyz::{DType, NpyFile, Order, TypeChar};
use zip::ZipArchive;

use super::parse::Series;
use crate::DataError;

/// Names of the arrays to train on.
const TRAIN: [(&str, &str); 3] = [("x", "y"), ("x_train", "y_train"), ("X", "y")];
const TEST: [(&str, &str); 2] = [("x_test", "y_test"), ("X_test", "y_test")];

/// The series to train on, and the test set.
pub(super) fn parse(bytes: Vec<u8>, path: &Path) -> Result<(Series, Option<Series>), DataError> {
    let mut archive = ZipArchive::new(Cursor::new(bytes))
        .map_err(|error| fault(path, format!("it is no archive of arrays: {error}")))?;
    let train = TRAIN.iter().find(|(x, _)| has(&archive, x));
    let Some((x, y)) = train else {
        return Err(fault(path, "it holds no array `x`".to_owned()));
    };
    let train = series(&mut archive, x, y, path)?;
    let test = TEST.iter().find(|(x, _)| has(&archive, x));
    let test = test.map(|(x, y)| series(&mut archive, x, y, path));
    Ok((train, test.transpose()?))
}

fn has(archive: &ZipArchive<Cursor<Vec<u8>>>, name: &str) -> bool {
    archive.index_for_name(&format!("{name}.npy")).is_some()
}

fn series(
    archive: &mut ZipArchive<Cursor<Vec<u8>>>,
    x: &str,
    y: &str,
    path: &Path,
) -> Result<Series, DataError> {
    let (shape, values) = array(archive, x, path)?;
    let (count, steps, width) = match shape[..] {
        [count, steps] => (count, steps, 1),
        [count, steps, width] => (count, steps, width),
        _ => {
            let problem = format!("`{x}` has the shape {shape:?}, not [N, T] or [N, T, D]");
            return Err(fault(path, problem));
        }
    };
    if values.is_empty() {
        return Err(fault(path, format!("`{x}` is empty")));
    }
    if let Some(place) = values
        .iter()
        .position(|value| value.is_nan() || value.abs() > 1e30)
    {
        let row = place / (steps * width);
        let problem = format!("`{x}` has a value that is no number in row {row}");
        return Err(fault(path, problem));
    }
    let labels = if has(archive, y) {
        Some(labels(archive, y, count, path)?)
    } else {
        None
    };
    Ok(Series {
        path: path.to_owned(),
        width,
        values,
        ends: (1..=count).map(|item| item * steps).collect(),
        listed: listed(labels.as_deref()),
        labels,
        lines: (0..).take(count).collect(),
        unit: "row",
    })
}

/// The names of the classes: numbers by their size, not by their digits.
fn labels(
    archive: &mut ZipArchive<Cursor<Vec<u8>>>,
    name: &str,
    count: usize,
    path: &Path,
) -> Result<Vec<String>, DataError> {
    let (shape, values) = array(archive, name, path)?;
    if values.len() != count || shape.first() != Some(&count) {
        let problem = format!("`{name}` has the shape {shape:?}, but there are {count} series");
        return Err(fault(path, problem));
    }
    match values.iter().find(|value| value.fract() != 0.0) {
        Some(value) => {
            let problem = format!("`{name}` holds {value}, which is no number of a class");
            Err(fault(path, problem))
        }
        None => Ok(values.iter().map(|value| format!("{value:.0}")).collect()),
    }
}

fn listed(labels: Option<&[String]>) -> Vec<String> {
    let mut classes = labels.unwrap_or_default().to_vec();
    classes.sort_by(|a, b| (a.len(), a).cmp(&(b.len(), b)));
    classes.dedup();
    classes
}

/// One array, row by row.
fn array(
    archive: &mut ZipArchive<Cursor<Vec<u8>>>,
    name: &str,
    path: &Path,
) -> Result<(Vec<usize>, Vec<f64>), DataError> {
    let damaged = |error: &dyn std::fmt::Display| fault(path, format!("`{name}`: {error}"));
    let mut bytes = Vec::new();
    let mut member = archive
        .by_name(&format!("{name}.npy"))
        .map_err(|error| damaged(&error))?;
    member
        .read_to_end(&mut bytes)
        .map_err(|error| damaged(&error))?;
    let file = NpyFile::new(&bytes[..]).map_err(|error| damaged(&error))?;
    if file.order() == Order::Fortran && file.shape().len() > 1 {
        return Err(damaged(&"it is stored column by column"));
    }
    let shape = file.shape().iter().map(|&size| usize::try_from(size));
    let shape: Vec<usize> = shape
        .collect::<Result<_, _>>()
        .map_err(|error| damaged(&error))?;
    let values =
        numbers(file).ok_or_else(|| damaged(&"its numbers are of no kind that is read"))?;
    Ok((shape, values))
}

/// The numbers of an array of any of the usual kinds.
fn numbers(file: NpyFile<&[u8]>) -> Option<Vec<f64>> {
    macro_rules! read {
        ($kind:ty) => {{
            let values = file.into_vec::<$kind>().ok()?;
            values.into_iter().map(|value| value as f64).collect()
        }};
    }
    let DType::Plain(kind) = file.dtype() else {
        return None;
    };
    #[allow(clippy::cast_precision_loss, clippy::cast_lossless)] // as NumPy itself converts them
    Some(match (kind.type_char(), kind.size_field()) {
        (TypeChar::Float, 4) => read!(f32),
        (TypeChar::Float, 8) => read!(f64),
        (TypeChar::Int, 1) => read!(i8),
        (TypeChar::Int, 2) => read!(i16),
        (TypeChar::Int, 4) => read!(i32),
        (TypeChar::Int, 8) => read!(i64),
        (TypeChar::Uint, 1) => read!(u8),
        (TypeChar::Uint, 2) => read!(u16),
        (TypeChar::Uint, 4) => read!(u32),
        (TypeChar::Uint, 8) => read!(u64),
        _ => return None,
    })
}

fn fault(path: &Path, problem: String) -> DataError {
    DataError::Npz {
        path: path.to_owned(),
        problem,
        advice: "save arrays `x` of [N, T] or [N, T, D] numbers and `y` of [N] classes with \
                 `numpy.savez`",
    }
}

#[cfg(test)]
mod tests {
    use npyz::WriterBuilder;
    use std::io::Write;

    use super::*;

    fn npy<T: npyz::AutoSerialize + Copy>(shape: &[u64], values: &[T]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let options = npyz::WriteOptions::new().default_dtype().shape(shape);
        let mut writer = options.writer(&mut bytes).begin_nd().unwrap();
        writer.extend(values.iter().copied()).unwrap();
        writer.finish().unwrap();
        bytes
    }

    fn npz(arrays: &[(&str, Vec<u8>)]) -> Vec<u8> {
        let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
        for (name, bytes) in arrays {
            let options = zip::write::SimpleFileOptions::default();
            archive.start_file(format!("{name}.npy"), options).unwrap();
            archive.write_all(bytes).unwrap();
        }
        archive.finish().unwrap().into_inner()
    }

    fn read(arrays: &[(&str, Vec<u8>)]) -> Result<(Series, Option<Series>), DataError> {
        parse(npz(arrays), Path::new("a.npz"))
    }

    #[test]
    fn arrays_become_series_with_classes_in_the_order_of_numbers() {
        let x = npy(&[3, 2], &[0.5_f32, 1.0, 1.5, 2.0, 2.5, 3.0]);
        let x_test = npy(&[1, 2, 1], &[7_u8, 8]);
        let y = npy(&[3], &[10_i64, 2, 10]);
        let (train, test) = read(&[("x", x), ("y", y), ("x_test", x_test)]).unwrap();
        assert_eq!((train.width, train.len()), (1, 3));
        assert_eq!(train.values, [0.5, 1.0, 1.5, 2.0, 2.5, 3.0]);
        assert_eq!(train.ends, [2, 4, 6]);
        assert_eq!(train.classes(), ["2", "10"]);
        let test = test.unwrap();
        assert_eq!((test.values, test.labels), (vec![7.0, 8.0], None));
    }

    #[test]
    fn what_does_not_fit_is_said() {
        let x = || npy(&[2, 2], &[0.0_f64, 1.0, 2.0, 3.0]);
        let table = [
            (vec![("z", x())], "no array `x`"),
            (vec![("x", npy(&[2], &[0.0_f64, 1.0]))], "the shape [2]"),
            (vec![("x", npy::<f64>(&[0, 2], &[]))], "`x` is empty"),
            (
                vec![("x", npy(&[1, 2], &[0.0, f64::NAN]))],
                "no number in row 0",
            ),
            (
                vec![("x", x()), ("y", npy(&[1], &[0_i32]))],
                "there are 2 series",
            ),
            (
                vec![("x", x()), ("y", npy(&[2], &[0.0_f32, 0.5]))],
                "holds 0.5",
            ),
            (vec![("x", b"\x93NUMPY".to_vec())], "`x`:"),
        ];
        for (arrays, expected) in table {
            let error = read(&arrays).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
        let error = parse(b"PK".to_vec(), Path::new("a.npz")).unwrap_err();
        assert!(error.to_string().contains("no archive of arrays"));
    }
}
