//! The page of the results.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::judge::{Judged, State};
use super::statistics::{Estimate, bootstrap};
use super::suite::{Part, Suite};
use super::tools::Tool;

/// All that goes onto the page.
pub(crate) struct Page<'a> {
    pub(crate) command: String,
    pub(crate) machine: String,
    pub(crate) commit: String,
    pub(crate) thresholds: String,
    /// Whether both severities of each fault were injected.
    pub(crate) thorough: bool,
    pub(crate) suite: &'a Suite,
    pub(crate) judged: &'a [Judged],
}

/// Who names causes.
#[derive(Clone, Copy, PartialEq)]
enum Namer {
    Ours,
    Other(Tool),
}

impl Namer {
    fn name(self) -> &'static str {
        match self {
            Self::Ours => "**fornax doctor**",
            Self::Other(tool) => tool.name(),
        }
    }

    fn causes(self, run: &Judged) -> Vec<&str> {
        match self {
            Self::Ours => run.ours.iter().map(String::as_str).collect(),
            Self::Other(tool) => run.others[tool.name()].clone(),
        }
    }

    fn repaired(self, run: &Judged) -> Option<bool> {
        match self {
            Self::Ours => Some(run.repaired.unwrap_or(false)),
            Self::Other(Tool::LowerTheRate) => Some(run.lowered.unwrap_or(false)),
            Self::Other(_) => None,
        }
    }
}

/// The page as Markdown.
pub(crate) fn markdown(page: &Page) -> String {
    let mut text = String::from("# How well the doctor finds faults\n\n");
    let _ = writeln!(
        text,
        "Written by `{}` on {}, commit {}; sha256 of the doctor's sources, thresholds and all: \
         `{}`.\n",
        page.command, page.machine, page.commit, page.thresholds
    );
    let severities = if page.thorough {
        "at two severities"
    } else {
        "at the worse of two severities"
    };
    let _ = write!(
        text,
        "Each base is a training that goes well. Known faults are put into it, {severities}; "
    );
    text += "one counts as a fault only where the result on the test split (macro F1, \
             R², a forecast's gain over the naive one, or bits per character) falls below the 95 % prediction interval of four healthy \
             seeds, else an alarm on it is a false one. Legal changes of the settings have to be \
             borne in silence; those that do harm are left out. An alarm is a finding of the \
             severity warning or error. A repair is the first alarm's patch, applied blindly: it \
             has to bring back 90 % of what was lost. Intervals: 95 %, bootstrap over bases. The \
             other tools' rules are re-implemented at their published defaults over the same \
             events.\n";
    for part in [Part::Test, Part::Development] {
        let runs: Vec<&Judged> = page.judged.iter().filter(|run| run.part == part).collect();
        if !runs.is_empty() {
            text += &section(part, &runs, page.suite);
        }
    }
    text
}

fn section(part: Part, runs: &[&Judged], suite: &Suite) -> String {
    let mut text = match part {
        Part::Test => "\n## Test bases\n\nOther data and other depths than those on which the \
                       thresholds were chosen.\n\n"
            .to_owned(),
        Part::Development => {
            "\n## Development bases\n\nThe thresholds were chosen on these.\n\n".to_owned()
        }
    };
    let bases: BTreeSet<&str> = runs.iter().map(|run| run.base.as_str()).collect();
    let groups: Vec<Vec<&Judged>> = bases
        .iter()
        .map(|base| {
            runs.iter()
                .copied()
                .filter(|run| run.base == **base)
                .collect()
        })
        .collect();
    let count = |state| runs.iter().filter(|run| run.state == state).count();
    let _ = writeln!(
        text,
        "{} bases, {} healthy runs, {} faults that hurt, {} that did not, {} legal settings that \
         hurt and are left out.\n",
        bases.len(),
        count(State::Healthy),
        count(State::Hurt),
        count(State::Unhurt),
        count(State::Unclear)
    );
    text += &scores(&groups);
    text += &by_fault(runs, suite);
    text += &alarms(runs);
    text += &costs(runs);
    text += &by_base(runs, &bases);
    text
}

