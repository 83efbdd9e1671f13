//! What a network is made of, and whether the parts fit.

use burn::config::Config;
use burn::nn::{DropoutConfig, LinearConfig};
use burn::tensor::Device;
use fornax_layers::{Activation, ConfigError, draw_weights};

use crate::block::BlockConfig;
use crate::{Cnn, Head, Padding};

/// Hyper-parameters of [`Cnn`].
///
/// `kernel_sizes`, `strides` and `pools` hold one number for each block, or a single one for all.
/// They count along both axes of an image; an axis of length 1, such as the height of a signal,
/// has kernels, strides and pools of 1.
#[derive(Config, Debug, PartialEq)]
pub struct CnnConfig {
    /// Channels of a sample: 1 for grey images, 3 for colours, the number of sensors of a signal.
    pub channels: usize,
    /// Rows of an image; 1 for a signal.
    pub height: usize,
    /// Columns of an image; time steps of a signal.
    pub width: usize,
    /// Numbers that come out: one per class, or one per value to predict.
    pub d_output: usize,
    /// Feature maps of each block, first to last; not empty.
    #[config(default = "vec![32, 64]")]
    pub widths: Vec<usize>,
    /// Side of each block's kernels.
    #[config(default = "vec![3]")]
    pub kernel_sizes: Vec<usize>,
    /// Steps of the kernel from one place to the next.
    #[config(default = "vec![1]")]
    pub strides: Vec<usize>,
    /// Side of the squares of which only the maximum goes on; 1 keeps everything.
    #[config(default = "vec![2]")]
    pub pools: Vec<usize>,
    /// What a kernel sees beyond the border.
    #[config(default = "Padding::Same")]
    pub padding: Padding,
    /// Whether each convolution is followed by batch norm.
    #[config(default = true)]
    pub norm: bool,
    /// Non-linearity of the blocks and the dense layers.
    #[config(default = "Activation::Relu")]
    pub activation: Activation,
    /// Whether a block adds its input to what it found; needs `padding = "same"`.
    #[config(default = false)]
    pub residual: bool,
    /// What the dense layers see of the last maps.
    #[config(default = "Head::Flatten")]
    pub head: Head,
    /// Units of each dense layer between the blocks and the logits; may be empty.
    #[config(default = "vec![128]")]
    pub dense: Vec<usize>,
    /// Probability of dropping an input of a dense layer or of the logits in training, in `[0, 1)`.
    #[config(default = 0.25)]
    pub dropout: f64,
}

impl CnnConfig {
    /// Checks every value and the shapes through the network; after that, [`CnnConfig::init`]
    /// cannot fail.
    ///
    /// # Errors
    /// Names the first value out of its range, and the block that it does not fit.
    pub fn validate(&self) -> Result<(), ConfigError> {
        ConfigError::check_positive("channels", self.channels)?;
        ConfigError::check_positive("height", self.height)?;
        ConfigError::check_positive("width", self.width)?;
        ConfigError::check_positive("d_output", self.d_output)?;
        ConfigError::check_all_positive("widths", &self.widths)?;
        if self.widths.is_empty() {
            let expected = "at least one block";
            return Err(ConfigError::new("widths", &self.widths, expected));
        }
        self.check_per_block("kernel_sizes", &self.kernel_sizes)?;
        self.check_per_block("strides", &self.strides)?;
        self.check_per_block("pools", &self.pools)?;
        ConfigError::check_all_positive("dense", &self.dense)?;
        ConfigError::check_dropout("dropout", self.dropout)?;
        if self.residual && self.padding == Padding::Valid {
            let expected = "`same` where `residual = true`: a sum needs maps of one size";
            return Err(ConfigError::new("padding", "valid", expected));
        }
        let last_map = self.last_map()?;
        let in_blocks = self.blocks().map(|block| block.num_weights());
        let in_blocks = in_blocks.fold(0, usize::saturating_add);
        ConfigError::check_num_weights("widths", &self.widths, in_blocks)?;
        let in_dense = self.num_dense_weights(last_map);
        ConfigError::check_num_weights("dense", &self.dense, in_blocks.saturating_add(in_dense))
    }

    /// Draws a network whose first weights suit its activation.
    ///
    /// # Panics
    /// Where [`CnnConfig::validate`] gives an error.
    #[must_use]
    pub fn init(&self, device: &Device) -> Cnn {
        let last_map = self.last_map().expect("`validate` has accepted this");
        let blocks = self.blocks().map(|block| block.init(device)).collect();
        let mut d_input = self.d_head(last_map);
        let mut dense = Vec::with_capacity(self.dense.len());
        for &width in &self.dense {
            dense.push(self.activation.linear(d_input, width, device));
            d_input = width;
        }
        draw_weights(Cnn {
            blocks,
            head: self.head,
            dense,
            activation: self.activation,
            dropout: DropoutConfig::new(self.dropout).init(),
            logits: LinearConfig::new(d_input, self.d_output).init(device),
        })
    }

