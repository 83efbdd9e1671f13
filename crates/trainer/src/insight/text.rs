//! What a network of text sees: its surprise, its memory, what its units follow.

use fornax_data::Inputs as DataInputs;
use fornax_insight::attribution::{likeness, occlusion};
use fornax_insight::units::unit_columns;
use fornax_runs::report::{Case, Exhibit, MemoryCurve, Method, TextView, UnitView};

use super::Subject;
use super::verdict::Judged;
use crate::architecture::Network;
use crate::batch::Inputs;
use crate::step::to_vec;
use burn::tensor::{Tensor, TensorData, activation};

/// Bits of surprise that colour a character fully.
const FULL: f32 = 8.0;
/// Passages that the memory is measured on.
const PASSAGES: usize = 16;
/// Passages over which units are compared with properties.
const UNIT_PASSAGES: usize = 32;
/// Characters before the one that is explained.
const CONTEXT: usize = 60;
/// Answers that are explained.
const CASES: usize = 3;
/// A change of which less than this is left is forgotten.
const FORGOTTEN: f64 = 0.1;

/// A property of a character that a unit may follow.
type Property = (&'static str, fn(&[char], usize) -> bool);

/// What people would look for in text.
const PROPERTIES: &[Property] = &[
    ("spaces", |text, at| text[at] == ' '),
    ("the first letter of a word", |text, at| {
        text[at].is_alphabetic() && at > 0 && !text[at - 1].is_alphabetic()
    }),
    ("capitals", |text, at| text[at].is_uppercase()),
    ("vowels", |text, at| "aeiouAEIOU".contains(text[at])),
    ("punctuation", |text, at| text[at].is_ascii_punctuation()),
    ("inside quotes", |text, at| {
        text[..at]
            .iter()
            .filter(|&&c| matches!(c, '"' | '“' | '”'))
            .count()
            % 2
            == 1
    }),
    ("the beginning of a line", |text, at| {
        text[at.saturating_sub(8)..at].contains(&'\n')
    }),
    ("the second half of a line", |text, at| {
        text[..at].iter().rev().take_while(|&&c| c != '\n').count() > 35
    }),
];

/// A kind of character.
type Kind = (&'static str, fn(char) -> bool);

/// Kinds of characters whose cost is told apart.
const KINDS: &[Kind] = &[
    ("small letters", char::is_lowercase),
    ("capitals", char::is_uppercase),
    ("digits", char::is_numeric),
    ("spaces", |c| c == ' '),
    ("ends of lines", |c| c == '\n'),
];

pub(super) fn view(subject: &Subject, judged: &Judged, vocabulary: &[char]) -> Option<TextView> {
    let first = *judged.places.first()?;
    let tokens = tokens_of(judged, &[first]);
    let length = tokens.len();
    let surprise = surprise(judged, vocabulary, length);
    let memory = memory(subject, judged, length);
    let memory_length = memory
        .iter()
        .map(|curve| {
            let last = curve.points.iter().rev().find(|point| point.1 > FORGOTTEN);
            (curve.layer.clone(), last.map_or(0, |point| point.0))
        })
        .collect();
    let (cases, method) = cases(subject, judged, vocabulary, length);
    Some(TextView {
        surprise: Exhibit::Text {
            characters: surprise,
        },
        bits_by_class: bits(judged, vocabulary),
        memory,
        memory_length,
        units: units(subject, judged, vocabulary),
        cases,
        method,
    })
}

fn tokens_of(judged: &Judged, places: &[usize]) -> Vec<i32> {
    match judged.split.batch(places).map(|batch| batch.inputs) {
        Ok(DataInputs::Tokens { tokens, .. }) => tokens,
        _ => Vec::new(),
    }
}

/// As characters that a page can show; the stand-in for unknown ones too.
fn shown(character: char) -> String {
    if character == '\n' {
        "¶\n".to_owned()
    } else {
        character.to_string()
    }
}

fn letter(vocabulary: &[char], token: usize) -> char {
    vocabulary
        .get(token)
        .copied()
        .unwrap_or(char::REPLACEMENT_CHARACTER)
}

/// The first passages, each character with its surprise.
fn surprise(judged: &Judged, vocabulary: &[char], length: usize) -> Vec<(String, f32)> {
    let width = vocabulary.len().max(1);
    let rows = judged.outputs.chunks_exact(width).zip(&judged.labels);
    let mut characters = Vec::new();
    for (index, (row, &label)) in rows.take((600 / length.max(1)).max(1) * length).enumerate() {
        if index > 0 && index % length.max(1) == 0 {
            characters.push((" ⋯\n".to_owned(), 0.0)); // passages from all over the text
        }
        let bits = -row[label] / std::f32::consts::LN_2;
        // Orange: what surprises is a cost.
        characters.push((shown(letter(vocabulary, label)), -(bits / FULL).min(1.0)));
    }
    characters
}

#[allow(clippy::cast_precision_loss)] // counts of characters
fn bits(judged: &Judged, vocabulary: &[char]) -> Vec<(String, f64, f64)> {
    let mut sums = vec![(0.0_f64, 0_usize); KINDS.len() + 1];
    for (row, &label) in judged
        .outputs
        .chunks_exact(vocabulary.len().max(1))
        .zip(&judged.labels)
    {
        let character = letter(vocabulary, label);
        let kind = KINDS
            .iter()
            .position(|(_, is)| is(character))
            .unwrap_or(KINDS.len());
        sums[kind].0 -= f64::from(row[label]) / std::f64::consts::LN_2;
        sums[kind].1 += 1;
    }
    let total = judged.labels.len().max(1) as f64;
    let names = KINDS
        .iter()
        .map(|kind| kind.0)
        .chain(["punctuation and the rest"]);
    names
        .zip(sums)
        .filter(|(_, (_, count))| *count > 0)
        .map(|(name, (sum, count))| (name.to_owned(), sum / count as f64, count as f64 / total))
        .collect()
}

/// How much of a change of one character is left in each layer, so many characters later.
fn memory(subject: &Subject, judged: &Judged, length: usize) -> Vec<MemoryCurve> {
    let places = spread(&judged.places, PASSAGES);
    if places.is_empty() || length < 8 {
        return Vec::new();
    }
    let tokens = tokens_of(judged, &places);
    let at = length / 4;
    let mut changed = tokens.clone();
    for row in 0..places.len() {
        // Another character that the text has: the one of the neighbouring passage.
        let other = tokens[((row + 1) % places.len()) * length + at];
        let own = tokens[row * length + at];
        changed[row * length + at] = if other == own {
            i32::from(own == 1) + 1
        } else {
            other
        };
    }
    let features = |tokens: Vec<i32>| {
        subject
            .network
            .features(&as_inputs(subject, tokens, length))
    };
    let pairs = features(tokens).into_iter().zip(features(changed));
    let hidden = pairs.filter(|(feature, _)| feature.name != "logits");
    hidden
        .map(|(before, after)| {
            let width = before.shape.last().copied().unwrap_or(1);
            let difference = to_vec(before.values - after.values);
            let norm = |row: usize, step: usize| -> f64 {
                let start = (row * length + step) * width;
                difference[start..start + width]
                    .iter()
                    .map(|value| f64::from(*value).powi(2))
                    .sum::<f64>()
                    .sqrt()
            };
            let mean = |step: usize| (0..places.len()).map(|row| norm(row, step)).sum::<f64>();
            let whole = mean(at).max(1e-12);
            MemoryCurve {
                layer: before.name.clone(),
                points: (at..length)
                    .map(|step| (step - at, mean(step) / whole))
                    .collect(),
            }
        })
        .collect()
}

fn as_inputs(subject: &Subject, tokens: Vec<i32>, length: usize) -> Inputs {
    let rows = tokens.len() / length.max(1);
    Inputs::Tokens(Tensor::from_data(
        TensorData::new(tokens, [rows, length]),
        &subject.device,
    ))
}

/// Some of the places, evenly spread.
fn spread(places: &[usize], count: usize) -> Vec<usize> {
    places
        .iter()
        .copied()
        .step_by(places.len().div_ceil(count).max(1))
        .collect()
}

/// For each property, the unit of the last hidden layer whose value tells most about it.
fn units(subject: &Subject, judged: &Judged, vocabulary: &[char]) -> Vec<UnitView> {
    let places = spread(&judged.places, UNIT_PASSAGES);
    let tokens = tokens_of(judged, &places);
    let Some(length) = tokens
        .len()
        .checked_div(places.len())
        .filter(|&length| length > 0)
    else {
        return Vec::new();
    };
    let features = subject
        .network
        .features(&as_inputs(subject, tokens.clone(), length));
    let Some(feature) = features
        .iter()
        .rev()
        .find(|feature| feature.name != "logits")
    else {
        return Vec::new();
    };
    let columns = unit_columns(feature);
    let [num_rows, num_units] = columns.dims();
    let values = to_vec(columns);
    let letters: Vec<char> = tokens
        .iter()
        .map(|&token| letter(vocabulary, usize::try_from(token).unwrap_or(0)))
        .collect();
    let mut views = Vec::new();
    for (name, holds) in PROPERTIES {
        let holds: Vec<bool> = (0..num_rows)
            .map(|row| {
                let passage = &letters[row / length * length..(row / length + 1) * length];
                holds(passage, row % length)
            })
            .collect();
        let best = (0..num_units)
            .map(|unit| {
                let column = (0..num_rows).map(|row| values[row * num_units + unit]);
                (unit, information(&column.collect::<Vec<_>>(), &holds))
            })
            .max_by(|a, b| a.1.total_cmp(&b.1));
        let Some((unit, bits)) = best.filter(|best| best.1 > 0.02) else {
            continue; // no unit follows it
        };
        views.push(UnitView {
            unit,
            follows: format!("follows {name} ({bits:.2} bits)"),
            exhibits: vec![Exhibit::Text {
                characters: heat(&values, num_units, unit, &letters, length),
            }],
            ideal: None,
        });
    }
    views
}

/// The first passage, coloured by a unit's distance from its mean.
#[allow(clippy::cast_precision_loss)] // counts of characters
fn heat(
    values: &[f32],
    num_units: usize,
    unit: usize,
    letters: &[char],
    length: usize,
) -> Vec<(String, f32)> {
    let column: Vec<f32> = values
        .iter()
        .skip(unit)
        .step_by(num_units)
        .copied()
        .collect();
    let mean = column.iter().sum::<f32>() / column.len() as f32;
    let variance = column
        .iter()
        .map(|value| (value - mean).powi(2))
        .sum::<f32>()
        / column.len() as f32;
    let sd = variance.sqrt().max(1e-6);
    let passage = column.iter().zip(letters).take(length.min(300));
    passage
        .map(|(value, letter)| {
            (
                shown(*letter),
                ((value - mean) / (2.0 * sd)).clamp(-1.0, 1.0),
            )
        })
        .collect()
}

/// Mutual information of a unit's value, cut at its eighths, and a property; in bits.
#[allow(clippy::cast_precision_loss)] // counts of characters
fn information(values: &[f32], holds: &[bool]) -> f64 {
    const BINS: usize = 8;
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
    let mut counts = [[0.0_f64; 2]; BINS];
    for (rank, &row) in order.iter().enumerate() {
        counts[rank * BINS / order.len()][usize::from(holds[row])] += 1.0;
    }
    let total = values.len().max(1) as f64;
    let of_property = [0, 1].map(|side| counts.iter().map(|bin| bin[side]).sum::<f64>() / total);
    let mut bits = 0.0;
    for bin in counts {
        let of_bin = (bin[0] + bin[1]) / total;
        for side in [0, 1] {
            let joint = bin[side] / total;
            if joint > 0.0 {
                bits += joint * (joint / (of_bin * of_property[side])).log2();
            }
        }
    }
    bits
}

/// Why a character was expected: how much its probability falls without each earlier one.
fn cases(
    subject: &Subject,
    judged: &Judged,
    vocabulary: &[char],
    length: usize,
) -> (Vec<Case>, Option<Method>) {
    let context = CONTEXT.min(length);
    let (mut cases, mut maps, mut scrambled) = (Vec::new(), Vec::new(), Vec::new());
    for &place in spread(&judged.places, CASES).iter().take(CASES) {
        let all = tokens_of(judged, &[place]);
        let Some(tokens) = all.get(..context) else {
            continue;
        };
        let batch = judged.split.batch(&[place]).map(|batch| batch.targets);
        let Ok(fornax_data::Targets::Tokens(next)) = batch else {
            continue;
        };
        let Some(answer) = answers(&subject.network, subject, tokens, context)
            .map(|row| fornax_insight::probe::argmax(&row))
        else {
            continue;
        };
        let weigh = |network: &Network| without_each(network, subject, tokens, answer);
        let weights = weigh(&subject.network);
        scrambled.push(weigh(&subject.control));
        let strongest = weights
            .iter()
            .fold(1e-6_f32, |most, weight| most.max(weight.abs()));
        let probability = answers(&subject.network, subject, tokens, context)
            .map_or(0.0, |row| row[answer].exp());
        cases.push(Case {
            place: judged.split.place(place),
            exhibit: Exhibit::Text {
                characters: tokens
                    .iter()
                    .zip(&weights)
                    .map(|(&token, weight)| {
                        // The root, so that the weaker ones are seen beside the strongest.
                        let share = (weight / strongest).abs().sqrt().copysign(*weight);
                        (
                            shown(letter(vocabulary, usize::try_from(token).unwrap_or(0))),
                            share,
                        )
                    })
                    .collect(),
            },
            map: None,
            truth: format!(
                "{:?}",
                letter(
                    vocabulary,
                    next.get(context - 1)
                        .and_then(|&token| usize::try_from(token).ok())
                        .unwrap_or(0)
                )
            ),
            answer: format!("{:?}", letter(vocabulary, answer)),
            confidence: Some(f64::from(probability)),
            neighbours: Vec::new(),
        });
        maps.push(weights);
    }
    if cases.is_empty() {
        return (cases, None);
    }
    let method = Method {
        name: "occlusion".to_owned(),
        limits: "Each character in turn is replaced by the stand-in for unknown ones; blue ones made the answer likelier, orange ones less likely.".to_owned(),
        residual: None,
        scrambled: Some(likeness(&maps, &scrambled)),
    };
    (cases, Some(method))
}

/// Log-probabilities of what follows the last of `length` characters, for one passage.
fn answers(
    network: &Network,
    subject: &Subject,
    tokens: &[i32],
    length: usize,
) -> Option<Vec<f32>> {
    let rows = last_rows(network, subject, tokens.to_vec(), length);
    rows.into_iter().next()
}

fn last_rows(
    network: &Network,
    subject: &Subject,
    tokens: Vec<i32>,
    length: usize,
) -> Vec<Vec<f32>> {
    let outputs = network.forward(&as_inputs(subject, tokens, length)); // [B * T, V]
    let [_, width] = outputs.dims();
    let all = to_vec(activation::log_softmax(outputs, 1));
    all.chunks_exact(width * length)
        .map(|passage| passage[(length - 1) * width..].to_vec())
        .collect()
}

/// All passages with one character missing go through the network together.
fn without_each(network: &Network, subject: &Subject, tokens: &[i32], answer: usize) -> Vec<f32> {
    let length = tokens.len();
    let mut batch = Vec::with_capacity((length + 1) * length);
    batch.extend_from_slice(tokens);
    for missing in 0..length {
        let start = batch.len();
        batch.extend_from_slice(tokens);
        batch[start + missing] = 0;
    }
    let scores: Vec<f32> = last_rows(network, subject, batch, length)
        .iter()
        .map(|row| row[answer])
        .collect();
    let groups: Vec<Vec<usize>> = (0..length).map(|place| vec![place]).collect();
    let rows = occlusion(length, &groups, &scores[..1], |group| {
        vec![scores[group[0] + 1]]
    });
    rows.into_iter().next().unwrap_or_default()
}