fn scores(groups: &[Vec<&Judged>]) -> String {
    let mut text = "| | recall | precision | cause, first | cause, first three | false alarms in \
                    100 healthy runs | blind repair |\n|---|---|---|---|---|---|---|\n"
        .to_owned();
    let namers = Tool::ALL.map(Namer::Other);
    for namer in std::iter::once(Namer::Ours).chain(namers) {
        let figure = |of: &dyn Fn(&[&Judged]) -> f64| {
            bootstrap(groups, |groups| {
                let runs: Vec<&Judged> = groups.iter().copied().flatten().copied().collect();
                of(&runs)
            })
        };
        let named = |run: &Judged, first: usize| {
            let causes = namer.causes(run);
            let mut causes = causes.iter().take(first);
            causes.any(|cause| run.accepts.iter().any(|accepted| accepted == cause))
        };
        let is_hurt = |run: &Judged| run.state == State::Hurt;
        let is_healthy = |run: &Judged| run.state == State::Healthy;
        let alarmed = |run: &Judged| !namer.causes(run).is_empty();
        let all = |run: &Judged| run.state != State::Unclear;
        let repair = |runs: &[&Judged]| {
            share(
                runs,
                |run| is_hurt(run) && run.mendable,
                |run| namer.repaired(run).unwrap_or(false),
            )
        };
        let lowered = groups.iter().flatten().any(|run| run.lowered.is_some());
        let can_repair =
            namer == Namer::Ours || namer == Namer::Other(Tool::LowerTheRate) && lowered;
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} | {} | {} |",
            namer.name(),
            shown(figure(&|runs| share(runs, is_hurt, alarmed)), 3),
            shown(
                figure(&|runs| share(runs, |r| all(r) && alarmed(r), is_hurt)),
                3
            ),
            shown(figure(&|runs| share(runs, is_hurt, |r| named(r, 1))), 3),
            shown(figure(&|runs| share(runs, is_hurt, |r| named(r, 3))), 3),
            shown(figure(&|runs| 100.0 * share(runs, is_healthy, alarmed)), 1),
            if can_repair {
                shown(figure(&repair), 3)
            } else {
                "–".to_owned()
            },
        );
    }
    text
}

/// Share of the runs of a kind that something is true of.
#[allow(clippy::cast_precision_loss)] // counts
fn share(runs: &[&Judged], of: impl Fn(&Judged) -> bool, is: impl Fn(&Judged) -> bool) -> f64 {
    let of: Vec<_> = runs.iter().filter(|run| of(run)).collect();
    of.iter().filter(|run| is(run)).count() as f64 / of.len() as f64
}

fn shown(estimate: Estimate, digits: usize) -> String {
    let Estimate { value, low, high } = estimate;
    if value.is_nan() {
        return "–".to_owned();
    }
    format!("{value:.digits$} ({low:.digits$} to {high:.digits$})")
}

fn by_fault(runs: &[&Judged], suite: &Suite) -> String {
    let mut text = "\nEach fault; of those that hurt:\n\n| Fault | runs | hurt | alarm | cause \
                    first | in three | mended | named first instead |\n\
                    |---|---|---|---|---|---|---|---|\n"
        .to_owned();
    let mut names: Vec<&str> = Vec::new();
    for fault in &suite.faults {
        if !names.contains(&fault.name.as_str()) {
            names.push(&fault.name);
        }
    }
    for name in names {
        let of: Vec<_> = runs
            .iter()
            .filter(|run| run.fault.as_deref() == Some(name))
            .collect();
        let hurt: Vec<_> = of.iter().filter(|run| run.state == State::Hurt).collect();
        let count = |is: &dyn Fn(&Judged) -> bool| hurt.iter().filter(|run| is(run)).count();
        let accepted = |run: &Judged, rule: &String| run.accepts.contains(rule);
        let first = |run: &Judged| run.ours.first().is_some_and(|rule| accepted(run, rule));
        let three = |run: &Judged| run.ours.iter().take(3).any(|rule| accepted(run, rule));
        let mut instead = BTreeMap::<&str, usize>::new();
        for run in hurt.iter().filter(|run| !first(run)) {
            let rule = run.ours.first().map_or("(nothing)", String::as_str);
            *instead.entry(rule).or_default() += 1;
        }
        let instead: Vec<_> = instead
            .iter()
            .map(|(rule, n)| format!("{rule} {n}"))
            .collect();
        let mended = if hurt.iter().any(|run| run.mendable) {
            count(&|run| run.repaired == Some(true)).to_string()
        } else {
            "–".to_owned()
        };
        if !of.is_empty() {
            let _ = writeln!(
                text,
                "| {name} | {} | {} | {} | {} | {} | {mended} | {} |",
                of.len(),
                hurt.len(),
                count(&|run| !run.ours.is_empty()),
                count(&first),
                count(&three),
                instead.join(", ")
            );
        }
    }
    text
}

