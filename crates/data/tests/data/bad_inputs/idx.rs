//! Faults of IDX files.

use super::{check, default};
use crate::pairs::idx;

#[test]
fn faulty_idx_files() {
    #[track_caller]
    fn check_images(images: &[u8], message: &str, help: &str) {
        let (_, labels) = idx(20);
        let files: [(&str, &[u8]); 2] = [
            ("train-images-idx3-ubyte", images),
            ("train-labels-idx1-ubyte", &labels),
        ];
        check(
            &files,
            "",
            default(),
            &format!("train-images-idx3-ubyte{message}"),
            help,
        );
    }
    let (images, labels) = idx(20);
    let with = |place: usize, byte: u8| {
        let mut images = images.clone();
        images[place] = byte;
        images
    };
    check_images(
        b"",
        ": not an IDX file: it begins with [], not with 00 00",
        "as MNIST has them",
    );
    check_images(
        &with(0, 9),
        ": not an IDX file: it begins with [09, 00, 08, 03], not with 00 00",
        "",
    );
    check_images(
        &with(2, 13),
        ": the values are of the IDX type 0x0d, only 0x08 is read",
        "bytes",
    );
    check_images(
        &with(3, 2),
        ": the header speaks of 52 bytes, the file has 96",
        "again",
    );
    check_images(
        &labels,
        ": has 1 dimensions, but images have 3: count, height, width",
        "swapped",
    );
    check_images(
        &images[..95],
        ": the header speaks of 96 bytes, the file has 95",
        "again",
    );
    check_images(
        &[&images[..], &[0]].concat(),
        ": the header speaks of 96 bytes, the file has 97",
        "",
    );
    check_images(
        &[0, 0, 8, 255, 1],
        ": the header speaks of 1024 bytes, the file has 5",
        "",
    );
    let huge = [
        0, 0, 8, 3, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
    ];
    check_images(
        &huge,
        ": the header speaks of 79228162458924105385300197391 bytes, the file has 16",
        "",
    );
    check_images(
        &[0, 0, 8, 3, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 2],
        ": holds no data",
        "",
    );
    let (few, _) = idx(12);
    check_images(
        &few,
        " has 12 images, but train-labels-idx1-ubyte has 20 labels",
        "same set",
    );
    let message = "train-labels-idx1-ubyte: the items have no targets to compare with";
    check(
        &[("train-images-idx3-ubyte", &images)],
        "",
        default(),
        message,
        "the class",
    );
    let (_, labels) = idx(20);
    let message = "DIR: this is no kind of source that can be read";
    check(
        &[("t10k-labels-idx1-ubyte", &labels)],
        "",
        default(),
        message,
        "train-images",
    );
}
