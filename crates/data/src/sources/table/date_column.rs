//! A column of dates: the parts that a network is shown, fitted on the training rows.

use std::f64::consts::TAU;

use jiff::civil::{Date, DateTime};
use serde::{Deserialize, Serialize};

use super::column::{ColumnEncoding, Fitted};
use super::dates::{DateOrder, Survey, Verdict, Written};
use crate::DataError;
use crate::scale::Scale;
use crate::sources::Opening;
use crate::sources::grid::Grid;

/// How the dates of a column become inputs. A missing date is zero in each.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DateEncoding {
    /// How three numbers are read.
    pub order: DateOrder,
    /// Those that differ among the training rows.
    pub parts: Vec<DatePart>,
    /// Whether one more input is 1 where the date is missing; only if training rows lacked it.
    pub marks_missing: bool,
}

/// One part of a date. Those that come around again are a sine and a cosine, so that December lies
/// beside January.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DatePart {
    /// Days since the earliest date of the training rows, with fractions, standardised.
    Days {
        /// That date.
        since: Date,
        /// Of the training rows.
        scale: Scale,
    },
    /// Standardised.
    Year {
        /// Of the training rows.
        scale: Scale,
    },
    /// Twelve to the round.
    Month,
    /// Thirty-one to the round.
    DayOfMonth,
    /// Monday to Sunday.
    DayOfWeek,
    /// The 24 hours, to the second.
    Hour,
}

/// How the dates of a column are read; `None` where it holds none.
///
/// # Errors
/// When nearly all cells are dates, but not all, and when no order reads them all.
pub(super) fn order(
    opening: &Opening,
    grid: &Grid,
    place: usize,
) -> Result<Option<DateOrder>, DataError> {
    let mut survey = Survey::default();
    grid.each(place, |row, cell| {
        if let Some(cell) = cell {
            survey.look_at(row, cell);
        }
        Ok(())
    })?;
    let name = &grid.names[place];
    if let Some(row) = survey.first_other {
        if survey.num_dates < 19 * survey.num_others {
            return Ok(None);
        }
        let cell = grid.cell(row, place)?.unwrap_or_default();
        return Err(grid.stray(row, place, &cell, "dates"));
    }
    if survey.num_dates == 0 {
        return Ok(None);
    }
    let wanted = opening.config.day_first.map(|day_first| {
        if day_first {
            DateOrder::DayFirst
        } else {
            DateOrder::MonthFirst
        }
    });
    match survey.verdict(name, wanted) {
        Verdict::Order(order, note) => {
            opening.notes.borrow_mut().extend(note);
            Ok(Some(order))
        }
        Verdict::Conflict([(row, value), (other_row, other)]) => Err(DataError::DateOrders {
            path: grid.path.clone(),
            line: grid.line(row),
            column: name.clone(),
            value,
            other,
            other_line: grid.line(other_row),
        }),
    }
}

pub(super) fn fit(
    grid: &Grid,
    place: usize,
    train_rows: &[usize],
    order: DateOrder,
    reading: &mut Vec<String>,
) -> Result<Fitted, DataError> {
    let mut moments = Vec::<DateTime>::new();
    grid.each_of(place, train_rows, |_, cell| {
        moments.extend(cell.and_then(|cell| Written::parse(cell)?.read(order)));
        Ok(())
    })?;
    let marks_missing = moments.len() < train_rows.len();
    let (Some(&first), Some(&last)) = (moments.iter().min(), moments.iter().max()) else {
        return Ok(Fitted::LeftOut("it is empty"));
    };
    let since = first.date();
    let days = DatePart::Days {
        since,
        scale: Scale::fit(moments.iter().map(|&moment| days_since(since, moment))),
    };
    let year = DatePart::Year {
        scale: Scale::fit(moments.iter().map(|moment| f64::from(moment.year()))),
    };
    let parts: Vec<DatePart> = [
        days,
        year,
        DatePart::Month,
        DatePart::DayOfMonth,
        DatePart::DayOfWeek,
        DatePart::Hour,
    ]
    .into_iter()
    .filter(|part| {
        moments
            .iter()
            .any(|&moment| part.bits(moment) != part.bits(first))
    })
    .collect();
    if parts.is_empty() && !marks_missing {
        return Ok(Fitted::LeftOut("it holds one value"));
    }
    let encoding = DateEncoding {
        order,
        parts,
        marks_missing,
    };
    let names: Vec<&str> = encoding.parts.iter().map(DatePart::name).collect();
    reading.push(format!(
        "`{}` holds dates from {} to {}: {}",
        grid.names[place],
        since,
        last.date(),
        names.join(", ")
    ));
    Ok(Fitted::Kept(ColumnEncoding::Date(encoding)))
}

