//! Copies of tables, with known damage.

use std::collections::{BTreeMap, HashSet};
use std::fs::File;
use std::io::Read;
use std::path::Path;

use anyhow::{Context, Result, bail};
use flate2::read::MultiGzDecoder;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::suite::Table;
use crate::workspace;

/// A table in memory.
struct Cells {
    header: Vec<String>,
    rows: Vec<Vec<String>>,
    target: usize,
}

/// Writes a copy of `table` with the damage that a word and a number say.
///
/// - `copy`: none
/// - `imbalance N`: the second largest class keeps one row for each N of the largest
/// - `unscale N`: every other column of numbers is multiplied by N
/// - `mislabel P`: this share of the rows has the answer of another row
/// - `conflict P`: this share of the rows comes once more, with another answer
/// - `repeat N`: every row comes N times more
pub(crate) fn write_copy(table: &Table, damage: &str, to: &Path) -> Result<()> {
    let mut rows = read(table)?;
    let mut random = ChaCha8Rng::seed_from_u64(7);
    let (kind, number) = damage.split_once(' ').unwrap_or((damage, "0"));
    let number: f64 = number.parse().context("damage has a number")?;
    match kind {
        "copy" => {}
        "imbalance" => rows.unbalance(number, &mut random),
        "unscale" => rows.unscale(number),
        "mislabel" => rows.mislabel(number, &mut random),
        "conflict" => rows.contradict(number, &mut random),
        "repeat" => rows.repeat(number),
        _ => bail!("no damage is called `{kind}`"),
    }
    let mut writer = csv::Writer::from_path(to)?;
    writer.write_record(&rows.header)?;
    for row in &rows.rows {
        writer.write_record(row)?;
    }
    Ok(writer.flush()?)
}

fn read(table: &Table) -> Result<Cells> {
    let path = workspace::root().join(&table.file);
    let has_ending = |ending| {
        path.extension()
            .is_some_and(|extension| extension == ending)
    };
    let is_tsv = has_ending("tsv");
    let file = File::open(&path).with_context(|| {
        let path = path.display();
        format!("cannot read `{path}`; fetch it with `cargo xtask datasets fetch`")
    })?;
    let bytes: Box<dyn Read> = if has_ending("gz") {
        Box::new(MultiGzDecoder::new(file))
    } else {
        Box::new(file)
    };
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .delimiter(if is_tsv { b'\t' } else { b',' })
        .quoting(!is_tsv)
        .trim(csv::Trim::All)
        .from_reader(bytes);
    let mut rows = Vec::new();
    for record in reader.records() {
        rows.push(record?.iter().map(str::to_owned).collect::<Vec<_>>());
    }
    let header = match &table.header {
        Some(header) => header.split(',').map(str::to_owned).collect(),
        None => rows.remove(0),
    };
    if table.distinct {
        let mut seen = HashSet::new();
        rows.retain(|row| seen.insert(row.clone()));
    }
    if let Some(wanted) = table.rows {
        let stride = (rows.len() / wanted).max(1);
        rows = rows.into_iter().step_by(stride).take(wanted).collect();
    }
    let target = header.iter().position(|name| *name == table.target);
    let target = target.with_context(|| format!("no column `{}`", table.target))?;
    if table.classes {
        // A number would be taken for something to predict to the digit.
        for row in &mut rows {
            row[target] = format!("class {}", row[target]);
        }
    }
    Ok(Cells {
        header,
        rows,
        target,
    })
}

