//! The program: reads the command line, calls the library, reports the outcome.
//!
//! A result goes to stdout, everything else to stderr. Handlers decide nothing that a user of the library could not.

mod bench;
mod build;
mod card;
mod chat;
mod compare;
mod config;
mod convert;
mod data;
mod dev;
mod drill;
mod eval;
mod explain;
mod export;
mod filter;
mod generate;
mod init;
mod logits;
mod model;
mod numbers;
mod open;
mod output;
mod overrides;
mod plan;
mod plugin;
mod predict;
mod prepare;
mod ranks;
mod render;
mod report;
mod runs;
mod sampling;
mod schema;
mod score;
mod settings;
mod shell;
mod show;
mod sweep;
mod tokenizer;
mod train;
mod vocabulary;
mod watch;
mod worker;

use clap::{ArgAction, Parser, Subcommand};
use output::{Outcome, Stop};
use std::backtrace::Backtrace;
use std::io::{IsTerminal, Write, stderr};
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::process::ExitCode;
use tracing::Level;
use tracing_subscriber::field::MakeExt;
use tracing_subscriber::fmt::format::debug_fn;
use trainyard::Error;
use trainyard::base::clean;
use trainyard::base::interrupt;

/// Trains language models. What an experiment swaps (tokenizer, data filter, loss, metric) is a plugin: built in, a
/// sandboxed WASM component, or a native library.
#[derive(Debug, Parser)]
#[command(
    name = "trainyard",
    version,
    max_term_width = 100,
    subcommand_required = true,
    arg_required_else_help = true,
    after_help = "\
Start here:
  trainyard train my-text.txt                  train a small GPT on your own text
  trainyard train configs/austen.toml          train one on six novels and watch it learn English
  trainyard generate runs/austen --prompt 'It is a truth'
  trainyard plugin inspect target/plugins/focal.wasm

Exit codes: 0 done, 2 the command line or the config is wrong, 3 a plugin is at fault, 1 the rest;
130 and 143 after Ctrl-C and SIGTERM, which let train finish its step and save it."
)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
    /// Verbose: show what plugins log (-vv: their debug messages too)
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub verbose: u8,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    Prepare(prepare::PrepareArgs),
    Train(train::TrainArgs),
    Eval(eval::EvalArgs),
    Predict(predict::PredictArgs),
    Generate(generate::GenerateArgs),
    Chat(chat::ChatArgs),
    Logits(logits::LogitsArgs),
    Init(init::InitArgs),
    Plan(plan::PlanArgs),
    Sweep(sweep::SweepArgs),
    Runs(runs::RunsArgs),
    Compare(compare::CompareArgs),
    Report(report::ReportArgs),
    Watch(watch::WatchArgs),
    Export(export::ExportArgs),
    Score(score::ScoreArgs),
    Filter(filter::FilterArgs),
    #[command(subcommand)]
    Tokenizer(tokenizer::TokenizerCommand),
    #[command(subcommand)]
    Data(data::DataCommand),
    #[command(subcommand)]
    Config(config::ConfigCommand),
    Schema(schema::SchemaArgs),
    Convert(convert::ConvertArgs),
    #[command(subcommand)]
    Model(model::ModelCommand),
    #[command(subcommand)]
    Plugin(plugin::PluginCommand),
    #[command(subcommand)]
    Bench(bench::BenchCommand),
    Drill(drill::DrillArgs),
    Completions(shell::CompletionsArgs),
    Man(shell::ManArgs),
    /// The process that `isolation = "process"` runs a plugin in; only for trainyard itself
    #[command(hide = true)]
    PluginWorker,
}

/// Runs the program. 0 done, 1 the run failed, 2 the command line or the config is wrong, 3 a plugin is at fault, 130
/// and 143 ended by Ctrl-C or SIGTERM.
pub fn run() -> ExitCode {
    let args = Cli::parse(); // ends the program with code 2, or 0 for --help
    show_backtraces(args.verbose);
    trainyard::base::silence_caught_panics();
    #[cfg(unix)]
    trainyard::plugin::serve_as_worker();
    if !matches!(args.command, Command::PluginWorker) {
        log_to_stderr(args.verbose);
    }
    let reserved = match args.command {
        Command::PluginWorker => Ok(()), // it has its own way with stdout
        _ => output::reserve(),
    };
    match reserved.map_err(Stop::from).and_then(|()| caught(args.command)) {
        // the reader of the output has seen enough, as in `trainyard filter … | head`.
        Ok(()) | Err(Stop::Closed) => ExitCode::SUCCESS,
        Err(Stop::Error(error)) => {
            show_error(&error);
            ExitCode::from(error.exit_code())
        }
    }
}

