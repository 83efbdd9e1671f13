//! Faults of time series, and of series with labels.

use fornax_data::DataConfig;

use super::{check, default, windowed};

#[test]
fn faulty_series() {
    #[track_caller]
    fn check_series(row: impl Fn(usize) -> String, config: DataConfig, message: &str, help: &str) {
        let rows: String = (0..40).map(|time| row(time) + "\n").collect();
        let bytes = format!("date,level\n{rows}");
        check(
            &[("a.csv", bytes.as_bytes())],
            "a.csv",
            config,
            message,
            help,
        );
    }
    let day = |time: usize| format!("2020-{:02}-{:02}", 1 + time / 28, 1 + time % 28);
    check_series(
        |time| format!("{},{time}", day(if time == 9 { 3 } else { time })),
        windowed(3),
        "a.csv:11: `2020-01-04` in column `date` does not come after `2020-01-09`",
        "sort the rows by time",
    );
    check_series(
        |time| {
            format!(
                "{},{time}",
                20_200_101 + if time == 9 { 3 } else { time.min(30) }
            )
        },
        windowed(3),
        "a.csv:11: `20200104` in column `date` does not come after `20200109`",
        "one row a time",
    );
    check_series(
        |time| format!("{},{time}", 1990 - time),
        windowed(3),
        "a.csv:3: `1989` in column `date` does not come after `1990`",
        "sort",
    );
    check_series(
        |time| format!("{},{time}", day(time)),
        windowed(30),
        "a.csv: 40 rows are too few for this window and horizon, 42 are needed",
        "lower `data.window` (30) or `data.horizon` (1)",
    );
    check_series(
        |time| format!("{},{time}", day(time)),
        DataConfig {
            horizon: usize::MAX,
            ..windowed(usize::MAX)
        },
        &format!(
            "a.csv: 40 rows are too few for this window and horizon, {} are needed",
            usize::MAX
        ),
        "lower",
    );
    check_series(
        |time| format!("{},up{time}", day(time)),
        windowed(3),
        "a.csv: there is no column `any of numbers`",
        "a series has a numeric column to forecast",
    );
    check_series(
        |time| format!("{},up{time}", day(time)),
        DataConfig {
            target: Some("level".into()),
            ..windowed(3)
        },
        "a.csv: column `level` is not numeric, but `up0` on line 2",
        "name a numeric column",
    );
    check_series(
        |_| "1,".into(),
        windowed(3),
        "a.csv: holds no data",
        "right file",
    );
}

#[test]
fn faulty_ts_files() {
    #[track_caller]
    fn check_ts(text: &str, message: &str, help: &str) {
        check(
            &[("a.ts", text.as_bytes())],
            "a.ts",
            default(),
            message,
            help,
        );
    }
    let head = "@classLabel true up down\n@data\n";
    check_ts("", "a.ts:1: there is no line `@data`", "UCR/UEA archive");
    check_ts(
        "1,2:up\n",
        "a.ts:1: expected a line that begins with `@` or `#`",
        "@data",
    );
    check_ts(
        "@timestamps true\n@data\n",
        "a.ts:1: the series have timestamps",
        "evenly spaced",
    );
    check_ts(
        "@missing true\n@data\n",
        "a.ts:1: the series have missing values",
        "fill them in",
    );
    check_ts(
        "@targetlabel true\n@data\n",
        "a.ts:1: the series have a number as their target, not a class",
        "classes",
    );
    check_ts(head, "a.ts: holds no data", "right file");
    check_ts(
        &format!("{head}1,2\n"),
        "a.ts:3: the series has no class",
        "put `:` and the class",
    );
    check_ts(
        &format!("{head}1,?:up\n"),
        "a.ts:3: the series have missing values",
        "fill",
    );
    check_ts(
        &format!("{head}(0,1),(1,2):up\n"),
        "a.ts:3: the series have timestamps",
        "evenly",
    );
    check_ts(
        &format!("{head}1,x:up\n"),
        "a.ts:3: expected a number, found `x`",
        "separate steps by `,`",
    );
    check_ts(
        &format!("{head}:up\n"),
        "a.ts:3: expected a number, found ``",
        "",
    );
    check_ts(
        &format!("{head}1,2:3:up\n"),
        "a.ts:3: channels of 2 and of 1 steps",
        "each step",
    );
    check_ts(
        &format!("{head}1,2:up\n1:2:up\n"),
        "a.ts:4: found 2 channels, 1 before",
        "same channels",
    );
    check_ts(
        "@data\n1,2\n",
        "a.ts: the items have no targets to compare with",
        "the class",
    );
    check_ts(
        "@classLabel true up\n@data\n1:up\n",
        "a.ts: everything is of the class `up`",
        "two",
    );
    let sideways = format!("{head}{}", "1,2:sideways\n".repeat(20));
    check_ts(
        &sideways,
        "a.ts:3: class `sideways` did not occur in training",
        "`up`, `down`",
    );
    let message = "DIR: this is no kind of source that can be read";
    let files: [(&str, &[u8]); 2] = [("a.ts", b"1"), ("b.ts", b"1")];
    check(
        &files,
        "",
        default(),
        message,
        "none of them is called `…_TRAIN.ts`",
    );
    check(
        &[("a_TEST.ts", b"1")],
        "a_TEST.ts",
        default(),
        "a_TEST.ts: this is no kind of source that can be read",
        "_TRAIN.ts",
    );
}
