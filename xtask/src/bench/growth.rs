//! How cost grows with the size of the batch, of the network and of the machine; ours alone.

use serde::Serialize;

use super::report::Report;
use super::row::Row;
use super::side::Side;
use crate::table::{count, markdown};

/// What is varied, and through which values.
struct Sweep {
    row: Row,
    axis: Axis,
    values: &'static [usize],
}

/// The size that is varied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Axis {
    Batch,
    Width,
    Depth,
    SeqLen,
    Threads,
}

impl Axis {
    fn title(self) -> &'static str {
        match self {
            Self::Batch => "batch",
            Self::Width => "width",
            Self::Depth => "depth",
            Self::SeqLen => "sequence length",
            Self::Threads => "threads",
        }
    }

    /// Our program's flag; threads have none, they are in every call.
    fn flag(self) -> Option<&'static str> {
        match self {
            Self::Batch => Some("--batch"),
            Self::Width => Some("--width"),
            Self::Depth => Some("--depth"),
            Self::SeqLen => Some("--seq-len"),
            Self::Threads => None,
        }
    }
}

const BATCHES: &[usize] = &[1, 4, 16, 64, 256, 1024];
/// Those that the machine does not have are left out.
const THREADS: &[usize] = &[1, 2, 4, 8, 16, 32, 64];

const SWEEPS: &[Sweep] = &[
    Sweep::new(Row::Mlp, Axis::Batch, BATCHES),
    Sweep::new(Row::Mlp, Axis::Width, &[128, 256, 512, 1024, 2048]),
    Sweep::new(Row::Mlp, Axis::Depth, &[1, 2, 4, 8, 16]),
    Sweep::new(Row::Mlp, Axis::Threads, THREADS),
    Sweep::new(Row::Cnn, Axis::Batch, BATCHES),
    Sweep::new(Row::Cnn, Axis::Width, &[8, 16, 32, 64, 128]),
    Sweep::new(Row::Cnn, Axis::Depth, &[1, 2, 4, 8]),
    Sweep::new(Row::Cnn, Axis::Threads, THREADS),
    Sweep::new(Row::Lstm, Axis::Batch, BATCHES),
    Sweep::new(Row::Lstm, Axis::Width, &[32, 64, 128, 256, 512]),
    Sweep::new(Row::Lstm, Axis::Depth, &[1, 2, 4]),
    Sweep::new(Row::Lstm, Axis::SeqLen, &[7, 14, 28, 56, 112, 224]),
    Sweep::new(Row::Lstm, Axis::Threads, THREADS),
    Sweep::new(Row::Rbm, Axis::Batch, BATCHES),
    Sweep::new(Row::Rbm, Axis::Width, &[125, 250, 500, 1000, 2000]),
    Sweep::new(Row::CnnInference256, Axis::Batch, BATCHES),
];

impl Sweep {
    const fn new(row: Row, axis: Axis, values: &'static [usize]) -> Self {
        Self { row, axis, values }
    }

    /// The values that this machine can run; of `ends_only` the first and the last.
    fn values(&self, num_processors: u16, ends_only: bool) -> Vec<usize> {
        let mut values = self.values.to_vec();
        if self.axis == Axis::Threads {
            values.retain(|&threads| threads <= usize::from(num_processors));
        }
        if ends_only && values.len() > 2 {
            values.drain(1..values.len() - 1);
        }
        values
    }
}

/// One measurement.
#[derive(Debug, Serialize)]
pub(crate) struct Point {
    row: &'static str,
    backend: String,
    axis: Axis,
    value: usize,
    samples_per_s: f64,
    us_per_step: f64,
    /// Time of a step, as a multiple of that at the first value of the axis.
    time_factor: f64,
    /// Matrix work of a step, likewise.
    work_factor: f64,
    /// Matrix work as a share of the fastest product in the same process.
    share_of_peak: f64,
    rss_mb: f64,
}

