//! `trainyard model inspect`.

use super::output::{Outcome, print};
use super::settings::{TrustArgs, plugin_config};
use clap::Subcommand;
use std::path::Path;
use trainyard::Error;
use trainyard::plugin::is_file;
use trainyard::run::{ModelReport, model_types};

/// Look at models
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  trainyard model inspect smollm2                        a folder of a Hugging Face model
  trainyard model inspect runs/austen                    a run, or one of its checkpoints
  trainyard model inspect llama --config 'layers = 12'   a model plugin")]
pub enum ModelCommand {
    /// Show a model's family, layers, parameters, bytes and operations per token
    ///
    /// The tensors of a folder are compared with those that the model of its config.json needs: what is missing, has
    /// another shape or belongs to nothing is an error. Nothing is trained or written.
    Inspect {
        /// A folder of a Hugging Face model, a run, a checkpoint, a model plugin's file, or a built-in model's name
        model: String,
        /// The plugin that reads the folder's config.json (default: the built-in model for it)
        #[arg(long, value_name = "P")]
        plugin: Option<String>,
        /// The settings of a model plugin: a TOML file, or TOML itself, such as 'layers = 12'
        #[arg(long, value_name = "TOML")]
        config: Option<String>,
        /// Tokens in the vocabulary of a model plugin
        #[arg(long, value_name = "N", default_value_t = 50_257)]
        vocab: usize,
        /// Longest sequence of a model plugin, in tokens
        #[arg(long, value_name = "N", default_value_t = 1024)]
        context: usize,
        #[command(flatten)]
        trust: TrustArgs,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
}

pub fn run(command: &ModelCommand) -> Outcome {
    let ModelCommand::Inspect { model, plugin, config, vocab, context, trust, json } = command;
    let settings = config.as_deref();
    let report = match Path::new(model).is_dir() {
        true => {
            if settings.is_some() {
                let message =
                    "--config: expected a model plugin with it; the settings of a folder are in its config.json";
                return Err(Error::usage(message).into());
            }
            let plugin = plugin.as_deref().map(|plugin| plugin_config(plugin, None, trust)).transpose()?;
            ModelReport::of_folder(Path::new(model), plugin.as_ref())?
        }
        false => {
            check_name(model)?;
            ModelReport::of_plugin(&plugin_config(model, settings, trust)?, *vocab, *context)?
        }
    };
    print(&report, *json)
}

/// A word that is neither a folder nor a plugin.
///
/// # Errors
/// It is such a word.
fn check_name(model: &str) -> Result<(), Error> {
    if is_file(model) || trainyard::plugin::builtin_names().any(|name| name == model) {
        return Ok(());
    }
    let mut names: Vec<_> = model_types().into_iter().map(|(_, name)| name).collect();
    names.dedup();
    Err(Error::usage(format!(
        "{model}: there is no such folder, and no built-in model of this name; built in are: {}",
        names.join(", ")
    )))
}
