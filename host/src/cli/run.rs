//! `trainyard train`, `eval` and `generate`: the commands about runs.

use super::args::{EvalArgs, GenerateArgs, TrainArgs};
use super::output::{self, Outcome, print};
use serde::Serialize;
use std::fmt::Display;
use trainyard::report::FinalReport;
use trainyard::run::{self, PluginChange, TrainOptions};
use trainyard::{Error, eval, train};

pub fn train(args: &TrainArgs) -> Outcome {
    let config = run::load(&args.config, &args.set)?;
    let options = TrainOptions {
        resume: args.resume,
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

pub fn evaluate(args: &EvalArgs) -> Outcome {
    let options = args.open.options();
    let (summary, plugins) = match args.data.is_empty() {
        true => eval::evaluate(&args.run, &options)?,
        false => eval::evaluate_files(&args.run, &options, &args.data, args.text_field.as_deref())?,
    };
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
