//! Folders of images: what is read, in which form, and what is refused.

use std::fs;
use std::io::Cursor;
use std::path::Path;

use fornax_data::{DataConfig, InputShape, Inputs, Preprocess, Split};
use image::{DynamicImage, GrayImage, ImageFormat, Luma, Rgb, RgbImage, Rgba, RgbaImage};
use tempfile::TempDir;

use crate::{classes, open_in, path_in};

/// An image of one colour in some format.
pub(crate) fn file(format: ImageFormat, width: u32, height: u32, colour: [u8; 3]) -> Vec<u8> {
    let image = RgbImage::from_pixel(width, height, Rgb(colour));
    encoded(&DynamicImage::ImageRgb8(image), format)
}

fn encoded(image: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    image.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

fn write(folder: &Path, name: &str, bytes: &[u8]) {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

/// Twelve dark and twelve bright images of 8x8 in two folders.
fn two_classes(below: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for number in 0..12 {
        let dark = file(ImageFormat::Png, 8, 8, [number, 0, 0]);
        let bright = file(ImageFormat::Png, 8, 8, [255, 255 - number, 255]);
        write(folder.path(), &format!("{below}dark/{number}.png"), &dark);
        write(
            folder.path(),
            &format!("{below}bright/{number}.png"),
            &bright,
        );
    }
    folder
}

fn raw() -> DataConfig {
    DataConfig {
        normalize: false,
        ..DataConfig::default()
    }
}

fn values(split: &Split, index: usize) -> Vec<f32> {
    match split.batch(&[index]).unwrap().inputs {
        Inputs::Dense { values, .. } => values,
        other => panic!("expected images, found {other:?}"),
    }
}

#[test]
fn the_folder_is_the_class() {
    let data = open_in(&two_classes(""), "", raw()).unwrap();
    assert_eq!(data.preprocess.classes().unwrap(), ["bright", "dark"]);
    let shape = InputShape::Image {
        channels: 3,
        height: 8,
        width: 8,
    };
    assert_eq!(data.input, shape);
    assert_eq!(data.train.len() + data.valid.len() + data.test.len(), 24);
    for index in 0..data.train.len() {
        let place = data.train.place(index);
        let is_dark = classes(&data.train)[index] == 1;
        assert_eq!(place.starts_with("dark"), is_dark, "{place}");
        assert_eq!(
            values(&data.train, index)[64..].iter().all(|&v| v < 0.1),
            is_dark
        );
    }
}

#[test]
fn folders_that_all_share_are_passed_by_and_splits_are_kept() {
    let folder = two_classes("set/train/");
    for number in 0..3 {
        for class in ["dark", "bright"] {
            let image = file(ImageFormat::Png, 8, 8, [100 + number, 0, 0]);
            write(
                folder.path(),
                &format!("set/Test/{class}/{number}.png"),
                &image,
            );
            write(
                folder.path(),
                &format!("set/val/{class}/{number}.png"),
                &image,
            );
        }
    }
    let data = open_in(&folder, "", raw()).unwrap();
    let sizes = [&data.train, &data.valid, &data.test].map(Split::len);
    assert_eq!(sizes, [24, 6, 6]);
    assert!(
        data.test.place(0).starts_with("set/Test/bright"),
        "{}",
        data.test.place(0)
    );
    assert!(
        data.reading
            .iter()
            .any(|line| line.contains("the splits are the data's own"))
    );
}

#[test]
fn without_folders_the_class_may_be_in_the_name() {
    let folder = tempfile::tempdir().unwrap();
    for number in 0..20 {
        let class = ["cat", "dog"][number % 2];
        let image = file(
            ImageFormat::Bmp,
            6,
            6,
            [u8::try_from(number).unwrap(), 9, 9],
        );
        write(folder.path(), &format!("{class}.{number}.bmp"), &image);
    }
    let data = open_in(&folder, "", raw()).unwrap();
    assert_eq!(data.preprocess.classes().unwrap(), ["cat", "dog"]);
}

#[test]
fn every_format_size_and_colour_becomes_one_shape() {
    let folder = two_classes("");
    let put = |name: &str, image: DynamicImage, format| {
        write(folder.path(), name, &encoded(&image, format));
    };
    let rgb =
        |width, height| DynamicImage::ImageRgb8(RgbImage::from_pixel(width, height, Rgb([255; 3])));
    put("bright/a.jpg", rgb(300, 20), ImageFormat::Jpeg);
    put("bright/b.webp", rgb(1, 1), ImageFormat::WebP);
    put("bright/c.gif", rgb(40, 90), ImageFormat::Gif);
    let grey = GrayImage::from_pixel(50, 50, Luma([255]));
    put(
        "bright/d.png",
        DynamicImage::ImageLuma8(grey),
        ImageFormat::Png,
    );
    let transparent = RgbaImage::from_pixel(30, 30, Rgba([0, 0, 0, 0]));
    put(
        "bright/e \"ü\n🦀.png",
        DynamicImage::ImageRgba8(transparent),
        ImageFormat::Png,
    );
    let deep = image::ImageBuffer::from_pixel(9, 9, Luma([u16::MAX]));
    put(
        "bright/f.png",
        DynamicImage::ImageLuma16(deep),
        ImageFormat::Png,
    );
    let config = DataConfig {
        image_size: Some(16),
        ..raw()
    };
    let data = open_in(&folder, "", config).unwrap();
    let shape = InputShape::Image {
        channels: 3,
        height: 16,
        width: 16,
    };
    assert_eq!(data.input, shape);
    let mut seen = 0;
    for split in [&data.train, &data.valid, &data.test] {
        for index in 0..split.len() {
            if split.place(index).contains(['a', 'b', 'c', 'd', 'e', 'f'])
                && !split.place(index).ends_with(|c: char| c.is_ascii_digit())
                && !split
                    .place(index)
                    .split('/')
                    .nth(1)
                    .unwrap()
                    .starts_with(|c: char| c.is_ascii_digit())
            {
                let values = values(split, index);
                assert!(values.iter().all(|&v| v > 0.98), "{}", split.place(index));
                seen += 1;
            }
        }
    }
    assert_eq!(seen, 6);
}

#[test]
fn a_photograph_is_turned_upright() {
    // The left half white, and EXIF data that says: turn by 90 degrees to the right.
    let mut image = RgbImage::new(16, 8);
    for (x, _, pixel) in image.enumerate_pixels_mut() {
        *pixel = Rgb(if x < 8 { [255; 3] } else { [0; 3] });
    }
    let plain = encoded(&DynamicImage::ImageRgb8(image), ImageFormat::Jpeg);
    let exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0";
    let length = u16::try_from(exif.len() + 2).unwrap().to_be_bytes();
    let turned = [&plain[..2], &[0xff, 0xe1], &length, exif, &plain[2..]].concat();
    let folder = tempfile::tempdir().unwrap();
    for number in 0..10 {
        write(folder.path(), &format!("a/{number}.jpg"), &turned);
        write(folder.path(), &format!("b/{number}.jpg"), &plain);
    }
    let config = DataConfig {
        image_size: Some(8),
        ..raw()
    };
    let data = open_in(&folder, "", config).unwrap();
    for index in 0..data.train.len() {
        let red = &values(&data.train, index)[..64];
        let (first, last) = (red[0], red[63]);
        if data.train.place(index).starts_with('a') {
            assert!(
                first > 0.9 && red[7] > 0.9 && last < 0.1,
                "the white half is above"
            );
        } else {
            assert!(first > 0.9 && red[7] < 0.1, "the white half is to the left");
        }
    }
}

#[test]
fn memory_disk_and_workers_give_the_same_bits() {
    let folder = two_classes("");
    let in_memory = open_in(&folder, "", DataConfig::default()).unwrap();
    let config = DataConfig {
        memory_mb: 0,
        ..DataConfig::default()
    };
    let on_disk = open_in(&folder, "", config).unwrap();
    let all: Vec<usize> = (0..in_memory.train.len()).collect();
    assert_eq!(
        in_memory.train.batch(&all).unwrap(),
        on_disk.train.batch(&all).unwrap()
    );
    assert_eq!(in_memory.sha256, on_disk.sha256);
}

#[test]
fn new_images_are_brought_to_the_size_of_training() {
    let folder = two_classes("");
    let data = open_in(&folder, "", DataConfig::default()).unwrap();
    let split = data
        .preprocess
        .open_inputs(&path_in(&folder, "dark"))
        .unwrap();
    assert_eq!(split.len(), 12);
    assert!(!split.has_targets());
    let split = data.preprocess.open_labelled(folder.path()).unwrap();
    assert_eq!(split.len(), 24);
    let other = tempfile::tempdir().unwrap();
    write(
        other.path(),
        "x.jpg",
        &file(ImageFormat::Jpeg, 100, 50, [9; 3]),
    );
    let split = data
        .preprocess
        .open_inputs(&other.path().join("x.jpg"))
        .unwrap();
    assert_eq!(values(&split, 0).len(), 3 * 8 * 8);

    let Preprocess::Images(mut exact) = data.preprocess else {
        panic!("images")
    };
    exact.resize = false;
    let error = Preprocess::Images(exact)
        .open_inputs(&other.path().join("x.jpg"))
        .unwrap_err()
        .to_string();
    assert!(
        error.ends_with(
            "images of 50x100 pixels in 3 channels, but 8x8 pixels in 3 channels are wanted"
        ),
        "{error}"
    );
}

#[test]
fn faulty_images_are_named_or_left_out_as_told() {
    #[track_caller]
    fn check(bytes: &[u8], message: &str) {
        let folder = two_classes("");
        write(folder.path(), "dark/faulty.png", bytes);
        let error = open_in(&folder, "", raw()).unwrap_err().to_string();
        assert!(
            error.contains("dark/faulty.png") && error.contains(message),
            "{error}"
        );
        let config = DataConfig {
            skip_faulty: true,
            ..raw()
        };
        let data = open_in(&folder, "", config).unwrap();
        assert_eq!(data.train.len() + data.valid.len() + data.test.len(), 24);
        assert!(
            data.warnings
                .iter()
                .any(|w| w.contains("1 faulty files are left out"))
        );
    }
    check(b"", "holds no data");
    check(
        b"just some text, nothing else",
        "does not begin as any kind of image",
    );
    let jpeg = file(ImageFormat::Jpeg, 64, 64, [200, 10, 10]);
    check(&jpeg[..jpeg.len() - 40], "it is cut off");
    let png = file(ImageFormat::Png, 64, 64, [200, 10, 10]);
    check(&png[..png.len() / 2], "cannot be read as an image");
    check(&huge_png(), "an image of 20000x20000 pixels");
}

/// A few hundred bytes that say they are 20,000 x 20,000 pixels.
fn huge_png() -> Vec<u8> {
    let mut png = file(ImageFormat::Png, 1, 1, [0; 3]);
    png[16..20].copy_from_slice(&20_000_u32.to_be_bytes());
    png[20..24].copy_from_slice(&20_000_u32.to_be_bytes());
    let mut crc = flate2::Crc::new();
    crc.update(&png[12..29]);
    let sum = crc.sum().to_be_bytes();
    png[29..33].copy_from_slice(&sum);
    png
}

#[test]
fn folders_that_name_no_classes_are_refused() {
    #[track_caller]
    fn check(files: &[&str], message: &str) {
        let folder = tempfile::tempdir().unwrap();
        let png = file(ImageFormat::Png, 4, 4, [1, 2, 3]);
        for name in files {
            write(folder.path(), name, &png);
        }
        let error = open_in(&folder, "", raw()).unwrap_err().to_string();
        assert!(error.contains(message), "{error}");
    }
    check(
        &["IMG_1.png", "IMG_2.png", "IMG_3.png"],
        "images lie here without their classes",
    );
    check(
        &["a/1.png", "a/2.png"],
        "images lie here without their classes",
    );
    check(&["a/1.png", "b/1.png"], "2 items are too few");
    let many: Vec<String> = (0..12).map(|n| format!("a/{n}.png")).collect();
    let mut many: Vec<&str> = many.iter().map(String::as_str).collect();
    many.push("b/1.png");
    check(&many, "there is one item of the class `b`");
}

#[cfg(unix)]
#[test]
fn a_link_that_leads_in_circles_is_followed_once() {
    let folder = two_classes("");
    std::os::unix::fs::symlink(folder.path(), folder.path().join("dark/loop")).unwrap();
    std::os::unix::fs::symlink("nowhere", folder.path().join("dark/nowhere.png")).unwrap();
    let data = open_in(&folder, "", raw()).unwrap();
    assert_eq!(data.train.len() + data.valid.len() + data.test.len(), 24);
}
