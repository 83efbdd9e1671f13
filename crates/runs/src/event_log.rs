//! The file of events: appending to it, and reading what still counts.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::mem::discriminant;
use std::path::{Path, PathBuf};

use crate::{Event, EventKind, RunError};

/// The events of a run, open for appending.
#[derive(Debug)]
pub struct EventLog {
    file: File,
    path: PathBuf,
    events: Vec<Event>,
}

impl EventLog {
    /// Opens the file at `path`, and makes it where it does not exist.
    ///
    /// A last line that a kill left torn is ended, so that nothing is glued to it.
    ///
    /// # Errors
    /// When the file cannot be opened or written, and those of [`read_events`].
    pub fn open_append(path: &Path) -> Result<Self, RunError> {
        let mut options = OpenOptions::new();
        let file = options.read(true).append(true).create(true).open(path);
        let mut file = file.map_err(RunError::io("open", path))?;
        end_last_line(&mut file).map_err(RunError::io("write", path))?;
        let is_empty = file.metadata().map_err(RunError::io("read", path))?.len() == 0;
        Ok(Self {
            file,
            path: path.to_owned(),
            events: if is_empty {
                Vec::new()
            } else {
                read_events(path)?
            },
        })
    }

    /// Every event of the file that still counts, as [`read_events`] gives them.
    #[must_use]
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// Writes one event as one line, by a single write; it outlives the process, however that ends.
    ///
    /// # Errors
    /// When the line cannot be written; the file then ends with the event before.
    pub fn append(&mut self, event: Event) -> Result<(), RunError> {
        self.write(&event)
            .map_err(RunError::io("write", &self.path))?;
        add(&mut self.events, event);
        Ok(())
    }

    fn write(&mut self, event: &Event) -> io::Result<()> {
        let mut line = serde_json::to_vec(event)?;
        line.push(b'\n');
        let end = self.file.metadata()?.len();
        self.file.write_all(&line).inspect_err(|_| {
            // A disk that fills up takes a part of the line. Should this fail too, the torn line
            // stays, and reading leaves it out.
            let _ = self.file.set_len(end);
        })
    }

    /// Waits until the events have reached the disk, so that they outlive a power failure. To be
    /// called before a checkpoint is written: its events are then never missing.
    ///
    /// # Errors
    /// When the system cannot write them.
    pub fn sync(&self) -> Result<(), RunError> {
        self.file
            .sync_data()
            .map_err(RunError::io("write", &self.path))
    }
}

fn end_last_line(file: &mut File) -> io::Result<()> {
    if file.metadata()?.len() == 0 {
        return Ok(());
    }
    let mut last = [0];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    if last == *b"\n" {
        Ok(())
    } else {
        file.write_all(b"\n")
    }
}

/// Reads the events that count.
///
/// A [`Resumed`](EventKind::Resumed) supersedes what was reported after its position, and an
/// earlier end of the run; of two reports of the same step or epoch the later counts. A line that
/// a kill tore is left out, as is an event that only a later version knows.
///
/// # Errors
/// When the file cannot be read, and [`RunError::EventLine`] where a line was damaged.
pub fn read_events(path: &Path) -> Result<Vec<Event>, RunError> {
    let bytes = std::fs::read(path).map_err(RunError::io("read", path))?;
    let mut events = Vec::new();
    let mut torn = None;
    for (index, line) in bytes.split(|&byte| byte == b'\n').enumerate() {
        let line = trim(line);
        let damaged = |(index, reason): (usize, String)| RunError::EventLine {
            path: path.to_owned(),
            line: index + 1,
            reason,
        };
        if line.is_empty() {
            continue;
        }
        match serde_json::from_slice::<Event>(line) {
            Ok(event) => {
                // A kill ends the process, so a torn line is followed by another session.
                if let Some(torn) = torn.take_if(|_| !begins_session(&event.kind)) {
                    return Err(damaged(torn));
                }
                torn = None;
                add(&mut events, event);
            }
            Err(_) if is_unknown(line) => {}
            // Only the beginning of a line ends too early.
            Err(error) if error.is_eof() && torn.is_none() => {
                torn = Some((index, "the line is not whole".to_owned()));
            }
            Err(error) => return Err(damaged((index, format!("not an event: {error}")))),
        }
    }
    Ok(events)
}

/// A line without the blanks around it, and without the zeros that a power failure may leave where
/// the end of a file was still to be written.
fn trim(line: &[u8]) -> &[u8] {
    let is_content = |byte: &u8| *byte != 0 && !byte.is_ascii_whitespace();
    let start = line.iter().position(is_content).unwrap_or(line.len());
    let end = line
        .iter()
        .rposition(is_content)
        .map_or(start, |last| last + 1);
    &line[start..end]
}

/// Whether an event may be the first that a process reports.
fn begins_session(kind: &EventKind) -> bool {
    use EventKind::{Evaluated, Resumed, Started, Unknown, Warning};
    matches!(
        kind,
        Started { .. } | Resumed | Evaluated { .. } | Warning { .. } | Unknown
    )
}

/// Whether a line is an event of a kind we do not know, whatever else it holds.
fn is_unknown(line: &[u8]) -> bool {
    matches!(serde_json::from_slice(line), Ok(EventKind::Unknown))
}

/// Adds `event` and takes out what it supersedes.
fn add(events: &mut Vec<Event>, event: Event) {
    match event.kind {
        EventKind::Unknown => return,
        EventKind::Resumed => events.retain(|earlier| match earlier.kind {
            EventKind::Started { .. } => true,
            EventKind::Finished { .. } => false,
            _ => earlier.at <= event.at,
        }),
        EventKind::Step { .. }
        | EventKind::Epoch { .. }
        | EventKind::PretrainEpoch { .. }
        | EventKind::UpDownEpoch { .. } => {
            let same = |earlier: &Event| {
                earlier.at == event.at && discriminant(&earlier.kind) == discriminant(&event.kind)
            };
            // Positions rise, so only the tail can hold another report from here.
            let tail = events.iter().rposition(|earlier| earlier.at < event.at);
            let tail = tail.map_or(0, |last| last + 1);
            if let Some(offset) = events[tail..].iter().position(same) {
                events.remove(tail + offset);
            }
        }
        _ => {}
    }
    events.push(event);
}

#[cfg(test)]
mod tests;
