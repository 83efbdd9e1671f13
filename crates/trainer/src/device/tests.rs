//! Tests of naming, opening and reporting devices.

use miette::Diagnostic;

use super::survey::report;
use super::*;

const LIMIT: Duration = Duration::from_mins(1);

fn help(error: &DeviceError) -> String {
    error
        .help()
        .map(|help| help.to_string())
        .unwrap_or_default()
}

#[test]
fn names_are_read_as_they_are_written() {
    for backend in Backend::ALL {
        for index in [None, Some(0), Some(12)] {
            let spec = DeviceSpec { backend, index };
            assert_eq!(spec.to_string().parse(), Ok(spec));
            let json = serde_json::to_string(&spec).unwrap();
            assert_eq!(json, format!("\"{spec}\""));
            assert_eq!(serde_json::from_str::<DeviceSpec>(&json).unwrap(), spec);
        }
    }
}

#[test]
fn unknown_names_are_refused_with_advice() {
    #[track_caller]
    fn check(name: &str, error_has: &str, help_has: &str) {
        let error = name.parse::<DeviceSpec>().unwrap_err();
        assert!(error.to_string().contains(error_has), "{error}");
        assert!(help(&error).contains(help_has), "{}", help(&error));
    }
    check("wpgu", "no device `wpgu`", "did you mean `wgpu`?");
    check("CUDA:1", "no device `CUDA`", "did you mean `cuda`?");
    check("gpu", "no device `gpu`", "did you mean `wgpu`?");
    check("tpu-7", "no device `tpu-7`", "fornax devices");
    check("", "no device ``", "flex, ndarray, wgpu");
    check("wgpu:", "`` in `wgpu:`", "from 0");
    check("wgpu:-1", "`-1` in `wgpu:-1`", "from 0");
    check("cuda:99999999999999999999", "does not number", "from 0");
}

#[test]
fn backend_that_is_not_compiled_in_names_the_command_that_mends_it() {
    for backend in Backend::ALL
        .into_iter()
        .filter(|backend| !backend.is_compiled_in())
    {
        for index in [None, Some(0)] {
            let error = open(&DeviceSpec { backend, index }).unwrap_err();
            assert_eq!(error, DeviceError::NotCompiledIn { backend });
            assert!(
                help(&error).contains(&format!("--features {backend}")),
                "{}",
                help(&error)
            );
        }
    }
}

#[test]
fn default_is_the_first_backend_of_the_build() {
    let first = Backend::ALL
        .into_iter()
        .find(|backend| backend.is_compiled_in());
    assert_eq!(DeviceSpec::default_for_build(), first.map(DeviceSpec::from));
}

#[test]
fn processor_is_one_device_and_answers() {
    for backend in [Backend::Flex, Backend::Ndarray] {
        if !backend.is_compiled_in() {
            continue;
        }
        assert!(
            open(&DeviceSpec {
                backend,
                index: Some(0)
            })
            .is_ok()
        );
        let spec = DeviceSpec {
            backend,
            index: Some(1),
        };
        let error = open(&spec).unwrap_err();
        assert_eq!(error, DeviceError::NoSuchDevice { spec, found: 1 });
        assert!(
            help(&error).contains(&format!("`{backend}:0`")),
            "{}",
            help(&error)
        );
        let report = report(backend.into(), LIMIT);
        assert!(report.answers, "{report}");
        assert!(
            report
                .to_string()
                .starts_with(&format!("{backend:<8} answers in")),
            "{report}"
        );
    }
}

#[test]
fn every_backend_is_reported_once() {
    // The GPUs are left to the tests that need one: opening a device here takes a minute.
    let cpu = |backend: &Backend| backend.is_cpu() || !backend.is_compiled_in();
    for backend in Backend::ALL.into_iter().filter(cpu) {
        let report = report(backend.into(), LIMIT);
        assert_eq!(report.answers, report.compiled_in);
        assert_eq!(report.error.is_some(), !report.compiled_in);
        let line = report.to_string();
        assert!(
            report.compiled_in || line.contains("not compiled in"),
            "{line}"
        );
    }
}
