//! The backends whose tensors lie in this machine's memory, and the way to their values.

use std::fmt::Debug;
use std::ops::Deref;

use burn::backend::Backend;
use burn::backend::tensor::FloatTensor;
use burn::tensor::Shape;

/// A backend whose tensors are slices in row-major order, or become so by a copy.
pub(crate) trait Host: Backend {
    /// Shared values that nobody changes any more.
    type Values: Deref<Target = [f32]> + Clone + Debug + Send + Sync + 'static;

    /// The values of a tensor of `f32`, copied only where they do not lie in order.
    ///
    /// # Panics
    /// When the tensor holds other numbers.
    fn values(tensor: FloatTensor<Self>) -> Self::Values;

    /// The tensor of these values, which are not copied.
    fn tensor(values: Vec<f32>, shape: Shape) -> FloatTensor<Self>;
}

#[cfg(feature = "flex")]
mod flex {
    use burn::backend::{Flex, flex};
    use burn::tensor::{Bytes, DType};

    use super::{Deref, Host, Shape};

    #[derive(Clone, Debug)]
    pub(crate) struct FlexValues(flex::FlexTensor);

    impl Deref for FlexValues {
        type Target = [f32];

        fn deref(&self) -> &[f32] {
            let length = self.0.layout().num_elements();
            &self.0.storage()[self.0.layout().start_offset()..][..length]
        }
    }

    impl Host for Flex {
        type Values = FlexValues;

        fn values(tensor: flex::FlexTensor) -> FlexValues {
            FlexValues(tensor.to_contiguous())
        }

        fn tensor(values: Vec<f32>, shape: Shape) -> flex::FlexTensor {
            let layout = flex::Layout::contiguous(shape);
            flex::FlexTensor::new(Bytes::from_elems(values), layout, DType::F32)
        }
    }
}

#[cfg(feature = "ndarray")]
#[allow(deprecated)] // Fornax keeps it for as long as Burn has it.
mod ndarray {
    use burn::backend::NdArray;
    use burn::backend::ndarray::{NdArrayTensor, SharedArray};

    use super::{Deref, Host, Shape};

    /// In row-major order without gaps.
    #[derive(Clone, Debug)]
    pub(crate) struct NdArrayValues(SharedArray<f32>);

    impl Deref for NdArrayValues {
        type Target = [f32];

        fn deref(&self) -> &[f32] {
            self.0.as_slice().expect("brought in order by `values`")
        }
    }

    impl Host for NdArray {
        type Values = NdArrayValues;

        fn values(tensor: NdArrayTensor) -> NdArrayValues {
            let NdArrayTensor::F32(storage) = tensor else {
                panic!("the kernels compute with 32-bit floats")
            };
            let array = storage.into_shared();
            NdArrayValues(if array.is_standard_layout() {
                array
            } else {
                array.as_standard_layout().into_owned().into_shared()
            })
        }

        fn tensor(values: Vec<f32>, shape: Shape) -> NdArrayTensor {
            let array = SharedArray::from_shape_vec(shape.to_vec(), values);
            array
                .expect("a shape has as many elements as the values")
                .into()
        }
    }
}
