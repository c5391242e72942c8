//! `trainyard train`, `eval` and `generate`: the commands about runs.

use super::args::{EvalArgs, GenerateArgs, TrainArgs};
use super::output::{self, Outcome, print};
use trainyard::train::{PluginChange, TrainOptions};
use trainyard::{eval, train};

pub fn train(args: &TrainArgs) -> Outcome {
    let config = train::load(&args.config, &args.set)?;
    let options = TrainOptions {
        resume: args.resume,
        from: args.from.clone(),
        overwrite: args.overwrite,
        allow_changed: args.allow_changed.clone(),
        quiet: false,
    };
    print(&train::run(&config, &options)?, args.json)
}

pub fn evaluate(args: &EvalArgs) -> Outcome {
    let options = args.open.options();
    let summary = match args.data.is_empty() {
        true => eval::evaluate(&args.run, &options)?,
        false => eval::evaluate_files(&args.run, &options, &args.data, args.text_field.as_deref())?,
    };
    print(&summary, args.json)
}

pub fn generate(args: &GenerateArgs) -> Outcome {
    let run = eval::OpenRun::open(&args.run, &args.open.options())?;
    for PluginChange { place, then, now } in &run.changed {
        tracing::warn!("not the run's {place}: trained with {then}, now it is {now}");
    }
    let sample = args.apply(run.config().sample.clone());
    let text = sample.prompt.clone() + &run.continue_text(&sample)? + "\n";
    output::write(text.as_bytes())
}
