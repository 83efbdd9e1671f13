//! Drawing weights at a known moment, so that a seed decides them.

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::Tensor;

/// Draws the random weights of `module` now, in the order of its fields.
///
/// Burn draws a weight when it is first used. A network that is seeded, built, and only used
/// later would then depend on whatever else was random in between.
#[must_use]
pub fn draw_weights<M: Module>(module: M) -> M {
    struct Draw;
    impl ModuleVisitor for Draw {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            let _drawn = param.val();
        }
    }
    module.visit(&mut Draw);
    module
}
