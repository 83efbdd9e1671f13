//! The lines of a `.ts` file.

use std::path::{Path, PathBuf};

use crate::DataError;

/// The series of one file.
#[derive(Debug, PartialEq)]
pub(super) struct Series {
    pub(super) path: PathBuf,
    /// Channels.
    pub(super) width: usize,
    /// `[sum of T, D]`
    pub(super) values: Vec<f64>,
    /// The step after the last one of each series.
    pub(super) ends: Vec<usize>,
    /// The class of each series, where the file says that it has classes.
    pub(super) labels: Option<Vec<String>>,
    /// The line of each series; the row of an array.
    pub(super) lines: Vec<u64>,
    /// `line` or `row`
    pub(super) unit: &'static str,
    /// The classes that the header lists.
    pub(super) listed: Vec<String>,
}

pub(super) fn parse(text: &str, path: &Path) -> Result<Series, DataError> {
    let mut lines = (1_u64..).zip(text.lines());
    let header = Header::parse(&mut lines, path)?;
    let mut series = Series {
        path: path.to_owned(),
        width: 0,
        values: Vec::new(),
        ends: Vec::new(),
        labels: header.has_classes.then(Vec::new),
        lines: Vec::new(),
        unit: "line",
        listed: header.classes,
    };
    for (line, content) in lines {
        let content = content.trim();
        if !content.is_empty() && !content.starts_with('#') {
            series.push(line, content)?;
        }
    }
    if series.ends.is_empty() {
        return Err(DataError::Empty {
            path: path.to_owned(),
        });
    }
    Ok(series)
}

#[derive(Default)]
struct Header {
    has_classes: bool,
    classes: Vec<String>,
}

impl Header {
    /// Reads up to the line `@data`.
    fn parse<'a>(
        lines: &mut impl Iterator<Item = (u64, &'a str)>,
        path: &Path,
    ) -> Result<Self, DataError> {
        let mut header = Self::default();
        for (line, content) in lines {
            let mut words = content.split_whitespace();
            let key = words.next().unwrap_or_default().to_ascii_lowercase();
            let is_true = words
                .next()
                .is_some_and(|word| word.eq_ignore_ascii_case("true"));
            match key.as_str() {
                "@data" => return Ok(header),
                "@timestamps" if is_true => return Err(timestamps(path, line)),
                "@missing" if is_true => return Err(missing(path, line)),
                "@targetlabel" if is_true => {
                    let problem = "the series have a number as their target, not a class";
                    return Err(fault(
                        path,
                        line,
                        problem,
                        "only series with classes are read",
                    ));
                }
                "@classlabel" => {
                    header.has_classes = is_true;
                    header.classes = words.map(str::to_owned).collect();
                }
                _ if key.is_empty() || key.starts_with(['@', '#']) => {}
                _ => {
                    let problem = "expected a line that begins with `@` or `#`";
                    return Err(fault(
                        path,
                        line,
                        problem,
                        "the data has to follow a line `@data`",
                    ));
                }
            }
        }
        Err(fault(
            path,
            1,
            "there is no line `@data`",
            "give a file of the UCR/UEA archive",
        ))
    }
}

impl Series {
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The classes that the header lists, else those that occur, by the alphabet.
    pub(super) fn classes(&self) -> Vec<String> {
        if !self.listed.is_empty() {
            return self.listed.clone();
        }
        let mut classes = self.labels.clone().unwrap_or_default();
        classes.sort();
        classes.dedup();
        classes
    }

    /// The vectors of one series.
    pub(super) fn steps(&self, item: usize) -> impl Iterator<Item = &[f64]> + Clone {
        let start = item
            .checked_sub(1)
            .and_then(|before| self.ends.get(before))
            .unwrap_or(&0);
        let end = self.ends.get(item).unwrap_or(start);
        let values = self
            .values
            .get(start * self.width..end * self.width)
            .unwrap_or_default();
        values.chunks_exact(self.width.max(1))
    }

    fn lengths(&self) -> impl Iterator<Item = usize> {
        let starts = std::iter::once(&0).chain(&self.ends);
        self.ends.iter().zip(starts).map(|(end, start)| end - start)
    }

    pub(super) fn shortest(&self) -> usize {
        self.lengths().min().unwrap_or(0)
    }

    pub(super) fn longest(&self) -> usize {
        self.lengths().max().unwrap_or(0)
    }

    /// A line of the file, for messages.
    pub(super) fn place(&self, line: u64) -> String {
        format!("{}:{line}", self.path.display())
    }

    /// Appends the series of one line.
    fn push(&mut self, line: u64, content: &str) -> Result<(), DataError> {
        let path = self.path.clone();
        if content.starts_with('(') {
            return Err(timestamps(&path, line));
        }
        let mut parts: Vec<&str> = content.split(':').collect();
        if let Some(labels) = &mut self.labels {
            match parts.pop() {
                Some(label) if !parts.is_empty() => labels.push(label.trim().to_owned()),
                _ => {
                    let problem = "the series has no class";
                    return Err(fault(
                        &path,
                        line,
                        problem,
                        "put `:` and the class at its end",
                    ));
                }
            }
        }
        let mut channels = Vec::with_capacity(parts.len());
        for part in parts {
            channels.push(channel(part, &path, line)?);
        }
        let num_steps = channels.first().map_or(0, Vec::len);
        if self.ends.is_empty() {
            self.width = channels.len();
        } else if channels.len() != self.width {
            let problem = format!("found {} channels, {} before", channels.len(), self.width);
            return Err(fault(
                &path,
                line,
                &problem,
                "give each series the same channels",
            ));
        }
        if let Some(other) = channels.iter().find(|channel| channel.len() != num_steps) {
            let problem = format!("channels of {num_steps} and of {} steps", other.len());
            return Err(fault(
                &path,
                line,
                &problem,
                "give each channel a value at each step",
            ));
        }
        for step in 0..num_steps {
            self.values
                .extend(channels.iter().filter_map(|channel| channel.get(step)));
        }
        self.ends.push(self.ends.last().unwrap_or(&0) + num_steps);
        self.lines.push(line);
        Ok(())
    }
}

/// The numbers of one channel.
fn channel(part: &str, path: &Path, line: u64) -> Result<Vec<f64>, DataError> {
    let mut values = Vec::new();
    for word in part.split(',').map(str::trim) {
        match word.parse() {
            Ok(number) if f64::abs(number) <= 1e30 => values.push(number),
            _ if word == "?" || word.eq_ignore_ascii_case("nan") => {
                return Err(missing(path, line));
            }
            _ => {
                let word: String = word.chars().take(40).collect();
                let problem = format!("expected a number, found `{word}`");
                return Err(fault(
                    path,
                    line,
                    &problem,
                    "separate steps by `,`, channels by `:`",
                ));
            }
        }
    }
    Ok(values)
}

fn timestamps(path: &Path, line: u64) -> DataError {
    fault(
        path,
        line,
        "the series have timestamps",
        "give series of evenly spaced steps",
    )
}

fn missing(path: &Path, line: u64) -> DataError {
    fault(
        path,
        line,
        "the series have missing values",
        "fill them in, or leave the series out",
    )
}

fn fault(path: &Path, line: u64, problem: &str, advice: &'static str) -> DataError {
    DataError::Ts {
        path: path.to_owned(),
        line,
        problem: problem.to_owned(),
        advice,
    }
}
