//! The program: reads the command line, calls the library, says how it went.
//!
//! A result goes to stdout, everything else to stderr. Handlers decide nothing that a user of the library could not.

mod args;
mod bench;
mod bench_args;
mod data;
mod data_args;
mod dev;
mod drill;
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
use std::io::{IsTerminal, Write, stderr};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use tracing::Level;
use tracing_subscriber::field::MakeExt;
use tracing_subscriber::fmt::format::debug_fn;
use trainyard::Error;
use trainyard::base::interrupt;
use trainyard::base::clean;

/// Runs the program. 0 done, 1 the run failed, 2 the command line or the config is wrong, 3 a plugin is at fault, 130 and
/// 143 ended by Ctrl-C or SIGTERM.
pub fn run() -> ExitCode {
    trainyard::base::silence_caught_panics();
    let args = Cli::parse(); // ends the program with code 2, or 0 for --help
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

/// A panic is a defect, of this program or of a library in it. Where it is stands on stderr already; the program ends
/// as after any other error.
fn caught(command: Command) -> Outcome {
    catch_unwind(AssertUnwindSafe(|| dispatch(command))).unwrap_or_else(|panic| {
        Err(Error::panicked("this is a defect of trainyard, please report it: it", &*panic).into())
    })
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
        Command::Drill(args) => drill::run(&args),
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

fn report(error: &Error) {
    // an end that was asked for is no error
    let mark = if matches!(error, Error::Interrupted(..)) { "" } else { "error: " };
    for line in error.to_string().lines() {
        // Ctrl-C may have ended the reader of a pipe too
        drop(writeln!(stderr(), "{mark}{line}"));
    }
}
