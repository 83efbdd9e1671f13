//! The backends whose tensors lie in this machine's memory, and the way to their values.

use std::fmt::Debug;
use std::ops::{Deref, DerefMut};

use burn::backend::Backend;
use burn::backend::tensor::FloatTensor;
use burn::tensor::Shape;

/// A backend whose tensors are slices in row-major order, or become so by a copy.
pub(crate) trait Host: Backend {
    /// Shared values that nobody changes any more.
    type Values: Deref<Target = [f32]> + Clone + Debug + Send + Sync + 'static;

    /// Values that nobody shares.
    type Owned: DerefMut<Target = [f32]> + Send;

    /// The values of a tensor of `f32`, copied only where they do not lie in order.
    ///
    /// # Panics
    /// When the tensor holds other numbers.
    fn values(tensor: FloatTensor<Self>) -> Self::Values;

    /// The tensor of these values, which are not copied.
    fn tensor(values: Vec<f32>, shape: Shape) -> FloatTensor<Self>;

    /// The values of a tensor to change: its own where nobody else holds them, else a copy.
    ///
    /// # Panics
    /// As [`Host::values`].
    fn own(tensor: FloatTensor<Self>) -> Self::Owned;

    /// The tensor of values that were changed, in the shape that it had.
    fn release(owned: Self::Owned) -> FloatTensor<Self>;
}

#[cfg(feature = "flex")]
mod flex {
    use burn::backend::{Flex, flex};
    use burn::tensor::{Bytes, DType};

    use super::{Deref, DerefMut, Host, Shape};
    use crate::awake::stay_awake;

    #[derive(Clone, Debug)]
    pub(crate) struct FlexValues(flex::FlexTensor);

    /// In row-major order, with nothing before or behind.
    pub(crate) struct FlexOwned(flex::FlexTensor);

    impl Deref for FlexOwned {
        type Target = [f32];

        fn deref(&self) -> &[f32] {
            self.0.storage()
        }
    }

    impl DerefMut for FlexOwned {
        fn deref_mut(&mut self) -> &mut [f32] {
            self.0.storage_mut()
        }
    }

    impl Deref for FlexValues {
        type Target = [f32];

        fn deref(&self) -> &[f32] {
            let length = self.0.layout().num_elements();
            &self.0.storage()[self.0.layout().start_offset()..][..length]
        }
    }

    impl Host for Flex {
        type Values = FlexValues;
        type Owned = FlexOwned;

        fn values(tensor: flex::FlexTensor) -> FlexValues {
            stay_awake();
            FlexValues(tensor.to_contiguous())
        }

        fn tensor(values: Vec<f32>, shape: Shape) -> flex::FlexTensor {
            let layout = flex::Layout::contiguous(shape);
            flex::FlexTensor::new(Bytes::from_elems(values), layout, DType::F32)
        }

        fn own(tensor: flex::FlexTensor) -> FlexOwned {
            let tensor = {
                let tensor = tensor; // dropped here, or its values would be shared with the next
                tensor.to_contiguous()
            };
            let layout = tensor.layout();
            let whole = tensor.storage::<f32>().len() == layout.num_elements();
            if whole && layout.start_offset() == 0 {
                return FlexOwned(tensor);
            }
            let shape = layout.shape().clone();
            FlexOwned(Self::tensor(FlexValues(tensor).to_vec(), shape))
        }

        fn release(owned: FlexOwned) -> flex::FlexTensor {
            owned.0
        }
    }
}

#[cfg(feature = "ndarray")]
#[allow(deprecated)] // Fornax keeps it for as long as Burn has it.
mod ndarray {
    use burn::backend::NdArray;
    use burn::backend::ndarray::{NdArrayTensor, SharedArray};

    use super::{Deref, DerefMut, Host, Shape};
    use crate::awake::stay_awake;

    /// In row-major order without gaps.
    #[derive(Clone, Debug)]
    pub(crate) struct NdArrayValues(SharedArray<f32>);

    impl Deref for NdArrayValues {
        type Target = [f32];

        fn deref(&self) -> &[f32] {
            self.0.as_slice().expect("brought in order by `values`")
        }
    }

    impl DerefMut for NdArrayValues {
        fn deref_mut(&mut self) -> &mut [f32] {
            // Copies what others hold too.
            self.0.as_slice_mut().expect("brought in order by `values`")
        }
    }

    impl Host for NdArray {
        type Values = NdArrayValues;
        type Owned = NdArrayValues;

        fn values(tensor: NdArrayTensor) -> NdArrayValues {
            stay_awake();
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

        fn own(tensor: NdArrayTensor) -> NdArrayValues {
            Self::values(tensor)
        }

        fn release(owned: NdArrayValues) -> NdArrayTensor {
            owned.0.into()
        }

        fn tensor(values: Vec<f32>, shape: Shape) -> NdArrayTensor {
            let array = SharedArray::from_shape_vec(shape.to_vec(), values);
            array
                .expect("a shape has as many elements as the values")
                .into()
        }
    }
}
