//! `trainyard train`.

use super::INTERRUPTED;
use super::numbers::above_zero;
use super::output::{Outcome, print, show, write};
use super::overrides::Overrides;
use super::ranks::join;
use clap::{ArgGroup, Args};
use std::path::{Path, PathBuf};
use trainyard::base::shell::quoted;
use trainyard::base::{clean, interrupt};
use trainyard::ranks::launched;
use trainyard::run::{self, TrainOptions};
use trainyard::train::{self, Preview};
use trainyard::{Error, Result};

/// Train a model on the data of a config, or on a text
///
/// Reads the corpus, filters it, trains the tokenizer if it has no model yet, then the model. Everything goes to
/// `runs/<name>/`: the resolved config, plugins.lock, metrics.jsonl and checkpoints. A folder that holds anything else
/// is refused, and one process at a time trains in it.
///
/// For a text, the sizes of vocabulary and model and the number of steps are chosen by its length and by the speed of
/// this machine, and written with the reasons to `runs/<name>.toml`, a config to edit and to train with.
///
/// Ctrl-C and SIGTERM finish the step, save it and say how to resume; a second one ends at once.
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("continued").args(["resume", "resume_or_start", "from"]).multiple(true)))]
#[command(after_help = "\
Examples:
  trainyard train configs/austen.toml
  trainyard train my-text.txt                           sizes are chosen, and a config is written to edit
  trainyard train configs/austen.toml --set train.steps=200 --set loss.plugin=focal
  trainyard train configs/austen.toml --set data.filter.0.config.min_words=50
  trainyard train configs/austen.toml --dry-run         check it, and print the config it resolves to
  trainyard train configs/austen.toml --resume          resume after Ctrl-C, a crash or a kill
  trainyard train configs/austen.toml --from step-400 --allow-changed optimizer --set optimizer.lr=1e-4
                                                        go back to step 400, with another setting

A setting is written as in the config, with dots between the parts and numbers into lists. The
value is TOML; a word needs no quotes. A relative path starts at the current folder here, and at
the config's folder in the config.")]
pub struct TrainArgs {
    /// The config, a TOML file; or a text, a folder or a pattern of texts, for which a config is written
    #[arg(value_name = "CONFIG|TEXT")]
    pub config: PathBuf,
    /// Minutes to train on a text, about; decides the size of the model (default: 5)
    #[arg(long, value_name = "N", value_parser = above_zero)]
    pub minutes: Option<f64>,
    #[command(flatten)]
    pub overrides: Overrides,
    /// Resume from the last checkpoint; refused when there is no run, or when something that it depends on has changed
    #[arg(long)]
    pub resume: bool,
    /// As --resume where there is a run; start one where there is none
    #[arg(long, conflicts_with = "resume")]
    pub resume_or_start: bool,
    /// Resume from this checkpoint instead of the last one; later ones are removed when the run has saved a new one.
    /// replay-N repeats a step that failed
    #[arg(long, value_name = "step-N")]
    pub from: Option<String>,
    /// Resume although this part of the config has changed, such as loss, data or optimizer.lr; may be given several
    /// times. The change is recorded in the checkpoints; where it decides the tokens, the data are prepared again
    #[arg(long, value_name = "PART", requires = "continued")]
    pub allow_changed: Vec<String>,
    /// Overwrite an existing run, once the new one has saved its first checkpoint
    #[arg(long, conflicts_with = "continued")]
    pub overwrite: bool,
    /// Repeat the order in which the ranks of this run came, which it has recorded: with ranks.asynchronous, the same
    /// model then comes out, bit for bit
    #[arg(long, value_name = "RUN")]
    pub replay: Option<PathBuf>,
    /// Say what would run, and the config with every default filled in on stdout; write nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Print the summary as one JSON object on stdout
    #[arg(long)]
    pub json: bool,
}

/// Trains, and shows the summary.
pub fn run(args: &TrainArgs) -> Outcome {
    let set = args.overrides.list();
    let path = config_path(args, &set)?;
    let mut config = run::load(&path, &set)?;
    if args.replay.is_some() && !(launched().is_some() && config.ranks.asynchronous) {
        return Err(Error::usage("--replay: expected several ranks with ranks.asynchronous = true").into());
    }
    interrupt::listen(INTERRUPTED)?;
    let ranks = if args.dry_run { None } else { join(&mut config)? };
    if let Some(group) = ranks.as_ref().filter(|group| group.rank() > 0) {
        train::follow(&config, group).map_err(|error| error.context(format!("rank {}", group.rank())))?;
        return Ok(());
    }
    let options = TrainOptions {
        resume: args.resume || args.resume_or_start,
        or_start: args.resume_or_start,
        resume_command: resume_command(&path, args),
        set,
        from: args.from.clone(),
        overwrite: args.overwrite,
        allow_changed: args.allow_changed.clone(),
        replay: args.replay.clone(),
        quiet: false,
        ranks,
    };
    if args.dry_run {
        return show_preview(&train::preview(&config, &options)?, args.json);
    }
    let (summary, plugins) = train::run_open(&config, &options)?;
    let shown = show(&summary, &summary.report, args.json);
    drop(plugins);
    shown
}

/// Shows what would run: for people on stderr, because the config is the result.
fn show_preview(preview: &Preview, json: bool) -> Outcome {
    if json {
        return print(preview, true);
    }
    eprintln!("{}", clean::text(&preview.to_string()));
    write(preview.config.as_bytes())
}

/// The command line that resumes the run of the config at `path`. What `--allow-changed` allowed is in the checkpoint
/// then.
fn resume_command(path: &Path, args: &TrainArgs) -> String {
    let mut words = vec!["trainyard".to_owned(), "train".to_owned(), quoted(&path.display().to_string())];
    let Overrides { set, unset } = &args.overrides;
    words.extend(set.iter().flat_map(|set| ["--set".to_owned(), quoted(set)]));
    words.extend(unset.iter().flat_map(|key| ["--unset".to_owned(), quoted(key)]));
    words.push("--resume".to_owned());
    words.extend(args.json.then(|| "--json".to_owned()));
    words.join(" ")
}

/// The config to train: that of the command line, or the one for its text.
fn config_path(args: &TrainArgs, set: &[String]) -> Result<PathBuf> {
    if !run::is_text(&args.config)? {
        return match args.minutes {
            None => Ok(args.config.clone()),
            Some(_) => {
                Err(Error::usage("--minutes: expected a text to train on, got a config; set train.steps instead"))
            }
        };
    }
    if launched().is_some() {
        return Err(Error::usage(
            "several ranks: expected a config, got a text; `trainyard init TEXT` writes one for it",
        ));
    }
    if args.dry_run {
        return Err(Error::usage("--dry-run: expected a config, got a text; `trainyard init TEXT` writes one for it"));
    }
    let config = run::config_for_text(&args.config, set, args.minutes)?;
    config.lines.iter().for_each(|line| eprintln!("{}", clean::line(line)));
    Ok(config.path)
}