fn alarms(runs: &[&Judged]) -> String {
    let mut text = String::new();
    for (state, title) in [
        (State::Healthy, "False alarms on healthy runs"),
        (State::Unhurt, "Alarms on faults that did no harm"),
    ] {
        let of: Vec<_> = runs.iter().filter(|run| run.state == state).collect();
        let alarmed: Vec<_> = of.iter().filter(|run| !run.ours.is_empty()).collect();
        let _ = write!(text, "\n{title}: {} of {}", alarmed.len(), of.len());
        let mut rules = BTreeMap::<&str, usize>::new();
        for run in &alarmed {
            *rules.entry(&run.ours[0]).or_default() += 1;
        }
        let rules: Vec<_> = rules
            .iter()
            .map(|(rule, n)| format!("{rule} {n}"))
            .collect();
        let colon = if rules.is_empty() { "" } else { ": " };
        let _ = writeln!(text, "{colon}{}.", rules.join(", "));
    }
    text
}

/// When it was seen, and what looking cost.
fn costs(runs: &[&Judged]) -> String {
    let mut whens: Vec<f64> = runs.iter().filter_map(|run| run.when).collect();
    whens.sort_by(f64::total_cmp);
    let mut text = String::new();
    if !whens.is_empty() {
        #[allow(clippy::cast_precision_loss)] // counts
        let within = |share: f64| {
            100.0 * whens.iter().filter(|when| **when <= share).count() as f64 / whens.len() as f64
        };
        let _ = writeln!(
            text,
            "\nOf the faults that were found, {:.0} % were before the first step, {:.0} % within \
             a quarter of the epochs, {:.0} % within half.",
            within(0.0),
            within(0.25),
            within(0.5)
        );
    }
    let overheads: Vec<f64> = runs.iter().filter_map(|run| run.overhead).collect();
    if !overheads.is_empty() {
        let median = crate::statistics::median(overheads.iter().copied());
        let seconds: f64 = runs.iter().map(|run| run.seconds).sum();
        let _ = writeln!(
            text,
            "\nCollecting the signals took {:.1} % of the time of the steps (median of the runs, \
             most of which have steps of less than a millisecond). All trainings here took {:.0} \
             minutes of one thread each.",
            100.0 * median,
            seconds / 60.0
        );
    }
    text
}

fn by_base(runs: &[&Judged], bases: &BTreeSet<&str>) -> String {
    let mut text = "\n| Base | healthy result | noise | healthy runs | false alarms | hurt | \
                    alarm |\n|---|---|---|---|---|---|---|\n"
        .to_owned();
    for base in bases {
        let of: Vec<_> = runs.iter().filter(|run| run.base == *base).collect();
        let (mean, margin) = of[0].healthy;
        let count = |state, alarmed: bool| {
            let of = of.iter().filter(|run| run.state == state);
            of.filter(|run| !alarmed || !run.ours.is_empty()).count()
        };
        let _ = writeln!(
            text,
            "| {base} | {mean:.3} | {margin:.3} | {} | {} | {} | {} |",
            count(State::Healthy, false),
            count(State::Healthy, true),
            count(State::Hurt, false),
            count(State::Hurt, true)
        );
    }
    text
}
