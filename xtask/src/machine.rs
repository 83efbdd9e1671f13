//! What the numbers were measured on, and with which sources.

use std::process::Command;

use crate::workspace;

/// The processor, how many of it, and the system.
pub(crate) fn describe() -> String {
    let threads = num_processors();
    format!("{} x {threads}, {}", processor(), std::env::consts::OS)
}

/// The processor's name.
pub(crate) fn processor() -> String {
    let cpuinfo = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = model_name(&cpuinfo).unwrap_or(std::env::consts::ARCH);
    name.to_owned()
}

/// The model's name, in the words of Linux.
fn model_name(cpuinfo: &str) -> Option<&str> {
    let line = cpuinfo
        .lines()
        .find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim())
}

/// Threads that run at once.
pub(crate) fn num_processors() -> u16 {
    let found = std::thread::available_parallelism().map_or(1, usize::from);
    u16::try_from(found).unwrap_or(u16::MAX)
}

/// The commit of the sources, and whether they have changed since.
pub(crate) fn commit() -> String {
    let git = |arguments: &[&str]| {
        let output = Command::new("git")
            .current_dir(workspace::root())
            .args(arguments)
            .output();
        let output = output.ok().filter(|output| output.status.success())?;
        Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let Some(commit) = git(&["rev-parse", "--short", "HEAD"]) else {
        return "unknown".to_owned();
    };
    match git(&["status", "--porcelain"]) {
        Some(changes) if changes.is_empty() => commit,
        _ => format!("{commit} with changes"),
    }
}

/// Others on the machine slow the sides down unequally: threads that wait for each other suffer
/// most.
pub(crate) fn warn_if_busy() {
    let Ok(text) = std::fs::read_to_string("/proc/loadavg") else {
        return;
    };
    // A minute's mean still shows our own build, so this is generous.
    let allowed = f64::from(num_processors());
    if let Some(load) = load(&text).filter(|load| *load > allowed) {
        eprintln!(
            "warning: the machine is busy: a load of {load:.1} on {allowed} processors\nhelp: end \
             what else runs, else the ratios mean little"
        );
    }
}

/// The mean number of running threads over the last minute.
fn load(loadavg: &str) -> Option<f64> {
    loadavg.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_processor_has_a_name() {
        let cpuinfo = "processor\t: 0\nmodel name\t: A CPU @ 2 GHz\nflags\t: fpu\n";
        assert_eq!(model_name(cpuinfo), Some("A CPU @ 2 GHz"));
        assert_eq!(model_name(""), None);
        assert!(describe().contains(std::env::consts::OS));
    }

    #[test]
    #[allow(clippy::float_cmp)] // The same digits are read.
    fn the_load_is_the_first_number() {
        assert_eq!(load("2.50 1.00 0.50 3/200 77\n"), Some(2.5));
        assert_eq!(load(""), None);
    }
}
