//! The program: reads the command line, calls the library, says how it went.
//!
//! A result goes to stdout, everything else to stderr. Handlers decide nothing that a user of the library could not.

mod args;
mod bench;
mod bench_args;
mod data;
mod data_args;
mod dev;
mod explain;
mod explain_args;
mod filter;
mod output;
mod plugin;
mod plugin_args;
mod prepare;
mod run;
mod settings;
mod tokenizer;
mod vocabulary;
mod worker;

use args::{Cli, Command};
use clap::Parser;
use output::{Outcome, Stop};
use std::io::{IsTerminal, stderr};
use std::process::ExitCode;
use tracing::Level;
use trainyard::Error;

/// Runs the program. 0 done, 1 the run failed, 2 the command line or the config is wrong, 3 a plugin is at fault.
pub fn run() -> ExitCode {
    trainyard::plugin::silence_caught_panics();
    let args = Cli::parse(); // ends the program with code 2, or 0 for --help
    if !matches!(args.command, Command::PluginWorker) {
        log_to_stderr(args.verbose);
    }
    match dispatch(args.command) {
        // Whoever reads the output has seen enough, as in `trainyard filter … | head`.
        Ok(()) | Err(Stop::Closed) => ExitCode::SUCCESS,
        Err(Stop::Error(error)) => {
            report(&error);
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
    tracing_subscriber::fmt()
        .with_writer(stderr)
        .with_ansi(stderr().is_terminal())
        .with_max_level(level)
        .without_time()
        .with_target(false)
        .init();
}

fn dispatch(command: Command) -> Outcome {
    match command {
        Command::Prepare(args) => prepare::run(&args),
        Command::Train(args) => run::train(&args),
        Command::Eval(args) => run::evaluate(&args),
        Command::Generate(args) => run::generate(&args),
        Command::Filter(args) => filter::run(&args),
        Command::Tokenizer(command) => tokenizer::run(&command),
        Command::Data(command) => data::run(&command),
        Command::Plugin(command) => plugin::run(&command),
        Command::Bench(command) => bench::run(&command),
        Command::PluginWorker => worker::run(),
    }
}

fn report(error: &Error) {
    for line in error.to_string().lines() {
        eprintln!("error: {line}");
    }
}
