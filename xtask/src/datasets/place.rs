//! Where a file can be had: at its published address, or in a mirror's folder or address.

use std::fmt;
use std::path::PathBuf;

use anyhow::{Result, bail};

use super::manifest::{ManifestFile, last_segment};
use super::readable;

/// A copy of many datasets, on disk or on the web.
#[derive(Debug)]
pub(crate) enum Mirror {
    Folder(PathBuf),
    Address(String),
}

impl Mirror {
    /// Reads what the user typed.
    ///
    /// # Errors
    /// It is neither an address nor a folder that is there.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        if text.starts_with("http://") || text.starts_with("https://") {
            return Ok(Self::Address(text.trim_end_matches('/').to_owned()));
        }
        let folder = PathBuf::from(text);
        if !folder.is_dir() {
            bail!(
                "there is no folder `{text}`\nhelp: `--mirror` takes a folder or an address that begins with http:// or https://"
            );
        }
        Ok(Self::Folder(folder))
    }

    fn at(&self, path: &str) -> Location {
        match self {
            Self::Folder(folder) => Location::Disk(folder.join(path)),
            Self::Address(address) => Location::Web(format!("{address}/{path}")),
        }
    }
}

/// A place to look at.
#[derive(Debug, PartialEq)]
pub(crate) struct Place<'a> {
    pub(crate) location: Location,
    pub(crate) form: Form<'a>,
}

#[derive(Debug, PartialEq)]
pub(crate) enum Location {
    Disk(PathBuf),
    Web(String),
}

/// What lies at a place.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Form<'a> {
    /// The file itself.
    Whole,
    /// An archive, with the file under this name inside.
    Archive(&'a str),
    /// The file after so many lines that are no data.
    AfterLines(usize),
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Disk(path) => write!(f, "`{}`", readable(path)),
            Self::Web(url) => f.write_str(url),
        }
    }
}

/// The places to look at for a file of the dataset `name`, in order.
pub(crate) fn places<'a>(
    name: &str,
    file: &'a ManifestFile,
    mirror: Option<&Mirror>,
) -> Vec<Place<'a>> {
    let form = match (&file.member, file.skip_lines) {
        (Some(member), _) => Form::Archive(member),
        (None, 0) => Form::Whole,
        (None, count) => Form::AfterLines(count),
    };
    let url = file.url.as_deref();
    let Some(mirror) = mirror else {
        let published = url.map(|url| Place {
            location: Location::Web(url.to_owned()),
            form,
        });
        return published.into_iter().collect();
    };
    let whole = |path: &str| Place {
        location: mirror.at(path),
        form: Form::Whole,
    };
    let mut places: Vec<_> = file.mirror.iter().map(|path| whole(path)).collect();
    places.push(whole(&format!("{name}/{}", file.path)));
    if let Some(url) = url {
        let location = mirror.at(&format!("{name}/{}", last_segment(url)));
        places.push(Place { location, form });
    }
    places.dedup_by(|a, b| a.location == b.location);
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    fn web(url: &str, form: Form<'static>) -> Place<'static> {
        Place {
            location: Location::Web(url.into()),
            form,
        }
    }

    #[test]
    fn the_published_address_is_the_only_place_without_a_mirror() {
        let mut file = ManifestFile {
            path: "a.ts".into(),
            ..ManifestFile::default()
        };
        assert_eq!(places("a", &file, None), []);
        file.url = Some("http://b/A.zip".into());
        file.member = Some("a.ts".into());
        assert_eq!(
            places("a", &file, None),
            [web("http://b/A.zip", Form::Archive("a.ts"))]
        );
    }

    #[test]
    fn a_mirror_is_searched_at_its_own_path_then_by_name_then_by_archive() {
        let file = ManifestFile {
            path: "a.ts".into(),
            url: Some("http://b/A.zip".into()),
            member: Some("a.ts".into()),
            mirror: Some("ucr/A/a.ts".into()),
            ..ManifestFile::default()
        };
        let mirror = Mirror::parse("https://m/").unwrap();
        let expected = [
            web("https://m/ucr/A/a.ts", Form::Whole),
            web("https://m/a/a.ts", Form::Whole),
            web("https://m/a/A.zip", Form::Archive("a.ts")),
        ];
        assert_eq!(places("a", &file, Some(&mirror)), expected);
    }

    #[test]
    fn a_mirror_that_is_not_there_is_said() {
        let message = Mirror::parse("no/such/folder").unwrap_err().to_string();
        assert!(
            message.starts_with("there is no folder `no/such/folder`\nhelp: "),
            "{message}"
        );
    }
}
