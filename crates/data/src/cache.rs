//! Values in memory or, where they are many, in a temporary file that disappears with the program.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::ops::Range;

use crate::DataError;

/// A number that a file holds as a few bytes, the lowest first.
pub(crate) trait Value: Copy + Send + Sync + 'static {
    const BYTES: usize;
    fn put(self, bytes: &mut Vec<u8>);
    fn take(bytes: &[u8]) -> Self;
}

macro_rules! values {
    ($($number:ty),*) => {$(
        impl Value for $number {
            const BYTES: usize = size_of::<$number>();
            fn put(self, bytes: &mut Vec<u8>) {
                bytes.extend_from_slice(&self.to_le_bytes());
            }
            fn take(bytes: &[u8]) -> Self {
                Self::from_le_bytes(bytes.try_into().expect("a chunk is as long as its number"))
            }
        }
    )*};
}

values!(u8, i32, f32);

/// Values in the order in which they were written.
#[derive(Debug)]
pub(crate) enum Cache<T> {
    Memory(Vec<T>),
    /// The file, and how many values it holds.
    Disk(File, usize),
}

impl<T: Value> Cache<T> {
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Memory(values) => values.len(),
            Self::Disk(_, len) => *len,
        }
    }

    /// The values at these places.
    ///
    /// # Panics
    /// When there are fewer.
    pub(crate) fn get(&self, places: Range<usize>) -> Result<Cow<'_, [T]>, DataError> {
        match self {
            Self::Memory(values) => Ok(Cow::Borrowed(&values[places])),
            Self::Disk(file, len) => {
                assert!(places.end <= *len, "places lie within the cache");
                let mut bytes = vec![0; places.len() * T::BYTES];
                read_at(file, &mut bytes, (places.start * T::BYTES) as u64)
                    .map_err(|source| DataError::Cache { source })?;
                Ok(Cow::Owned(
                    bytes.chunks_exact(T::BYTES).map(T::take).collect(),
                ))
            }
        }
    }
}

impl<T> From<Vec<T>> for Cache<T> {
    fn from(values: Vec<T>) -> Self {
        Self::Memory(values)
    }
}

/// Takes values one after another; those beyond the limit move to the file.
pub(crate) struct CacheWriter<T> {
    memory: Vec<T>,
    file: Option<BufWriter<File>>,
    len: usize,
    limit_bytes: usize,
}

impl<T: Value> CacheWriter<T> {
    pub(crate) fn new(limit_bytes: usize) -> Self {
        Self {
            memory: Vec::new(),
            file: None,
            len: 0,
            limit_bytes,
        }
    }

    pub(crate) fn extend(&mut self, values: &[T]) -> Result<(), DataError> {
        self.len += values.len();
        if self.file.is_none() && self.len.saturating_mul(T::BYTES) <= self.limit_bytes {
            self.memory.extend_from_slice(values);
            return Ok(());
        }
        self.write(values)
            .map_err(|source| DataError::Cache { source })
    }

    fn write(&mut self, values: &[T]) -> io::Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            None => {
                let file = BufWriter::with_capacity(1 << 20, tempfile::tempfile()?);
                let file = self.file.insert(file);
                for part in std::mem::take(&mut self.memory).chunks(1 << 16) {
                    put(file, part)?;
                }
                file
            }
        };
        put(file, values)
    }

    pub(crate) fn finish(self) -> Result<Cache<T>, DataError> {
        match self.file {
            None => Ok(Cache::Memory(self.memory)),
            Some(file) => match file.into_inner() {
                Ok(file) => Ok(Cache::Disk(file, self.len)),
                Err(error) => Err(DataError::Cache {
                    source: error.into_error(),
                }),
            },
        }
    }
}

fn put<T: Value>(file: &mut impl Write, values: &[T]) -> io::Result<()> {
    let mut bytes = Vec::with_capacity(values.len() * T::BYTES);
    for value in values {
        value.put(&mut bytes);
    }
    file.write_all(&bytes)
}

#[cfg(unix)]
fn read_at(file: &File, bytes: &mut [u8], offset: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, bytes, offset)
}

#[cfg(windows)]
fn read_at(file: &File, mut bytes: &mut [u8], mut offset: u64) -> io::Result<()> {
    while !bytes.is_empty() {
        let read = std::os::windows::fs::FileExt::seek_read(file, bytes, offset)?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        bytes = &mut bytes[read..];
        offset += read as u64;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_and_disk_give_the_same_values() {
        let values: Vec<f32> = (0..1000_u16).map(|n| f32::from(n) / 7.0).collect();
        for limit in [0, 1000, 1 << 20] {
            let mut writer = CacheWriter::new(limit);
            for part in values.chunks(33) {
                writer.extend(part).unwrap();
            }
            let cache = writer.finish().unwrap();
            assert_eq!(cache.len(), 1000);
            assert_eq!(matches!(cache, Cache::Memory(_)), limit == 1 << 20);
            assert_eq!(*cache.get(500..533).unwrap(), values[500..533]);
        }
    }
}
