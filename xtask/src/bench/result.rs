//! The result of a row: ours beside the fastest of the peers.

use std::collections::BTreeMap;

use serde::Serialize;

use super::contest::Measured;
use super::report::Report;
use super::row::Row;
use super::side::Side;
use crate::precision::Precision;
use crate::statistics::{ends, median};
use crate::table::{count, markdown, optional};

/// One backend of ours in one row; all numbers are medians over the rounds.
#[derive(Debug, Serialize)]
pub(crate) struct RowResult {
    row: &'static str,
    model: &'static str,
    mode: &'static str,
    batch_size: usize,
    /// What `ours` and `peer` count per second.
    unit: &'static str,
    backend: String,
    threads: u16,
    precision: Precision,
    ours: f64,
    peer_name: Option<String>,
    peer: Option<f64>,
    /// Ours divided by the peer's, round by round, and of that the median.
    ratio: Option<f64>,
    /// The smallest and the largest ratio of a round.
    ratio_spread: Option<[f64; 2]>,
    /// Ours divided by ours in f32, in the same way, where that is another side.
    gain: Option<f64>,
    gain_spread: Option<[f64; 2]>,
    /// The fastest product of matrices that any side reached: the peak of the machine.
    gemm_gflops: f64,
    /// Matrix work of the model as a share of that peak.
    ours_share_of_peak: f64,
    peer_share_of_peak: Option<f64>,
    ours_rss_mb: f64,
    peer_rss_mb: Option<f64>,
    ours_first_step_s: f64,
    peer_first_step_s: Option<f64>,
    /// The speed of every side of the row by its name.
    sides: BTreeMap<String, f64>,
}

impl RowResult {
    /// One result for each backend that was measured; of those that are no backend, the fastest
    /// is the peer.
    pub(crate) fn all(
        row: Row,
        threads: u16,
        precision: Precision,
        backends: &[String],
        measured: &[Measured],
    ) -> Vec<Self> {
        let speed = |side: &Measured| side.median(|report| report.samples_per_s);
        let is_ours = |side: &&Measured| backends.contains(&side.side.name);
        let is_in_f32 = |side: &&Measured| {
            let mut names = backends.iter().map(|backend| Side::name_in_f32(backend));
            names.any(|name| name == side.side.name)
        };
        let peer = measured
            .iter()
            .filter(|side| !is_ours(side) && !is_in_f32(side))
            .max_by(|a, b| speed(a).total_cmp(&speed(b)));
        let peaks = measured
            .iter()
            .map(|side| side.median(|report| report.gemm_gflops));
        let peak = peaks.fold(0.0, f64::max);
        let share = |side: &Measured| side.median(|report| report.model_gflops) / peak;
        let rss = |side: &Measured| side.median(|report| report.rss_mb);
        let first_step = |side: &Measured| side.median(|report| report.first_step_s);
        let sides: BTreeMap<_, _> = measured
            .iter()
            .map(|side| (side.side.name.clone(), speed(side)))
            .collect();
        let result = |ours: &Measured| {
            let ratios = |other: &Measured| -> Vec<f64> {
                let ratio =
                    |(ours, other): (&Report, &Report)| ours.samples_per_s / other.samples_per_s;
                ours.reports.iter().zip(&other.reports).map(ratio).collect()
            };
            let name_in_f32 = Side::name_in_f32(&ours.side.name);
            let in_f32 = measured.iter().find(|side| side.side.name == name_in_f32);
            let (gains, ratios) = (in_f32.map(ratios), peer.map(ratios));
            Self {
                row: row.name(),
                model: row.model(),
                mode: row.mode(),
                batch_size: row.batch_size(),
                unit: row.unit(),
                backend: ours.side.name.clone(),
                threads,
                precision,
                ours: speed(ours),
                peer_name: peer.map(|peer| peer.side.name.clone()),
                peer: peer.map(speed),
                ratio: ratios.as_ref().map(|ratios| median(ratios.iter().copied())),
                ratio_spread: ratios.as_deref().map(ends),
                gain: gains.as_ref().map(|gains| median(gains.iter().copied())),
                gain_spread: gains.as_deref().map(ends),
                gemm_gflops: peak,
                ours_share_of_peak: share(ours),
                peer_share_of_peak: peer.map(share),
                ours_rss_mb: rss(ours),
                peer_rss_mb: peer.map(rss),
                ours_first_step_s: first_step(ours),
                peer_first_step_s: peer.map(first_step),
                sides: sides.clone(),
            }
        };
        measured.iter().filter(is_ours).map(result).collect()
    }

