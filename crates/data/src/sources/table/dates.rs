//! Dates and times as people write them: what a cell may mean, and what a column settles.

use jiff::civil::{Date, DateTime, Time};
use serde::{Deserialize, Serialize};

/// Which of two numbers is the day, where a date is written as three.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DateOrder {
    /// `31/12/2024`
    DayFirst,
    /// `12/31/2024`
    MonthFirst,
}

/// A cell that may hold a date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Written {
    /// The year stands first, the month is a word, or there is only a time of day.
    Certain(DateTime),
    /// Three numbers, the year last: at least one of the orders gives a day that exists.
    Either {
        day_first: Option<DateTime>,
        month_first: Option<DateTime>,
    },
}

const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];
const WEEKDAYS: [&str; 7] = [
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
];

impl Written {
    /// Reads `2024-01-31`, `31.1.2024`, `1/31/24`, `31 Jan 2024`, `Jan 31, 2024`, `20240131`,
    /// `2024-01`, each with a time such as `14:05`, `2:05:30 pm` or `T14:05:30.25Z`, or a time
    /// alone. An offset is set aside: what the clock showed counts. `None` for all else.
    pub(crate) fn parse(cell: &str) -> Option<Self> {
        let starts_well = |letter: char| letter.is_ascii_alphanumeric();
        if !cell.is_ascii() || cell.len() < 5 || cell.len() > 40 || !cell.starts_with(starts_well) {
            return None;
        }
        let Some(colon) = cell.find(':') else {
            return date(cell, Time::midnight());
        };
        let is_digit = |letter: char| letter.is_ascii_digit();
        let start = cell[..colon].trim_end_matches(is_digit).len();
        let time = time(&cell[start..])?;
        let before = cell[..start].trim_end_matches(['T', ' ', ',']);
        if before.is_empty() {
            return Some(Self::Certain(Date::constant(1970, 1, 1).to_datetime(time)));
        }
        date(before, time)
    }

    /// The moment that is meant.
    pub(crate) fn read(self, order: DateOrder) -> Option<DateTime> {
        match (self, order) {
            (Self::Certain(moment), _) => Some(moment),
            (Self::Either { day_first, .. }, DateOrder::DayFirst) => day_first,
            (Self::Either { month_first, .. }, DateOrder::MonthFirst) => month_first,
        }
    }
}

fn date(text: &str, time: Time) -> Option<Written> {
    let is_mark = |letter: char| "-/., ".contains(letter);
    let mut parts: Vec<&str> = text
        .split(is_mark)
        .filter(|part| !part.is_empty())
        .collect();
    if parts.len() > 3
        && parts
            .first()
            .is_some_and(|word| named(word, &WEEKDAYS).is_some())
    {
        parts.remove(0);
    }
    let day = |year, month, day| Some(Date::new(year?, month?, day?).ok()?.to_datetime(time));
    let certain = |moment: Option<DateTime>| moment.map(Written::Certain);
    match *parts.as_slice() {
        [compact] if compact.len() == 8 => {
            let part = |range| compact.get(range);
            certain(day(
                year(part(0..4)?),
                number(part(4..6)?),
                number(part(6..8)?),
            ))
        }
        [first, month] if first.len() == 4 && month.len() == 2 && !text.contains(['.', ' ']) => {
            certain(day(year(first), number(month), Some(1)))
        }
        [month, last] if last.len() == 4 => {
            certain(day(year(last), named(month, &MONTHS), Some(1)))
        }
        [first, second, last] => match (named(first, &MONTHS), named(second, &MONTHS)) {
            (Some(month), _) => certain(day(year(last), Some(month), number(second))),
            (_, Some(month)) if first.len() == 4 => {
                certain(day(year(first), Some(month), number(last)))
            }
            (_, Some(month)) => certain(day(year(last), Some(month), number(first))),
            _ if first.len() == 4 => certain(day(year(first), number(second), number(last))),
            _ => {
                let day_first = day(year(last), number(second), number(first));
                let month_first = day(year(last), number(first), number(second));
                let is_date = day_first.is_some() || month_first.is_some();
                is_date.then_some(Written::Either {
                    day_first,
                    month_first,
                })
            }
        },
        _ => None,
    }
}

