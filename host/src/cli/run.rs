//! `trainyard train`, `eval` and `generate`: the commands about runs.

use super::args::{EvalArgs, GenerateArgs, TrainArgs};
use super::output::{self, Outcome, print};
use serde::Serialize;
use std::fmt::Display;
use trainyard::report::FinalReport;
use trainyard::train::TrainOptions;
use trainyard::{Error, config, eval, train};

pub fn train(args: &TrainArgs) -> Outcome {
    let config = config::load(&args.config, &args.set)?;
    let options = TrainOptions {
        resume: args.resume,
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
    let (summary, run) = eval::evaluate_open(&args.run, args.checkpoint.as_deref())?;
    let shown = show(&summary, &summary.report, args.json);
    drop(run);
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
    let run = eval::OpenRun::open(&args.run, args.checkpoint.as_deref())?;
    let sample = args.apply(run.config.sample.clone());
    let text = sample.prompt.clone() + &run.continue_text(&sample)? + "\n";
    output::write(text.as_bytes())
}
