//! Operands that are filled as their numbers are made, so that nothing is packed.

use pulp::WithSimd;
use pulp::x86::V4;

use super::operand::{Block, Packed, Side};
use super::{Engine, Form, LANES, Parts, STEPS, pack};

impl Form {
    /// Runs `work` compiled for the instructions that round.
    pub(crate) fn dispatch<W: WithSimd>(self, work: W) -> W::Output {
        /// # Safety
        /// The CPU has the instructions.
        #[target_feature(
            enable = "avx512f,avx512bw,avx512cd,avx512dq,avx512vl,avx512bf16,avx2,fma,bmi1,bmi2"
        )]
        unsafe fn run<W: WithSimd>(simd: V4, work: W) -> W::Output {
            work.with_simd(simd)
        }
        let simd = V4::try_new().filter(|_| self.engine.is_supported());
        let simd = simd.expect("a form exists only where the CPU has the instructions");
        // SAFETY: it has.
        unsafe { run(simd, work) }
    }
}

/// Where 16 numbers of an operand lie: the same for all operands of the same room.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spot {
    /// The block of their first part.
    block: usize,
    vector: usize,
    /// Whether in the second half of the vector, or the upper halves of its elements.
    second: bool,
}

#[inline(always)]
fn halves(vector: &mut [u32; LANES]) -> &mut [[u32; LANES / 2]; 2] {
    let (halves, _) = vector.as_chunks_mut();
    halves.first_chunk_mut().expect("two halves")
}

impl Packed {
    /// Room for an operand on the left whose rows come one after the other: zeros.
    pub(crate) fn of_rows(form: Form, num_rows: usize, length: usize) -> Self {
        Self::empty(form, Side::Left, length, num_rows)
    }

    /// Room for an operand whose steps come one after the other: zeros.
    pub(crate) fn of_steps(form: Form, length: usize, width: usize) -> Self {
        Self::empty(form, Side::Right, length, width)
    }

    fn empty(form: Form, side: Side, length: usize, width: usize) -> Self {
        let room = length.div_ceil(STEPS);
        let num_blocks = width.div_ceil(LANES) * room * form.parts as usize;
        Self {
            form,
            side,
            length,
            width,
            room,
            blocks: vec![Block([[0; LANES]; LANES]); num_blocks],
        }
    }

    /// Only these first rows take part in products.
    ///
    /// # Panics
    /// When there is not room for so many.
    pub(crate) fn set_rows(&mut self, num_rows: usize) {
        let panel_len = self.room * self.form.parts as usize;
        let most = self.blocks.len() / panel_len.max(1) * LANES;
        assert!(num_rows <= most, "room for {num_rows} rows");
        self.width = num_rows;
    }

    /// Where 16 neighbouring steps of a row lie; `step` is the first of them, a multiple of 16.
    #[inline(always)]
    pub(crate) fn in_row(&self, row: usize, step: usize) -> Spot {
        Spot {
            block: (row / LANES * self.room + step / STEPS) * self.form.parts as usize,
            vector: row % LANES,
            second: step % STEPS >= LANES,
        }
    }

    /// Rounds 16 neighbouring steps of a row. Fast where [`Form::dispatch`] runs the caller.
    ///
    /// # Panics
    /// When there is no such row or step.
    #[inline(always)]
    pub(crate) fn put_in_row(&mut self, spot: Spot, values: &[f32; LANES]) {
        match self.form.parts {
            Parts::One => self.put_twos(spot, pack::by_twos::<1>(values)),
            Parts::Two => self.put_twos(spot, pack::by_twos::<2>(values)),
        }
    }

    #[inline(always)]
    fn put_twos<const N: usize>(&mut self, spot: Spot, parts: [[u32; LANES / 2]; N]) {
        let blocks = &mut self.blocks[spot.block..spot.block + N];
        for (block, rounded) in blocks.iter_mut().zip(parts) {
            let [first, second] = halves(&mut block.0[spot.vector]);
            *if spot.second { second } else { first } = rounded;
        }
    }

    /// Only these first steps take part in products.
    ///
    /// # Panics
    /// When there is not room for so many.
    pub(crate) fn set_steps(&mut self, num_steps: usize) {
        assert!(num_steps <= self.room * STEPS, "room for {num_steps} steps");
        self.length = num_steps;
        let used = num_steps % STEPS;
        if used == 0 {
            return;
        }
        let parts = self.form.parts as usize;
        for panel in self.blocks.chunks_exact_mut(self.room * parts) {
            for block in &mut panel[num_steps / STEPS * parts..][..parts] {
                block.0[used.div_ceil(2)..].fill([0; LANES]);
            }
        }
    }

    /// Where 16 neighbouring columns of a step lie; `column` is the first of them, a multiple of 16.
    #[inline(always)]
    pub(crate) fn in_step(&self, step: usize, column: usize) -> Spot {
        Spot {
            block: (column / LANES * self.room + step / STEPS) * self.form.parts as usize,
            vector: step % STEPS / 2,
            second: step % 2 == 1,
        }
    }

    /// Rounds 16 neighbouring columns of a step. An even step has to come before the odd one that follows
    /// it. Fast where [`Form::dispatch`] runs the caller.
    ///
    /// # Panics
    /// When there is no such step or column.
    #[inline(always)]
    pub(crate) fn put_in_step(&mut self, spot: Spot, values: &[f32; LANES]) {
        match self.form.parts {
            Parts::One => self.put_ones(spot, pack::one_by_one::<1>(values)),
            Parts::Two => self.put_ones(spot, pack::one_by_one::<2>(values)),
        }
    }

    #[inline(always)]
    fn put_ones<const N: usize>(&mut self, spot: Spot, parts: [[u32; LANES]; N]) {
        let (keep, shift) = if spot.second { (u32::MAX, 16) } else { (0, 0) };
        let blocks = &mut self.blocks[spot.block..spot.block + N];
        for (block, rounded) in blocks.iter_mut().zip(parts) {
            for (pair, rounded) in block.0[spot.vector].iter_mut().zip(rounded) {
                *pair = *pair & keep | rounded << shift;
            }
        }
    }

    /// Makes an operand [`of_steps`](Self::of_steps) one that may stand on the left until a step is put
    /// again.
    pub(crate) fn stand_left(&mut self) {
        if self.form.engine == Engine::Tiles {
            for block in &mut self.blocks {
                pack::turn(block);
            }
        }
    }
}
