//! Room for large results.
#![allow(unsafe_code)]

use rayon::prelude::*;

/// Elements that one thread has written before others take a part of them.
const ALONE: usize = 1 << 17;

/// As many zeros, large ones written by all threads: memory that is used again holds other numbers, memory that
/// is new comes page by page, and one thread would see to either while the rest wait.
pub(crate) fn zeros<T: Copy + Default + Send>(length: usize) -> Vec<T> {
    if length <= ALONE {
        return vec![T::default(); length];
    }
    let mut values = Vec::with_capacity(length);
    let room = values.spare_capacity_mut()[..length].par_chunks_mut(ALONE);
    room.for_each(|room| {
        for place in room {
            place.write(T::default());
        }
    });
    // SAFETY: there is room for `length` elements, and each of them was written.
    unsafe { values.set_len(length) };
    values
}
