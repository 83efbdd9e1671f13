//! The star: leaves know nothing of each other, and some of them nothing of Burn.

use super::Finding;
use crate::workspace::{self, Metadata};

/// Which of our crates a crate may depend on; `ALL` for the composers.
const ARROWS: &[(&str, &[&str])] = &[
    ("fornax-layers", &["fornax-kernels"]),
    ("fornax-kernels", &[]),
    ("fornax-data", &[]),
    ("fornax-runs", &[]),
    ("fornax-promises", &[]),
    ("fornax-doctor", &["fornax-runs"]),
    ("fornax-mlp", OF_ARCHITECTURES),
    ("fornax-cnn", OF_ARCHITECTURES),
    ("fornax-rnn", OF_ARCHITECTURES),
    (
        "fornax-dbn",
        &[
            "fornax-layers",
            "fornax-kernels",
            "fornax-mlp",
            "fornax-promises",
        ],
    ),
    ("fornax-insight", &["fornax-layers"]),
    ("fornax-trainer", ALL),
    ("fornax-examples", ALL),
    ("xtask", &[]),
];

/// The last for their tests.
const OF_ARCHITECTURES: &[&str] = &["fornax-layers", "fornax-kernels", "fornax-promises"];

const ALL: &[&str] = &["*"];

const WITHOUT_BURN: [&str; 4] = ["fornax-data", "fornax-runs", "fornax-doctor", "xtask"];

pub(crate) fn check(metadata: &Metadata) -> Vec<Finding> {
    let ours = |name: &str| metadata.packages.iter().any(|package| package.name == name);
    let mut findings = Vec::new();
    for package in &metadata.packages {
        let name = package.name.as_str();
        let file = package.manifest_path.strip_prefix(workspace::root());
        let file = file
            .unwrap_or(&package.manifest_path)
            .to_string_lossy()
            .replace('\\', "/");
        let text = std::fs::read_to_string(&package.manifest_path).unwrap_or_default();
        let mut report = |key: &str, message| {
            let line = text
                .lines()
                .position(|line| line.starts_with(key))
                .unwrap_or(0)
                + 1;
            findings.push(Finding::new(&file, line, message));
        };
        let Some((_, allowed)) = ARROWS.iter().find(|(known, _)| *known == name) else {
            report(
                "name",
                format!(
                    "`{name}` has no place in the star; give it one in {}",
                    file!()
                ),
            );
            continue;
        };
        for dependency in &package.dependencies {
            let needed = dependency.name.as_str();
            // A crate may name itself, to switch its own features on for its tests.
            if ours(needed) && needed != name && *allowed != ALL && !allowed.contains(&needed) {
                report(
                    needed,
                    format!(
                        "`{name}` depends on `{needed}`, which is no arrow of the star; let the \
                     trainer compose the two"
                    ),
                );
            }
            let is_burn = needed == "burn" || needed.starts_with("burn-");
            if is_burn && WITHOUT_BURN.contains(&name) {
                report(
                    needed,
                    format!(
                        "`{name}` depends on `{needed}`; it has to do without Burn: plain arrays in \
                     and out, or move the code to the trainer"
                    ),
                );
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_messages(packages: &[(&str, &[&str])], expected: &[&str]) {
        let package = |(name, needs): &(&str, &[&str])| {
            let dependencies = needs.iter().map(|name| serde_json::json!({ "name": name }));
            serde_json::json!({
                "name": name,
                "manifest_path": workspace::root().join(name).join("Cargo.toml"),
                "dependencies": dependencies.collect::<Vec<_>>(),
            })
        };
        let packages: Vec<_> = packages.iter().map(package).collect();
        let metadata = serde_json::json!({ "packages": packages, "target_directory": "target" });
        let findings = check(&serde_json::from_value(metadata).unwrap());
        assert_eq!(findings.len(), expected.len(), "{findings:?}");
        for (finding, expected) in findings.iter().zip(expected) {
            assert!(finding.to_string().contains(expected), "{finding}");
        }
    }

    #[test]
    fn arrows_of_the_star_are_fine() {
        let packages: &[(&str, &[&str])] = &[
            ("fornax-layers", &["burn"]),
            ("fornax-mlp", &["burn", "fornax-layers"]),
            ("fornax-dbn", &["fornax-mlp"]),
            ("fornax-data", &["csv"]),
            ("fornax-trainer", &["fornax-mlp", "fornax-data", "burn"]),
            ("fornax-examples", &["fornax-trainer"]),
        ];
        check_messages(packages, &[]);
    }

    #[test]
    fn arrows_outside_of_the_star_are_found() {
        check_messages(
            &[("fornax-cnn", &["fornax-mlp"]), ("fornax-mlp", &[])],
            &["fornax-cnn/Cargo.toml:1: `fornax-cnn` depends on `fornax-mlp`"],
        );
        check_messages(
            &[("fornax-data", &["burn"])],
            &["it has to do without Burn"],
        );
        check_messages(
            &[("xtask", &["burn-train"])],
            &["`xtask` depends on `burn-train`"],
        );
        check_messages(
            &[("fornax-new", &[])],
            &["`fornax-new` has no place in the star"],
        );
    }
}
