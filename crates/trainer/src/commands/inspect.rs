//! `fornax inspect`: a look inside a run, or into why it answers as it does.

use fornax_runs::report::{
    Case, Dreams, Exhibit, Hierarchy, Layer, Mistakes, Report, TextView, Trust, cases_page,
};
use fornax_runs::{RunDir, write_atomic};
use serde_json::{Value, json};
use std::path::Path;

use crate::cli::{InspectArgs, View};
use crate::commands::trained::Trained;
use crate::error::Error;
use crate::insight::Subject;
use crate::insight::inspect::inspect;
use crate::output::Output;

pub(super) fn run(args: &InspectArgs, output: &mut Output) -> Result<(), Error> {
    let trained = Trained::open(&args.run, args.device.as_deref(), output)?;
    let (run, subject) = (&trained.run, trained.subject()?);
    if let Some(input) = &args.input {
        return explain(&subject, run, input, args.limit, output);
    }
    let report = subject.report()?;
    let view = args.view.unwrap_or(View::Hierarchy);
    let Some((lines, value)) = show(&report, view) else {
        return Err(Error::Usage {
            message: format!("{} has nothing to show for this view", run.path().display()),
            help: "`text` is for text models, `dreams` for deep belief networks, `trust` for \
                   classes; the others fit every run"
                .to_owned(),
        });
    };
    for line in &lines {
        output.line(line);
    }
    output.result(json!({"run": run.path(), "view": value}));
    Ok(())
}

/// Writes the page of explanations, and says the answers.
fn explain(
    subject: &Subject,
    run: &RunDir,
    input: &Path,
    limit: usize,
    output: &mut Output,
) -> Result<(), Error> {
    let split = subject.dataset.preprocess.open_inputs(input)?;
    let found = inspect(subject, &split, limit)?;
    for case in found.first().map_or(&[][..], |first| &first.cases) {
        let sure = case
            .confidence
            .map_or(String::new(), |p| format!("  {:.1} %", 100.0 * p));
        let near: Vec<_> = case
            .neighbours
            .iter()
            .map(|near| format!("{} {} ({:.2})", near.place, near.label, near.cosine))
            .collect();
        output.line(format!(
            "{}:{}  {}{sure}",
            input.display(),
            case.place,
            case.answer
        ));
        output.line(format!("  like {}", near.join(", ")));
    }
    for inspection in &found {
        let method = &inspection.method;
        let residual = method.residual.map_or(String::new(), |residual| {
            format!(", completeness within {:.2} %", 100.0 * residual)
        });
        let scrambled = method.scrambled.unwrap_or(f64::NAN);
        output.line(format!(
            "{}: correlation with scrambled weights {scrambled:.2}{residual}",
            method.name
        ));
    }
    let page = run.path().join("inspect.html");
    let sections: Vec<_> = found
        .iter()
        .map(|one| (one.method.clone(), one.cases.clone()))
        .collect();
    let title = format!("Why: {}", input.display());
    write_atomic(&page, cases_page(&title, &sections).as_bytes())?;
    output.line(page.display().to_string());
    output.result(json!({"run": run.path(), "input": input, "page": page, "inspections": found}));
    Ok(())
}

/// One part of a report as lines for people, and as a value for programs.
fn show(report: &Report, view: View) -> Option<(Vec<String>, Value)> {
    Some(match view {
        View::Hierarchy => {
            let hierarchy = report.hierarchy.as_ref()?;
            (hierarchy_lines(hierarchy), json!(hierarchy))
        }
        View::Units => (unit_lines(&report.layers), json!(report.layers)),
        View::Mistakes => match (&report.errors, &report.mistakes) {
            (Some(errors), _) => {
                let line = |case: &Case| {
                    let Case {
                        place,
                        truth,
                        answer,
                        ..
                    } = case;
                    format!("{place}: is {truth}, predicted {answer}")
                };
                (errors.cases.iter().map(line).collect(), json!(errors))
            }
            (None, mistakes) => {
                let mistakes = mistakes.as_ref()?;
                (mistake_lines(mistakes), json!(mistakes))
            }
        },
        View::Trust => {
            let trust = report.trust.as_ref()?;
            (trust_lines(trust), json!(trust))
        }
        View::Text => {
            let text = report.text.as_ref()?;
            (text_lines(text), json!(text))
        }
        View::Dreams => {
            let dreams = report.dreams.as_ref()?;
            (dream_lines(dreams), json!(dreams))
        }
    })
}

