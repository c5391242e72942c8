//! `trainyard prepare`: the data of a config, without training.

use super::args::PrepareArgs;
use super::output::{Outcome, write};
use super::{INTERRUPTED, interrupted};
use trainyard::Error;
use trainyard::base::{clean, interrupt};
use trainyard::feed::Preparation;
use trainyard::report::Detail;
use trainyard::run::{self, DataPlugins};

pub fn run(args: &PrepareArgs) -> Outcome {
    let config = run::load(&args.config, &args.set)?;
    if config.data.tokens.is_some() {
        return Err(Error::usage("data.tokens: there is no text to prepare, `trainyard train` reads them").into());
    }
    interrupt::listen(INTERRUPTED)?;
    let plugins = DataPlugins::open(&config)?;
    let (filters, tokenizer, store) = (plugins.named_filters(), plugins.named_tokenizer(&config)?, config.store());
    let (filters, tokenizer) = (&filters, &tokenizer);
    let preparation = Preparation { config: &config.data, filters, tokenizer, store: &store, detail: Detail::All };
    if let Some((part, n_parts)) = args.part {
        let n_units = preparation.prepare_part(part, n_parts).map_err(unfinished)?;
        let line = format!("part {part}/{n_parts}: {n_units} units of the corpus filtered, in {}\n", store.display());
        return write(line.as_bytes());
    }
    let (folder, dataset) = preparation.prepare_in_store().map_err(unfinished)?;
    let report = &dataset.manifest.report;
    let vocabulary = plugins.vocabulary(&config, dataset.tokenizer.n_tokens);
    let text = match args.json {
        true => serde_json::json!({ "dataset": folder, "report": report, "vocabulary": vocabulary }).to_string(),
        false => {
            let lines = report.lines().into_iter().chain(vocabulary.line());
            let lines = lines.collect::<Vec<_>>().join("\n");
            clean::text(&lines).into_owned() + &format!("\ndataset: {}", folder.display())
        }
    };
    write((text + "\n").as_bytes())
}

/// What becomes of a preparation that a signal ended.
fn unfinished(error: Error) -> Error {
    interrupted(error, "what is finished stays in the store, the same command continues there")
}
