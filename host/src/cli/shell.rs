//! `trainyard completions` and `trainyard man`: what shells and `man` know of the program.

use super::Cli;
use super::output::{Outcome, write};
use clap::{Args, CommandFactory};
use clap_complete::Shell;
use std::fs;
use std::path::PathBuf;
use trainyard::Error;

/// Print completions of commands, options and files for a shell
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  trainyard completions bash > ~/.local/share/bash-completion/completions/trainyard
  trainyard completions zsh > ~/.zfunc/_trainyard              with ~/.zfunc in fpath
  trainyard completions fish > ~/.config/fish/completions/trainyard.fish")]
pub struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    pub shell: Shell,
}

/// Write manual pages, one for each command
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  trainyard man ~/.local/share/man/man1 && man trainyard-train")]
pub struct ManArgs {
    /// The folder that they are written to
    #[arg(value_name = "DIR")]
    pub out: PathBuf,
}

/// Prints the completions.
pub fn completions(args: &CompletionsArgs) -> Outcome {
    let mut text = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "trainyard", &mut text);
    write(&text)
}

/// Writes the pages.
pub fn man(args: &ManArgs) -> Outcome {
    let out = &args.out;
    let failed = |error| Error::io(out, "write", &error);
    fs::create_dir_all(out).map_err(failed)?;
    clap_mangen::generate_to(Cli::command(), out).map_err(failed)?;
    // others may be there already
    let is_ours = |name: &str| name.starts_with("trainyard") && name.ends_with(".1");
    let entries = fs::read_dir(out).map_err(failed)?.flatten();
    let n = entries.filter(|entry| entry.file_name().to_str().is_some_and(is_ours)).count();
    write(format!("{}: {n} pages\n", out.display()).as_bytes())
}
