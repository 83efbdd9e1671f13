//! Columns of dates: read as a whole, fitted on the training rows, the same inputs at prediction.

use fornax_data::preprocess::{DateOrder, InputColumn, TablePreprocess};
use fornax_data::{ColumnEncoding, DataConfig, Dataset, Inputs, Preprocess, Split};
use jiff::civil::{Date, date};

use crate::{folder, indices, open_bytes};

/// 60 days of sales, the date written by `write`; more is sold at weekends.
fn sales(write: impl Fn(Date) -> String) -> String {
    let row = |number: i32| {
        let day = date(2023, 12, 20) + jiff::Span::new().days(number);
        let weekend = day.weekday().to_monday_zero_offset() >= 5;
        format!(
            "{},{},{}\n",
            write(day),
            number % 7,
            10 + 50 * i32::from(weekend) + number % 3
        )
    };
    format!(
        "when,visitors,sold\n{}",
        (0..60).map(row).collect::<String>()
    )
}

fn open_table(text: &str) -> Dataset {
    open_bytes("sales.csv", text.as_bytes(), DataConfig::default()).unwrap()
}

fn table(data: &Dataset) -> &TablePreprocess {
    match &data.preprocess {
        Preprocess::Table(table) => table,
        other => panic!("expected a table, found {other:?}"),
    }
}

fn inputs(split: &Split) -> Vec<f32> {
    match split.batch(&indices(split)).unwrap().inputs {
        Inputs::Dense { values, .. } => values,
        other => panic!("expected rows, found {other:?}"),
    }
}

#[test]
fn a_date_becomes_the_parts_that_differ() {
    let data = open_table(&sales(|day| day.to_string()));
    let names: Vec<String> = table(&data)
        .columns
        .iter()
        .flat_map(InputColumn::input_names)
        .collect();
    // The 20th is not among the rows that are trained on.
    assert_eq!(names[0], "when days since 2023-12-21");
    assert_eq!(
        names[1..],
        [
            "when year",
            "when month (sine)",
            "when month (cosine)",
            "when day of month (sine)",
            "when day of month (cosine)",
            "when day of week (sine)",
            "when day of week (cosine)",
            "visitors",
        ]
    );
    let said = data.reading.join("\n");
    assert!(
        said.contains("`when` holds dates from 2023-12-21 to 2024-02-17"),
        "{said}"
    );
    assert!(
        said.contains("days, year, month, day of month, day of week"),
        "{said}"
    );
}

#[test]
fn however_it_is_written_a_date_becomes_the_same_inputs() {
    let iso = open_table(&sales(|day| day.to_string()));
    for format in [
        "%d.%m.%Y",
        "%m/%d/%Y",
        "%d/%m/%y",
        "%d %b %Y",
        "%b %-d %Y",
        "%Y%m%d",
        "%Y-%m-%dT00:00:00Z",
    ] {
        let other = open_table(&sales(|day| day.strftime(format).to_string()));
        for (split, same) in [(&iso.train, &other.train), (&iso.test, &other.test)] {
            assert_eq!(inputs(split), inputs(same), "{format}");
        }
        assert_eq!(other.warnings, Vec::<String>::new(), "{format}");
    }
}

