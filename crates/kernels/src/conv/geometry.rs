//! Where everything lies: the images, the planes that the kernels read, and the taps in them.

use burn::tensor::Shape;
use burn::tensor::ops::ConvOptions;

use super::epilogue::MAX_WINDOW;

/// The sizes of a convolution, along `[height, width]` where there are two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Geometry {
    pub(crate) batch_size: usize,
    pub(crate) channels: usize,
    pub(crate) width: usize,
    pub(crate) groups: usize,
    pub(crate) image: [usize; 2],
    pub(crate) kernel: [usize; 2],
    pub(crate) stride: [usize; 2],
    pub(crate) dilation: [usize; 2],
    /// Zeros before the first row and the first column.
    pub(crate) padding: [usize; 2],
    /// The map before pooling.
    pub(crate) map: [usize; 2],
    /// The window of a max pooling without overlap; `[1, 1]` for none.
    pub(crate) pool: [usize; 2],
}

impl Geometry {
    /// None where there is nothing to compute, the sizes do not fit each other, or a window of the
    /// pooling has more pixels than an [`Argmax`](super::epilogue::Argmax) can tell apart.
    ///
    /// # Shapes
    /// - `x`: `[B, C, H, W]`
    /// - `weight`: `[width, C / groups, kernel height, kernel width]`
    pub(crate) fn new(
        x: [usize; 4],
        weight: [usize; 4],
        options: &ConvOptions<2>,
        pool: [usize; 2],
    ) -> Option<Self> {
        let [batch_size, channels, height, width] = x;
        let [num_maps, group_channels, kernel_height, kernel_width] = weight;
        let (image, kernel) = ([height, width], [kernel_height, kernel_width]);
        let groups = options.groups;
        if x.contains(&0)
            || weight.contains(&0)
            || pool.contains(&0)
            || group_channels * groups != channels
            || num_maps % groups != 0
            || pool[0] * pool[1] > MAX_WINDOW
        {
            return None;
        }
        let mut map = [0; 2];
        for axis in 0..2 {
            let (before, after) = options.padding[axis];
            let reach = (kernel[axis] - 1) * options.dilation[axis] + 1;
            let room = (image[axis] + before + after).checked_sub(reach)?;
            map[axis] = room / options.stride[axis] + 1;
            if map[axis] < pool[axis] {
                return None;
            }
        }
        Some(Self {
            batch_size,
            channels,
            width: num_maps,
            groups,
            image,
            kernel,
            stride: options.stride,
            dilation: options.dilation,
            padding: options.padding.map(|(before, _)| before),
            map,
            pool,
        })
    }

    /// Maps that are pooled as they are, as if each came out of a convolution that changed nothing.
    ///
    /// None as for [`Geometry::new`].
    pub(crate) fn of_maps(maps: [usize; 4], pool: [usize; 2]) -> Option<Self> {
        let [_, channels, _, _] = maps;
        let identity = ConvOptions::new([1, 1], [0, 0], [1, 1], 1);
        Self::new(maps, [channels, channels, 1, 1], &identity, pool)
    }

    /// Channels that one group reads.
    pub(crate) fn group_channels(&self) -> usize {
        self.channels / self.groups
    }

    /// Maps that one group makes.
    pub(crate) fn group_width(&self) -> usize {
        self.width / self.groups
    }

    pub(crate) fn num_taps(&self) -> usize {
        self.kernel[0] * self.kernel[1]
    }

    /// The map after pooling; windows that would reach beyond the border are left out.
    pub(crate) fn pooled(&self) -> [usize; 2] {
        [0, 1].map(|axis| self.map[axis] / self.pool[axis])
    }

    /// `[B, C, H, W]`
    pub(crate) fn image_shape(&self) -> Shape {
        let [height, width] = self.image;
        Shape::from([self.batch_size, self.channels, height, width])
    }

    /// `[B, width, H, W]`, after pooling
    pub(crate) fn output_shape(&self) -> Shape {
        let [height, width] = self.pooled();
        Shape::from([self.batch_size, self.width, height, width])
    }

    pub(crate) fn image_len(&self) -> usize {
        self.channels * self.image[0] * self.image[1]
    }

    pub(crate) fn output_len(&self) -> usize {
        let [height, width] = self.pooled();
        self.width * height * width
    }

    pub(crate) fn weight_len(&self) -> usize {
        self.width * self.group_channels() * self.num_taps()
    }

    /// Planes of one channel: a stride of s takes every s-th row or column, and each plane holds
    /// the pixels that are taken together. In a plane, every convolution has a stride of one.
    pub(crate) fn num_planes(&self) -> usize {
        self.stride[0] * self.stride[1]
    }

    /// Rows and columns of a plane: as many as the taps reach.
    pub(crate) fn plane(&self) -> [usize; 2] {
        [0, 1].map(|axis| self.map[axis] + self.farthest(axis) / self.stride[axis])
    }

    pub(crate) fn plane_len(&self) -> usize {
        let [height, width] = self.plane();
        height * width
    }

    /// Distance in pixels from the first tap to the last.
    fn farthest(&self, axis: usize) -> usize {
        (self.kernel[axis] - 1) * self.dilation[axis]
    }

    /// Positions from the first pixel of the map to its last, row after row of a plane.
    ///
    /// The last columns of a row belong to no pixel of the map: what is computed there is dropped.
    pub(crate) fn positions(&self) -> usize {
        (self.map[0] - 1) * self.plane()[1] + self.map[1]
    }

    /// Where each tap looks: its plane, and the place in it of the map's first pixel.
    pub(crate) fn taps(&self) -> Vec<Tap> {
        let [_, plane_width] = self.plane();
        let [rows, columns] = self.kernel;
        let places = (0..rows).flat_map(|row| (0..columns).map(move |column| (row, column)));
        let tap = |(row, column)| {
            let (y, x) = (row * self.dilation[0], column * self.dilation[1]);
            let [stride_y, stride_x] = self.stride;
            Tap {
                plane: y % stride_y * stride_x + x % stride_x,
                offset: y / stride_y * plane_width + x / stride_x,
            }
        };
        places.map(tap).collect()
    }
}

/// One weight of a kernel seen from the map: `offset` pixels ahead, in one of the planes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tap {
    pub(crate) plane: usize,
    pub(crate) offset: usize,
}

impl Tap {
    /// Where it looks first, counted from the start of its channel.
    pub(crate) fn start(self, geometry: &Geometry) -> usize {
        self.plane * geometry.plane_len() + self.offset
    }
}