impl Point {
    fn new(
        row: Row,
        backend: &str,
        axis: Axis,
        value: usize,
        first: &Report,
        here: &Report,
    ) -> Self {
        let work = |report: &Report| report.model_gflops * report.us_per_step;
        Self {
            row: row.name(),
            backend: backend.to_owned(),
            axis,
            value,
            samples_per_s: here.samples_per_s,
            us_per_step: here.us_per_step,
            time_factor: here.us_per_step / first.us_per_step,
            work_factor: work(here) / work(first),
            share_of_peak: here.model_gflops / here.gemm_gflops,
            rss_mb: here.rss_mb,
        }
    }

    fn cells(&self) -> [String; 9] {
        [
            format!("{}, {}", self.row, self.axis.title()),
            self.backend.clone(),
            self.value.to_string(),
            count(self.samples_per_s),
            count(self.us_per_step),
            format!("{:.2}", self.time_factor),
            format!("{:.2}", self.work_factor),
            format!("{:.0} %", self.share_of_peak * 100.0),
            format!("{:.0}", self.rss_mb),
        ]
    }
}

/// Runs every sweep of these rows, on all processors where threads are not what is varied; also
/// returns how many points failed.
pub(crate) fn run(
    side: &Side,
    rows: &[Row],
    num_processors: u16,
    ends_only: bool,
) -> (Vec<Point>, usize) {
    let (mut points, mut failed) = (Vec::new(), 0);
    for sweep in SWEEPS.iter().filter(|sweep| rows.contains(&sweep.row)) {
        let (row, axis) = (sweep.row, sweep.axis);
        let mut first = None;
        for value in sweep.values(num_processors, ends_only) {
            let what = format!("{}, {} {value}, {}", row.name(), axis.title(), side.name);
            let outcome = match axis.flag() {
                Some(flag) => side.run(row, num_processors, &[(flag, value)]),
                None => side.run(row, u16::try_from(value).unwrap_or(u16::MAX), &[]),
            };
            match outcome {
                Ok(report) => {
                    eprintln!("{what}: {} {}/s", count(report.samples_per_s), row.unit());
                    let first = first.get_or_insert_with(|| report.clone());
                    points.push(Point::new(row, &side.name, axis, value, first, &report));
                }
                Err(error) => {
                    eprintln!("error: {what}: {error:#}");
                    failed += 1;
                }
            }
        }
    }
    (points, failed)
}

/// All points as a Markdown table.
pub(crate) fn table(points: &[Point]) -> String {
    let header = [
        "row, axis",
        "backend",
        "value",
        "Fornax /s",
        "µs a step",
        "time x",
        "work x",
        "of the GEMM peak",
        "memory MiB",
    ];
    let cells: Vec<_> = points.iter().map(Point::cells).collect();
    markdown(header, &cells)
}

#[cfg(test)]
mod tests {
    use super::super::report::example;
    use super::*;

    #[test]
    fn an_axis_keeps_to_the_machine_and_to_the_time() {
        let sweep = Sweep::new(Row::Mlp, Axis::Threads, THREADS);
        assert_eq!(sweep.values(6, false), [1, 2, 4]);
        assert_eq!(sweep.values(6, true), [1, 4]);
        assert_eq!(sweep.values(1, true), [1]);
        let sweep = Sweep::new(Row::Mlp, Axis::Batch, BATCHES);
        assert_eq!(sweep.values(1, true), [1, 1024]);
    }

    #[test]
    fn a_point_tells_time_and_work_against_the_first() {
        let (first, here) = (example(1000.0), example(500.0));
        let point = Point::new(Row::Mlp, "flex", Axis::Width, 256, &first, &here);
        let table = table(&[point]);
        let line = table.lines().last().unwrap();
        let cells: Vec<_> = line.split('|').map(str::trim).collect();
        // Half the speed: twice the time, and by the example as much work.
        let expected = [
            "mlp, width",
            "flex",
            "256",
            "500",
            "256,000",
            "2.00",
            "1.00",
            "5 %",
            "40",
        ];
        assert_eq!(cells[1..10], expected);
    }
}
