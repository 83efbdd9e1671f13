//! What the numbers were measured on, and with which sources.

use std::process::Command;

use crate::workspace;

/// The processor, how many of it, and the system.
pub(crate) fn describe() -> String {
    let threads = num_processors();
    format!("{} x {threads}, {}", processor(), std::env::consts::OS)
}

/// The processor's name and its widest vectors, as in a machine that is rented the name alone may stand for
/// many.
pub(crate) fn processor() -> String {
    let cpuinfo = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = field(&cpuinfo, "model name").unwrap_or(std::env::consts::ARCH);
    match vectors(&cpuinfo) {
        Some(vectors) => format!("{name}, {vectors}"),
        None => name.to_owned(),
    }
}

/// What the kernels choose their way by, the best that is there.
fn vectors(cpuinfo: &str) -> Option<&'static str> {
    const BEST_FIRST: [(&str, &str); 4] = [
        ("amx_bf16", "AMX"),
        ("avx512_bf16", "AVX512-BF16"),
        ("avx512f", "AVX-512"),
        ("avx2", "AVX2"),
    ];
    let flags: Vec<&str> = field(cpuinfo, "flags")?.split_whitespace().collect();
    let mut found = BEST_FIRST.iter().filter(|(flag, _)| flags.contains(flag));
    found.next().map(|(_, name)| *name)
}

/// Of the first processor, in the words of Linux.
fn field<'a>(cpuinfo: &'a str, name: &str) -> Option<&'a str> {
    let line = cpuinfo.lines().find(|line| line.starts_with(name))?;
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
        assert_eq!(field(cpuinfo, "model name"), Some("A CPU @ 2 GHz"));
        assert_eq!(field("", "model name"), None);
        assert!(describe().contains(std::env::consts::OS));
    }

    #[test]
    fn the_widest_vectors_are_named() {
        assert_eq!(vectors("flags\t: fpu avx2 fma\n"), Some("AVX2"));
        let all = "flags\t: avx2 avx512f avx512_bf16 amx_bf16\n";
        assert_eq!(vectors(all), Some("AMX"));
        assert_eq!(vectors("flags\t: fpu\n"), None);
        assert_eq!(vectors("Features\t: asimd\n"), None);
    }

    #[test]
    #[allow(clippy::float_cmp)] // The same digits are read.
    fn the_load_is_the_first_number() {
        assert_eq!(load("2.50 1.00 0.50 3/200 77\n"), Some(2.5));
        assert_eq!(load(""), None);
    }
}
