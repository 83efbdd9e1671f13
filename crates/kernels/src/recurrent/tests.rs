//! Both ways against a reference in f64, one number after the other.

use super::*;

const CELLS: [Cell; 3] = [Cell::Elman, Cell::Lstm, Cell::Gru];

/// As [`Direction`], but it owns the lengths.
#[derive(Debug, Clone)]
enum Way {
    Forward,
    Backward(Option<Vec<usize>>),
}

/// A layer with all it reads, and the gradients that reach what it makes.
#[derive(Clone)]
struct Case {
    cell: Cell,
    /// `[T, B, D, H]`
    sizes: [usize; 4],
    way: Way,
    /// x, the four weights, the initial state and cell.
    inputs: [Vec<f32>; 7],
    /// Of all states, of the last, of the last cell.
    upstream: [Vec<f32>; 3],
}

impl Case {
    fn new(cell: Cell, sizes: [usize; 4], way: Way) -> Self {
        let [num_steps, batch_size, d_input, d_hidden] = sizes;
        let (d_gates, state) = (cell.num_gates() * d_hidden, batch_size * d_hidden);
        let state_cell = if cell == Cell::Lstm { state } else { 0 };
        let hidden_bias = if cell == Cell::Gru { d_hidden } else { 0 };
        let mut seed = 1_u32;
        let mut values = |length: usize, scale: f32| -> Vec<f32> {
            let next = |_| {
                seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let high = u16::try_from(seed >> 16).expect("16 bits are left");
                (f32::from(high) / 32_768.0 - 1.0) * scale
            };
            (0..length).map(next).collect()
        };
        Self {
            cell,
            sizes,
            way,
            inputs: [
                values(num_steps * batch_size * d_input, 1.0),
                values(d_input * d_gates, 1.0),
                values(d_hidden * d_gates, 0.7),
                values(d_gates, 0.5),
                values(hidden_bias, 0.5),
                values(state, 1.0),
                values(state_cell, 1.0),
            ],
            upstream: [
                values(num_steps * state, 1.0),
                values(state, 1.0),
                values(state_cell, 1.0),
            ],
        }
    }

    /// Every cell, way and length, with sizes of one, odd ones, and more rows than walk together.
    fn all() -> impl Iterator<Item = Self> {
        let sizes = [[1, 1, 1, 1], [3, 2, 1, 5], [4, 17, 3, 2], [5, 3, 2, 19]];
        let each = |sizes: [usize; 4]| {
            let lengths = (0..sizes[1])
                .map(|row| (row * 2) % (sizes[0] + 1))
                .collect();
            let ways = [
                Way::Forward,
                Way::Backward(None),
                Way::Backward(Some(lengths)),
            ];
            ways.map(|way| CELLS.map(|cell| Self::new(cell, sizes, way.clone())))
        };
        sizes.into_iter().flat_map(each).flatten()
    }