    fn blocks(&self) -> impl Iterator<Item = BlockConfig> {
        let channels = std::iter::once(self.channels).chain(self.widths.iter().copied());
        self.widths
            .iter()
            .zip(channels)
            .enumerate()
            .map(|(index, (&width, channels))| BlockConfig {
                channels,
                width,
                kernel_size: self.window(&self.kernel_sizes, index),
                stride: self.window(&self.strides, index),
                pool: self.window(&self.pools, index),
                padding: self.padding,
                norm: self.norm,
                activation: self.activation,
                residual: self.residual,
            })
    }

    /// What block `index` uses of `sizes`, along `[height, width]`.
    fn window(&self, sizes: &[usize], index: usize) -> [usize; 2] {
        let size = *sizes.get(index).unwrap_or(&sizes[0]);
        [self.height, self.width].map(|length| if length == 1 { 1 } else { size })
    }

    /// How many places of the input, along `[height, width]`, one place of the map that `blocks` blocks
    /// hand on depends on; 1 where there are none.
    #[must_use]
    pub fn receptive_field(&self, blocks: usize) -> [usize; 2] {
        let (mut field, mut jump) = ([1; 2], [1; 2]);
        for block in self.blocks().take(blocks) {
            for axis in 0..2 {
                field[axis] += (block.kernel_size[axis] - 1) * jump[axis];
                jump[axis] *= block.stride[axis];
                field[axis] += (block.pool[axis] - 1) * jump[axis];
                jump[axis] *= block.pool[axis];
            }
        }
        field
    }

    /// The map `[height, width]` that the last block hands on, or what leaves a block without one.
    fn last_map(&self) -> Result<[usize; 2], ConfigError> {
        let mut map = [self.height, self.width];
        for (index, block) in self.blocks().enumerate() {
            let largest = match self.padding {
                Padding::Valid => map,
                // The outer places of a larger kernel would see nothing but zeros.
                Padding::Same => [self.height.max(self.width).saturating_mul(2) - 1; 2],
            };
            let kernel = block.kernel_size;
            let place = (index, map);
            check_window("kernel_sizes", &self.kernel_sizes, kernel, largest, place)?;
            for axis in [0, 1] {
                if self.padding == Padding::Valid {
                    map[axis] -= kernel[axis] - 1;
                }
                map[axis] = map[axis].div_ceil(block.stride[axis]);
            }
            check_window("pools", &self.pools, block.pool, map, (index, map))?;
            for axis in [0, 1] {
                map[axis] /= block.pool[axis];
            }
        }
        Ok(map)
    }

    fn d_head(&self, last_map: [usize; 2]) -> usize {
        let channels = self.widths.last().copied().unwrap_or(self.channels);
        self.head.d_output(channels, last_map)
    }

    /// Entries of the matrices after the blocks; stays at the largest number on overflow.
    fn num_dense_weights(&self, last_map: [usize; 2]) -> usize {
        let mut num_weights: usize = 0;
        let mut d_input = self.d_head(last_map);
        for &d_output in self.dense.iter().chain([&self.d_output]) {
            num_weights = num_weights.saturating_add(d_input.saturating_mul(d_output));
            d_input = d_output;
        }
        num_weights
    }

    fn check_per_block(&self, key: &'static str, sizes: &[usize]) -> Result<(), ConfigError> {
        let num_blocks = self.widths.len();
        if sizes.len() == 1 || sizes.len() == num_blocks {
            return ConfigError::check_all_positive(key, sizes);
        }
        let expected = match num_blocks {
            1 => "one number, since `widths` has one block".to_owned(),
            _ => format!("one number, or one for each of the {num_blocks} blocks of `widths`"),
        };
        Err(ConfigError::new(key, sizes, expected))
    }
}

/// Refuses a `window` that along one axis is larger than `largest`; block `index` slides it over
/// `map`.
fn check_window(
    key: &'static str,
    sizes: &[usize],
    window: [usize; 2],
    largest: [usize; 2],
    (index, map): (usize, [usize; 2]),
) -> Result<(), ConfigError> {
    for axis in [0, 1] {
        if window[axis] > largest[axis] {
            let (largest, block) = (largest[axis], index + 1);
            let [height, width] = map;
            let expected =
                format!("at most {largest} in block {block}, which has a map of {height}x{width}");
            return Err(ConfigError::new(key, sizes, expected));
        }
    }
    Ok(())
}
