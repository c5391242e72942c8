//! `trainyard data render`.

use super::output::{Outcome, write};
use clap::Args;
use serde_json::json;
use std::io::{BufRead, stdin};
use std::path::{Path, PathBuf};
use trainyard::base::files::{MAX_BINARY_BYTES, read_file};
use trainyard::feed::tasks::{ChatTemplate, Renderer};
use trainyard::plugin::{Plugin, PluginConfig};
use trainyard::{Error, Result};
use trainyard_plugin::Kind;

/// Write conversations in the form of a chat template
///
/// Reads a conversation a line from stdin and writes for each one JSON object: its text, its tokens, and which of them
/// the assistant generated, or what the template says is wrong with it. A line is {"messages": [{"role": "user",
/// "content": "Hi"}], "tools": [...]}, or one of ShareGPT or Alpaca.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  trainyard data render --model SmolLM2-135M-Instruct < messages.jsonl
  trainyard data render --template chatml.jinja --tokenizer tokenizer.json --eos-token '</s>' < messages.jsonl
  trainyard data render --model runs/assistant/checkpoints/last --generation-prompt < questions.jsonl

Output:
  {\"text\": \"<|im_start|>user…\", \"ids\": [1, 72, …], \"mask\": [0, 0, …, 1, 1]}   mask: null where the template has
                                                                        no {% generation %}
  {\"error\": \"Conversation roles must alternate\"}")]
pub struct RenderArgs {
    /// The folder of a Hugging Face model: its template and its tokenizer
    #[arg(long, value_name = "FOLDER", required_unless_present_all = ["template", "tokenizer"])]
    pub model: Option<PathBuf>,
    /// A file with the template, in Jinja
    #[arg(long, value_name = "FILE")]
    pub template: Option<PathBuf>,
    /// A tokenizer.json
    #[arg(long, value_name = "FILE")]
    pub tokenizer: Option<PathBuf>,
    /// What the template writes as bos_token
    #[arg(long, value_name = "TEXT")]
    pub bos_token: Option<String>,
    /// What the template writes as eos_token
    #[arg(long, value_name = "TEXT")]
    pub eos_token: Option<String>,
    /// End each text where the assistant's next message begins
    #[arg(long)]
    pub generation_prompt: bool,
    /// Exit with 1 if a conversation cannot be written
    #[arg(long)]
    pub strict: bool,
}

/// Writes each conversation as it is read.
pub fn run(args: &RenderArgs) -> Outcome {
    let mut renderer = renderer(args)?;
    let mut failed = 0;
    for line in stdin().lock().lines() {
        let line = line.map_err(|error| Error::run(format!("stdin: cannot read text: {error}")))?;
        if line.trim().is_empty() {
            continue;
        }
        let written = match renderer.line(&line) {
            Ok(rendered) => serde_json::to_value(rendered).map_err(|error| Error::run(format!("as JSON: {error}")))?,
            Err(error) => {
                failed += 1;
                json!({ "error": error.to_string() })
            }
        };
        write(format!("{written}\n").as_bytes())?;
    }
    match args.strict && failed > 0 {
        true => Err(Error::run(format!("{failed} conversations could not be written")).into()),
        false => Ok(()),
    }
}

fn renderer(args: &RenderArgs) -> Result<Renderer> {
    let file = match (&args.tokenizer, &args.model) {
        (Some(file), _) => file.clone(),
        (None, Some(folder)) => folder.join("tokenizer.json"),
        (None, None) => return Err(Error::usage("--tokenizer: expected a tokenizer.json, got none")),
    };
    let folder = args.model.as_deref().or(file.parent()).map(current);
    let named = [("bos_token", &args.bos_token), ("eos_token", &args.eos_token)];
    let tokens = named.into_iter().filter_map(|(name, text)| Some((name.to_owned(), text.clone()?)));
    let template = ChatTemplate::of_files(args.template.as_deref(), folder, Some(&file), tokens)?;
    if template.is_missing() {
        return Err(Error::usage(format!(
            "{}: no chat template in it; name a file with --template",
            folder.unwrap_or(&file).display()
        )));
    }
    let mut tokenizer = Plugin::open(&PluginConfig::new("hf-tokenizer"), Kind::Tokenizer)?.tokenizer()?;
    let model = read_file(&file, MAX_BINARY_BYTES).map_err(|error| Error::io(&file, "read", &error))?;
    tokenizer.load(&model)?;
    Renderer::new(template, tokenizer, args.generation_prompt)
}

/// A folder that is named by no text is the current one.
fn current(folder: &Path) -> &Path {
    if folder.as_os_str().is_empty() { Path::new(".") } else { folder }
}
