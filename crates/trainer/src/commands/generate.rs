//! `fornax generate`: text from a language model, fantasies from a deep belief network.

use fornax_data::{InputShape, Preprocess, Task};
use fornax_rnn::{Rnn, Sampling};
use fornax_runs::RunDir;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde_json::json;

use crate::architecture::{DbnNetwork, Network};
use crate::cli::GenerateArgs;
use crate::commands::open_device;
use crate::error::Error;
use crate::experiment::Experiment;
use crate::model::SavedModel;
use crate::output::Output;
use crate::seeds::{Stream, seed};
use crate::step::to_vec;

pub(super) fn run(args: &GenerateArgs, output: &mut Output) -> Result<(), Error> {
    let run = RunDir::open(&args.run)?;
    let experiment = Experiment::load(&run.experiment())?;
    let device = open_device(&experiment, args.device.as_deref(), output)?;
    let (saved, network) = SavedModel::load(&run, &device)?;
    match (&network, &saved.task) {
        (Network::Rnn(rnn), Task::NextToken { .. }) => {
            let text = write_text(rnn, &saved.preprocess, args)?;
            output.line(&text);
            output.result(json!({"run": run.path(), "prompt": args.prompt, "text": text}));
            Ok(())
        }
        (Network::Dbn(dbn), _) => {
            device.seed(seed(args.seed, Stream::Generate, 0));
            dream(dbn, &saved, args, output)
        }
        _ => Err(Error::Usage {
            message: format!(
                "{} holds a {}, which cannot generate",
                run.path().display(),
                experiment.architecture
            ),
            help: "train a text model with `fornax train rnn --data moby-dick`, or a deep belief \
                   network with `fornax train dbn`"
                .to_owned(),
        }),
    }
}

/// Writes on from the prompt, one character at a time, with the state carried along.
fn write_text(rnn: &Rnn, preprocess: &Preprocess, args: &GenerateArgs) -> Result<String, Error> {
    let sampling = Sampling {
        temperature: args.temperature,
        top_k: args.top_k,
    };
    sampling.validate()?;
    let prompt = preprocess.encode_text(&args.prompt)?;
    if prompt.is_empty() {
        return Err(Error::Usage {
            message: "the prompt is empty".to_owned(),
            help: "give at least one character, such as `--prompt \"The \"`".to_owned(),
        });
    }
    let tokens: Vec<usize> = prompt
        .iter()
        .filter_map(|&id| usize::try_from(id).ok())
        .collect();
    let mut rng = ChaCha8Rng::seed_from_u64(seed(args.seed, Stream::Generate, 0));
    let written = rnn.generate(&tokens, sampling, &mut rng).take(args.length);
    // Place 0 stands for characters that training never saw: it is none that could be written.
    let written = written
        .filter(|&token| token != 0)
        .filter_map(|token| i32::try_from(token).ok());
    Ok(args.prompt.clone() + &preprocess.decode(&written.collect::<Vec<i32>>()))
}

/// Prints fantasies: as pictures of characters where the inputs are images, else as numbers.
fn dream(
    dbn: &DbnNetwork,
    saved: &SavedModel,
    args: &GenerateArgs,
    output: &mut Output,
) -> Result<(), Error> {
    let label = args
        .label
        .as_deref()
        .map(|label| class_index(saved, label))
        .transpose()?;
    let fantasies = dbn.stack.fantasies(args.samples, args.steps, label)?; // [N, D]
    let [_, width] = fantasies.dims();
    let values = to_vec(fantasies);
    let samples: Vec<&[f32]> = values.chunks_exact(width.max(1)).collect();
    for sample in &samples {
        match saved.input {
            InputShape::Image {
                channels, width, ..
            } => {
                let plane = &sample[..sample.len() / channels.max(1)];
                output.line(picture(plane, width));
            }
            _ => {
                let texts: Vec<_> = sample.iter().map(|value| format!("{value:.3}")).collect();
                output.line(texts.join(" "));
            }
        }
    }
    output.result(json!({"label": args.label, "steps": args.steps, "samples": samples}));
    Ok(())
}

fn class_index(saved: &SavedModel, label: &str) -> Result<usize, Error> {
    let classes = saved.preprocess.classes().unwrap_or_default();
    classes
        .iter()
        .position(|class| class == label)
        .ok_or_else(|| Error::Usage {
            message: format!("the model knows no class `{label}`"),
            help: format!("its classes are {}", classes.join(", ")),
        })
}

/// Draws pixels in `[0, 1]` as characters, two rows of pixels a line.
fn picture(pixels: &[f32], width: usize) -> String {
    let lit = |row: &[f32], x: usize| row.get(x).is_some_and(|&pixel| pixel > 0.5);
    let rows: Vec<&[f32]> = pixels.chunks(width.max(1)).collect();
    let lines: Vec<String> = rows
        .chunks(2)
        .map(|pair| {
            let below = pair.get(1).copied().unwrap_or_default();
            (0..width)
                .map(|x| match (lit(pair[0], x), lit(below, x)) {
                    (true, true) => '█',
                    (true, false) => '▀',
                    (false, true) => '▄',
                    (false, false) => ' ',
                })
                .collect()
        })
        .collect();
    format!("{}\n", lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_hold_two_rows_of_pixels_in_a_line() {
        assert_eq!(picture(&[1.0, 0.0, 1.0, 1.0, 0.0, 1.0], 2), "█▄\n ▀\n");
    }
}
