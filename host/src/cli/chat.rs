//! `trainyard chat`.

use super::open::{self, OpenArgs};
use super::output::{self, Outcome, write};
use super::sampling::SamplingArgs;
use super::{INTERRUPTED, interrupted};
use clap::Args;
use std::io::{BufRead, IsTerminal, stdin};
use std::path::PathBuf;
use trainyard::Error;
use trainyard::base::{clean, interrupt};
use trainyard::eval::{Chat, Ended, PredictingModel};
use trainyard::run::SampleConfig;

/// Talk with a model
///
/// Questions are read from stdin, a line each, and answers are written to stdout as they come. The model reads the
/// conversation in the form of its chat template. Oldest turns are forgotten when its context is full.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  trainyard chat runs/assistant
  trainyard chat SmolLM2-135M-Instruct --system 'Answer in one sentence.'       # a folder of a Hugging Face model
  echo 'What is the capital of France?' | trainyard chat runs/assistant --temperature 0

In a terminal:
  /new            begin again
  /system TEXT    begin again with what the system says
  /quit           end, as Ctrl-D does")]
pub struct ChatArgs {
    /// The run's folder, or that of a Hugging Face model with a tokenizer.json
    pub run: PathBuf,
    /// What the system says before the first question
    #[arg(long, value_name = "TEXT")]
    pub system: Option<String>,
    /// Most tokens of an answer
    #[arg(long, value_name = "N", default_value_t = 512)]
    pub tokens: usize,
    #[command(flatten)]
    pub sampling: SamplingArgs,
    #[command(flatten)]
    pub open: OpenArgs,
}

/// Reads questions and writes answers.
pub fn run(args: &ChatArgs) -> Outcome {
    interrupt::listen(INTERRUPTED)?;
    let model = open::model(&args.run, &args.open, "chat", None)?;
    let sample = SampleConfig { tokens: args.tokens, ..args.sampling.apply(model.config.sample.clone()) };
    let mut chat = begin(&model, args.system.as_deref(), sample)?;
    let is_terminal = stdin().is_terminal();
    if is_terminal {
        eprintln!("/new begins again, /system TEXT says who answers, /quit ends");
    }
    loop {
        if is_terminal {
            eprint!("> ");
        }
        let Some(line) = next_line()? else { return Ok(()) };
        match line.trim() {
            "" => {}
            "/quit" | "/exit" => return Ok(()),
            "/new" => chat.restart(args.system.clone()),
            command if command.starts_with("/system") => {
                let text = command.trim_start_matches("/system").trim();
                chat.restart(Some(text.to_owned()).filter(|text| !text.is_empty()));
            }
            question => answer(&mut chat, question)?,
        }
    }
}

/// Begins a conversation.
fn begin<'m>(model: &'m PredictingModel, system: Option<&str>, sample: SampleConfig) -> Result<Chat<'m>, Error> {
    let chat = Chat::new(model, system.map(str::to_owned), sample)?;
    if chat.is_template_missing() {
        tracing::warn!("{}: no chat template in it, ChatML is used", model.folder.display());
    }
    Ok(chat)
}

/// Writes the answer to one question.
pub fn ask(model: &PredictingModel, system: Option<&str>, sample: SampleConfig, question: &str) -> Outcome {
    answer(&mut begin(model, system, sample)?, question)
}

fn next_line() -> Result<Option<String>, Error> {
    let mut line = String::new();
    let read = stdin().lock().read_line(&mut line);
    match read.map_err(|error| Error::run(format!("stdin: cannot read text: {error}")))? {
        0 => Ok(None),
        _ => Ok(Some(line)),
    }
}

/// Writes the answer to a question.
fn answer(chat: &mut Chat<'_>, question: &str) -> Outcome {
    let (mut answering, forgotten) = chat.ask(question)?;
    if forgotten > 0 {
        tracing::warn!("the context is full: the oldest {forgotten} turns are forgotten");
    }
    let is_terminal = output::is_terminal();
    while let Some(text) = answering.next_text().map_err(unfinished)? {
        // a model may write what a terminal obeys
        write(if is_terminal { clean::text(&text).into_owned() } else { text }.as_bytes())?;
    }
    write(b"\n")?;
    match answering.finish().1 {
        Ended::Answered => {}
        Ended::TooLong => tracing::warn!("the answer was cut: it has as many tokens as --tokens allows"),
        Ended::Full => tracing::warn!("the answer was cut: the context is full; /new begins again"),
    }
    Ok(())
}

/// What becomes of an answer that a signal ended.
fn unfinished(error: Error) -> Error {
    interrupted(error, "the answer was not finished")
}