fn percent(share: f64) -> String {
    format!("{:.1} %", 100.0 * share)
}

fn hierarchy_lines(hierarchy: &Hierarchy) -> Vec<String> {
    let number = |value: f64| format!("{value:.3}");
    let row = |cells: [&str; 6]| {
        let [layer, features, probe, control, near, apart] = cells;
        format!("{layer:<10} {features:>8} {probe:>23} {control:>9} {near:>10} {apart:>12}")
    };
    let mut lines = vec![row([
        "layer",
        "features",
        "linear probe (95 %)",
        "untrained",
        "neighbours",
        "separability",
    ])];
    lines.extend(hierarchy.layers.iter().map(|layer| {
        let [value, low, high] = [layer.probe.value, layer.probe.low, layer.probe.high].map(number);
        let or_none = |value: Option<f64>| value.map_or("–".to_owned(), number);
        row([
            &layer.name,
            &layer.width.to_string(),
            &format!("{value} ({low} to {high})"),
            &or_none(layer.control.map(|control| control.value)),
            &number(layer.knn),
            &or_none(layer.separability),
        ])
    }));
    let worse = hierarchy.worse.iter();
    lines.extend(worse.map(|layer| format!("{layer} makes the decision harder")));
    lines
}

fn unit_lines(layers: &[Layer]) -> Vec<String> {
    let mut lines = Vec::new();
    for layer in layers {
        lines.push(format!(
            "{}: {} units, {} dead, {} saturated, {} duplicates",
            layer.name, layer.num_units, layer.dead, layer.saturated, layer.duplicates
        ));
        let units = layer.units.iter();
        lines.extend(units.map(|unit| format!("  unit {}: {}", unit.unit, unit.follows)));
    }
    lines
}

fn mistake_lines(mistakes: &Mistakes) -> Vec<String> {
    let line = |case: &Case| {
        let sure = percent(case.confidence.unwrap_or(f64::NAN));
        let Case {
            place,
            truth,
            answer,
            ..
        } = case;
        format!("{place}: is {truth}, answered {answer} ({sure})")
    };
    let mut lines = vec!["surest mistakes".to_owned()];
    lines.extend(mistakes.cases.iter().map(line));
    let (found, among) = mistakes.num_suspects;
    lines.push(format!("suspected wrong labels: {found} of {among}"));
    lines.extend(mistakes.suspects.iter().map(line));
    lines
}

fn trust_lines(trust: &Trust) -> Vec<String> {
    let error = percent(trust.calibration_error);
    let mut lines = vec![format!("expected calibration error {error}")];
    lines.extend(trust.abstain.iter().step_by(5).map(|point| {
        let (coverage, accuracy, threshold) = point;
        let [coverage, accuracy, threshold] = [coverage, accuracy, threshold].map(|&x| percent(x));
        format!("answering {coverage} (confidence from {threshold}): {accuracy} right")
    }));
    lines.extend(trust.classes.iter().map(|class| {
        let found = percent(class.recall.value);
        format!("{}: found {found} of {}", class.name, class.count)
    }));
    lines
}

fn text_lines(text: &TextView) -> Vec<String> {
    let mut lines = Vec::new();
    for (layer, length) in &text.memory_length {
        lines.push(format!("{layer} remembers a character for {length} more"));
    }
    for (name, bits, part) in &text.bits_by_class {
        let part = percent(*part);
        lines.push(format!("{name}: {bits:.2} bits each, {part} of the text"));
    }
    let units = text.units.iter();
    lines.extend(units.map(|unit| format!("unit {} {}", unit.unit, unit.follows)));
    for case in &text.cases {
        let Exhibit::Text { characters } = &case.exhibit else {
            continue;
        };
        let before: String = characters.iter().map(|one| one.0.as_str()).collect();
        lines.push(format!("{before:?} → {}, was {}", case.answer, case.truth));
    }
    lines
}

fn dream_lines(dreams: &Dreams) -> Vec<String> {
    let mut lines = Vec::new();
    for (depth, error) in &dreams.reconstruction_errors {
        lines.push(format!("reconstruction through {depth}: RMSE {error:.4}"));
    }
    for (steps, all) in &dreams.free {
        #[allow(clippy::cast_precision_loss)] // a handful of dreams
        let count = all.len().max(1) as f64;
        let mean = all.iter().map(|dream| dream.distance).sum::<f64>() / count;
        lines.push(format!(
            "after {steps} Gibbs steps: mean distance {mean:.4} to the nearest training sample"
        ));
    }
    lines
}
