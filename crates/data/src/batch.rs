//! A batch: plain arrays, from which the trainer makes tensors.

/// Some items of a split, ready to become tensors.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    /// What the network sees.
    pub inputs: Inputs,
    /// What it has to say.
    pub targets: Targets,
    /// Which items were blended, where [`crate::AugmentConfig::mixup`] did that to items with classes.
    pub blend: Option<Blend>,
}

/// How the items of a batch were blended with each other.
#[derive(Debug, Clone, PartialEq)]
pub struct Blend {
    /// What each item shows of itself, in `[0.5, 1]`; the rest is its partner's.
    pub share: f32,
    /// The place of each item's partner in the batch, `[B]`.
    pub partners: Vec<usize>,
}

impl Batch {
    /// Number of items.
    #[must_use]
    pub fn len(&self) -> usize {
        match &self.inputs {
            Inputs::Dense { shape, .. } => shape.first().copied().unwrap_or(0),
            Inputs::Sequences { shape, .. } => shape[0],
            Inputs::Tokens { shape, .. } | Inputs::Documents { shape, .. } => shape[0],
        }
    }

    /// Whether the batch holds nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The inputs of a batch, values in row-major order.
#[derive(Debug, Clone, PartialEq)]
pub enum Inputs {
    /// Vectors or images.
    Dense {
        /// `[B, D]` or `[B, C, H, W]`
        shape: Vec<usize>,
        /// Scaled values.
        values: Vec<f32>,
    },
    /// Sequences of vectors, zero after their end.
    Sequences {
        /// `[B, T, D]`, where T is the length of the longest sequence of the batch
        shape: [usize; 3],
        /// Scaled values.
        values: Vec<f32>,
        /// Valid steps of each sequence, from 1 to T.
        lengths: Vec<usize>,
    },
    /// Characters as numbers.
    Tokens {
        /// `[B, T]`
        shape: [usize; 2],
        /// Places in the vocabulary.
        tokens: Vec<i32>,
    },
    /// Texts to classify as rows of tokens, 0 after their end.
    Documents {
        /// `[B, T]`, where T is the length of the longest text of the batch
        shape: [usize; 2],
        /// Places in the vocabulary.
        tokens: Vec<i32>,
        /// Valid tokens of each text, from 1 to T.
        lengths: Vec<usize>,
    },
}

/// The targets of a batch, in the order of its items.
#[derive(Debug, Clone, PartialEq)]
pub enum Targets {
    /// The class of each item, `[B]`.
    Classes(Vec<i32>),
    /// Scaled numbers, `[B, width]`.
    Values {
        /// Numbers an item: 1 for a regression, the horizon for a forecast.
        width: usize,
        /// Scaled values.
        values: Vec<f32>,
    },
    /// The next character at each place, `[B, T]`.
    Tokens(Vec<i32>),
    /// New items of which nobody knows the answer.
    Absent,
}
