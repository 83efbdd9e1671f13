//! `cargo xtask datasets fetch`: the one command of the project that uses the network.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;
use ureq::{Agent, Proxy};

use super::download::{self, Outcome};
use super::manifest::{self, Manifest, ManifestFile, last_segment};
use super::part_file::PartFile;
use super::place::{Form, Location, Mirror, Place, places};
use super::{archive, data_folder, io_failure, manifest_folder, readable};

/// Brings datasets to this machine and checks them
///
/// The files of dataset NAME come to `data/NAME/` below the folder of the workspace, where
/// `fornax train --data NAME` finds them from every folder of the workspace; from elsewhere, give
/// `--data` the path. A download that broke off goes on where it stopped. A file
/// gets its name only after its sha256 was found right; one that is there and right is not fetched
/// again.
#[derive(Args)]
pub(crate) struct Options {
    /// Datasets to fetch; `cargo xtask datasets list` names them
    #[arg(required = true, value_name = "NAME")]
    names: Vec<String>,
    /// Take the files from this copy, not from where they are published
    ///
    /// A file is looked for where its manifest says (`mirror = "..."`), then by its own name in
    /// the dataset's folder, then by the name it is published under.
    #[arg(long, value_name = "DIR_OR_URL")]
    mirror: Option<String>,
    /// Put the dataset's folder into this folder, not into `data`
    #[arg(long, value_name = "DIR")]
    into: Option<PathBuf>,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let chosen = manifest::choose(manifest::read_all(&manifest_folder())?, &options.names)?;
    let fetcher = Fetcher {
        folder: data_folder(options.into.as_deref()),
        mirror: options.mirror.as_deref().map(Mirror::parse).transpose()?,
        agent: download::agent(Proxy::try_from_env()),
    };
    let mut failed = Vec::new();
    for manifest in &chosen {
        if let Err(error) = fetcher.fetch(manifest) {
            eprintln!("error: {error:#}");
            failed.push(manifest.name.as_str());
        }
    }
    if !failed.is_empty() {
        bail!("not fetched: {}", failed.join(", "));
    }
    Ok(())
}

struct Fetcher {
    folder: PathBuf,
    mirror: Option<Mirror>,
    agent: Agent,
}

/// What was downloaded only to take files out of it, by address.
type Packages = BTreeMap<String, PathBuf>;

impl Fetcher {
    fn fetch(&self, manifest: &Manifest) -> Result<()> {
        if manifest.shipped {
            println!("{} ships with the program: nothing to fetch", manifest.name);
            return Ok(());
        }
        let mut packages = Packages::new();
        let fetched = manifest
            .files
            .iter()
            .try_for_each(|file| self.fetch_file(&manifest.name, file, &mut packages));
        for package in packages.values() {
            std::fs::remove_file(package).map_err(|error| io_failure("remove", package, &error))?;
        }
        fetched.with_context(|| format!("`{}` is not complete", manifest.name))?;
        eprintln!(
            "{}: licence: {}; origin: {}",
            manifest.name, manifest.licence, manifest.origin
        );
        println!("{}", readable(&self.folder.join(&manifest.name)));
        Ok(())
    }

    fn fetch_file(&self, name: &str, file: &ManifestFile, packages: &mut Packages) -> Result<()> {
        let target = self.folder.join(name).join(&file.path);
        if target.is_file() {
            let check = file.check();
            if check
                .found(&target, &file.path)
                .is_ok_and(|found| found == check.expected())
            {
                println!("ok       {}", readable(&target));
                return Ok(());
            }
            eprintln!("`{}` is damaged: fetching it again", readable(&target));
        }
        let places = places(name, file, self.mirror.as_ref());
        let mut seen = Vec::new();
        for place in &places {
            match self.take(place, file, &target, packages)? {
                None => {
                    println!("fetched  {}", readable(&target));
                    return Ok(());
                }
                Some(why) => seen.push(format!("\n  {}: {why}", place.location)),
            }
        }
        if seen.is_empty() {
            bail!(
                "`{}` is published at no address of its own\nhelp: name a copy with `--mirror \
                 DIR_OR_URL`",
                file.path
            );
        }
        let seen = seen.concat();
        bail!(
            "`{}` was not found; looked at{seen}\nhelp: name another copy with `--mirror \
             DIR_OR_URL`",
            file.path
        )
    }

    /// Brings the file from `place` to `target`; says why not where it is not there.
    fn take(
        &self,
        place: &Place<'_>,
        file: &ManifestFile,
        target: &Path,
        packages: &mut Packages,
    ) -> Result<Option<String>> {
        match (&place.location, place.form) {
            (Location::Disk(path), _) if !path.is_file() => return Ok(Some("no such file".into())),
            (Location::Disk(path), form) => unpack(path, form, file, target, place)?,
            (Location::Web(url), Form::Whole) => return self.download_file(url, file, target),
            (Location::Web(url), form) => {
                let package = target.with_file_name(last_segment(url));
                if !packages.contains_key(url) {
                    let mut part = PartFile::open(&package)?;
                    let outcome = download::download(&self.agent, url, &mut part)?;
                    if let Outcome::Missing { status } = outcome {
                        return Ok(Some(format!("HTTP status {status}")));
                    }
                    part.rename()?;
                    packages.insert(url.clone(), package.clone());
                }
                unpack(&package, form, file, target, place)?;
            }
        }
        Ok(None)
    }

    fn download_file(
        &self,
        url: &str,
        file: &ManifestFile,
        target: &Path,
    ) -> Result<Option<String>> {
        let mut may_retry = true;
        loop {
            let mut part = PartFile::open(target)?;
            match download::download(&self.agent, url, &mut part)? {
                Outcome::Missing { status } => return Ok(Some(format!("HTTP status {status}"))),
                Outcome::Complete { resumed } => match part.finish(file.check(), url) {
                    // The file there may have changed between the two attempts.
                    Err(_) if resumed && std::mem::take(&mut may_retry) => {
                        eprintln!("the resumed download is wrong: fetching it from the start");
                    }
                    finished => return finished.map(|()| None),
                },
            }
        }
    }
}

/// Writes the file in `package` to `target` and checks it.
fn unpack(
    package: &Path,
    form: Form<'_>,
    file: &ManifestFile,
    target: &Path,
    place: &Place<'_>,
) -> Result<()> {
    let mut part = PartFile::open(target)?;
    part.restart()?;
    let unreadable = |error| io_failure("read", package, &error);
    let written = match form {
        Form::Archive(member) => {
            archive::take_member(package, last_segment_of(package), member, |content| {
                part.append(content, |_| ())?.map_err(unreadable)
            })
        }
        Form::Whole | Form::AfterLines(_) => {
            let lines = if let Form::AfterLines(lines) = form {
                lines
            } else {
                0
            };
            File::open(package)
                .map(BufReader::new)
                .map_err(unreadable)
                .and_then(|mut content| {
                    for _ in 0..lines {
                        content.skip_until(b'\n').map_err(unreadable)?;
                    }
                    part.append(&mut content, |_| ())?.map_err(unreadable)
                })
        }
    };
    match written {
        Ok(()) => part.finish(file.check(), &place.location.to_string()),
        Err(error) => {
            part.discard()?;
            Err(error.context(format!(
                "`{}` cannot be taken from {}",
                file.path, place.location
            )))
        }
    }
}

fn last_segment_of(path: &Path) -> &str {
    path.file_name()
        .and_then(|name| name.to_str())
        .unwrap_or_default()
}