    fn layer(&self) -> Layer<'_> {
        let [num_steps, batch_size, d_input, d_hidden] = self.sizes;
        Layer {
            cell: self.cell,
            direction: match &self.way {
                Way::Forward => Direction::Forward,
                Way::Backward(lengths) => Direction::Backward(lengths.as_deref()),
            },
            num_steps,
            batch_size,
            d_input,
            d_hidden,
            input_weight: &self.inputs[1],
            hidden_weight: &self.inputs[2],
            bias: &self.inputs[3],
            hidden_bias: &self.inputs[4],
        }
    }

    fn initial(&self) -> Initial<'_> {
        Initial {
            hidden: &self.inputs[5],
            cell: &self.inputs[6],
        }
    }

    /// Each step reads a row of its own.
    fn rows(&self) -> InputRows<'_> {
        let [num_steps, batch_size, ..] = self.sizes;
        InputRows {
            features: &self.inputs[0],
            num_rows: num_steps * batch_size,
            places: None,
        }
    }

    /// Rows that steps may share, the last of which nobody reads, and the one that each step reads; the rows
    /// of their own become the same.
    fn share_rows(&mut self) -> (Vec<f32>, Vec<usize>) {
        let [num_steps, batch_size, d_input, _] = self.sizes;
        let num_rows = num_steps.min(3) + 1;
        let places: Vec<_> = (0..num_steps * batch_size)
            .map(|step| (step * step + step / 3) % (num_rows - 1))
            .collect();
        let features: Vec<_> = (0..)
            .zip(self.inputs[0][..d_input].repeat(num_rows))
            .map(|(at, x): (u8, f32)| x + f32::from(at) / 8.0)
            .collect();
        let rows: Vec<_> = features.chunks_exact(d_input).collect();
        self.inputs[0] = places.iter().flat_map(|&row| rows[row]).copied().collect();
        (features, places)
    }

    fn shared_rows<'a>(&self, features: &'a [f32], places: &'a [usize]) -> InputRows<'a> {
        InputRows {
            features,
            num_rows: features.len() / self.sizes[2],
            places: Some(places),
        }
    }

    fn forward(&self, keep_tape: bool) -> Forward {
        self.forward_from(self.rows(), keep_tape)
    }

    fn forward_from(&self, rows: InputRows, keep_tape: bool) -> Forward {
        forward(&self.layer(), rows, self.initial(), keep_tape)
    }

    /// In the order of `inputs`.
    fn backward(&self) -> [Vec<f32>; 7] {
        self.backward_from(self.rows())
    }

    fn backward_from(&self, rows: InputRows) -> [Vec<f32>; 7] {
        let Forward { hiddens, tape, .. } = self.forward_from(rows, true);
        let upstream = Upstream {
            hiddens: &self.upstream[0],
            hidden: Some(&self.upstream[1]),
            cell: Some(&self.upstream[2]),
        };
        let tape = tape.expect("it was asked for");
        let (layer, initial) = (self.layer(), self.initial());
        let gradients = backward(&layer, rows, initial, &hiddens, tape, upstream, true);
        [
            gradients.x.expect("it was asked for"),
            gradients.input_weight,
            gradients.hidden_weight,
            gradients.bias,
            gradients.hidden_bias,
            gradients.initial_hidden,
            gradients.initial_cell,
        ]
    }

    /// The same, one number after the other and in f64: all states, the last, the last cell.
    fn reference(&self, inputs: &[Vec<f64>; 7]) -> [Vec<f64>; 3] {
        let [num_steps, batch_size, d_input, d_hidden] = self.sizes;
        let [
            x,
            input_weight,
            hidden_weight,
            bias,
            hidden_bias,
            hidden,
            cell,
        ] = inputs;
        let (mut hidden, mut cell) = (hidden.clone(), cell.clone());
        let mut hiddens = vec![0.0; num_steps * batch_size * d_hidden];
        let d_gates = self.cell.num_gates() * d_hidden;
        let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
        for n in 0..num_steps {
            let t = if matches!(self.way, Way::Backward(_)) {
                num_steps - 1 - n
            } else {
                n
            };
            for row in 0..batch_size {
                let x = &x[(t * batch_size + row) * d_input..][..d_input];
                let before = hidden[row * d_hidden..][..d_hidden].to_vec();
                let product = |values: &[f64], weight: &[f64], column: usize| -> f64 {
                    let weights = weight[column..].iter().step_by(d_gates);
                    values
                        .iter()
                        .zip(weights)
                        .map(|(value, weight)| value * weight)
                        .sum()
                };
                let from_x = |column| bias[column] + product(x, input_weight, column);
                let from_state = |column| product(&before, hidden_weight, column);
                for unit in 0..d_hidden {
                    let column = |gate: usize| gate * d_hidden + unit;
                    let sum = |gate| from_x(column(gate)) + from_state(column(gate));
                    let at = row * d_hidden + unit;
                    hidden[at] = match self.cell {
                        Cell::Elman => sum(0).tanh(),
                        Cell::Lstm => {
                            let kept = sigmoid(sum(1)) * cell[at];
                            cell[at] = kept + sigmoid(sum(0)) * sum(2).tanh();
                            sigmoid(sum(3)) * cell[at].tanh()
                        }
                        Cell::Gru => {
                            let recurrent = hidden_bias[unit] + from_state(column(2));
                            let candidate = from_x(column(2)) + sigmoid(sum(0)) * recurrent;
                            let update = sigmoid(sum(1));
                            (1.0 - update) * candidate.tanh() + update * before[unit]
                        }
                    };
                }
                if let Way::Backward(Some(lengths)) = &self.way
                    && t >= lengths[row].max(1)
                {
                    hidden[row * d_hidden..][..d_hidden].fill(0.0);
                    if self.cell == Cell::Lstm {
                        cell[row * d_hidden..][..d_hidden].fill(0.0);
                    }
                }
            }
            hiddens[t * hidden.len()..][..hidden.len()].copy_from_slice(&hidden);
        }
        [hiddens, hidden, cell]
    }

    /// The gradients of `inputs` by central differences of the reference.
    fn reference_gradients(&self) -> [Vec<f64>; 7] {
        const STEP: f64 = 1e-5;
        let mut inputs = self.inputs.clone().map(|values| to_f64(&values));
        let loss = |inputs: &[Vec<f64>; 7]| -> f64 {
            let outputs = self.reference(inputs).concat();
            let upstream = self.upstream.concat();
            outputs
                .iter()
                .zip(upstream)
                .map(|(y, d)| y * f64::from(d))
                .sum()
        };
        let mut gradients = inputs.clone();
        for (index, gradients) in gradients.iter_mut().enumerate() {
            for (at, gradient) in gradients.iter_mut().enumerate() {
                let value = inputs[index][at];
                let [below, above] = [-STEP, STEP].map(|step| {
                    inputs[index][at] = value + step;
                    loss(&inputs)
                });
                inputs[index][at] = value;
                *gradient = (above - below) / (2.0 * STEP);
            }
        }
        gradients
    }
}

