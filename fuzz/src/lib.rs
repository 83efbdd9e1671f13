//! What all fuzz targets do: any bytes become arrays or a message, never a panic.

use std::path::Path;

use fornax_data::{DataConfig, DataFolders, Split, open};

/// Opens a folder of these files, or one of them, and asks for every item of what comes out.
///
/// # Panics
/// When an item that was promised is not there: that is what is looked for.
pub fn open_all(files: &[(&str, &[u8])], name: &str, config: DataConfig) {
    let folder = tempfile::tempdir().expect("a folder for the files");
    for (name, bytes) in files {
        std::fs::write(folder.path().join(name), bytes).expect("room for the files");
    }
    let source = folder.path().join(name);
    let config = DataConfig {
        source: source.to_string_lossy().into_owned(),
        ..config
    };
    let Ok(data) = open(&config, 1, &DataFolders::default()) else {
        return;
    };
    for split in [&data.train, &data.valid, &data.test] {
        take(split);
    }
    let _ = fornax_data::check::check(&data)
        .expect("every item can be read")
        .lines();
    reopen(&data.preprocess, &source);
}

fn reopen(preprocess: &fornax_data::Preprocess, path: &Path) {
    for split in [preprocess.open_inputs(path), preprocess.open_labelled(path)] {
        if let Ok(split) = split {
            take(&split);
        }
    }
}

fn take(split: &Split) {
    let all: Vec<usize> = (0..split.len()).collect();
    for indices in all.chunks(64) {
        let batch = split.batch(indices).expect("an item can be read");
        assert_eq!(batch.len(), indices.len());
        let _ = split.place(indices[0]);
    }
}

/// A faulty file among enough whole ones that a dataset comes of it.
pub fn among_others(whole: &[u8], ending: &str, bytes: &[u8]) {
    let names: Vec<String> = (0..12)
        .map(|number| format!("{}_{number}.{ending}", ["x", "y"][number % 2]))
        .collect();
    let mut files: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), whole)).collect();
    let last = format!("x_last.{ending}");
    files.push((&last, bytes));
    open_all(&files, "", DataConfig::default());
    let config = DataConfig {
        skip_faulty: true,
        ..DataConfig::default()
    };
    open_all(&files, "", config);
}