fn time(text: &str) -> Option<Time> {
    let end = text.find(|letter: char| !letter.is_ascii_digit() && !":.".contains(letter));
    let (clock, rest) = text.split_at(end.unwrap_or(text.len()));
    let mut parts = clock.split(':');
    let (hour, minute) = (number(parts.next()?)?, number(parts.next()?)?);
    let second = match parts.next() {
        None => 0,
        Some(second) => {
            let (whole, fraction) = second.split_once('.').unwrap_or((second, "0"));
            let is_number = fraction.bytes().all(|byte| byte.is_ascii_digit());
            number(whole).filter(|_| is_number)?
        }
    };
    let rest = rest.trim().to_ascii_lowercase();
    let (hour, rest) = match (rest.get(..2), hour) {
        (Some("am"), 1..=12) => (hour % 12, &rest[2..]),
        (Some("pm"), 1..=12) => (hour % 12 + 12, &rest[2..]),
        _ => (hour, rest.as_str()),
    };
    let is_offset = |rest: &str| {
        let digits = rest.trim_start_matches(['+', '-']);
        digits.len() + 1 == rest.len() && digits.bytes().all(|b| b.is_ascii_digit() || b == b':')
    };
    let fits =
        parts.next().is_none() && (["", "z", "utc", "gmt"].contains(&rest) || is_offset(rest));
    // A leap second is the last one of its minute.
    let second = if second == 60 { 59 } else { second };
    fits.then(|| Time::new(hour, minute, second, 0).ok())?
}

/// One or two digits.
fn number(text: &str) -> Option<i8> {
    let fits = matches!(text.len(), 1 | 2) && text.bytes().all(|byte| byte.is_ascii_digit());
    fits.then(|| text.parse().ok())?
}

/// Four digits, or two: then those from 69 on belong to the last century, as POSIX has it.
fn year(text: &str) -> Option<i16> {
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let year: i16 = text.parse().ok()?;
    match text.len() {
        4 if (1000..3000).contains(&year) => Some(year),
        2 if year >= 69 => Some(1900 + year),
        2 => Some(2000 + year),
        _ => None,
    }
}

/// The place of a name from 1 on, whole or its first three letters.
fn named(word: &str, names: &[&str]) -> Option<i8> {
    let word = word.to_ascii_lowercase();
    let is_short = |name: &&str| name.get(..3) == Some(word.as_str());
    let place = names
        .iter()
        .position(|name| *name == word || is_short(name))?;
    i8::try_from(place + 1).ok()
}

/// What the cells of a column have in common.
#[derive(Debug, Default)]
pub(super) struct Survey {
    pub(super) num_dates: usize,
    pub(super) num_others: usize,
    /// The row of the first cell that is no date.
    pub(super) first_other: Option<usize>,
    num_certain: usize,
    num_either: usize,
    /// The first cell that only one of the orders can read, with its row.
    only_day_first: Option<(usize, String)>,
    only_month_first: Option<(usize, String)>,
    /// Whether the first number, or the second, is always 1, as in the first days of months.
    first_varies: bool,
    second_varies: bool,
    example: Option<String>,
}

/// How the dates of a column are read.
pub(super) enum Verdict {
    /// The order, and what a person should look at.
    Order(DateOrder, Option<String>),
    /// Rows and cells of which no order reads both.
    Conflict([(usize, String); 2]),
}

impl Survey {
    pub(super) fn look_at(&mut self, row: usize, cell: &str) {
        let Some(written) = Written::parse(cell) else {
            self.num_others += 1;
            self.first_other = self.first_other.or(Some(row));
            return;
        };
        self.num_dates += 1;
        let Written::Either {
            day_first,
            month_first,
        } = written
        else {
            self.num_certain += 1;
            return;
        };
        self.num_either += 1;
        if self.example.is_none() {
            self.example = Some(cell.to_owned());
        }
        let here = || Some((row, cell.to_owned()));
        match (day_first, month_first) {
            (Some(day), Some(month)) => {
                self.first_varies |= day.day() != 1;
                self.second_varies |= month.day() != 1;
            }
            (Some(_), None) if self.only_day_first.is_none() => self.only_day_first = here(),
            (None, Some(_)) if self.only_month_first.is_none() => self.only_month_first = here(),
            _ => {}
        }
    }

