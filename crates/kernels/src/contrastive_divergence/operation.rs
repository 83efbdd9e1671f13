//! The operations over Burn's tensors.
#![allow(deprecated)] // ndarray: Fornax keeps it for as long as Burn has it.

use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Dispatch, TensorMetadata, backend_extension};
use burn::tensor::{Tensor, activation};

use super::learning::{self, LearningStep, Phase};
use super::means::{VisibleUnits, Weight, means};
use crate::host::Host;
use crate::runs_here_untracked;

/// The probability of each hidden unit to be on: `sigmoid(visible W + bias)`.
///
/// # Shapes
/// - `visible`: `[B, V]`
/// - `weight`: `[V, H]`
/// - `bias`: `[H]`
/// - returns: `[B, H]`
///
/// # Panics
/// When the shapes do not fit each other.
#[must_use]
pub fn hidden_means(visible: Tensor<2>, weight: Tensor<2>, bias: Tensor<1>) -> Tensor<2> {
    if !runs_here_untracked(&visible) {
        return hidden_means_reference(visible, weight, bias);
    }
    Tensor::from_dispatch(Dispatch::hidden_means(
        visible.into_dispatch(),
        weight.into_dispatch(),
        bias.into_dispatch(),
    ))
}

/// [`hidden_means`] in Burn's own operations.
#[must_use]
pub fn hidden_means_reference(visible: Tensor<2>, weight: Tensor<2>, bias: Tensor<1>) -> Tensor<2> {
    activation::sigmoid(visible.matmul(weight) + bias.unsqueeze())
}

/// The mean of each visible unit, from what it receives: `hidden Wᵀ + bias`.
///
/// # Shapes
/// - `hidden`: `[B, H]`
/// - `weight`: `[V, H]`
/// - `bias`: `[V]`
/// - returns: `[B, V]`
///
/// # Panics
/// When the shapes do not fit each other.
#[must_use]
pub fn visible_means(
    hidden: Tensor<2>,
    weight: Tensor<2>,
    bias: Tensor<1>,
    units: VisibleUnits,
) -> Tensor<2> {
    if !runs_here_untracked(&hidden) {
        return visible_means_reference(hidden, weight, bias, units);
    }
    Tensor::from_dispatch(Dispatch::visible_means(
        hidden.into_dispatch(),
        weight.into_dispatch(),
        bias.into_dispatch(),
        units,
    ))
}

/// [`visible_means`] in Burn's own operations.
#[must_use]
pub fn visible_means_reference(
    hidden: Tensor<2>,
    weight: Tensor<2>,
    bias: Tensor<1>,
    units: VisibleUnits,
) -> Tensor<2> {
    let received = hidden.matmul(weight.transpose()) + bias.unsqueeze(); // [B, V]
    let of_data = |data| {
        if units.gaussian {
            data
        } else {
            activation::sigmoid(data)
        }
    };
    if units.num_labels == 0 {
        return of_data(received);
    }
    let num_data = received.dims()[1] - units.num_labels;
    let labels = received.clone().narrow(1, num_data, units.num_labels);
    let labels = activation::softmax(labels, 1); // [B, K]
    Tensor::cat(vec![of_data(received.narrow(1, 0, num_data)), labels], 1)
}

/// The mean of each column: `[B, D]` to `[D]`.
#[must_use]
pub fn column_means(x: Tensor<2>) -> Tensor<1> {
    if !runs_here_untracked(&x) {
        return column_means_reference(x);
    }
    Tensor::from_dispatch(Dispatch::column_means(x.into_dispatch()))
}

/// [`column_means`] in Burn's own operations.
#[must_use]
pub fn column_means_reference(x: Tensor<2>) -> Tensor<1> {
    x.mean_dim(0).squeeze_dim(0)
}

/// The mean of `(a - b)²` over all elements, `[1]`.
///
/// # Panics
/// When the shapes are not equal.
#[must_use]
pub fn mean_squared_difference(a: Tensor<2>, b: Tensor<2>) -> Tensor<1> {
    if !runs_here_untracked(&a) {
        return mean_squared_difference_reference(a, b);
    }
    Tensor::from_dispatch(Dispatch::mean_squared_difference(
        a.into_dispatch(),
        b.into_dispatch(),
    ))
}

/// [`mean_squared_difference`] in Burn's own operations.
#[must_use]
pub fn mean_squared_difference_reference(a: Tensor<2>, b: Tensor<2>) -> Tensor<1> {
    (a - b).square().mean()
}

