//! The gates of a cell lie one behind another: in a row of their sums as in their biases.

/// The parts of `row`, one for each of `N` gates of `d_hidden` units.
pub(super) fn each<const N: usize>(row: &[f32], d_hidden: usize) -> [&[f32]; N] {
    std::array::from_fn(|gate| &row[gate * d_hidden..][..d_hidden])
}

/// As [`each`], to be written to.
pub(super) fn each_mut<const N: usize>(row: &mut [f32], d_hidden: usize) -> [&mut [f32]; N] {
    let mut parts = row.chunks_exact_mut(d_hidden);
    std::array::from_fn(|_| parts.next().expect("a row holds every gate"))
}
