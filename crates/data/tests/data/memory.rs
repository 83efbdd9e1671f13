//! Data that is larger than the memory of the process is read and handed out all the same.

use std::process::Command;

use fornax_data::{DataConfig, epoch_order};

use crate::{images, open_in};

/// Names the process that has little memory.
const CHILD: &str = "FORNAX_TEST_CHILD";

/// 120,000 images of 64x64 pixels in colour are 1.4 GB; half a gigabyte is allowed. The files are
/// links to a few.
#[cfg(target_os = "linux")]
#[test]
#[ignore = "writes 1.4 GB to the folder of temporary files"]
fn more_images_than_memory_are_read_and_shuffled() {
    const NUM_IMAGES: usize = 120_000;
    if std::env::var_os(CHILD).is_none() {
        let program = std::env::current_exe().unwrap();
        let test = "memory::more_images_than_memory_are_read_and_shuffled";
        let script = format!("ulimit -v 524288 && exec \"$0\" --exact --ignored {test}");
        let child = Command::new("sh")
            .args(["-c", &script])
            .arg(program)
            .env(CHILD, "1")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&child.stdout).into_owned();
        assert!(
            child.status.success() && said.contains("1 passed"),
            "{said}{}",
            String::from_utf8_lossy(&child.stderr)
        );
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    for class in 0..2_usize {
        let below = folder.path().join(class.to_string());
        std::fs::create_dir(&below).unwrap();
        let colour = [u8::try_from(200 * class).unwrap(); 3];
        let original = folder.path().join(format!(".original{class}"));
        std::fs::write(
            &original,
            images::file(image::ImageFormat::Png, 64, 64, colour),
        )
        .unwrap();
        for number in 0..NUM_IMAGES / 2 {
            std::os::unix::fs::symlink(&original, below.join(format!("{number}.png"))).unwrap();
        }
    }
    let config = DataConfig {
        memory_mb: 64,
        normalize: false,
        ..DataConfig::default()
    };
    let data = open_in(&folder, "", config).unwrap();
    assert_eq!(
        data.train.len() + data.valid.len() + data.test.len(),
        NUM_IMAGES
    );
    for epoch in 0..2 {
        let order = epoch_order(data.train.len(), 1, epoch);
        for indices in order.chunks(128) {
            let batch = data.train.batch(indices).unwrap();
            let fornax_data::Inputs::Dense { values, .. } = batch.inputs else {
                panic!("images")
            };
            let fornax_data::Targets::Classes(classes) = batch.targets else {
                panic!("classes")
            };
            for (image, class) in values.chunks_exact(3 * 64 * 64).zip(classes) {
                assert_eq!(image[0] > 0.5, class == 1);
            }
        }
    }
}