/// What draws the weights besides the two phases: `usual pullᵀ`.
#[derive(Debug, Clone)]
pub struct Pull {
    /// `[V]`, how much each visible unit is on.
    pub usual: Tensor<1>,
    /// `[H]`, how much more each hidden unit should be.
    pub pull: Tensor<1>,
}

/// Moves the weights towards what is on together in the positive phase and away from what is in the
/// negative: returns the weights and their velocity.
///
/// velocity ← momentum · velocity + learning rate · (⟨v hᵀ⟩₊ − ⟨v hᵀ⟩₋ + pull − weight decay · W),
/// W ← W + velocity. The means ⟨⟩ are taken over the rows, of which each phase has its own number.
///
/// A tensor that nobody else holds is changed in place.
///
/// # Shapes
/// - `weight`, `velocity`: `[V, H]`
/// - `phases`: of the positive and of the negative one, visible units `[B, V]` and hidden ones
///   `[B, H]`
///
/// # Panics
/// When the shapes do not fit each other.
#[must_use]
pub fn learn_pairs(
    weight: Tensor<2>,
    velocity: Tensor<2>,
    phases: [(Tensor<2>, Tensor<2>); 2],
    pull: Option<Pull>,
    step: LearningStep,
) -> (Tensor<2>, Tensor<2>) {
    if !runs_here_untracked(&weight) {
        return learn_pairs_reference(weight, velocity, phases, pull, step);
    }
    let device = weight.device();
    let none = || Tensor::zeros([0], &device);
    let (usual, pull) = match pull {
        Some(Pull { usual, pull }) => (usual, pull),
        None => (none(), none()),
    };
    let [positive, negative] = phases;
    let (weight, velocity) = Dispatch::learn_pairs(
        weight.into_dispatch(),
        velocity.into_dispatch(),
        positive.0.into_dispatch(),
        positive.1.into_dispatch(),
        negative.0.into_dispatch(),
        negative.1.into_dispatch(),
        usual.into_dispatch(),
        pull.into_dispatch(),
        step,
    );
    (
        Tensor::from_dispatch(weight),
        Tensor::from_dispatch(velocity),
    )
}

/// [`learn_pairs`] in Burn's own operations.
#[must_use]
pub fn learn_pairs_reference(
    weight: Tensor<2>,
    velocity: Tensor<2>,
    phases: [(Tensor<2>, Tensor<2>); 2],
    pull: Option<Pull>,
    step: LearningStep,
) -> (Tensor<2>, Tensor<2>) {
    #[allow(clippy::cast_precision_loss)] // A batch has far fewer than 2^52 rows.
    let [positive, negative] = phases.map(|(visible, hidden)| {
        let batch_size = visible.dims()[0] as f64;
        visible.transpose().matmul(hidden) / batch_size // [V, H]
    });
    let mut direction = positive - negative;
    if let Some(Pull { usual, pull }) = pull {
        let usual = usual.unsqueeze_dim::<2>(1); // [V, 1]
        direction = direction + usual * pull.unsqueeze(); // [V, H]
    }
    let direction = direction - weight.clone() * step.weight_decay;
    let velocity = velocity * step.momentum + direction * step.learning_rate;
    (weight + velocity.clone(), velocity)
}

/// The operations of the backends.
#[backend_extension(Flex: cfg(feature = "flex"), NdArray: cfg(feature = "ndarray"))]
#[allow(clippy::too_many_arguments)] // a tensor each, as the macro wants them
pub(crate) trait ContrastiveDivergence: Backend {
    /// See [`hidden_means`].
    fn hidden_means(
        visible: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
    ) -> FloatTensor<Self>;

    /// See [`visible_means`].
    fn visible_means(
        hidden: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        units: VisibleUnits,
    ) -> FloatTensor<Self>;

    /// See [`column_means`].
    fn column_means(x: FloatTensor<Self>) -> FloatTensor<Self>;

    /// See [`mean_squared_difference`].
    fn mean_squared_difference(a: FloatTensor<Self>, b: FloatTensor<Self>) -> FloatTensor<Self>;

    /// See [`learn_pairs`].
    fn learn_pairs(
        weight: FloatTensor<Self>,
        velocity: FloatTensor<Self>,
        positive_visible: FloatTensor<Self>,
        positive_hidden: FloatTensor<Self>,
        negative_visible: FloatTensor<Self>,
        negative_hidden: FloatTensor<Self>,
        usual: FloatTensor<Self>,
        pull: FloatTensor<Self>,
        step: LearningStep,
    ) -> (FloatTensor<Self>, FloatTensor<Self>);
}

