//! The splits of a source whose items have no order: at random, class by class.

use crate::order::{self, Division};
use crate::split::count_classes;
use crate::{DataError, Split};

use super::Opening;

/// Fewer items than this cannot be split into three parts that mean anything.
const MIN_ITEMS: usize = 10;

/// Divides the items into splits and takes the share of the training split that was asked for.
///
/// `groups` holds the class of each item, or 0 without classes. With a test set of its own, the
/// test split stays empty. A class of two items is only trained on, and a warning says so; a class
/// of one item is an error, unless the test set is elsewhere.
pub(crate) fn divide(
    opening: &Opening,
    groups: &[i32],
    classes: &[String],
    has_own_test: bool,
    warnings: &mut Vec<String>,
) -> Result<Division, DataError> {
    let path = || opening.path.clone();
    let (config, seed) = (opening.config, opening.seed);
    if groups.len() < MIN_ITEMS {
        return Err(DataError::TooFew {
            path: path(),
            found: groups.len(),
            needed: MIN_ITEMS,
        });
    }
    for (name, count) in classes.iter().zip(count_classes(groups, classes.len())) {
        match count {
            0 => warnings.push(format!("no item to train on is of the class `{name}`")),
            1 if !has_own_test => {
                return Err(DataError::RareClass {
                    path: path(),
                    class: name.clone(),
                });
            }
            1 | 2 => warnings.push(format!(
                "class `{name}` has {count} items: they are trained on, but not validated"
            )),
            _ => {}
        }
    }
    let test_fraction = if has_own_test {
        0.0
    } else {
        config.test_fraction
    };
    let mut division = order::divide(groups, config.valid_fraction, test_fraction, seed);
    if division.valid.is_empty() || (division.test.is_empty() && !has_own_test) {
        let needed = (3 * classes.len()).max(MIN_ITEMS);
        return Err(DataError::TooFew {
            path: path(),
            found: groups.len(),
            needed,
        });
    }
    division.train = order::subsample(&division.train, groups, config.fraction, seed);
    Ok(division)
}

/// The sentence about the splits.
pub(crate) fn sentence(
    opening: &Opening,
    [train, valid, test]: [&Split; 3],
    has_own_test: bool,
    by_class: bool,
) -> String {
    let (train, valid, test) = (train.len(), valid.len(), test.len());
    let by_class = if by_class { ", class by class" } else { "" };
    let seed = opening.seed;
    let drawn = if has_own_test {
        format!("validation drawn at random{by_class}, seed {seed}; the test set is the data's own")
    } else {
        format!("drawn at random{by_class}, seed {seed}")
    };
    let share = if opening.config.fraction < 1.0 {
        format!(" ({} of what there is)", opening.config.fraction)
    } else {
        String::new()
    };
    format!("{train} items to train on{share}, {valid} to validate, {test} to test: {drawn}")
}

/// The names of the classes in brackets, or how many there are.
pub(crate) fn classes_in_words(classes: &[String]) -> String {
    format!(
        "{} classes: {}",
        classes.len(),
        super::csv_file::list(classes)
    )
}
