//! Downloads over HTTP that go on where an earlier one broke off.

use std::io::IsTerminal;
use std::time::Duration;

use anyhow::{Result, anyhow, bail};
use indicatif::{ProgressBar, ProgressStyle};
use ureq::http::{Response, header};
use ureq::{Agent, Body, Error, Proxy};

use super::part_file::PartFile;

/// How long a server may be silent; a slow line is no error.
const SILENCE: Duration = Duration::from_mins(1);

/// What became of a download.
#[derive(Debug, PartialEq)]
pub(crate) enum Outcome {
    /// The bytes are there, unchecked; `resumed` where some are of an earlier attempt.
    Complete { resumed: bool },
    /// The server answers, but does not have the file.
    Missing { status: u16 },
}

/// The one client, with time limits and without decompression: sums are of the bytes as they lie
/// on the server.
pub(crate) fn agent(proxy: Option<Proxy>) -> Agent {
    Agent::config_builder()
        .proxy(proxy)
        .http_status_as_error(false)
        .timeout_connect(Some(SILENCE))
        .timeout_recv_response(Some(SILENCE))
        .timeout_per_read(Some(SILENCE))
        .user_agent(concat!("fornax-xtask/", env!("CARGO_PKG_VERSION")))
        .build()
        .new_agent()
}

/// Appends to `part` what it lacks of the file at `url`.
///
/// # Errors
/// The server cannot be reached, refuses, or falls silent; `part` keeps what has arrived.
pub(crate) fn download(agent: &Agent, url: &str, part: &mut PartFile) -> Result<Outcome> {
    let start = part.len()?;
    let response = request(agent, url, start)?;
    match response.status().as_u16() {
        200 => {
            part.restart()?;
            receive(url, 0, response, part)?;
            Ok(Outcome::Complete { resumed: false })
        }
        206 if stated_start(&response) == Some(start) => {
            receive(url, start, response, part)?;
            Ok(Outcome::Complete { resumed: true })
        }
        // Nothing is left to ask for.
        416 if stated_length(&response) == Some(start) => Ok(Outcome::Complete { resumed: true }),
        // What we have is no beginning of what is there.
        206 | 416 if start > 0 => {
            part.restart()?;
            download(agent, url, part)
        }
        status @ (403 | 404 | 410) => Ok(Outcome::Missing { status }),
        status => bail!(
            "{url} answers with HTTP status {status}\nhelp: try again later, or take another copy \
             with `--mirror DIR_OR_URL`"
        ),
    }
}

fn request(agent: &Agent, url: &str, start: u64) -> Result<Response<Body>> {
    let mut request = agent.get(url).header(header::ACCEPT_ENCODING, "identity");
    if start > 0 {
        request = request.header(header::RANGE, format!("bytes={start}-"));
    }
    request.call().map_err(|error| unreachable(url, &error))
}

fn unreachable(url: &str, error: &Error) -> anyhow::Error {
    anyhow!(
        "cannot reach {url}: {error}\nhelp: see whether this machine is online; without network, \
         copy the files from elsewhere and name their folder with `--mirror DIR`"
    )
}

/// `N` of `Content-Range: bytes N-M/L`.
fn stated_start(response: &Response<Body>) -> Option<u64> {
    content_range(response)?.split_once('-')?.0.parse().ok()
}

/// `L` of `Content-Range: bytes N-M/L` and of `Content-Range: bytes */L`.
fn stated_length(response: &Response<Body>) -> Option<u64> {
    content_range(response)?.split_once('/')?.1.parse().ok()
}

fn content_range(response: &Response<Body>) -> Option<&str> {
    response
        .headers()
        .get(header::CONTENT_RANGE)?
        .to_str()
        .ok()?
        .strip_prefix("bytes ")
}

fn receive(url: &str, start: u64, response: Response<Body>, part: &mut PartFile) -> Result<()> {
    let body = response.into_body();
    let total = body.content_length().map(|rest| start + rest);
    let bar = progress_bar(url, start, total);
    let received = part.append(&mut body.into_reader(), |count| bar.inc(count));
    bar.finish_and_clear();
    let reason = match received? {
        Err(error) => format!(": {error}"),
        Ok(()) if total.is_some_and(|total| part.len().is_ok_and(|length| length < total)) => {
            String::new()
        }
        Ok(()) => return Ok(()),
    };
    let of_total = total.map_or_else(String::new, |total| format!(" of {total}"));
    bail!(
        "the download of {url} broke off after {}{of_total} bytes{reason}\nhelp: run the same \
         command again, it goes on from there",
        part.len()?
    )
}

/// A bar on a terminal; elsewhere one line.
fn progress_bar(url: &str, start: u64, total: Option<u64>) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        eprintln!("fetching {url}");
        return ProgressBar::hidden();
    }
    let template = match total {
        Some(_) => "{msg} {wide_bar} {bytes}/{total_bytes} {eta}",
        None => "{msg} {spinner} {bytes}",
    };
    let style = ProgressStyle::with_template(template).expect("the templates are well formed");
    let bar = ProgressBar::no_length()
        .with_style(style)
        .with_position(start);
    if let Some(total) = total {
        bar.set_length(total);
    }
    bar.with_message(super::manifest::last_segment(url).to_owned())
}
