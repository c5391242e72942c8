//! `trainyard train`, `eval` and `generate`: the commands about runs.

use super::args::{EvalArgs, GenerateArgs, TrainArgs};
use super::output::{self, Outcome, print};
use super::{INTERRUPTED, interrupted};
use serde::Serialize;
use std::fmt::Display;
use trainyard::base::interrupt;
use trainyard::report::FinalReport;
use trainyard::run::{self, PluginChange, TrainOptions};
use trainyard::{Error, eval, train};

pub fn train(args: &TrainArgs) -> Outcome {
    let config = run::load(&args.config, &args.set)?;
    interrupt::listen(INTERRUPTED)?;
    let options = TrainOptions {
        resume: args.resume || args.resume_or_start,
        or_start: args.resume_or_start,
        set: args.set.clone(),
        resume_command: resume_command(args),
        from: args.from.clone(),
        overwrite: args.overwrite,
        allow_changed: args.allow_changed.clone(),
        quiet: false,
    };
    let (summary, plugins) = train::run_open(&config, &options)?;
    let shown = show(&summary, &summary.report, args.json);
    drop(plugins);
    shown
}

/// The command line that resumes the run which `args` train. What `--allow-changed` allowed is in the checkpoint then.
fn resume_command(args: &TrainArgs) -> String {
    let mut words = vec!["trainyard".to_owned(), "train".to_owned(), quoted(&args.config.display().to_string())];
    words.extend(args.set.iter().flat_map(|set| ["--set".to_owned(), quoted(set)]));
    words.push("--resume".to_owned());
    words.extend(args.json.then(|| "--json".to_owned()));
    words.join(" ")
}

/// The word as a shell takes it.
fn quoted(word: &str) -> String {
    let is_plain = |char: char| char.is_ascii_alphanumeric() || "-_./=:,+@%".contains(char);
    match !word.is_empty() && word.chars().all(is_plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    }
}

pub fn evaluate(args: &EvalArgs) -> Outcome {
    interrupt::listen(INTERRUPTED)?;
    let options = args.open.options();
    let evaluated = match args.data.is_empty() {
        true => eval::evaluate(&args.run, &options),
        false => eval::evaluate_files(&args.run, &options, &args.data, args.text_field.as_deref()),
    };
    let (summary, plugins) = evaluated.map_err(|error| interrupted(error, "nothing was changed"))?;
    let shown = show(&summary, &summary.report, args.json);
    drop(plugins);
    shown
}

/// Shows a summary; after that, what plugins failed at is an error.
fn show(summary: &(impl Serialize + Display), report: &FinalReport, json: bool) -> Outcome {
    print(summary, json)?;
    match report.faults.as_slice() {
        [] => Ok(()),
        faults => Err(Error::plugin(format!("the report lacks what plugins failed at: {}", faults.join("; "))).into()),
    }
}

pub fn generate(args: &GenerateArgs) -> Outcome {
    let run = eval::OpenRun::open(&args.run, &args.open.options())?;
    for PluginChange { place, then, now } in &run.changed {
        tracing::warn!("not the run's {place}: trained with {then}, now it is {now}");
    }
    let sample = args.apply(run.config().sample.clone());
    let (text, _tokenizer) = run.continue_text(&sample)?;
    let text = sample.prompt.clone() + &text + "\n";
    output::write(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn words_are_quoted_where_a_shell_would_change_them() {
        for (word, expected) in [
            ("train.steps=9", "train.steps=9"),
            ("", "''"),
            ("sample.prompt=It is", "'sample.prompt=It is'"),
            ("a='b'", r"'a='\''b'\'''"),
            ("data.source=[{ path = \"x\" }]", "'data.source=[{ path = \"x\" }]'"),
        ] {
            assert_eq!(quoted(word), expected);
        }
    }
}