    fn cells(&self) -> [String; 10] {
        let percent = |share: f64| format!("{:.0} %", share * 100.0);
        let both = |ours: f64, peer: Option<f64>, show: &dyn Fn(f64) -> String| match peer {
            Some(peer) => format!("{} / {}", show(ours), show(peer)),
            None => show(ours),
        };
        let ratio = self.ratio.zip(self.ratio_spread);
        let ratio =
            ratio.map(|(ratio, [least, most])| format!("{ratio:.2} ({least:.2}..{most:.2})"));
        let gain = self.gain.map(|gain| format!(" ({gain:.2} x f32)"));
        [
            self.row.to_owned(),
            self.backend.clone(),
            self.threads.to_string(),
            count(self.ours) + &gain.unwrap_or_default(),
            self.peer_name.clone().unwrap_or_else(|| "-".to_owned()),
            optional(self.peer, count),
            ratio.unwrap_or_else(|| "-".to_owned()),
            both(self.ours_share_of_peak, self.peer_share_of_peak, &percent),
            both(self.ours_rss_mb, self.peer_rss_mb, &|mb| format!("{mb:.0}")),
            both(self.ours_first_step_s, self.peer_first_step_s, &|s| {
                format!("{s:.2}")
            }),
        ]
    }
}

/// All rows as a Markdown table.
pub(crate) fn table(results: &[RowResult]) -> String {
    let header = [
        "row",
        "backend",
        "threads",
        "Fornax /s",
        "best peer",
        "peer /s",
        "ratio (least..most)",
        "of the GEMM peak",
        "memory MiB",
        "first step s",
    ];
    let cells: Vec<_> = results.iter().map(RowResult::cells).collect();
    markdown(header, &cells)
}

#[cfg(test)]
mod tests {
    use super::super::report::example;
    use super::*;

    fn side(name: &str) -> Side {
        Side {
            name: name.to_owned(),
            program: vec![],
            arguments: vec![],
            variables: &[],
        }
    }

    fn measured<'a>(side: &'a Side, speeds: &[f64]) -> Measured<'a> {
        let reports = speeds.iter().map(|&speed| example(speed)).collect();
        Measured { side, reports }
    }

    #[test]
    #[allow(clippy::float_cmp)] // The quotients of these numbers are exact.
    fn ours_stands_beside_the_fastest_peer() {
        let [flex, slow, fast] = ["flex", "slow", "fast"].map(side);
        let measured = [
            measured(&flex, &[1000.0, 2000.0, 4000.0]),
            measured(&slow, &[900.0, 900.0, 900.0]),
            measured(&fast, &[1000.0, 1000.0, 1000.0]),
        ];
        let backends = ["flex".to_owned(), "ndarray".to_owned()];
        let results = RowResult::all(Row::Cnn, 2, Precision::F32, &backends, &measured);
        let [result] = results.as_slice() else {
            panic!("one backend was measured: {results:?}");
        };
        assert_eq!(result.peer_name.as_deref(), Some("fast"));
        assert_eq!((result.ours, result.peer), (2000.0, Some(1000.0)));
        assert_eq!(result.ratio, Some(2.0));
        assert_eq!(result.ratio_spread, Some([1.0, 4.0]));
        assert_eq!(result.ours_share_of_peak, 0.2);
        let table = table(&results);
        let line = table.lines().last().unwrap();
        for cell in [
            "cnn ",
            "2,000",
            "2.00 (1.00..4.00)",
            "20 % / 10 %",
            "40 / 40",
            "0.50 / 0.50",
        ] {
            assert!(line.contains(cell), "{line}");
        }
    }

    #[test]
    #[allow(clippy::float_cmp)] // The quotients of these numbers are exact.
    fn ours_in_f32_is_no_peer_and_tells_what_the_precision_gains() {
        let [high, f32] = [side("flex"), side(&Side::name_in_f32("flex"))];
        let measured = [measured(&high, &[2000.0]), measured(&f32, &[1000.0])];
        let backends = ["flex".to_owned()];
        let results = RowResult::all(Row::Mlp, 1, Precision::High, &backends, &measured);
        let [result] = results.as_slice() else {
            panic!("one backend was measured: {results:?}");
        };
        assert_eq!((result.peer, result.gain), (None, Some(2.0)));
        assert!(table(&results).contains("| 2,000 (2.00 x f32) |"));
    }

    #[test]
    fn without_a_peer_ours_stands_alone() {
        let flex = side("flex");
        let measured = [measured(&flex, &[1000.0])];
        let backends = ["flex".to_owned()];
        let results = RowResult::all(Row::Mlp, 1, Precision::F32, &backends, &measured);
        assert_eq!((results[0].peer, results[0].ratio), (None, None));
        assert!(table(&results).ends_with(" 0.50 |\n"));
        let json = serde_json::to_value(&results[0]).unwrap();
        assert_eq!(
            (&json["row"], &json["mode"]),
            (&"mlp".into(), &"train".into())
        );
        assert_eq!(
            (&json["precision"], &json["ratio"]),
            (&"f32".into(), &serde_json::Value::Null)
        );
    }
}
