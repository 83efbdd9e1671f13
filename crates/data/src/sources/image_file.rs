//! One image file as pixels of a stated shape: turned upright, brought to size, without alpha.

use std::io::Cursor;
use std::path::Path;

use image::imageops::FilterType;
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits};

use crate::DataError;

/// How the names of images end.
pub(super) const ENDINGS: [&str; 7] = [".png", ".jpg", ".jpeg", ".bmp", ".webp", ".gif", ".jfif"];
/// Pixels that are decoded at most: 64 million, 8000x8000. Above that, an image is a scan or a trap.
const MAX_PIXELS: u64 = 64 << 20;

/// What the head of a file says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) height: u32,
    pub(super) width: u32,
    pub(super) has_colour: bool,
    pub(super) has_alpha: bool,
}

/// Reads size and colours, upright; refuses what is too large to decode.
pub(super) fn head(bytes: &[u8], path: &Path) -> Result<Head, DataError> {
    Ok(open(bytes, path)?.1)
}

/// Reads the pixels, `[C, H, W]`.
///
/// The image is turned as its EXIF data says, laid over white where it is transparent, made grey
/// where one channel is wanted, scaled until it just covers the shape, and cut to its middle.
pub(super) fn pixels(
    bytes: &[u8],
    path: &Path,
    [channels, height, width]: [usize; 3],
) -> Result<Vec<u8>, DataError> {
    let (decoder, head) = open(bytes, path)?;
    if !is_whole(bytes) {
        return Err(damaged(path, "it is cut off: its end is missing"));
    }
    let mut decoder = decoder;
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let mut image =
        DynamicImage::from_decoder(decoder).map_err(|error| damaged(path, &error.to_string()))?;
    image.apply_orientation(orientation);
    if head.has_alpha {
        image = DynamicImage::ImageRgb8(over_white(&image));
    }
    let side = |side: usize| u32::try_from(side).unwrap_or(u32::MAX);
    let (width, height) = (side(width), side(height));
    if (image.width(), image.height()) != (width, height) {
        image = image.resize_to_fill(width, height, FilterType::Triangle);
    }
    Ok(match channels {
        1 => image.into_luma8().into_raw(),
        _ => planes(&image.into_rgb8().into_raw()),
    })
}

fn open<'a>(
    bytes: &'a [u8],
    path: &Path,
) -> Result<(impl ImageDecoder + use<'a>, Head), DataError> {
    if bytes.is_empty() {
        return Err(DataError::Empty {
            path: path.to_owned(),
        });
    }
    let mut reader = ImageReader::new(Cursor::new(bytes))
        .with_guessed_format()
        .map_err(|error| damaged(path, &error.to_string()))?;
    if reader.format().is_none() {
        return Err(damaged(path, "it does not begin as any kind of image does"));
    }
    let mut limits = Limits::default();
    limits.max_alloc = Some(8 * MAX_PIXELS);
    reader.limits(limits);
    let mut decoder = reader
        .into_decoder()
        .map_err(|error| damaged(path, &error.to_string()))?;
    let (width, height) = decoder.dimensions();
    if width == 0 || height == 0 {
        return Err(damaged(path, "it has no pixels"));
    }
    if u64::from(width) * u64::from(height) > MAX_PIXELS {
        return Err(DataError::ImageTooLarge {
            path: path.to_owned(),
            height,
            width,
            limit: MAX_PIXELS,
        });
    }
    let turned = matches!(
        decoder.orientation().unwrap_or(Orientation::NoTransforms),
        Orientation::Rotate90
            | Orientation::Rotate270
            | Orientation::Rotate90FlipH
            | Orientation::Rotate270FlipH
    );
    let (height, width) = if turned {
        (width, height)
    } else {
        (height, width)
    };
    let colours = decoder.color_type();
    let head = Head {
        height,
        width,
        has_colour: colours.has_color(),
        has_alpha: colours.has_alpha(),
    };
    Ok((decoder, head))
}

/// Whether a JPEG file has its end: the decoder fills what is missing with grey and says nothing.
fn is_whole(bytes: &[u8]) -> bool {
    if image::guess_format(bytes).ok() != Some(ImageFormat::Jpeg) {
        return true; // The other decoders notice it.
    }
    let last = |mark: [u8; 2]| bytes.windows(2).rposition(|pair| pair == mark);
    match (last([0xff, 0xda]), last([0xff, 0xd9])) {
        (Some(scan), Some(end)) => end > scan,
        _ => false,
    }
}

fn over_white(image: &DynamicImage) -> image::RgbImage {
    let rgba = image.to_rgba8();
    let mut rgb = image::RgbImage::new(rgba.width(), rgba.height());
    for (from, to) in rgba.pixels().zip(rgb.pixels_mut()) {
        let [red, green, blue, alpha] = from.0.map(u16::from);
        to.0 = [red, green, blue].map(|level| {
            u8::try_from((level * alpha + 255 * (255 - alpha) + 127) / 255).unwrap_or(u8::MAX)
        });
    }
    rgb
}

/// `[H, W, 3]` → `[3, H, W]`
fn planes(pixels: &[u8]) -> Vec<u8> {
    (0..3)
        .flat_map(|channel| pixels.iter().skip(channel).step_by(3).copied())
        .collect()
}

fn damaged(path: &Path, problem: &str) -> DataError {
    DataError::Image {
        path: path.to_owned(),
        problem: problem.to_owned(),
    }
}
