//! The splits of a source whose items have no order: at random, class by class.

use std::path::PathBuf;

use crate::order::{self, Division};
use crate::split::count_classes;
use crate::{DataConfig, DataError, Split};

use super::Opening;

/// Fewer items than this cannot be split into three parts that mean anything.
const MIN_ITEMS: usize = 10;

/// Splits that the data brings along, beside the one to train on.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Own {
    pub(crate) valid: bool,
    pub(crate) test: bool,
}

impl Own {
    /// A test set, but no validation set.
    pub(crate) fn test(test: bool) -> Self {
        Self { valid: false, test }
    }
}

/// What a division needs to know.
pub(crate) struct Drawing<'a> {
    pub(crate) path: PathBuf,
    pub(crate) config: &'a DataConfig,
    pub(crate) seed: u64,
}

/// Divides the items into splits and takes the share of the training split that was asked for.
///
/// `groups` holds the class of each item, or 0 without classes. A split that the data brings along
/// stays empty. A class of two items is only trained on, and a warning says so; a class of one item
/// is an error, unless the test set is elsewhere.
pub(crate) fn divide(
    opening: &Opening,
    groups: &[i32],
    classes: &[String],
    own: Own,
    warnings: &mut Vec<String>,
) -> Result<Division, DataError> {
    let drawing = Drawing {
        path: opening.path.clone(),
        config: opening.config,
        seed: opening.seed,
    };
    drawing.divide(groups, classes, own, warnings)
}

impl Drawing<'_> {
    pub(crate) fn divide(
        &self,
        groups: &[i32],
        classes: &[String],
        own: Own,
        warnings: &mut Vec<String>,
    ) -> Result<Division, DataError> {
        let path = || self.path.clone();
        let (config, seed) = (self.config, self.seed);
        if groups.len() < MIN_ITEMS {
            return Err(DataError::TooFew {
                path: path(),
                found: groups.len(),
                needed: MIN_ITEMS,
            });
        }
        let counts = count_classes(groups.iter().copied(), classes.len());
        let mut too_small = Vec::new();
        for (name, count) in classes.iter().zip(counts) {
            match count {
                0 => warnings.push(format!("no item to train on is of the class `{name}`")),
                1 if !own.test => {
                    return Err(DataError::RareClass {
                        path: path(),
                        class: name.clone(),
                    });
                }
                1 | 2 if !own.valid => too_small.push((name, count)),
                _ => {}
            }
        }
        match too_small.as_slice() {
            [] => {}
            [(name, count)] => warnings.push(format!(
                "class `{name}` has {count} items: they are trained on, but not validated"
            )),
            [(name, count), ..] => warnings.push(format!(
                "{} classes have one or two items, as `{name}` has {count}: they are trained on, \
                 but not validated",
                too_small.len()
            )),
        }
        let mut division = match own {
            Own {
                valid: true,
                test: true,
            } => Division {
                train: (0..groups.len()).collect(),
                ..Division::default()
            },
            Own { valid: true, .. } => {
                let drawn = order::divide(groups, config.test_fraction, 0.0, seed);
                Division {
                    test: drawn.valid,
                    ..drawn_with(drawn.train)
                }
            }
            Own { test: true, .. } => order::divide(groups, config.valid_fraction, 0.0, seed),
            Own { .. } => order::divide(groups, config.valid_fraction, config.test_fraction, seed),
        };
        let lacks_valid = division.valid.is_empty() && !own.valid;
        let lacks_test = division.test.is_empty() && !own.test;
        if lacks_valid || lacks_test {
            let needed = (3 * classes.len()).max(MIN_ITEMS);
            return Err(DataError::TooFew {
                path: path(),
                found: groups.len(),
                needed,
            });
        }
        division.train = order::subsample(division.train, groups, config.fraction, seed);
        Ok(division)
    }
}

fn drawn_with(train: Vec<usize>) -> Division {
    Division {
        train,
        ..Division::default()
    }
}

/// The sentence about the splits.
pub(crate) fn sentence(
    opening: &Opening,
    [train, valid, test]: [&Split; 3],
    own: Own,
    by_class: bool,
) -> String {
    let (train, valid, test) = (train.len(), valid.len(), test.len());
    let by_class = if by_class { ", class by class" } else { "" };
    let seed = opening.seed;
    let drawn = match own {
        Own {
            valid: true,
            test: true,
        } => "the splits are the data's own".to_owned(),
        Own { valid: true, .. } => format!(
            "test drawn at random{by_class}, seed {seed}; the validation set is the data's own"
        ),
        Own { test: true, .. } => format!(
            "validation drawn at random{by_class}, seed {seed}; the test set is the data's own"
        ),
        Own { .. } => format!("drawn at random{by_class}, seed {seed}"),
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
    format!("{} classes: {}", classes.len(), super::grid::list(classes))
}
