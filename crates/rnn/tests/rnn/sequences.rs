//! Padding, carried state, and texts of different lengths.

use burn::tensor::{Int, Tensor, TensorData};
use fornax_promises::{assert_close, cross_entropy, gradients, random, seeded, without_gradient};
use fornax_rnn::RnnConfig;

use super::{CELLS, all_series, text};

#[test]
fn padding_never_changes_a_result() {
    let (device, _alone) = seeded();
    let lengths = [3, 5, 1, 5];
    let steps = random([4, 5, 3], &device);
    // The same sequences, with `padding` beyond their ends and up to `num_steps`.
    let padded = |padding: f32, num_steps: usize| {
        let rows = lengths.iter().enumerate().map(|(row, &length)| {
            let steps = steps.clone().slice([row..row + 1, 0..length]);
            let padding = Tensor::full([1, num_steps - length, 3], padding, &device);
            if length == num_steps {
                steps
            } else {
                Tensor::cat(vec![steps, padding], 1)
            }
        });
        Tensor::cat(rows.collect(), 0) // [4, num_steps, 3]
    };
    for config in all_series() {
        let rnn = config.init(&device);
        let result = |x: Tensor<3>| {
            let logits = rnn.forward(x, &lengths);
            let loss = cross_entropy(logits.clone(), Tensor::from_data([0, 1, 2, 3], &device));
            (logits.into_data(), gradients(&rnn, &loss))
        };
        let expected = result(padded(0.0, 5));
        assert_eq!(result(padded(123.0, 5)), expected);
        assert_eq!(result(padded(f32::NAN, 5)), expected);
        assert_eq!(result(padded(-1.0, 9)), expected);
        assert_eq!(result(padded(f32::INFINITY, 6)), expected);
    }
}

#[test]
fn sequence_answers_alone_as_among_others() {
    let (device, _alone) = seeded();
    let device = device.without_autodiff();
    let x = random([4, 5, 3], &device);
    let lengths = [3, 5, 1, 5];
    for config in all_series() {
        let rnn = config.init(&device);
        let together = rnn.forward(x.clone(), &lengths);
        for (row, length) in lengths.into_iter().enumerate() {
            let alone = rnn.forward(x.clone().slice([row..row + 1, 0..length]), &[length]);
            let among = together.clone().narrow(0, row, 1).into_data();
            assert_close("logits", &alone.into_data(), &among);
        }
    }
}

#[test]
fn empty_sequence_counts_as_one_step_of_zeros() {
    let (device, _alone) = seeded();
    let device = device.without_autodiff();
    for config in all_series() {
        let rnn = config.init(&device);
        let zeros = Tensor::zeros([2, 4, 3], &device);
        let result = |x: &Tensor<3>, lengths: &[usize]| rnn.forward(x.clone(), lengths).into_data();
        for (given, meant) in [([0, 3], [1, 3]), ([0, 0], [1, 1]), ([1, 0], [1, 1])] {
            assert_eq!(result(&zeros, &given), result(&zeros, &meant));
        }
        // What lies in its place is padding.
        let noise = random([1, 4, 3], &device);
        let x = Tensor::cat(vec![noise, zeros.clone().narrow(0, 1, 1)], 0);
        assert_eq!(result(&x, &[0, 3]), result(&zeros, &[1, 3]));
        assert_eq!(result(&x, &[0, 9]), result(&zeros, &[1, 4]));
        assert_eq!(result(&x, &[0, 0]), result(&zeros, &[1, 1]));
    }
}

#[test]
fn carried_state_equals_one_long_pass() {
    let (device, _alone) = seeded();
    for cell in CELLS {
        let rnn = text(cell).init(&device);
        let tokens = Tensor::<1, Int>::arange(0..24, &device).reshape([2, 12]) % 7;
        let (logits, last) = rnn.forward_tokens(tokens.clone(), None);

        let mut state = None;
        let mut pieces = Vec::new();
        for (start, length) in [(0, 5), (5, 1), (6, 6)] {
            let piece = tokens.clone().narrow(1, start, length);
            let (logits, after) = rnn.forward_tokens(piece, state);
            pieces.push(logits);
            state = Some(after);
        }
        let carried = state.unwrap();
        let in_pieces = Tensor::cat(pieces, 1).into_data();
        assert_close("logits", &in_pieces, &logits.into_data());
        for (carried, last) in carried.layers.iter().zip(&last.layers) {
            assert_eq!(carried.hidden.to_data(), last.hidden.to_data());
        }
    }
}

#[test]
fn gradients_end_at_the_carried_state() {
    let (device, _alone) = seeded();
    for cell in CELLS {
        let rnn = text(cell).init(&device);
        let piece = || Tensor::<2, Int>::ones([1, 3], &device);
        let (first, state) = rnn.forward_tokens(piece(), None);
        let _gradients = first.sum().backward();
        // A second pass back through the first piece would panic.
        let (second, _) = rnn.forward_tokens(piece(), Some(state));
        let _gradients = second.sum().backward();
    }
}

#[test]
fn documents_are_answered_whole_and_what_follows_their_end_is_never_looked_at() {
    let (device, _alone) = seeded();
    for cell in CELLS {
        let config = text(cell).with_bidirectional(true).with_read_out(true);
        let config = RnnConfig {
            d_output: 3,
            ..config
        };
        config.validate().expect("a network that reads a text out");
        let rnn = config.init(&device);
        let tokens = |padding: i32| {
            let ids = [1, 2, 3, 4, 5, 6, padding, padding];
            Tensor::<2, Int>::from_data(TensorData::new(ids.to_vec(), [2, 4]), &device)
        };
        let answer = |padding| rnn.forward_documents(tokens(padding), &[4, 2]).into_data();
        assert_eq!(answer(0).shape().to_vec(), [2, 3]);
        assert_eq!(answer(0), answer(6));
        let features = rnn.features_documents(tokens(0), &[4, 2]);
        assert_eq!(features.len(), 3);
        let logits = rnn.forward_documents(tokens(0), &[4, 2]);
        let loss = cross_entropy(logits, Tensor::from_data([0, 2], &device));
        assert_eq!(without_gradient(&rnn, &loss), [""; 0]);
    }
}

#[test]
fn tokens_that_come_again_and_again_are_read_like_steps_of_their_own() {
    let (device, _alone) = seeded();
    let ids: Vec<i32> = (0..30).map(|at| (at * at + at / 4) % 7).collect();
    let tokens = Tensor::<2, Int>::from_data(TensorData::new(ids, [5, 6]), &device);
    let targets = || Tensor::from_data([0, 1, 2, 3, 4], &device);
    for cell in CELLS {
        let config = text(cell).with_bidirectional(true).with_read_out(true);
        let rnn = config.init(&device);
        for lengths in [[6, 3, 0, 6, 1], [2, 6, 6, 4, 6], [0; 5]] {
            let result = |logits: Tensor<2>| {
                let loss = cross_entropy(logits.clone(), targets());
                (logits.into_data(), gradients(&rnn, &loss))
            };
            let (logits, of_weights) = result(rnn.forward_documents(tokens.clone(), &lengths));
            let embedded = rnn.embed(tokens.clone());
            let (expected, of_same) = result(rnn.forward_embedded(embedded, &lengths));
            assert_close("logits", &logits, &expected);
            assert_eq!(of_weights.len(), of_same.len());
            for ((name, gradient), (_, expected)) in of_weights.into_iter().zip(of_same) {
                let [gradient, expected] = [gradient, expected].map(|values| {
                    let shape = [values.len()];
                    TensorData::new(values, shape)
                });
                assert_close(&name, &gradient, &expected);
            }
        }
    }
}
