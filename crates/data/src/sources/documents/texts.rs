//! Texts as they were read, with their classes: in memory or, where they are many, on disk.

use std::borrow::Cow;
use std::ops::Range;

use crate::DataError;
use crate::cache::{Cache, CacheWriter};
use crate::split::Place;

/// Bytes, and texts, that are handed out at once.
const BLOCK_BYTES: usize = 16 << 20;
const BLOCK_TEXTS: usize = 4096;

/// Texts of one split.
pub(crate) struct Texts {
    contents: Cache<u8>,
    /// Where each text ends among them.
    ends: Vec<usize>,
    pub(crate) labels: Vec<i32>,
    pub(crate) place: Place,
}

/// Takes texts one after another.
pub(crate) struct TextsWriter {
    contents: CacheWriter<u8>,
    ends: Vec<usize>,
    labels: Vec<i32>,
}

impl TextsWriter {
    /// Texts beyond so many bytes go to the disk.
    pub(crate) fn new(memory_bytes: usize) -> Self {
        Self {
            contents: CacheWriter::new(memory_bytes),
            ends: Vec::new(),
            labels: Vec::new(),
        }
    }

    pub(crate) fn push(&mut self, text: &str, class: i32) -> Result<(), DataError> {
        self.contents.extend(text.as_bytes())?;
        self.ends.push(self.num_bytes() + text.len());
        self.labels.push(class);
        Ok(())
    }

    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// Bytes of all texts so far.
    pub(crate) fn num_bytes(&self) -> usize {
        self.ends.last().copied().unwrap_or(0)
    }

    pub(crate) fn finish(self, place: Place) -> Result<Texts, DataError> {
        Ok(Texts {
            contents: self.contents.finish()?,
            ends: self.ends,
            labels: self.labels,
            place,
        })
    }
}

impl Texts {
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    fn span(&self, item: usize) -> Range<usize> {
        let start = if item == 0 { 0 } else { self.ends[item - 1] };
        start..self.ends[item]
    }

    /// One text.
    ///
    /// # Panics
    /// When `item` is not below [`Texts::len`].
    pub(crate) fn get(&self, item: usize) -> Result<Cow<'_, str>, DataError> {
        // What was written as text comes back as text.
        Ok(match self.contents.get(self.span(item))? {
            Cow::Borrowed(bytes) => String::from_utf8_lossy(bytes),
            Cow::Owned(bytes) => Cow::Owned(String::from_utf8_lossy(&bytes).into_owned()),
        })
    }

    /// All texts in their order, so many at once as a few megabytes hold.
    pub(crate) fn blocks(&self) -> impl Iterator<Item = Result<Vec<Cow<'_, str>>, DataError>> {
        let mut next = 0;
        std::iter::from_fn(move || {
            let first = next;
            let start = self.ends.get(first).map(|_| self.span(first).start)?;
            let rest = &self.ends[first..self.ends.len().min(first + BLOCK_TEXTS)];
            let fitting = rest.partition_point(|end| end - start <= BLOCK_BYTES);
            next = first + fitting.max(1);
            Some((first..next).map(|item| self.get(item)).collect())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_come_back_from_memory_and_from_disk() {
        let long = "ä".repeat(BLOCK_BYTES / 4);
        let texts = ["one", "", "z\u{fc}\n\0", &long, &long, &long, "last"];
        for memory in [0, usize::MAX] {
            let mut writer = TextsWriter::new(memory);
            for (text, class) in texts.iter().zip(0..) {
                writer.push(text, class).unwrap();
            }
            let read = writer.finish(Place::Counted("text", 1)).unwrap();
            assert_eq!(read.labels, [0, 1, 2, 3, 4, 5, 6]);
            let blocks: Vec<Vec<Cow<str>>> = read.blocks().map(Result::unwrap).collect();
            assert_eq!(blocks.iter().map(Vec::len).collect::<Vec<_>>(), [4, 2, 1]);
            assert_eq!(blocks.concat(), texts);
        }
    }
}