fn to_f64(values: &[f32]) -> Vec<f64> {
    values.iter().copied().map(f64::from).collect()
}

#[track_caller]
fn assert_close(actual: &[f32], expected: &[f64], tolerance: f64, what: &str) {
    assert_eq!(actual.len(), expected.len(), "{what}");
    for (&actual, &expected) in actual.iter().zip(expected) {
        let error = (f64::from(actual) - expected).abs();
        let allowed = tolerance * expected.abs().max(1.0);
        assert!(error < allowed, "{what}: {actual} is not {expected}");
    }
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

#[test]
fn states_match_a_reference_in_f64() {
    for case in Case::all() {
        let what = format!("{:?} {:?} {:?}", case.cell, case.sizes, case.way);
        let [hiddens, hidden, cell] = case.reference(&case.inputs.clone().map(|v| to_f64(&v)));
        for keep_tape in [false, true] {
            let actual = case.forward(keep_tape);
            assert_eq!(actual.tape.is_some(), keep_tape);
            assert_close(&actual.hiddens, &hiddens, 1e-6, &what);
            assert_close(&actual.hidden, &hidden, 1e-6, &what);
            assert_close(&actual.cell, &cell, 1e-6, &what);
        }
    }
}

#[test]
fn gradients_match_differences_of_the_reference() {
    let names = [
        "x",
        "input weight",
        "hidden weight",
        "bias",
        "hidden bias",
        "state",
        "cell",
    ];
    for case in Case::all() {
        let gradients = case.backward().into_iter().zip(case.reference_gradients());
        for ((actual, expected), name) in gradients.zip(names) {
            let what = format!("{:?} {:?} {:?} {name}", case.cell, case.sizes, case.way);
            assert_close(&actual, &expected, 1e-5, &what);
        }
    }
}

/// As though each step had a row of its own, and the gradient of a row is the sum of theirs.
#[test]
fn steps_that_share_rows_read_the_same() {
    for mut case in Case::all() {
        let (features, places) = case.share_rows();
        let shared = case.shared_rows(&features, &places);
        let what = format!("{:?} {:?} {:?}", case.cell, case.sizes, case.way);
        let hiddens = case.forward_from(shared, false).hiddens;
        assert_close(&hiddens, &to_f64(&case.forward(false).hiddens), 1e-6, &what);

        let mut expected = case.backward();
        let mut d_rows = vec![0.0; features.len()];
        let d_input = case.sizes[2];
        for (d_x, &row) in expected[0].chunks_exact(d_input).zip(&places) {
            for (sum, d_x) in d_rows[row * d_input..].iter_mut().zip(d_x) {
                *sum += d_x;
            }
        }
        expected[0] = d_rows;
        for (actual, expected) in case.backward_from(shared).iter().zip(&expected) {
            assert_close(actual, &to_f64(expected), 1e-5, &what);
        }
    }
}

#[test]
fn what_is_not_asked_for_changes_nothing_else() {
    for cell in CELLS {
        let mut case = Case::new(cell, [3, 5, 4, 6], Way::Forward);
        case.upstream[1].fill(0.0);
        case.upstream[2].fill(0.0);
        let expected = case.backward();
        let Forward { hiddens, tape, .. } = case.forward(true);
        let upstream = Upstream {
            hiddens: &case.upstream[0],
            hidden: None,
            cell: None,
        };
        let tape = tape.expect("it was asked for");
        let (layer, initial) = (case.layer(), case.initial());
        let actual = backward(
            &layer,
            case.rows(),
            initial,
            &hiddens,
            tape,
            upstream,
            false,
        );
        assert!(actual.x.is_none());
        assert_eq!(actual.input_weight, expected[1]);
        assert_eq!(actual.initial_hidden, expected[5]);
    }
}

#[test]
fn bits_do_not_depend_on_the_number_of_threads() {
    for cell in CELLS {
        let lengths = (0..50).map(|row| row % 6).collect();
        let mut case = Case::new(cell, [5, 50, 9, 67], Way::Backward(Some(lengths)));
        let (features, places) = case.share_rows();
        for rows in [case.rows(), case.shared_rows(&features, &places)] {
            let results = [1, 2, 3].map(|num_threads| {
                let pool = rayon::ThreadPoolBuilder::new()
                    .num_threads(num_threads)
                    .build();
                pool.expect("threads can be had").install(|| {
                    let gradients = case.backward_from(rows).map(|values| bits(&values));
                    (bits(&case.forward_from(rows, false).hiddens), gradients)
                })
            });
            assert!(
                results[0] == results[1] && results[1] == results[2],
                "{cell:?}"
            );
        }
    }
}

#[test]
fn gradients_that_fade_through_time_end_at_zero_and_are_never_subnormal() {
    for cell in CELLS {
        let mut case = Case::new(cell, [400, 3, 2, 5], Way::Forward);
        for weight in &mut case.inputs[2] {
            *weight *= 0.1;
        }
        case.upstream[0].fill(0.0);
        let [d_x, ..] = case.backward();
        assert!(!d_x.iter().any(|d_x| d_x.is_subnormal()), "{cell:?}");
        let has_faded = |step: &[f32]| step.iter().all(|&d_x| d_x == 0.0);
        let mut steps = d_x.chunks(3 * 2);
        assert!(steps.next().is_some_and(has_faded), "{cell:?}");
        assert!(!steps.next_back().is_some_and(has_faded), "{cell:?}");
    }
}

#[test]
fn a_nan_stays_in_its_sequence_and_in_its_padding() {
    for cell in CELLS {
        let [num_steps, batch_size, d_input, d_hidden] = [4, 20, 3, 5];
        let mut case = Case::new(
            cell,
            [num_steps, batch_size, d_input, d_hidden],
            Way::Forward,
        );
        let (t, row) = (2, 18);
        case.inputs[0][(t * batch_size + row) * d_input] = f32::NAN;
        let is_nan = |case: &Case| -> Vec<bool> {
            let hiddens = case.forward(true).hiddens;
            hiddens
                .chunks(d_hidden)
                .map(|state| state.iter().any(|h| h.is_nan()))
                .collect()
        };
        let nan_at = |first: usize, last: usize| -> Vec<bool> {
            let places = (0..num_steps * batch_size).map(|at| (at / batch_size, at % batch_size));
            places
                .map(|(t, b)| b == row && (first..=last).contains(&t))
                .collect()
        };
        assert_eq!(is_nan(&case), nan_at(t, num_steps - 1));
        case.way = Way::Backward(None);
        assert_eq!(is_nan(&case), nan_at(0, t));
        case.way = Way::Backward(Some(vec![t; batch_size]));
        assert!(!is_nan(&case).contains(&true), "{cell:?}");
    }
}

#[test]
fn an_infinite_input_saturates_the_gates() {
    for cell in CELLS {
        let mut case = Case::new(cell, [3, 2, 1, 5], Way::Forward);
        case.inputs[0].fill(f32::INFINITY);
        let hiddens = case.forward(false).hiddens;
        assert!(
            hiddens.iter().all(|hidden| hidden.abs() <= 1.0),
            "{cell:?}: {hiddens:?}"
        );
    }
}
