//! Going on with a sequence of tokens.

use burn::module::Module;
use burn::tensor::{Device, Int, Tensor, TensorData};
use rand::Rng;

use crate::{Rnn, Sampling, State};

impl Rnn {
    /// Reads `prompt`, then draws one token after the other, without end.
    ///
    /// An empty prompt counts as the token 0. The tokens end only where the network gives no
    /// scores any more, as one that diverged does.
    ///
    /// # Panics
    /// When a token of the prompt is not below V, and in a network without tokens.
    pub fn generate<'a, R: Rng>(
        &self,
        prompt: &[usize],
        sampling: Sampling,
        rng: &'a mut R,
    ) -> impl Iterator<Item = usize> + use<'a, R> {
        let rnn = self.valid();
        let device = rnn.head.weight.device();
        let mut unread = if prompt.is_empty() {
            vec![0]
        } else {
            prompt.to_vec()
        };
        let mut state = None;
        std::iter::from_fn(move || {
            let (logits, after) = rnn.next_logits(&unread, state.take(), &device)?;
            let token = sampling.sample(&logits, rng)?;
            state = Some(after);
            unread = vec![token];
            Some(token)
        })
    }

    /// V logits after the last of the tokens; none where the device fails.
    fn next_logits(
        &self,
        tokens: &[usize],
        state: Option<State>,
        device: &Device,
    ) -> Option<(Vec<f32>, State)> {
        let ids: Vec<i64> = tokens
            .iter()
            .map(|&token| i64::try_from(token).ok())
            .collect::<Option<_>>()?;
        let ids = Tensor::<2, Int>::from_data(TensorData::new(ids, [1, tokens.len()]), device);
        let (logits, state) = self.forward_tokens(ids, state); // [1, T, V]
        let last = logits.narrow(1, tokens.len() - 1, 1); // [1, 1, V]
        Some((last.try_into_data().ok()?.iter().collect(), state))
    }
}