    /// `wanted` is the order that the user asks for.
    pub(super) fn verdict(self, name: &str, wanted: Option<DateOrder>) -> Verdict {
        use DateOrder::{DayFirst, MonthFirst};
        let example = self.example.unwrap_or_default();
        let two_ways = (self.num_certain > 0 && self.num_either > 0).then(|| {
            format!(
                "`{name}` holds dates written in several ways, such as `{example}`; all are read"
            )
        });
        match (self.only_day_first, self.only_month_first) {
            (Some(day_first), Some(month_first)) => Verdict::Conflict([day_first, month_first]),
            (Some(_), None) => Verdict::Order(DayFirst, two_ways),
            (None, Some(_)) => Verdict::Order(MonthFirst, two_ways),
            (None, None) if self.num_either == 0 => Verdict::Order(DayFirst, None),
            (None, None) => {
                if let Some(order) = wanted {
                    return Verdict::Order(order, two_ways);
                }
                // Dates of a month each have the 1 at the day.
                match (self.first_varies, self.second_varies) {
                    (false, true) => return Verdict::Order(DayFirst, two_ways),
                    (true, false) => return Verdict::Order(MonthFirst, two_ways),
                    _ => {}
                }
                // As spreadsheets write them in the country of each mark.
                let (order, first, other) = if example.contains('/') {
                    (MonthFirst, "month", "true")
                } else {
                    (DayFirst, "day", "false")
                };
                let note = format!(
                    "`{name}` may be read in two ways: `{example}` is taken with the {first} first; \
                     `--set data.day_first={other}` reads it the other way"
                );
                Verdict::Order(order, Some(note))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(cell: &str, day_first: Option<&str>, month_first: Option<&str>) {
        let read = |order| {
            Written::parse(cell)?
                .read(order)
                .map(|moment| moment.to_string())
        };
        assert_eq!(read(DateOrder::DayFirst).as_deref(), day_first, "{cell}");
        assert_eq!(
            read(DateOrder::MonthFirst).as_deref(),
            month_first,
            "{cell}"
        );
    }

    #[test]
    fn dates_are_read_as_people_write_them() {
        let same = |cell, moment| check(cell, Some(moment), Some(moment));
        same("2024-01-31", "2024-01-31T00:00:00");
        same("2024/1/31 7:05", "2024-01-31T07:05:00");
        same("2024-01-31T23:59:60.250+02:00", "2024-01-31T23:59:59");
        same("20240131", "2024-01-31T00:00:00");
        same("2024-02", "2024-02-01T00:00:00");
        same("31-Jan-24", "2024-01-31T00:00:00");
        same("Sunday, 31 January 1999 12:00 am", "1999-01-31T00:00:00");
        same("Jan 31, 2024 2:30 PM", "2024-01-31T14:30:00");
        same("18:45", "1970-01-01T18:45:00");
        check("31.12.69", Some("1969-12-31T00:00:00"), None);
        check("12/31/2024", None, Some("2024-12-31T00:00:00"));
        check(
            "3/4/2024",
            Some("2024-04-03T00:00:00"),
            Some("2024-03-04T00:00:00"),
        );
    }

    #[test]
    fn what_is_no_date_is_none() {
        for cell in [
            "",
            "2024",
            "2024-13-01",
            "2023-02-29",
            "31/31/2024",
            "1.2.3",
            "192.168.1.10",
            "maybe",
            "555-12-34",
            "12345678",
            "2019-20",
            "25:00",
            "1:2:3:4",
            "2024-01-31 10:00 xm",
            "día 31/12/24",
        ] {
            check(cell, None, None);
        }
    }
}
