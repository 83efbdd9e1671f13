//! Fetching from a server on this machine that can be told to misbehave, and from a folder.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use flate2::Compression;
use flate2::write::GzEncoder;
use tempfile::TempDir;

use super::*;
use crate::datasets::checksum::sha256;

/// What a server does wrong when it answers a request.
#[derive(Debug, Clone, Copy)]
enum Fault {
    None,
    /// Closes the connection after so many bytes of the body.
    BreaksOff(usize),
    /// Alters the byte with this index in the body.
    Flips(usize),
    /// Answers a range with the whole file.
    IgnoresRange,
    /// Answers with this status.
    Status(u16),
}

struct Server {
    address: String,
    /// The path and the `Range` of each request.
    requests: Arc<Mutex<Vec<(String, String)>>>,
}

impl Server {
    /// The n-th answer has the n-th fault, later ones have none.
    fn start(files: Vec<(&'static str, Vec<u8>)>, faults: &[Fault]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let log = requests.clone();
        let faults = faults.to_vec();
        std::thread::spawn(move || {
            let mut faults = faults.into_iter();
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let (path, range) = read_request(&stream);
                log.lock().unwrap().push((path.clone(), range.clone()));
                let file = files.iter().find(|(name, _)| path == format!("/{name}"));
                let fault = faults.next().unwrap_or(Fault::None);
                answer(
                    &mut stream,
                    file.map(|(_, content)| &content[..]),
                    &range,
                    fault,
                );
            }
        });
        Self { address, requests }
    }

    fn url(&self, name: &str) -> String {
        format!("{}/{name}", self.address)
    }

    fn ranges(&self) -> Vec<String> {
        self.requests
            .lock()
            .unwrap()
            .iter()
            .map(|(_, range)| range.clone())
            .collect()
    }
}

fn read_request(stream: &TcpStream) -> (String, String) {
    let (mut path, mut range) = (String::new(), String::new());
    for line in BufReader::new(stream).lines() {
        let line = line.unwrap();
        if line.is_empty() {
            break;
        }
        if let Some(rest) = line.strip_prefix("GET ") {
            path = rest.split(' ').next().unwrap().to_owned();
        } else if let Some((_, value)) = line
            .split_once(": ")
            .filter(|(key, _)| key.eq_ignore_ascii_case("range"))
        {
            range = value.to_owned();
        }
    }
    (path, range)
}

fn answer(stream: &mut TcpStream, content: Option<&[u8]>, range: &str, fault: Fault) {
    let mut head = |status: &str, fields: &str, length: usize| {
        let head = format!(
            "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n{fields}\r\n"
        );
        stream.write_all(head.as_bytes()).unwrap();
    };
    let Some(content) = content else {
        return head("404 Not Found", "", 0);
    };
    if let Fault::Status(status) = fault {
        return head(&format!("{status} Fault"), "", 0);
    }
    let start = range
        .strip_prefix("bytes=")
        .and_then(|range| range.strip_suffix('-'));
    let start: usize = start.map_or(0, |start| start.parse().unwrap());
    let total = content.len();
    let mut body = content.to_vec();
    if start > 0 && !matches!(fault, Fault::IgnoresRange) {
        if start >= total {
            let fields = format!("Content-Range: bytes */{total}\r\n");
            return head("416 Range Not Satisfiable", &fields, 0);
        }
        body.drain(..start);
        let fields = format!("Content-Range: bytes {start}-{}/{total}\r\n", total - 1);
        head("206 Partial Content", &fields, body.len());
    } else {
        head("200 OK", "", total);
    }
    match fault {
        Fault::BreaksOff(length) => body.truncate(length),
        Fault::Flips(index) => body[index] ^= 1,
        _ => {}
    }
    stream.write_all(&body).unwrap();
}

/// Big enough for several reads and writes.
fn content() -> Vec<u8> {
    (0..300_000_u32)
        .flat_map(|i| (i.wrapping_mul(2_654_435_761)).to_le_bytes())
        .collect()
}

