//! A small picture inside a page: PNG as text.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

/// A picture, ready to stand in a page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Picture {
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// PNG in base64.
    pub png: String,
}

impl Picture {
    /// A picture of 1 (grey), 3 (RGB) or 4 (RGBA) bytes a pixel; of any other number of channels
    /// the first is shown in grey.
    ///
    /// # Shapes
    /// - `pixels`: `[height, width, channels]`, row by row
    ///
    /// # Panics
    /// When there are not as many bytes as that.
    #[must_use]
    pub fn new(width: usize, height: usize, channels: usize, pixels: &[u8]) -> Self {
        assert_eq!(
            pixels.len(),
            width * height * channels,
            "a picture has a byte for each pixel and channel"
        );
        let grey: Vec<u8>;
        let (color, pixels) = match channels {
            1 => (png::ColorType::Grayscale, pixels),
            3 => (png::ColorType::Rgb, pixels),
            4 => (png::ColorType::Rgba, pixels),
            _ => {
                grey = pixels
                    .chunks_exact(channels.max(1))
                    .map(|pixel| pixel[0])
                    .collect();
                (png::ColorType::Grayscale, grey.as_slice())
            }
        };
        Self {
            width,
            height,
            png: STANDARD.encode(encode(width, height, color, pixels)),
        }
    }

    /// The address under which an `img` shows it.
    #[must_use]
    pub fn data_uri(&self) -> String {
        format!("data:image/png;base64,{}", self.png)
    }
}

/// Nothing where it cannot be encoded, which an empty picture cannot.
fn encode(width: usize, height: usize, color: png::ColorType, pixels: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let size = |side: usize| u32::try_from(side).unwrap_or(0);
    let mut encoder = png::Encoder::new(&mut bytes, size(width), size(height));
    encoder.set_color(color);
    encoder.set_depth(png::BitDepth::Eight);
    let written = encoder
        .write_header()
        .and_then(|mut writer| writer.write_image_data(pixels));
    if written.is_err() {
        bytes.clear();
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_reads_back_as_it_was() {
        let pixels = [0, 100, 200, 255, 1, 2];
        let picture = Picture::new(3, 2, 1, &pixels);
        let bytes = STANDARD.decode(&picture.png).unwrap();
        let mut reader = png::Decoder::new(std::io::Cursor::new(bytes))
            .read_info()
            .unwrap();
        let mut back = vec![0; 6];
        reader.next_frame(&mut back).unwrap();
        assert_eq!(back, pixels);
    }

    #[test]
    fn an_empty_picture_is_no_panic() {
        assert_eq!(Picture::new(0, 0, 1, &[]).png, "");
    }
}
