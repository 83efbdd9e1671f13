//! Room for large results.
#![allow(unsafe_code)]

use std::mem::MaybeUninit;

use rayon::prelude::*;

/// Elements that one thread has written before others take a part of them.
const ALONE: usize = 1 << 17;

/// As many zeros, large ones written by all threads: memory that is used again holds other numbers, memory that
/// is new comes page by page, and one thread would see to either while the rest wait.
pub(crate) fn zeros<T: Copy + Default + Send>(length: usize) -> Vec<T> {
    if length <= ALONE {
        return vec![T::default(); length];
    }
    // SAFETY: the parts are the whole of it.
    unsafe {
        written(length, |room| {
            room.par_chunks_mut(ALONE).for_each(|room| {
                for place in room {
                    place.write(T::default());
                }
            });
        })
    }
}

/// What `write` writes, which may take memory as it is.
///
/// # Safety
/// `write` returns only when it has written every element.
pub(crate) unsafe fn written<T>(
    length: usize,
    write: impl FnOnce(&mut [MaybeUninit<T>]),
) -> Vec<T> {
    let mut values = Vec::with_capacity(length);
    write(&mut values.spare_capacity_mut()[..length]);
    // SAFETY: there is room for `length` elements, and the caller vouches that each of them was written.
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
