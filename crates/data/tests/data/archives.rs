//! Archives: unpacked like the folder that they hold, and never to the harm of the machine.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use fornax_data::{DataConfig, Dataset};
use zip::write::SimpleFileOptions;

use crate::{classes, folder, indices, open_in};

fn table() -> Vec<u8> {
    let row = |row: usize| format!("{},{}\n", row % 9, ["a", "b"][row % 2]);
    let rows: String = (0..40).map(row).collect();
    format!("one,kind\n{rows}").into_bytes()
}

pub(crate) fn zipped(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, bytes) in files {
        zip.start_file(*name, SimpleFileOptions::default()).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

pub(crate) fn tarred(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut tar = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    for (name, bytes) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        // Not `set_path`: it refuses the names that are to be refused here.
        let place = &mut header.as_gnu_mut().unwrap().name;
        place[..name.len()].copy_from_slice(name.as_bytes());
        header.set_cksum();
        tar.append(&header, *bytes).unwrap();
    }
    tar.into_inner().unwrap().finish().unwrap()
}

fn open(name: &str, archive: &[u8]) -> Result<Dataset, fornax_data::DataError> {
    open_in(&folder(&[(name, archive)]), name, DataConfig::default())
}

#[test]
fn an_archive_of_one_file_is_that_file() {
    let table = table();
    let plain = open("t.csv", &table).unwrap();
    let files: [(&str, &[u8]); 2] = [("deep/t.csv", &table), ("README.md", b"about")];
    for (name, archive) in [("t.zip", zipped(&files)), ("t.tar.gz", tarred(&files))] {
        let data = open(name, &archive).unwrap();
        assert_eq!(data.name, "t");
        assert_eq!(classes(&data.train), classes(&plain.train));
        let all = indices(&data.train);
        assert_eq!(
            data.train.batch(&all).unwrap(),
            plain.train.batch(&all).unwrap()
        );
    }
}

#[test]
fn a_faulty_archive_is_refused() {
    #[track_caller]
    fn check(name: &str, archive: &[u8], message: &str) {
        let error = open(name, archive).unwrap_err().to_string();
        assert!(error.contains(message), "{error}");
    }
    let table = table();
    let escape = "the name `../evil.csv` leads out of it";
    check("a.zip", &zipped(&[("../evil.csv", &table)]), escape);
    check("a.tar.gz", &tarred(&[("../evil.csv", &table)]), escape);
    check(
        "a.zip",
        &zipped(&[("/evil.csv", &table)]),
        "leads out of it",
    );
    let zip = zipped(&[("t.csv", &table)]);
    check("a.zip", &zip[..zip.len() - 30], "cannot be unpacked");
    let tar = tarred(&[("t.csv", &table)]);
    check("a.tar.gz", &tar[..tar.len() / 2], "cannot be unpacked");
    check("a.zip", b"", "holds no data");
    let zeros = vec![0; 300 << 20];
    let bomb = zipped(&[("zeros.csv", &zeros)]);
    assert!(bomb.len() < 1 << 20);
    check(
        "a.zip",
        &bomb,
        "unpacks to far more than an archive of its size holds",
    );
}