fn file(path: &str, content: &[u8]) -> ManifestFile {
    ManifestFile {
        path: path.into(),
        bytes: content.len() as u64,
        sha256: Some(sha256(&mut &*content).unwrap()),
        ..ManifestFile::default()
    }
}

fn fetcher(mirror: Option<Mirror>) -> (TempDir, Fetcher) {
    let folder = tempfile::tempdir().unwrap();
    let fetcher = Fetcher {
        folder: folder.path().join("data"),
        mirror,
        agent: download::agent(None),
    };
    (folder, fetcher)
}

fn fetch(fetcher: &Fetcher, file: &ManifestFile) -> Result<()> {
    fetcher.fetch_file("toy", file, &mut Packages::new())
}

fn names_in(fetcher: &Fetcher) -> Vec<String> {
    let entries = fetcher.folder.join("toy").read_dir().unwrap();
    let name = |entry: std::io::Result<std::fs::DirEntry>| entry.unwrap().file_name();
    let mut names: Vec<_> = entries
        .map(|entry| name(entry).into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn a_file_is_fetched_once_and_then_left_alone() {
    let server = Server::start(vec![("a", content())], &[]);
    let (_folder, fetcher) = fetcher(None);
    let file = ManifestFile {
        url: Some(server.url("a")),
        ..file("toy.bin", &content())
    };
    fetch(&fetcher, &file).unwrap();
    fetch(&fetcher, &file).unwrap();
    assert_eq!(
        std::fs::read(fetcher.folder.join("toy/toy.bin")).unwrap(),
        content()
    );
    assert_eq!(names_in(&fetcher), ["toy.bin"]);
    assert_eq!(server.ranges(), [""]);
}

#[test]
fn a_broken_download_goes_on_where_it_stopped() {
    let faults = [Fault::BreaksOff(500_000), Fault::Status(503)];
    let server = Server::start(vec![("a", content())], &faults);
    let (_folder, fetcher) = fetcher(None);
    let file = ManifestFile {
        url: Some(server.url("a")),
        ..file("toy.bin", &content())
    };
    let error = format!("{:#}", fetch(&fetcher, &file).unwrap_err());
    assert!(
        error.contains("/a broke off after 500000 of 1200000 bytes"),
        "{error}"
    );
    assert!(
        error.contains("help: run the same command again"),
        "{error}"
    );
    let error = format!("{:#}", fetch(&fetcher, &file).unwrap_err());
    assert!(error.contains("HTTP status 503"), "{error}");
    assert_eq!(names_in(&fetcher), ["toy.bin.part"]);
    fetch(&fetcher, &file).unwrap();
    assert_eq!(server.ranges(), ["", "bytes=500000-", "bytes=500000-"]);
    assert_eq!(
        std::fs::read(fetcher.folder.join("toy/toy.bin")).unwrap(),
        content()
    );
}

#[test]
fn a_download_that_lacked_only_its_name_is_not_repeated() {
    let server = Server::start(vec![("a", content())], &[]);
    let (_folder, fetcher) = fetcher(None);
    std::fs::create_dir_all(fetcher.folder.join("toy")).unwrap();
    std::fs::write(fetcher.folder.join("toy/toy.bin.part"), content()).unwrap();
    fetch(
        &fetcher,
        &ManifestFile {
            url: Some(server.url("a")),
            ..file("toy.bin", &content())
        },
    )
    .unwrap();
    assert_eq!(server.ranges(), ["bytes=1200000-"]);
    assert_eq!(names_in(&fetcher), ["toy.bin"]);
}

#[test]
fn a_server_without_ranges_and_a_wrong_part_start_again() {
    let server = Server::start(vec![("a", content())], &[Fault::IgnoresRange]);
    let (_folder, fetcher) = fetcher(None);
    let file = ManifestFile {
        url: Some(server.url("a")),
        ..file("toy.bin", &content())
    };
    let part = fetcher.folder.join("toy/toy.bin.part");
    std::fs::create_dir_all(fetcher.folder.join("toy")).unwrap();
    std::fs::write(&part, [0; 10]).unwrap();
    fetch(&fetcher, &file).unwrap();
    assert_eq!(server.ranges(), ["bytes=10-"]);

    std::fs::remove_file(fetcher.folder.join("toy/toy.bin")).unwrap();
    std::fs::write(&part, [0; 10]).unwrap();
    fetch(&fetcher, &file).unwrap();
    assert_eq!(server.ranges(), ["bytes=10-", "bytes=10-", ""]);

    std::fs::remove_file(fetcher.folder.join("toy/toy.bin")).unwrap();
    std::fs::write(&part, vec![0; 2_000_000]).unwrap();
    fetch(&fetcher, &file).unwrap();
    assert_eq!(
        std::fs::read(fetcher.folder.join("toy/toy.bin")).unwrap(),
        content()
    );
}

#[test]
fn one_wrong_byte_is_refused_and_leaves_nothing() {
    let server = Server::start(vec![("a", content())], &[Fault::Flips(777_777)]);
    let (_folder, fetcher) = fetcher(None);
    let file = ManifestFile {
        url: Some(server.url("a")),
        ..file("toy.bin", &content())
    };
    let error = format!("{:#}", fetch(&fetcher, &file).unwrap_err());
    assert!(error.contains("is not the file we know"), "{error}");
    assert!(
        error.contains(&server.address) && error.contains("`toy.bin`"),
        "{error}"
    );
    assert!(names_in(&fetcher).is_empty());
    fetch(&fetcher, &file).unwrap();
}

#[test]
fn a_damaged_file_is_fetched_again() {
    let server = Server::start(vec![("a", content())], &[]);
    let (_folder, fetcher) = fetcher(None);
    let file = ManifestFile {
        url: Some(server.url("a")),
        ..file("toy.bin", &content())
    };
    std::fs::create_dir_all(fetcher.folder.join("toy")).unwrap();
    std::fs::write(fetcher.folder.join("toy/toy.bin"), "damaged").unwrap();
    fetch(&fetcher, &file).unwrap();
    assert_eq!(
        std::fs::read(fetcher.folder.join("toy/toy.bin")).unwrap(),
        content()
    );
}

#[track_caller]
fn check_fails(url: Option<String>, expected: &str) {
    let (_folder, fetcher) = fetcher(None);
    let file = ManifestFile {
        url,
        ..file("toy.bin", b"toy")
    };
    let error = format!("{:#}", fetch(&fetcher, &file).unwrap_err());
    assert!(
        error.contains(expected) && error.contains("\nhelp: "),
        "{error}"
    );
}

#[test]
fn what_the_network_refuses_is_said() {
    let unused = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    check_fails(
        Some(format!("http://{unused}/a")),
        "cannot reach http://127.0.0.1:",
    );
    let server = Server::start(vec![("a", vec![])], &[Fault::Status(500)]);
    check_fails(Some(server.url("a")), "answers with HTTP status 500");
    check_fails(Some(server.url("b")), "/b: HTTP status 404");
    check_fails(None, "`toy.bin` is published at no address of its own");
}

#[test]
fn an_archive_is_downloaded_once_for_all_its_members() {
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for member in ["A_TRAIN.ts", "A_TEST.ts"] {
        writer
            .start_file(member, zip::write::SimpleFileOptions::default())
            .unwrap();
        writer.write_all(member.as_bytes()).unwrap();
    }
    let archive = writer.finish().unwrap().into_inner();
    let server = Server::start(vec![("A.zip", archive)], &[Fault::BreaksOff(50)]);
    let (_folder, fetcher) = fetcher(None);
    let member = |name: &str| ManifestFile {
        url: Some(server.url("A.zip")),
        member: Some(name.into()),
        ..file(name, name.as_bytes())
    };
    let manifest = |files| Manifest {
        name: "toy".into(),
        files,
        ..manifest::read(&manifest_folder().join("mnist.toml")).unwrap()
    };
    let both = manifest(vec![member("A_TRAIN.ts"), member("A_TEST.ts")]);
    assert!(format!("{:#}", fetcher.fetch(&both).unwrap_err()).contains("`toy` is not complete"));
    assert_eq!(names_in(&fetcher), ["A.zip.part"]);
    fetcher.fetch(&both).unwrap();
    assert_eq!(names_in(&fetcher), ["A_TEST.ts", "A_TRAIN.ts"]);
    assert_eq!(server.ranges(), ["", "bytes=50-"]);

    let absent = manifest(vec![member("B.ts")]);
    let error = format!("{:#}", fetcher.fetch(&absent).unwrap_err());
    assert!(
        error.contains("`B.ts` cannot be taken from http://127"),
        "{error}"
    );
    assert!(
        error.contains("`A.zip` holds no file called `B.ts`"),
        "{error}"
    );
    assert_eq!(names_in(&fetcher), ["A_TEST.ts", "A_TRAIN.ts"]);
}

#[test]
fn leading_lines_are_left_out() {
    let server = Server::start(
        vec![("a.test", b"|1x3 Cross validator\n1, 2\n".to_vec())],
        &[],
    );
    let (_folder, fetcher) = fetcher(None);
    let file = ManifestFile {
        url: Some(server.url("a.test")),
        skip_lines: 1,
        ..file("toy.csv", b"1, 2\n")
    };
    fetch(&fetcher, &file).unwrap();
    assert_eq!(
        std::fs::read(fetcher.folder.join("toy/toy.csv")).unwrap(),
        b"1, 2\n"
    );
}

#[test]
fn a_mirror_folder_and_a_mirror_address_are_searched() {
    let mirror = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(mirror.path().join("other/place")).unwrap();
    std::fs::write(mirror.path().join("other/place/file"), content()).unwrap();
    let (_folder, disk) = fetcher(Some(
        Mirror::parse(mirror.path().to_str().unwrap()).unwrap(),
    ));
    let mut file = ManifestFile {
        mirror: Some("other/place/file".into()),
        ..file("toy.bin", &content())
    };
    fetch(&disk, &file).unwrap();
    assert_eq!(names_in(&disk), ["toy.bin"]);

    let server = Server::start(vec![("m/toy/toy.bin", content())], &[]);
    let (_folder, web) = fetcher(Some(Mirror::parse(&server.url("m/")).unwrap()));
    fetch(&web, &file).unwrap();
    assert_eq!(names_in(&web), ["toy.bin"]);
    assert_eq!(server.ranges().len(), 2);

    file.path = "other.bin".into();
    let error = format!("{:#}", fetch(&web, &file).unwrap_err());
    assert!(
        error.contains("`other.bin` was not found; looked at"),
        "{error}"
    );
    assert!(
        error.contains("m/other/place/file: HTTP status 404"),
        "{error}"
    );
    assert_eq!(names_in(&web), ["toy.bin"]);
}

#[test]
fn a_gzip_file_with_another_header_is_right_by_its_content() {
    let gz = |level| {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::new(level));
        encoder.write_all(&content()).unwrap();
        encoder.finish().unwrap()
    };
    let server = Server::start(vec![("a.gz", gz(1))], &[]);
    let (_folder, fetcher) = fetcher(None);
    let file = ManifestFile {
        url: Some(server.url("a.gz")),
        sha256: None,
        sha256_unpacked: Some(sha256(&mut &content()[..]).unwrap()),
        ..file("toy.gz", &gz(9))
    };
    fetch(&fetcher, &file).unwrap();
    let mut unpacked = Vec::new();
    let file = File::open(fetcher.folder.join("toy/toy.gz")).unwrap();
    flate2::read::GzDecoder::new(file)
        .read_to_end(&mut unpacked)
        .unwrap();
    assert_eq!(unpacked, content());
}
