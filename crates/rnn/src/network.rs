//! The recurrent network: layers of cells, and the read-out of their states.

use burn::module::Module;
use burn::nn::{Dropout, Embedding, Linear};
use burn::tensor::{Int, Tensor};
use fornax_layers::{Feature, Tap, dropout, linear};

use crate::State;
use crate::layer::{Layer, Outputs};
use crate::lengths::Lengths;
use crate::sequence::Sequence;

/// A recurrent network, over sequences of features or of tokens.
#[derive(Module, Debug)]
pub struct Rnn {
    pub(crate) embedding: Option<Embedding>,
    pub(crate) layers: Vec<Layer>,
    /// After each layer, on what it hands on, never on its state (Zaremba et al. 2014,
    /// <https://arxiv.org/abs/1409.2329>).
    pub(crate) dropout: Dropout,
    pub(crate) head: Linear,
}

/// Sequences that are answered as a whole.
enum Batch {
    /// `[B, T, D]`
    Features(Tensor<3>),
    /// `[B, T]`
    Tokens(Tensor<2, Int>),
}

impl Batch {
    /// B and T
    fn dims(&self) -> [usize; 2] {
        match self {
            Self::Features(x) => {
                let [batch_size, num_steps, _] = x.dims();
                [batch_size, num_steps]
            }
            Self::Tokens(tokens) => tokens.dims(),
        }
    }
}

impl Rnn {
    /// Answers each sequence with its last state; a bidirectional network adds the first state of
    /// the way back.
    ///
    /// # Shapes
    /// - `x`: `[B, T, D]`; what lies beyond a sequence's length is never looked at
    /// - `lengths`: steps of each sequence, B numbers; 0 counts as one step of zeros, and what is
    ///   above T as T
    /// - returns: `[B, K]`, logits or forecasts
    ///
    /// # Panics
    /// When B or T is 0, when `lengths` are not B, and in a network of tokens.
    #[must_use]
    pub fn forward(&self, x: Tensor<3>, lengths: &[usize]) -> Tensor<2> {
        self.check_features();
        self.forward_embedded(x, lengths)
    }

    fn check_features(&self) {
        assert!(
            self.embedding.is_none(),
            "a network of tokens takes them in `forward_tokens` or `forward_documents`"
        );
    }

    /// Answers each sequence of tokens with its last state, as [`Rnn::forward`] does for features.
    ///
    /// # Shapes
    /// - `tokens`: `[B, T]`, ids below V; what lies beyond a sequence's length is never looked at
    /// - `lengths`: tokens of each sequence, B numbers
    /// - returns: `[B, K]`, logits
    ///
    /// # Panics
    /// When B or T is 0, an id is not below V, and in a network without tokens.
    #[must_use]
    pub fn forward_documents(&self, tokens: Tensor<2, Int>, lengths: &[usize]) -> Tensor<2> {
        self.read(Batch::Tokens(tokens), lengths, |_, _, _| {})
    }

    /// [`Rnn::forward_documents`], showing `tap` the features of `layer1`, `layer2`, .., `logits`.
    pub fn forward_documents_tap(
        &self,
        tokens: Tensor<2, Int>,
        lengths: &[usize],
        tap: &mut impl Tap,
    ) -> Tensor<2> {
        self.read_tap(Batch::Tokens(tokens), lengths, tap)
    }

    /// The features of every layer in order, last the logits, for sequences of tokens that are
    /// answered as a whole.
    #[must_use]
    pub fn features_documents(&self, tokens: Tensor<2, Int>, lengths: &[usize]) -> Vec<Feature> {
        let mut features = Vec::new();
        self.forward_documents_tap(tokens, lengths, &mut features);
        features
    }

    /// [`Rnn::forward_documents`] from what [`Rnn::embed`] gave, or from something between.
    ///
    /// # Shapes
    /// - `embedded`: `[B, T, E]`
    /// - `lengths`: tokens of each sequence, B numbers
    /// - returns: `[B, K]`, logits
    ///
    /// # Panics
    /// When B or T is 0.
    #[must_use]
    pub fn forward_embedded(&self, embedded: Tensor<3>, lengths: &[usize]) -> Tensor<2> {
        self.read(Batch::Features(embedded), lengths, |_, _, _| {})
    }

    /// What each token stands for, where an answer is to be explained by it.
    ///
    /// # Shapes
    /// - `tokens`: `[B, T]`, ids below V
    /// - returns: `[B, T, E]`
    ///
    /// # Panics
    /// When an id is not below V, and in a network without tokens.
    #[must_use]
    pub fn embed(&self, tokens: Tensor<2, Int>) -> Tensor<3> {
        self.table().forward(tokens) // [B, T, E]
    }

    /// # Panics
    /// In a network without tokens.
    fn table(&self) -> &Embedding {
        let embedding = self.embedding.as_ref();
        embedding.expect("a network without tokens takes steps in `forward`")
    }

    /// [`Rnn::forward`], showing `tap` the features of `layer1`, `layer2`, .., `logits`.
    ///
    /// Those of the layers are `[B, T, H]`, twice as wide where the network is bidirectional, and
    /// zero beyond a sequence's length.
    pub fn forward_tap(&self, x: Tensor<3>, lengths: &[usize], tap: &mut impl Tap) -> Tensor<2> {
        self.check_features();
        self.read_tap(Batch::Features(x), lengths, tap)
    }

