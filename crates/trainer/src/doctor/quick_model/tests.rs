//! Tests of the quick models, on points around three centres.

use fornax_data::{DataConfig, DataError, InputShape, Inputs, Source};

use super::*;

/// Points around three centres; every `wrong`-th is called by the name of another one.
#[derive(Debug)]
struct Points {
    wrong: usize,
}

#[allow(clippy::cast_precision_loss)] // small numbers
fn noise(item: usize, axis: usize) -> f32 {
    let mixed = (item * 7919 + axis * 104_729) % 1009;
    mixed as f32 / 1009.0 - 0.5
}

impl Source for Points {
    fn len(&self) -> usize {
        600
    }

    fn inputs(&self, items: &[usize]) -> Result<Inputs, DataError> {
        let values = items.iter().flat_map(|&item| {
            let centre = [[2.0, 0.0], [-2.0, 1.0], [0.0, -3.0]][item % 3];
            [centre[0] + noise(item, 0), centre[1] + noise(item, 1)]
        });
        Ok(Inputs::Dense {
            shape: vec![items.len(), 2],
            values: values.collect(),
        })
    }

    fn targets(&self, items: &[usize]) -> Result<Targets, DataError> {
        let classes = items.iter().map(|&item| self.class(item));
        Ok(Targets::Classes(classes.collect()))
    }

    fn num_classes(&self) -> Option<usize> {
        Some(3)
    }

    fn class(&self, item: usize) -> i32 {
        let is_wrong = item % self.wrong == self.wrong - 1;
        i32::try_from((item + usize::from(is_wrong)) % 3).expect("a class")
    }
}

fn fit(wrong: usize) -> (QuickModel, Dataset) {
    let task = Task::Classification {
        classes: ["right", "left", "below"].map(str::to_owned).to_vec(),
    };
    let (shape, config) = (InputShape::Vector { width: 2 }, DataConfig::default());
    let dataset = Dataset::from_source("points", Points { wrong }, shape, task, &config, 1);
    let dataset = dataset.expect("enough points");
    let quick = QuickModel::fit(&dataset, &Device::default(), 1, 2000).expect("points");
    (quick, dataset)
}

#[test]
fn clean_labels_are_left_alone() {
    let (quick, _) = fit(usize::MAX);
    assert_eq!(quick.num_suspects, 0, "{quick:?}");
    assert!(quick.reference.is_some_and(|accuracy| accuracy > 0.99));
    assert!(quick.neighbour_gain.is_some_and(|gain| gain > 2.5));
    let sure = |check: LabelCheck| check.surest > 50 && check.surest_contradicted == 0;
    assert!(quick.label_check.is_some_and(sure), "{quick:?}");
}

#[test]
fn wrong_labels_are_suspected_and_hardly_any_other() {
    let (quick, dataset) = fit(10);
    let is_wrong = |place: &&usize| {
        let item: usize = dataset.train.place(**place)["item ".len()..]
            .parse()
            .expect("a number");
        item % 10 == 9
    };
    let found = quick.suspects.iter().filter(is_wrong).count();
    let all = dataset.train.len() / 10;
    assert!(10 * found > 8 * all, "{found} of {all}");
    assert!(
        quick.suspects.len() - found < all / 5,
        "{:?}",
        quick.suspects
    );
}

/// A tenth of the labels is wrong, so about a tenth of the surest fifth, a model that never saw them says.
#[test]
fn wrong_labels_contradict_what_the_model_is_surest_of() {
    let (quick, _) = fit(10);
    let check = quick.label_check.expect("labels were compared");
    let share = |part: usize, all: usize| 100 * part / all;
    let of_surest = share(check.surest_contradicted, check.surest);
    assert!((4..=20).contains(&of_surest), "{check:?}");
    assert!(
        (7..=13).contains(&share(check.contradicted, check.tried)),
        "{check:?}"
    );
    assert_eq!(check.surest, check.tried / SUREST);
}