/// What comes around of the dates of a column, fitted on some rows; `None` where it holds no dates,
/// or nothing comes around.
pub(crate) fn calendar(
    opening: &Opening,
    grid: &Grid,
    place: usize,
    rows: &[usize],
) -> Result<Option<DateEncoding>, DataError> {
    let Some(order) = order(opening, grid, place)? else {
        return Ok(None);
    };
    let Fitted::Kept(ColumnEncoding::Date(mut dates)) =
        fit(grid, place, rows, order, &mut Vec::new())?
    else {
        return Ok(None);
    };
    dates.parts.retain(|part| part.width() == 2);
    Ok((!dates.parts.is_empty()).then_some(dates))
}

fn days_since(since: Date, moment: DateTime) -> f64 {
    let days = (moment.date() - since).get_days();
    f64::from(days) + day_share(moment)
}

/// The share of the day that is over.
fn day_share(moment: DateTime) -> f64 {
    let time = moment.time();
    let hours = f64::from(time.hour()) + f64::from(time.minute()) / 60.0;
    (hours + f64::from(time.second()) / 3600.0) / 24.0
}

impl DatePart {
    fn name(&self) -> &'static str {
        match self {
            Self::Days { .. } => "days",
            Self::Year { .. } => "year",
            Self::Month => "month",
            Self::DayOfMonth => "day of month",
            Self::DayOfWeek => "day of week",
            Self::Hour => "hour",
        }
    }

    fn width(&self) -> usize {
        match self {
            Self::Days { .. } | Self::Year { .. } => 1,
            _ => 2,
        }
    }

    fn bits(&self, moment: DateTime) -> [u32; 2] {
        self.inputs(moment).map(f32::to_bits)
    }

    /// The first [`DatePart::width`] of these are the inputs.
    fn inputs(&self, moment: DateTime) -> [f32; 2] {
        match self {
            Self::Days { since, scale } => [scale.apply(days_since(*since, moment)), 0.0],
            Self::Year { scale } => [scale.apply(f64::from(moment.year())), 0.0],
            Self::Month => on_circle(f64::from(moment.month() - 1) / 12.0),
            Self::DayOfMonth => on_circle(f64::from(moment.day() - 1) / 31.0),
            Self::DayOfWeek => {
                let day = moment.weekday().to_monday_zero_offset();
                on_circle(f64::from(day) / 7.0)
            }
            Self::Hour => on_circle(day_share(moment)),
        }
    }
}

#[allow(clippy::cast_possible_truncation)] // Between -1 and 1.
fn on_circle(share: f64) -> [f32; 2] {
    let (sine, cosine) = (TAU * share).sin_cos();
    [sine as f32, cosine as f32]
}

impl DateEncoding {
    /// How many inputs a date becomes.
    #[must_use]
    pub fn width(&self) -> usize {
        self.parts.iter().map(DatePart::width).sum::<usize>() + usize::from(self.marks_missing)
    }

    pub(super) fn part_names(&self, column: &str) -> Vec<String> {
        let names = self.parts.iter().flat_map(|part| match part {
            DatePart::Days { since, .. } => vec![format!("{column} days since {since}")],
            DatePart::Year { .. } => vec![format!("{column} year")],
            part => ["sine", "cosine"]
                .map(|side| format!("{column} {} ({side})", part.name()))
                .to_vec(),
        });
        names.collect()
    }

    /// The day, where the days were counted.
    pub(super) fn cell_of(&self, inputs: &[f32]) -> String {
        let (Some(DatePart::Days { since, scale }), Some(&input)) =
            (self.parts.first(), inputs.first())
        else {
            return "a date".to_owned();
        };
        if self.marks_missing && inputs.last() == Some(&1.0) {
            return "missing".to_owned();
        }
        // To the minute: single precision moves a midnight by seconds.
        let minutes = ((f64::from(input) * scale.sd + scale.mean) * 1440.0).round();
        #[allow(clippy::cast_possible_truncation)] // Far below 2^63, else there is no such day.
        let later = jiff::Span::new().try_minutes(minutes as i64);
        let start = since.to_datetime(jiff::civil::Time::midnight());
        match later.and_then(|later| start.checked_add(later)) {
            Ok(moment) if day_share(moment) == 0.0 => moment.date().to_string(),
            Ok(moment) => moment.strftime("%Y-%m-%d %H:%M").to_string(),
            Err(_) => "a date".to_owned(),
        }
    }

    pub(crate) fn encode(
        &self,
        grid: &Grid,
        (row, place): (usize, usize),
        cell: Option<&str>,
        inputs: &mut Vec<f32>,
    ) -> Result<(), DataError> {
        let moment = match cell {
            None => None,
            Some(cell) => match Written::parse(cell).and_then(|written| written.read(self.order)) {
                None => return Err(grid.stray(row, place, cell, "dates")),
                moment => moment,
            },
        };
        for part in &self.parts {
            let values = moment.map_or([0.0; 2], |moment| part.inputs(moment));
            inputs.extend_from_slice(&values[..part.width()]);
        }
        if self.marks_missing {
            inputs.push(f32::from(u8::from(moment.is_none())));
        }
        Ok(())
    }
}