impl Cells {
    fn unbalance(&mut self, ratio: f64, random: &mut ChaCha8Rng) {
        let mut counts = BTreeMap::new();
        for row in &self.rows {
            *counts.entry(row[self.target].clone()).or_insert(0_usize) += 1;
        }
        let mut counts: Vec<_> = counts.into_iter().collect();
        counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        let [(_, largest), (rare, _), ..] = counts.as_slice() else {
            return;
        };
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss
        )]
        let mut left = ((*largest as f64 / ratio) as usize).max(4);
        shuffle(&mut self.rows, random);
        let target = self.target;
        self.rows.retain(|row| {
            if row[target] != *rare {
                return true;
            }
            let kept = left > 0;
            left = left.saturating_sub(1);
            kept
        });
    }

    fn unscale(&mut self, factor: f64) {
        let is_number = |column: &usize| {
            let mut cells = self.rows.iter().map(|row| row[*column].parse::<f64>());
            *column != self.target && cells.any(|cell| cell.is_ok())
        };
        let columns: Vec<_> = (0..self.header.len())
            .filter(is_number)
            .step_by(2)
            .collect();
        for row in &mut self.rows {
            for &column in &columns {
                if let Ok(number) = row[column].parse::<f64>() {
                    row[column] = (number * factor).to_string();
                }
            }
        }
    }

    fn mislabel(&mut self, share: f64, random: &mut ChaCha8Rng) {
        let chosen = self.choose(share, random);
        let answers: Vec<_> = self
            .rows
            .iter()
            .map(|row| row[self.target].clone())
            .collect();
        for index in chosen {
            let answer = &answers[below(answers.len(), random)];
            self.rows[index][self.target].clone_from(answer);
        }
    }

    fn contradict(&mut self, share: f64, random: &mut ChaCha8Rng) {
        for index in self.choose(share, random) {
            let mut row = self.rows[index].clone();
            for _ in 0..100 {
                let other = &self.rows[below(self.rows.len(), random)][self.target];
                if *other != row[self.target] {
                    row[self.target].clone_from(other);
                    break;
                }
            }
            self.rows.push(row);
        }
    }

    fn repeat(&mut self, times: f64) {
        let once = self.rows.clone();
        let mut done = 0.0;
        while done < times {
            self.rows.extend(once.iter().cloned());
            done += 1.0;
        }
    }

    /// The places of this share of the rows, at random.
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss
    )]
    fn choose(&self, share: f64, random: &mut ChaCha8Rng) -> Vec<usize> {
        let mut places: Vec<usize> = (0..self.rows.len()).collect();
        shuffle(&mut places, random);
        places.truncate((share * self.rows.len() as f64).round() as usize);
        places
    }
}

fn shuffle<T>(items: &mut [T], random: &mut ChaCha8Rng) {
    for last in (1..items.len()).rev() {
        items.swap(last, below(last + 1, random));
    }
}

/// A number in `0..end`; the bias of the remainder is far below what a share of rows shows.
pub(super) fn below(end: usize, random: &mut ChaCha8Rng) -> usize {
    usize::try_from(random.next_u64() % end as u64).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows() -> Cells {
        let rows = (0..100).map(|i| {
            let class = if i % 5 < 3 { "a" } else { "b" };
            vec![
                i.to_string(),
                "x".to_owned(),
                (i * 2).to_string(),
                class.to_owned(),
            ]
        });
        Cells {
            header: ["p", "q", "r", "class"].map(str::to_owned).to_vec(),
            rows: rows.collect(),
            target: 3,
        }
    }

    fn count(rows: &Cells, class: &str) -> usize {
        rows.rows.iter().filter(|row| row[3] == class).count()
    }

    #[test]
    fn damage_is_as_large_as_was_asked_for() {
        let random = &mut ChaCha8Rng::seed_from_u64(1);
        let mut unbalanced = rows();
        unbalanced.unbalance(10.0, random);
        assert_eq!((count(&unbalanced, "a"), count(&unbalanced, "b")), (60, 6));

        let mut contradicted = rows();
        contradicted.contradict(0.2, random);
        assert_eq!(contradicted.rows.len(), 120);
        for row in &contradicted.rows[100..] {
            let index: usize = row[0].parse().expect("its number");
            assert_ne!(row[3], contradicted.rows[index][3]);
        }

        let mut unscaled = rows();
        unscaled.unscale(100.0);
        assert_eq!(unscaled.rows[3], ["300", "x", "6", "b"]);

        let mut repeated = rows();
        repeated.repeat(3.0);
        assert_eq!(repeated.rows.len(), 400);

        let mut mislabelled = rows();
        mislabelled.mislabel(1.0, random);
        let pairs = mislabelled.rows.iter().zip(rows().rows);
        let changed = pairs.filter(|(now, before)| now[3] != before[3]).count();
        assert!((30..70).contains(&changed), "{changed}");
    }
}
