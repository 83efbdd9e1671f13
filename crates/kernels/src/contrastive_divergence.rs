//! What a step of contrastive divergence computes: one layer of a restricted Boltzmann machine from
//! the other, what both do on average, and the weights that follow.
//!
//! None of it has a gradient: the rule is no descent of a loss. On a device with autodiff Burn's
//! own operations compute all but the weights.

mod learning;
mod means;
mod operation;

pub use learning::LearningStep;
pub use means::VisibleUnits;
pub use operation::{
    Pull, column_means, column_means_reference, hidden_means, hidden_means_reference, learn_pairs,
    learn_pairs_reference, mean_squared_difference, mean_squared_difference_reference,
    visible_means, visible_means_reference,
};

/// Into how many parts of its columns or rows a matrix is cut: enough for as many threads to share,
/// and few enough that each part is worth preparing the other factor for.
const PARTS: usize = 8;

#[cfg(test)]
mod tests;