impl<B: Host> ContrastiveDivergence for B {
    fn hidden_means(
        visible: FloatTensor<B>,
        weight: FloatTensor<B>,
        bias: FloatTensor<B>,
    ) -> FloatTensor<B> {
        let sizes = visible.shape().dims();
        let [num_visible, num_hidden] = weight.shape().dims();
        assert_eq!(sizes[1], num_visible, "a weight for each visible unit");
        assert_eq!(bias.shape().dims(), [num_hidden], "a bias for each unit");
        let (visible, weight) = (B::values(visible), B::values(weight));
        let (weight, bias) = (Weight::Upwards(&weight), B::values(bias));
        let means = means(&visible, sizes, weight, &bias, VisibleUnits::BINARY);
        B::tensor(means, [sizes[0], num_hidden].into())
    }

    fn visible_means(
        hidden: FloatTensor<B>,
        weight: FloatTensor<B>,
        bias: FloatTensor<B>,
        units: VisibleUnits,
    ) -> FloatTensor<B> {
        let sizes = hidden.shape().dims();
        let [num_visible, num_hidden] = weight.shape().dims();
        assert_eq!(sizes[1], num_hidden, "a weight for each hidden unit");
        assert_eq!(bias.shape().dims(), [num_visible], "a bias for each unit");
        assert!(units.num_labels <= num_visible, "labels are visible units");
        let (hidden, weight) = (B::values(hidden), B::values(weight));
        let (weight, bias) = (Weight::Downwards(&weight), B::values(bias));
        let means = means(&hidden, sizes, weight, &bias, units);
        B::tensor(means, [sizes[0], num_visible].into())
    }

    fn column_means(x: FloatTensor<B>) -> FloatTensor<B> {
        let sizes = x.shape().dims();
        let means = learning::column_means(&B::values(x), sizes);
        B::tensor(means, [sizes[1]].into())
    }

    fn mean_squared_difference(a: FloatTensor<B>, b: FloatTensor<B>) -> FloatTensor<B> {
        assert_eq!(
            a.shape(),
            b.shape(),
            "a difference is taken element by element"
        );
        let mean = learning::mean_squared_difference(&B::values(a), &B::values(b));
        B::tensor(vec![mean], [1].into())
    }

    fn learn_pairs(
        weight: FloatTensor<B>,
        velocity: FloatTensor<B>,
        positive_visible: FloatTensor<B>,
        positive_hidden: FloatTensor<B>,
        negative_visible: FloatTensor<B>,
        negative_hidden: FloatTensor<B>,
        usual: FloatTensor<B>,
        pull: FloatTensor<B>,
        step: LearningStep,
    ) -> (FloatTensor<B>, FloatTensor<B>) {
        let sizes @ [num_visible, num_hidden] = weight.shape().dims();
        assert_eq!(velocity.shape().dims(), sizes, "a velocity for each weight");
        let num_rows = |visible: &FloatTensor<B>, hidden: &FloatTensor<B>| {
            let [num_rows, width] = visible.shape().dims();
            assert_eq!(width, num_visible, "a column for each visible unit");
            let expected = [num_rows, num_hidden];
            assert_eq!(
                hidden.shape().dims(),
                expected,
                "as many rows of hidden units"
            );
            num_rows
        };
        let num_positive = num_rows(&positive_visible, &positive_hidden);
        let num_negative = num_rows(&negative_visible, &negative_hidden);
        let pulled = [usual.shape().dims::<1>(), pull.shape().dims::<1>()];
        assert!(
            pulled == [[0], [0]] || pulled == [[num_visible], [num_hidden]],
            "a pull for each unit"
        );

        let values = [
            positive_visible,
            positive_hidden,
            negative_visible,
            negative_hidden,
            usual,
            pull,
        ];
        let values = values.map(B::values);
        let [
            positive_visible,
            positive_hidden,
            negative_visible,
            negative_hidden,
            usual,
            pull,
        ] = values.each_ref().map(|values| &**values);
        let positive = Phase {
            num_rows: num_positive,
            visible: positive_visible,
            hidden: positive_hidden,
        };
        let negative = Phase {
            num_rows: num_negative,
            visible: negative_visible,
            hidden: negative_hidden,
        };
        let (mut weight, mut velocity) = (B::own(weight), B::own(velocity));
        let phases = [positive, negative];
        learning::learn(
            &mut weight,
            &mut velocity,
            sizes,
            phases,
            [usual, pull],
            step,
        );
        (B::release(weight), B::release(velocity))
    }
}
