//! What a layer reads: a row of features for each step, or fewer rows that steps share.
//!
//! The product of a row with the weight is the same for all steps that read it, and is computed once. On the
//! way back the gradients of these steps are added up first, and multiplied once.
#![allow(unsafe_code)]

use std::borrow::Cow;

use rayon::prelude::*;

use super::backward::add_rows;
use crate::matmul::{Matrix, Threads, product};
use crate::zeros::written;

/// Elements that one thread copies before others take a part of them.
const ALONE: usize = 1 << 14;

/// The features of all steps.
#[derive(Debug, Clone, Copy)]
pub(crate) struct InputRows<'a> {
    /// `[N, D]`
    pub(crate) features: &'a [f32],
    /// N
    pub(crate) num_rows: usize,
    /// `[T, B]`, the row that each step of each sequence reads; without them N is T * B, in this order.
    pub(crate) places: Option<&'a [usize]>,
}

impl InputRows<'_> {
    /// # Panics
    /// When they are not the rows of so many steps.
    pub(super) fn check(&self, num_steps: usize, d_input: usize) {
        assert_eq!(self.features.len(), self.num_rows * d_input);
        match self.places {
            None => assert_eq!(self.num_rows, num_steps),
            Some(places) => {
                assert_eq!(places.len(), num_steps, "every step reads a row");
                let are_there = places.iter().all(|&place| place < self.num_rows);
                assert!(are_there, "a step reads one of the rows");
            }
        }
    }

    /// `[N, D]`
    pub(super) fn matrix(&self, d_input: usize) -> Matrix<'_> {
        Matrix::new(self.features, self.num_rows, d_input)
    }

    /// The products of all steps with a weight, `[T, B, width]`.
    pub(super) fn times(&self, weight: Matrix, d_input: usize, width: usize) -> Vec<f32> {
        let products = product(self.matrix(d_input), weight, Threads::All);
        let Some(places) = self.places else {
            return products;
        };
        let row = |place: usize| &products[place * width..][..width];
        // SAFETY: the room is as many rows as there are places, and each is written.
        unsafe {
            written(places.len() * width, |room| {
                let rows = room.par_chunks_exact_mut(width).zip(places);
                rows.with_min_len(ALONE.div_ceil(width))
                    .for_each(|(room, &place)| {
                        room.write_copy_of_slice(row(place));
                    });
            })
        }
    }

    /// Of the gradients of all steps, `[T, B, width]`, the sums of those that read the same row: `[N, width]`.
    pub(super) fn sums<'s>(&self, steps: &'s [f32], width: usize) -> Cow<'s, [f32]> {
        let Some(places) = self.places else {
            return Cow::Borrowed(steps);
        };
        let mut readers = vec![Vec::new(); self.num_rows];
        for (step, &place) in steps.chunks_exact(width).zip(places) {
            readers[place].push(step);
        }
        let mut sums = vec![0.0; self.num_rows * width];
        let rows = sums.par_chunks_exact_mut(width).zip(readers);
        rows.for_each(|(sum, readers)| {
            for step in readers {
                add_rows(step, sum);
            }
        });
        Cow::Owned(sums)
    }
}
