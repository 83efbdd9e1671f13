//! Texts, read character by character and predicted one ahead.

use fornax_data::{DataConfig, Inputs, Split, Targets, Task};

use crate::{indices, open_bytes};

#[test]
fn the_next_character_is_the_target_and_each_is_predicted_once() {
    let text: String = ('a'..='z').cycle().take(400).collect();
    let config = DataConfig {
        seq_len: 5,
        ..DataConfig::default()
    };
    let data = open_bytes("a.txt", text.as_bytes(), config).unwrap();
    let batch = data.train.batch(&[0, 1]).unwrap();
    let Inputs::Tokens {
        shape: [2, 5],
        tokens,
    } = batch.inputs
    else {
        panic!()
    };
    assert_eq!(tokens, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    assert_eq!(
        batch.targets,
        Targets::Tokens(vec![2, 3, 4, 5, 6, 7, 8, 9, 10, 11])
    );
    assert_eq!(data.train.len(), 59); // 300 characters: 59 samples of 5 and the one after them
}

#[test]
fn each_epoch_cuts_a_text_at_other_places_and_never_into_what_is_held_out() {
    let letter = |place: u32| char::from_u32(u32::from('a') + place / 20);
    let text: String = (0..400).filter_map(letter).collect();
    let open = |name, text: &str| {
        let config = DataConfig {
            seq_len: 40,
            ..DataConfig::default()
        };
        open_bytes(name, text.as_bytes(), config).unwrap().train
    };
    let train = open("a.txt", &text);
    let all = indices(&train);
    let tokens = |split: &Split| match split.batch(&all).unwrap().inputs {
        Inputs::Tokens { tokens, .. } => tokens,
        _ => panic!(),
    };
    let whole = tokens(&train);
    let epochs: Vec<_> = (0..9)
        .map(|epoch| tokens(&train.in_epoch(3, epoch)))
        .collect();
    assert_eq!(epochs[4], tokens(&train.in_epoch(3, 4)));
    assert!(epochs.iter().any(|epoch| *epoch != epochs[0]));
    let last = whole.len() - 40;
    for epoch in &epochs {
        assert!((0..40).any(|later| epoch[..last] == whole[later..later + last]));
        assert_eq!(epoch[last..], whole[last..]);
    }

    let rows = open(
        "a.csv",
        &format!("x,y\n{}", "1,a\n2,b\n3,a\n4,b\n".repeat(20)),
    );
    let all = indices(&rows);
    assert_eq!(
        rows.batch(&all).unwrap(),
        rows.in_epoch(3, 4).batch(&all).unwrap()
    );
}

#[test]
fn characters_that_training_lacks_are_unknown() {
    let text: String = ('a'..='d')
        .cycle()
        .take(300)
        .chain("éa".chars().cycle().take(100))
        .collect();
    let data = open_bytes(
        "a.txt",
        text.as_bytes(),
        DataConfig {
            seq_len: 8,
            ..DataConfig::default()
        },
    );
    let data = data.unwrap();
    let Task::NextToken { vocabulary } = &data.task else {
        panic!()
    };
    assert_eq!(vocabulary, &['\u{fffd}', 'a', 'b', 'c', 'd']);
    let tokens = data.preprocess.encode_text("abé").unwrap();
    assert_eq!(tokens, [1, 2, 0]);
    assert_eq!(
        data.preprocess.decode(&[1, 2, 0, -1, 99]),
        "ab\u{fffd}\u{fffd}\u{fffd}"
    );
}