#[test]
fn new_dates_become_what_training_would_have_made_of_them() {
    let data = open_table(&sales(|day| day.strftime("%d/%m/%Y").to_string()));
    let ColumnEncoding::Date(dates) = &table(&data).columns[0].encoding else {
        panic!("dates")
    };
    assert_eq!(dates.order, DateOrder::DayFirst);
    let place = data.train.place(0);
    let line: usize = place.trim_start_matches("line ").parse().unwrap();
    let day = date(2023, 12, 20) + jiff::Span::new().days(i64::try_from(line).unwrap() - 2);
    let visitors = (line - 2) % 7;
    let new = format!(
        "when,visitors\n{},{visitors}\n03/04/2024,1\n{day},{visitors}\n,2\n",
        day.strftime("%d/%m/%Y")
    );
    let wrong = "when,visitors\n04/25/2024,1\n";
    let folder = folder(&[("new.csv", new.as_bytes()), ("wrong.csv", wrong.as_bytes())]);
    let split = data
        .preprocess
        .open_inputs(&folder.path().join("new.csv"))
        .unwrap();
    let new = inputs(&split);
    let rows: Vec<&[f32]> = new.chunks_exact(9).collect();
    assert_eq!(rows[0], &inputs(&data.train)[..9]);
    assert_eq!(rows[2], rows[0]);
    // The third of April, not the fourth of March, 105 days after the first: month 3 of 12.
    assert!(
        (rows[1][2] - 1.0).abs() < 1e-6 && rows[1][3].abs() < 1e-6,
        "{:?}",
        rows[1]
    );
    assert_eq!(rows[3][..8], [0.0; 8]);
    let error = data
        .preprocess
        .open_inputs(&folder.path().join("wrong.csv"))
        .unwrap_err();
    let error = error.to_string();
    assert!(
        error.ends_with("wrong.csv:2: column `when` holds dates, but here `04/25/2024`"),
        "{error}"
    );
    let model = serde_json::to_string(&data.preprocess).unwrap();
    assert_eq!(
        serde_json::from_str::<Preprocess>(&model).unwrap(),
        data.preprocess
    );
}

#[test]
fn what_may_be_day_or_month_is_said_and_can_be_chosen() {
    let early = |separator: &'static str| {
        let cell =
            move |row: usize| format!("{}{separator}{}{separator}2024", 1 + row % 12, 1 + row % 11);
        let line = |row: usize| format!("{},{row},{}\n", cell(row), row % 2);
        let rows: String = (0..60).map(line).collect();
        format!("when,n,kind\n{rows}")
    };
    let order = |data: &Dataset| match &table(data).columns[0].encoding {
        ColumnEncoding::Date(dates) => dates.order,
        other => panic!("{other:?}"),
    };
    let slashes = open_table(&early("/"));
    assert_eq!(order(&slashes), DateOrder::MonthFirst);
    assert!(
        slashes
            .warnings
            .iter()
            .any(|note| note.contains("data.day_first=true")),
        "{:?}",
        slashes.warnings
    );
    assert_eq!(order(&open_table(&early("."))), DateOrder::DayFirst);
    let config = DataConfig {
        day_first: Some(true),
        ..DataConfig::default()
    };
    let chosen = open_bytes("a.csv", early("/").as_bytes(), config).unwrap();
    assert_eq!(
        (order(&chosen), chosen.warnings),
        (DateOrder::DayFirst, vec![])
    );
}

#[test]
fn dates_of_two_orders_and_words_among_dates_are_refused() {
    #[track_caller]
    fn check(line: usize, cell: &str, expected: &str) {
        let text = sales(|day| day.strftime("%d/%m/%Y").to_string());
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        let rest = lines[line - 1].split_once(',').unwrap().1.to_owned();
        lines[line - 1] = format!("{cell},{rest}");
        let found = open_bytes("a.csv", lines.join("\n").as_bytes(), DataConfig::default());
        let error = found.unwrap_err().to_string();
        assert!(error.ends_with(expected), "{error}");
    }
    check(
        40,
        "12/31/2024",
        "a.csv:2: `20/12/2023` in column `when` is no date if `12/31/2024` on line 40 is one",
    );
    check(
        9,
        "soon",
        "a.csv:9: column `when` holds dates, but here `soon`",
    );
    check(
        9,
        "31/02/2024",
        "a.csv:9: column `when` holds dates, but here `31/02/2024`",
    );
}

#[test]
fn times_of_day_and_missing_dates_have_inputs_of_their_own() {
    let row = |row: usize| match row % 5 {
        0 => format!(",{row},{}\n", row % 2),
        _ => format!(
            "{}:{:02} {},{row},{}\n",
            1 + row % 12,
            row % 60,
            ["am", "PM"][row % 2],
            row % 2
        ),
    };
    let data = open_table(&format!(
        "at,n,kind\n{}",
        (0..60).map(row).collect::<String>()
    ));
    let names = table(&data).columns[0].input_names();
    assert_eq!(
        names[1..],
        ["at hour (sine)", "at hour (cosine)", "at missing"]
    );
}