    fn read_tap(&self, batch: Batch, lengths: &[usize], tap: &mut impl Tap) -> Tensor<2> {
        let [_, num_steps] = batch.dims();
        let logits = self.read(batch, lengths, |number, outputs, lengths| {
            let features = lengths.clear_padding(outputs.join().stack(), num_steps); // [B, T, H]
            tap.tap(format_args!("layer{number}"), &features);
        });
        tap.tap("logits", &logits);
        logits
    }

    /// The features of every layer in order, last the logits.
    #[must_use]
    pub fn features(&self, x: Tensor<3>, lengths: &[usize]) -> Vec<Feature> {
        let mut features = Vec::new();
        self.forward_tap(x, lengths, &mut features);
        features
    }

    /// Scores, after each token, every token that may come next.
    ///
    /// Feeding the state into the next call continues the sequence. Gradients end at the state.
    ///
    /// # Shapes
    /// - `tokens`: `[B, T]`, ids below V
    /// - `state`: of B sequences, from an earlier call; none starts anew
    /// - returns: `[B, T, V]`, logits, and the state after the last token
    ///
    /// # Panics
    /// When B or T is 0, an id is not below V, the state is of other sizes, and in a network
    /// without tokens.
    #[must_use]
    pub fn forward_tokens(
        &self,
        tokens: Tensor<2, Int>,
        state: Option<State>,
    ) -> (Tensor<3>, State) {
        self.predict(tokens, state, |_, _| {})
    }

    /// [`Rnn::forward_tokens`], showing `tap` the features of `layer1`, `layer2`, .., `logits`.
    pub fn forward_tokens_tap(
        &self,
        tokens: Tensor<2, Int>,
        state: Option<State>,
        tap: &mut impl Tap,
    ) -> (Tensor<3>, State) {
        let (logits, state) = self.predict(tokens, state, |number, outputs| {
            tap.tap(format_args!("layer{number}"), &outputs.stack()); // [B, T, H]
        });
        tap.tap("logits", &logits);
        (logits, state)
    }

    /// The features of every layer in order, last the logits, for sequences of tokens.
    #[must_use]
    pub fn features_tokens(&self, tokens: Tensor<2, Int>) -> Vec<Feature> {
        let mut features = Vec::new();
        let _logits = self.forward_tokens_tap(tokens, None, &mut features);
        features
    }

    /// `show` sees each layer's number from 1 on, its outputs, and the lengths of the sequences.
    fn read(
        &self,
        batch: Batch,
        lengths: &[usize],
        mut show: impl FnMut(usize, &Outputs, &Lengths),
    ) -> Tensor<2> {
        let [batch_size, num_steps] = batch.dims();
        assert_eq!(
            lengths.len(),
            batch_size,
            "every sequence of a batch has a length"
        );

        let device = match &batch {
            Batch::Features(x) => x.device(),
            Batch::Tokens(_) => self.table().weight.val().device(),
        };
        let lengths = Lengths::new(lengths, num_steps, &device);
        // Beyond the longest sequence there is nothing to read.
        let num_steps = lengths.longest();
        let inputs = match batch {
            Batch::Features(x) => {
                let x = x.narrow(1, 0, num_steps); // [B, longest, D]
                Sequence::from_batch(lengths.clear_padding(x, num_steps))
            }
            Batch::Tokens(tokens) => {
                let tokens = tokens.narrow(1, 0, num_steps); // [B, longest]
                Sequence::embed(self.table(), tokens, Some(&lengths))
            }
        };

        let mut outputs = Outputs::from(inputs);
        for (index, layer) in self.layers.iter().enumerate() {
            let inputs = self.hand_on(index, outputs.join());
            outputs = layer.forward(&inputs, &lengths);
            show(index + 1, &outputs, &lengths);
        }
        let ends = outputs.ends(&lengths); // [B, H] or [B, 2H]
        linear(&self.head, dropout(&self.dropout, ends), None) // [B, K]
    }

    /// `show` sees each layer's number from 1 on, and its outputs.
    fn predict(
        &self,
        tokens: Tensor<2, Int>,
        state: Option<State>,
        mut show: impl FnMut(usize, &Sequence),
    ) -> (Tensor<3>, State) {
        let mut before = state.into_iter().flat_map(|state| state.layers);
        let mut after = Vec::with_capacity(self.layers.len());

        let mut outputs = Sequence::embed(self.table(), tokens, None);
        for (index, layer) in self.layers.iter().enumerate() {
            let inputs = self.hand_on(index, outputs);
            let state;
            (outputs, state) = layer.carry_on(&inputs, before.next());
            after.push(state.detach());
            show(index + 1, &outputs);
        }
        let outputs = dropout(&self.dropout, outputs.stack()); // [B, T, H]
        let [batch_size, num_steps, _] = outputs.dims();
        let logits = linear(&self.head, outputs.flatten(0, 1), None); // [B * T, V]
        let vocab_size = logits.dims()[1];
        let logits = logits.reshape([batch_size, num_steps, vocab_size]); // [B, T, V]
        (logits, State { layers: after })
    }

    /// What layer `index` gets of the outputs below it; the lowest gets the inputs as they are.
    fn hand_on(&self, index: usize, outputs: Sequence) -> Sequence {
        if index == 0 {
            return outputs;
        }
        outputs.map(|step| dropout(&self.dropout, step))
    }
}
