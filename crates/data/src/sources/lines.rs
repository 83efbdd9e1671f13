//! The numbers of the lines that the rows of a file stand in, in next to no memory.

/// Numbers of lines, most of which follow each other: where a run begins, and with which line.
#[derive(Debug, Clone, Default)]
pub(crate) struct Lines {
    runs: Vec<(usize, u64)>,
    len: usize,
}

impl Lines {
    pub(super) fn push(&mut self, line: u64) {
        let expected = self
            .runs
            .last()
            .map(|&(row, first)| first + (self.len - row) as u64);
        if expected != Some(line) {
            self.runs.push((self.len, line));
        }
        self.len += 1;
    }

    /// The line at a place; the last known one beyond the end, and 1 where there are none.
    pub(crate) fn of(&self, place: usize) -> u64 {
        let runs = self.runs.partition_point(|&(row, _)| row <= place);
        match runs.checked_sub(1).and_then(|run| self.runs.get(run)) {
            Some(&(row, line)) => line + (place - row) as u64,
            None => 1,
        }
    }
}

impl FromIterator<u64> for Lines {
    fn from_iter<I: IntoIterator<Item = u64>>(lines: I) -> Self {
        let mut all = Self::default();
        for line in lines {
            all.push(line);
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_follow_each_other_cost_nothing() {
        let lines: Lines = [2, 3, 4, 9, 10, 12].into_iter().collect();
        assert_eq!(lines.runs.len(), 3);
        let all: Vec<u64> = (0..6).map(|place| lines.of(place)).collect();
        assert_eq!(all, [2, 3, 4, 9, 10, 12]);
    }
}
