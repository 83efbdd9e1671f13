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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_element_is_written() {
        for length in [0, 1, ALONE, ALONE + 1, 3 * ALONE + 5] {
            drop(vec![1.0_f32; length]); // whose memory is likely used again
            let values: Vec<f32> = zeros(length);
            assert_eq!(values.len(), length);
            assert!(values.iter().all(|value| value.to_bits() == 0));
        }
    }
}
