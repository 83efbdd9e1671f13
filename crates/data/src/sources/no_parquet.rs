//! What stands for the reader of Parquet where it is not compiled in.

use super::SourceFile;
use super::grid::Grid;
use crate::{DataError, LeftOut};

/// The first bytes of such a file.
pub(super) const MAGIC: &[u8] = b"PAR1";

/// Refuses the file.
pub(super) fn read(
    file: &SourceFile,
    _memory_bytes: usize,
) -> Result<(Grid, Vec<LeftOut>), DataError> {
    Err(DataError::NoParquet {
        path: file.path.clone(),
    })
}
