//! Faults of tables, and targets that cannot be predicted.

use fornax_data::{DataConfig, TableTask};

use super::{check, default};

/// A table of 40 rows with one line replaced.
fn table_with(line: usize, replaced: &str) -> Vec<u8> {
    let row = |row: usize| format!("{},{},{}\n", row % 9, row % 4, ["a", "b"][row % 2]);
    let mut lines = vec!["one,two,kind\n".to_owned()];
    lines.extend((0..40).map(row));
    lines[line - 1] = format!("{replaced}\n");
    lines.concat().into_bytes()
}

#[test]
fn faulty_tables() {
    #[track_caller]
    fn check_table(bytes: &[u8], message: &str, help: &str) {
        check(&[("a.csv", bytes)], "a.csv", default(), message, help);
    }
    check_table(b"one,two\n", "a.csv: holds no data", "right file");
    check_table(
        &table_with(5, "1,2"),
        "a.csv:5: expected 3 columns, found 2",
        "quotes",
    );
    check_table(
        &table_with(7, "1,2,a,4"),
        "a.csv:7: expected 3 columns, found 4",
        "quotes",
    );
    check_table(
        &table_with(1, "one,one,kind"),
        "a.csv:1: two columns are called `one`",
        "own",
    );
    check_table(
        &table_with(6, "\n\n1"), // A blank line is no row, but it is a line.
        "a.csv:8: expected 3 columns, found 1",
        "quotes",
    );
    check_table(
        &table_with(9, "1,much,a"),
        "a.csv:9: column `two` holds numbers, but here `much`",
        "data.drop",
    );
    check_table(
        &table_with(9, "inf,1,a"),
        "a.csv:9: column `one` holds numbers, but here `inf`",
        "data.drop",
    );
    check_table(
        &table_with(9, "1,1,c"),
        "a.csv: there is one item of the class `c`, which cannot be split",
        "join",
    );
    check_table(
        b"one,kind\n1,a\n2,b\n3,a\n4,b\n5,a\n6,b\n",
        "a.csv: 6 items are too few to split, 10 are needed",
        "gather",
    );

    let with = |config: DataConfig, message: &str, help: &str| {
        check(
            &[("a.csv", &table_with(2, "1,2,a"))],
            "a.csv",
            config,
            message,
            help,
        );
    };
    let target = |name: &str| DataConfig {
        target: Some(name.into()),
        ..default()
    };
    with(
        target("kinds"),
        "a.csv: there is no column `kinds`",
        "did you mean `kind`?",
    );
    with(
        target("zzz"),
        "a.csv: there is no column `zzz`",
        "the columns are `one`, `two`, `kind`",
    );
    let drop = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    with(
        DataConfig {
            drop: drop(&["thre"]),
            ..default()
        },
        "a.csv: there is no column `thre`",
        "the columns",
    );
    with(
        DataConfig {
            drop: drop(&["one", "two"]),
            ..default()
        },
        "a.csv: no column is left to predict `kind` from",
        "data.drop",
    );
    with(
        DataConfig {
            task: Some(TableTask::Regression),
            ..default()
        },
        "a.csv: column `kind` is not numeric, but `a` on line 2",
        "data.target",
    );
}

#[test]
fn targets_that_cannot_be_predicted() {
    let rows = |kind: &dyn Fn(usize) -> String| {
        let row = |row: usize| format!("{},{}\n", row % 7, kind(row));
        format!("one,kind\n{}", (0..30).map(row).collect::<String>()).into_bytes()
    };
    let same = rows(&|_| "a".into());
    check(
        &[("a.csv", &same)],
        "a.csv",
        default(),
        "a.csv: everything is of the class `a`",
        "two classes",
    );
    let all = rows(&|row| format!("name{row}"));
    let message = "a.csv: column `kind` has 30 different values in 30 rows, too many for classes";
    check(
        &[("a.csv", &all)],
        "a.csv",
        default(),
        message,
        "data.target",
    );
    let pairs = rows(&|row| format!("name{}", row / 2));
    let message = "a.csv: 30 items are too few to split, 45 are needed";
    check(
        &[("a.csv", &pairs)],
        "a.csv",
        default(),
        message,
        "gather more data",
    );
}
