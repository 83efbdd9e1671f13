//! The bytes of an IDX file: two zeros, the type of its values, the number of dimensions, each
//! dimension in four bytes (the highest first), and the values.
//!
//! `LeCun`, Cortes and Burges 1998, <http://yann.lecun.com/exdb/mnist/>

use std::path::Path;

use crate::DataError;

/// The type of unsigned bytes, the only one that image sets use.
const UNSIGNED_BYTES: u8 = 0x08;

/// `[1, H, W]` and the pixels.
pub(super) fn parse_images(bytes: &[u8], path: &Path) -> Result<([usize; 3], Vec<u8>), DataError> {
    let (dimensions, values) = parse(bytes, path)?;
    match dimensions.as_slice() {
        &[count, height, width] if count > 0 && height > 0 && width > 0 => {
            Ok(([1, height, width], values.to_vec()))
        }
        [_, _, _] => Err(DataError::Empty {
            path: path.to_owned(),
        }),
        _ => Err(dimensions_error(
            bytes,
            path,
            "images have 3: count, height, width",
        )),
    }
}

pub(super) fn parse_labels(bytes: &[u8], path: &Path) -> Result<Vec<u8>, DataError> {
    let (dimensions, values) = parse(bytes, path)?;
    match dimensions.as_slice() {
        [_] => Ok(values.to_vec()),
        _ => Err(dimensions_error(bytes, path, "labels have 1: count")),
    }
}

fn dimensions_error(bytes: &[u8], path: &Path, expected: &'static str) -> DataError {
    let found = bytes.get(3).copied().unwrap_or(0);
    DataError::IdxDimensions {
        path: path.to_owned(),
        found,
        expected,
    }
}

/// Dimensions and values, the one checked against the other.
fn parse<'a>(bytes: &'a [u8], path: &Path) -> Result<(Vec<usize>, &'a [u8]), DataError> {
    let &[0, 0, kind, num_dimensions, ..] = bytes else {
        let found = bytes.iter().take(4).copied().collect();
        return Err(DataError::IdxMagic {
            path: path.to_owned(),
            found,
        });
    };
    if kind != UNSIGNED_BYTES {
        return Err(DataError::IdxType {
            path: path.to_owned(),
            found: kind,
        });
    }
    let header_len = 4 + 4 * usize::from(num_dimensions);
    let size_error = |expected| DataError::IdxSize {
        path: path.to_owned(),
        expected,
        found: bytes.len(),
    };
    let header = bytes
        .get(4..header_len)
        .ok_or_else(|| size_error(header_len as u128))?;
    let (dimensions, _) = header.as_chunks::<4>();
    let dimensions: Vec<u32> = dimensions
        .iter()
        .map(|&bytes| u32::from_be_bytes(bytes))
        .collect();
    let num_values = dimensions.iter().fold(1_u128, |product, &dimension| {
        product.saturating_mul(u128::from(dimension))
    });
    let values = bytes.get(header_len..).unwrap_or_default();
    if num_values != values.len() as u128 {
        return Err(size_error(num_values.saturating_add(header_len as u128)));
    }
    Ok((
        dimensions
            .into_iter()
            .map(|dimension| dimension as usize)
            .collect(),
        values,
    ))
}