fn log_to_stderr(verbose: u8) {
    let level = match verbose {
        0 => Level::WARN,
        1 => Level::INFO,
        _ => Level::DEBUG,
    };
    // a warning may quote a file
    let clean = debug_fn(|writer, field, value| {
        let value = format!("{value:?}");
        match field.name() {
            "message" => write!(writer, "{}", clean::message(&value)),
            name => write!(writer, "{name}={}", clean::line(&value)),
        }
    });
    tracing_subscriber::fmt()
        .with_writer(stderr)
        .fmt_fields(clean.delimited(" "))
        .with_ansi(stderr().is_terminal())
        .with_max_level(level)
        .log_internal_errors(false)
        .without_time()
        .with_target(false)
        .init();
}

/// Lets a panic show with `-v` what `RUST_BACKTRACE=1` makes it show. Names of functions are in a file of their own:
/// docs/install.md.
fn show_backtraces(verbose: u8) {
    if verbose == 0 || std::env::var_os("RUST_BACKTRACE").is_some() {
        return;
    }
    let print = take_hook();
    set_hook(Box::new(move |panic| {
        print(panic);
        eprintln!("{}", Backtrace::force_capture());
    }));
}

/// A panic is a defect, of this program or of a library in it. Its place is on stderr already; the program ends as
/// after any other error.
fn caught(command: Command) -> Outcome {
    catch_unwind(AssertUnwindSafe(|| dispatch(command))).unwrap_or_else(|panic| {
        Err(Error::panicked("this is a defect of trainyard, please report it: it", &*panic).into())
    })
}

fn dispatch(command: Command) -> Outcome {
    match command {
        Command::Prepare(args) => prepare::run(&args),
        Command::Train(args) => {
            trainyard::sweep::end_with_parent();
            train::run(&args)
        }
        Command::Eval(args) => eval::run(&args),
        Command::Predict(args) => predict::run(&args),
        Command::Generate(args) => generate::run(&args),
        Command::Chat(args) => chat::run(&args),
        Command::Logits(args) => logits::run(&args),
        Command::Model(command) => model::run(&command),
        Command::Init(args) => init::run(&args),
        Command::Plan(args) => plan::run(&args),
        Command::Sweep(args) => sweep::run(&args),
        Command::Runs(args) => runs::run(&args),
        Command::Watch(args) => watch::run(&args),
        Command::Export(args) => export::run(&args),
        Command::Schema(args) => schema::run(&args),
        Command::Compare(args) => compare::run(&args),
        Command::Report(args) => report::run(&args),
        Command::Score(args) => score::run(&args),
        Command::Filter(args) => filter::run(&args),
        Command::Tokenizer(command) => tokenizer::run(&command),
        Command::Data(command) => data::run(&command),
        Command::Config(command) => config::run(&command),
        Command::Convert(args) => convert::run(&args),
        Command::Plugin(command) => plugin::run(&command),
        Command::Bench(command) => bench::run(&command),
        Command::Drill(args) => drill::run(&args),
        Command::Completions(args) => shell::completions(&args),
        Command::Man(args) => shell::man(&args),
        Command::PluginWorker => worker::run(),
    }
}

/// What is said at the first Ctrl-C or SIGTERM.
const INTERRUPTED: &str = "interrupted: stopping as soon as the work so far is safe; once more ends at once";

/// An end by a signal, with what became of the work.
fn interrupted(error: Error, work: &str) -> Error {
    match interrupt::cause_of(&error) {
        Some(signal) => Error::interrupted(signal, format!("interrupted ({}); {work}", signal.name())),
        None => error,
    }
}

fn show_error(error: &Error) {
    // an end that was asked for is no error
    let mark = if matches!(error, Error::Interrupted(..)) { "" } else { "error: " };
    for line in error.to_string().lines() {
        // Ctrl-C may have ended the reader of a pipe too
        drop(writeln!(stderr(), "{mark}{line}"));
    }
}
