//! Encoded texts: of a bag only the terms that occur, of a row its tokens.

use super::{TextEncoding, Texts};
use crate::cache::{Cache, CacheWriter};
use crate::split::Place;
use crate::workers::{map, num_workers};
use crate::{DataError, Inputs, Source, Targets};

#[derive(Debug)]
pub(super) struct Documents {
    /// Width of a bag; `None` for rows of tokens.
    width: Option<usize>,
    /// Places of terms, or tokens, of all texts one after another.
    places: Cache<i32>,
    /// Of bags, the weight of each term.
    weights: Cache<f32>,
    /// Where each text ends among them.
    ends: Vec<usize>,
    /// The class of each text, and K.
    classes: Option<(Vec<i32>, usize)>,
    place: Place,
}

impl Documents {
    pub(super) fn encode(
        encoding: &TextEncoding,
        texts: Texts,
        memory_bytes: usize,
        num_classes: Option<usize>,
    ) -> Result<Self, DataError> {
        let is_bag = matches!(encoding, TextEncoding::Bag { .. });
        let mut places = CacheWriter::new(memory_bytes / 2);
        let mut weights = CacheWriter::new(memory_bytes / 2);
        let mut ends = Vec::with_capacity(texts.len());
        let mut end = 0;
        for block in texts.blocks() {
            let encoded = map(&block?, num_workers(), |text| {
                if is_bag {
                    encoding.bag(text).into_iter().unzip()
                } else {
                    (encoding.tokens(text), Vec::new())
                }
            });
            for (of_text, weight) in encoded {
                end += of_text.len();
                ends.push(end);
                places.extend(&of_text)?;
                weights.extend(&weight)?;
            }
        }
        Ok(Self {
            width: is_bag.then(|| encoding.width()),
            places: places.finish()?,
            weights: weights.finish()?,
            ends,
            classes: num_classes.map(|num_classes| (texts.labels, num_classes)),
            place: texts.place,
        })
    }

    fn span(&self, item: usize) -> std::ops::Range<usize> {
        let start = if item == 0 { 0 } else { self.ends[item - 1] };
        start..self.ends[item]
    }
}

impl Source for Documents {
    fn len(&self) -> usize {
        self.ends.len()
    }

    fn inputs(&self, items: &[usize]) -> Result<Inputs, DataError> {
        if let Some(width) = self.width {
            let mut values = vec![0.0; items.len() * width];
            for (row, &item) in values.chunks_exact_mut(width).zip(items) {
                let places = self.places.get(self.span(item))?;
                let weights = self.weights.get(self.span(item))?;
                for (&place, &weight) in places.iter().zip(weights.iter()) {
                    if let Some(value) = usize::try_from(place).ok().and_then(|p| row.get_mut(p)) {
                        *value = weight;
                    }
                }
            }
            let shape = vec![items.len(), width];
            return Ok(Inputs::Dense { shape, values });
        }
        let lengths: Vec<usize> = items.iter().map(|&item| self.span(item).len()).collect();
        let longest = lengths.iter().copied().max().unwrap_or(0);
        let mut tokens = Vec::with_capacity(items.len() * longest);
        for (row, &item) in items.iter().enumerate() {
            tokens.extend_from_slice(&self.places.get(self.span(item))?);
            tokens.resize((row + 1) * longest, 0);
        }
        Ok(Inputs::Documents {
            shape: [items.len(), longest],
            tokens,
            lengths,
        })
    }

    fn targets(&self, items: &[usize]) -> Result<Targets, DataError> {
        Ok(match &self.classes {
            Some(_) => Targets::Classes(items.iter().map(|&item| self.class(item)).collect()),
            None => Targets::Absent,
        })
    }

    fn has_targets(&self) -> bool {
        self.classes.is_some()
    }

    fn num_classes(&self) -> Option<usize> {
        self.classes.as_ref().map(|(_, num_classes)| *num_classes)
    }

    fn class(&self, item: usize) -> i32 {
        self.classes
            .as_ref()
            .map_or(0, |(classes, _)| classes[item])
    }

    fn item_len(&self, item: usize) -> usize {
        match self.width {
            Some(_) => 1,
            None => self.span(item).len(),
        }
    }

    fn place(&self, item: usize) -> String {
        self.place.of(item)
    }
}
