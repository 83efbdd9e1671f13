//! The backends: what each is called, whether this binary has it, and how its devices are found.

use std::fmt;

use burn::tensor::{Device, DeviceType};

use super::{DeviceError, DeviceSpec};

/// What drives a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Backend {
    /// Burn's CPU backend.
    Flex,
    /// Burn's older CPU backend.
    Ndarray,
    /// Any GPU through WebGPU.
    Wgpu,
    /// A GPU through Vulkan.
    Vulkan,
    /// A GPU of Apple.
    Metal,
    /// A GPU of NVIDIA.
    Cuda,
    /// A GPU of AMD.
    Rocm,
}

impl Backend {
    /// Every backend, the one to prefer without a word of the user first.
    pub const ALL: [Self; 7] = [
        Self::Flex,
        Self::Ndarray,
        Self::Wgpu,
        Self::Vulkan,
        Self::Metal,
        Self::Cuda,
        Self::Rocm,
    ];

    /// Its name in commands, and that of the cargo feature which compiles it in.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Flex => "flex",
            Self::Ndarray => "ndarray",
            Self::Wgpu => "wgpu",
            Self::Vulkan => "vulkan",
            Self::Metal => "metal",
            Self::Cuda => "cuda",
            Self::Rocm => "rocm",
        }
    }

    /// Whether this binary has it.
    #[must_use]
    pub const fn is_compiled_in(self) -> bool {
        match self {
            Self::Flex => cfg!(feature = "flex"),
            Self::Ndarray => cfg!(feature = "ndarray"),
            Self::Wgpu => cfg!(feature = "wgpu-untuned"), // `wgpu` implies it
            Self::Vulkan => cfg!(feature = "vulkan"),
            Self::Metal => cfg!(feature = "metal"),
            Self::Cuda => cfg!(feature = "cuda"),
            Self::Rocm => cfg!(feature = "rocm"),
        }
    }

    /// Whether it computes on the processor, where nothing can be missing.
    #[must_use]
    pub const fn is_cpu(self) -> bool {
        matches!(self, Self::Flex | Self::Ndarray)
    }

    /// What a machine must have for it, as advice.
    pub(super) fn requirements(self) -> &'static str {
        match self {
            Self::Flex | Self::Ndarray => "any processor will do",
            Self::Wgpu | Self::Vulkan if cfg!(target_os = "linux") => {
                "install the driver of the GPU, or compute without one by `apt-get install \
                 mesa-vulkan-drivers libvulkan1`; or use `--device flex`"
            }
            Self::Wgpu | Self::Vulkan => "install the driver of the GPU, or use `--device flex`",
            Self::Metal => "Metal is there on Apple's machines only; use `--device wgpu` or `flex`",
            Self::Cuda => {
                "install NVIDIA's driver and the CUDA toolkit until `nvidia-smi` lists the GPU; or \
                 use `--device flex`"
            }
            Self::Rocm => "install ROCm until `rocminfo` lists the GPU; or use `--device flex`",
        }
    }

    /// Its device at `index`, or the one it prefers. The drivers are looked up here, and some
    /// panic where there is none.
    pub(super) fn device(self, index: Option<usize>) -> Result<Device, DeviceError> {
        let spec = DeviceSpec {
            backend: self,
            index,
        };
        let missing = || DeviceError::NotCompiledIn { backend: self };
        let devices = self.devices().ok_or_else(missing)?;
        let found = devices.len();
        let device = match index {
            // The choice may be another than the first: the fastest, or what the environment says.
            None if found > 0 => self.default_device(),
            None => None,
            Some(index) => devices.into_iter().nth(index),
        };
        device.ok_or(DeviceError::NoSuchDevice { spec, found })
    }

    /// The device it prefers; `None` where it is not compiled in.
    fn default_device(self) -> Option<Device> {
        match self {
            #[cfg(feature = "flex")]
            Self::Flex => Some(Device::flex()),
            #[cfg(feature = "ndarray")]
            #[allow(deprecated)] // Fornax keeps it for as long as Burn has it.
            Self::Ndarray => Some(Device::ndarray()),
            #[cfg(feature = "wgpu-untuned")]
            Self::Wgpu => Some(Device::wgpu(burn::tensor::DeviceKind::DefaultDevice)),
            #[cfg(feature = "vulkan")]
            Self::Vulkan => Some(Device::vulkan(burn::tensor::DeviceKind::DefaultDevice)),
            #[cfg(feature = "metal")]
            Self::Metal => Some(Device::metal(burn::tensor::DeviceKind::DefaultDevice)),
            #[cfg(feature = "cuda")]
            Self::Cuda => Some(Device::cuda(burn::tensor::DeviceIndex::Default)),
            #[cfg(feature = "rocm")]
            Self::Rocm => Some(Device::rocm(burn::tensor::DeviceIndex::Default)),
            #[allow(unreachable_patterns)] // with every backend compiled in
            _ => None,
        }
    }

    /// Its devices on this machine; `None` where it is not compiled in.
    #[allow(unreachable_code, unused_variables)] // without any backend
    fn devices(self) -> Option<Vec<Device>> {
        let kind: DeviceType = match self {
            #[cfg(feature = "flex")]
            Self::Flex => DeviceType::Flex,
            #[cfg(feature = "ndarray")]
            Self::Ndarray => DeviceType::NdArray,
            #[cfg(feature = "wgpu-untuned")]
            Self::Wgpu => DeviceType::Wgpu,
            #[cfg(feature = "vulkan")]
            Self::Vulkan => DeviceType::Vulkan,
            #[cfg(feature = "metal")]
            Self::Metal => DeviceType::Metal,
            #[cfg(feature = "cuda")]
            Self::Cuda => DeviceType::Cuda,
            #[cfg(feature = "rocm")]
            Self::Rocm => DeviceType::Rocm,
            #[allow(unreachable_patterns)] // with every backend compiled in
            _ => return None,
        };
        Some(Device::enumerate(kind).into_vec())
    }
}

impl fmt::Display for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
