//! CPUs without instructions for bf16: there is no form, and so nothing else in here.

use pulp::{Simd, WithSimd};

use super::{Into, Matrix, Threads};
use crate::precision::Precision;

#[derive(Debug, Clone, Copy)]
enum Never {}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Form(Never);

impl Form {
    pub(crate) fn of(_: Precision) -> Option<Self> {
        None
    }

    pub(crate) fn dispatch<W: WithSimd>(self, _: W) -> W::Output {
        match self.0 {}
    }

    pub(crate) fn takes_rows(self) -> bool {
        match self.0 {}
    }

    pub(crate) fn takes_tiles(self) -> bool {
        match self.0 {}
    }

    pub(crate) fn pairs_of_term(self, _: usize) -> usize {
        match self.0 {}
    }

    pub(crate) fn round(self, _: &[f32], _: &mut [u16]) {
        match self.0 {}
    }

    pub(crate) fn round_by_twos(self, _: &[f32], _: Option<&[f32]>, _: &mut [u32]) {
        match self.0 {}
    }

    pub(crate) fn add_products<S: Simd, V: Copy>(self, _: S::f32s, _: V, _: V) -> S::f32s {
        match self.0 {}
    }
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Spot(Never);

#[derive(Debug)]
pub(crate) struct Packed(Never);

impl Packed {
    pub(crate) fn right(_: Matrix, form: Form, _: Threads) -> Self {
        match form.0 {}
    }

    pub(crate) fn left(_: Matrix, form: Form, _: Threads) -> Self {
        match form.0 {}
    }

    pub(crate) fn of_rows(form: Form, _: usize, _: usize) -> Self {
        match form.0 {}
    }

    pub(crate) fn of_steps(form: Form, _: usize, _: usize) -> Self {
        match form.0 {}
    }

    pub(crate) fn set_rows(&mut self, _: usize) {
        match self.0 {}
    }

    pub(crate) fn in_row(&self, _: usize, _: usize) -> Spot {
        match self.0 {}
    }

    pub(crate) fn put_in_row(&mut self, spot: Spot, _: &[f32; 16]) {
        match spot.0 {}
    }

    pub(crate) fn set_steps(&mut self, _: usize) {
        match self.0 {}
    }

    pub(crate) fn in_step(&self, _: usize, _: usize) -> Spot {
        match self.0 {}
    }

    pub(crate) fn put_in_step(&mut self, spot: Spot, _: &[f32; 16]) {
        match spot.0 {}
    }

    pub(crate) fn stand_left(&mut self) {
        match self.0 {}
    }

    pub(crate) fn form(&self) -> Form {
        match self.0 {}
    }

    pub(super) fn width(&self) -> usize {
        match self.0 {}
    }
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Right<'a> {
    Packed(&'a Packed),
    Matrix(Matrix<'a>),
}

impl Right<'_> {
    pub(super) fn width(self) -> usize {
        match self {
            Self::Packed(packed) => packed.width(),
            Self::Matrix(matrix) => matrix.columns,
        }
    }
}

pub(super) unsafe fn multiply(left: &Packed, _: Right, _: *mut f32, _: usize, _: Into, _: Threads) {
    match left.0 {}
}

pub(crate) const ROWS_AT_ONCE: usize = 32;

pub(crate) struct ShiftedSums<'a> {
    pub(crate) values: &'a [u32],
    pub(crate) stride: usize,
    pub(crate) num_pairs: usize,
    pub(crate) weights: &'a [u32],
    pub(crate) num_rows: usize,
    pub(crate) num_positions: usize,
    pub(crate) sums: &'a mut [f32],
}

impl ShiftedSums<'_> {
    pub(crate) fn run(self, form: Form, _: &[usize]) {
        match form.0 {}
    }
}

pub(crate) struct Products(Never);

impl Products {
    pub(crate) fn new(form: Form, _: [usize; 2], _: usize) -> Self {
        match form.0 {}
    }

    pub(crate) fn padded(num_rows: usize) -> usize {
        num_rows
    }

    pub(crate) fn add(&mut self, _: &[u16], _: usize, _: &[usize], _: &Packed) {
        match self.0 {}
    }

    pub(crate) fn take(&mut self) -> Vec<f32> {
        match self.0 {}
    }
}
