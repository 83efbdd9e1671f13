//! What computes: the devices by their names, opened only after they have answered.

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, Instant};

use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};

mod backend;
mod error;
mod probe;
mod survey;

pub use backend::Backend;
pub use error::DeviceError;
use probe::Failure;
pub use survey::{DeviceReport, survey};

/// How long a device may take for its first operation. Compiling the first shader takes a software
/// renderer about half a minute.
const FIRST_ANSWER: Duration = Duration::from_mins(2);

/// A device as it is named: `flex`, `wgpu`, `cuda:1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DeviceSpec {
    /// What drives the device.
    pub backend: Backend,
    /// Which of several, counted from 0; `None` leaves the choice to the backend.
    pub index: Option<usize>,
}

impl DeviceSpec {
    /// The device of a user who names none: `flex` where this binary has it, else the first
    /// backend it has; `None` where it has none.
    #[must_use]
    pub fn default_for_build() -> Option<Self> {
        Backend::ALL
            .into_iter()
            .find(|backend| backend.is_compiled_in())
            .map(Self::from)
    }
}

impl From<Backend> for DeviceSpec {
    fn from(backend: Backend) -> Self {
        Self {
            backend,
            index: None,
        }
    }
}

impl FromStr for DeviceSpec {
    type Err = DeviceError;

    fn from_str(name: &str) -> Result<Self, DeviceError> {
        let (backend, index) = match name.split_once(':') {
            Some((backend, index)) => (backend, Some(index)),
            None => (name, None),
        };
        let known = Backend::ALL
            .into_iter()
            .find(|known| known.name() == backend);
        let backend = known.ok_or_else(|| DeviceError::Unknown {
            name: backend.to_owned(),
        })?;
        let number = |text: &str| {
            let error = |_| DeviceError::Index {
                name: name.to_owned(),
                text: text.to_owned(),
            };
            text.parse().map_err(error)
        };
        Ok(Self {
            backend,
            index: index.map(number).transpose()?,
        })
    }
}

impl TryFrom<String> for DeviceSpec {
    type Error = DeviceError;

    fn try_from(name: String) -> Result<Self, DeviceError> {
        name.parse()
    }
}

impl From<DeviceSpec> for String {
    fn from(spec: DeviceSpec) -> Self {
        spec.to_string()
    }
}

impl fmt::Display for DeviceSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.index {
            Some(index) => write!(f, "{}:{index}", self.backend),
            None => write!(f, "{}", self.backend),
        }
    }
}

/// Opens a device, without autodiff. A GPU has to compute a small operation first: a driver's word
/// is not enough, since some report a device that fails once it is used.
///
/// # Errors
/// When the binary lacks the backend, or the device is not there or does not answer.
pub fn open(spec: &DeviceSpec) -> Result<Device, DeviceError> {
    if spec.backend.is_cpu() {
        return spec.backend.device(spec.index);
    }
    Ok(answer(*spec, FIRST_ANSWER)?.device)
}

/// A device that has answered.
struct Answer {
    device: Device,
    name: Option<String>,
    elapsed: Duration,
}

/// Opens a device and has it compute something, within `limit`.
fn answer(spec: DeviceSpec, limit: Duration) -> Result<Answer, DeviceError> {
    let work = move || {
        let started = Instant::now();
        let device = spec.backend.device(spec.index)?;
        compute(&device).map_err(|message| DeviceError::Fails { spec, message })?;
        Ok(Answer {
            name: name_of(&device),
            device,
            elapsed: started.elapsed(),
        })
    };
    match probe::attempt(limit, work) {
        Ok(outcome) => outcome,
        Err(Failure::Panic(message)) => Err(DeviceError::Fails { spec, message }),
        Err(Failure::Timeout) => Err(DeviceError::Silent { spec, limit }),
    }
}

/// One operation from the memory of the host to the device and back.
fn compute(device: &Device) -> Result<(), String> {
    let x = Tensor::<1>::from_floats([1.0, 2.0, 3.0], device); // [3]
    let y = (x.clone() * x)
        .try_into_data_as::<f32>()
        .map_err(|error| error.to_string())?;
    let y: Vec<f32> = y.iter::<f32>().collect();
    if y == [1.0, 4.0, 9.0] {
        return Ok(());
    }
    Err(format!("the squares of 1, 2, 3 came out as {y:?}"))
}

#[cfg(any(feature = "wgpu-untuned", feature = "cuda", feature = "rocm"))]
fn name_of(device: &Device) -> Option<String> {
    device
        .identity()
        .map(|identity| identity.name)
        .filter(|name| !name.is_empty())
}

#[cfg(not(any(feature = "wgpu-untuned", feature = "cuda", feature = "rocm")))]
fn name_of(_device: &Device) -> Option<String> {
    None
}

#[cfg(test)]
mod tests;
