//! Standard input and output, where a closed pipe is no error.

use console::Term;
use serde::Serialize;
use std::fmt::Display;
use std::fs::File;
use std::io::{self, ErrorKind, IsTerminal, Write};
use std::path::PathBuf;
use std::sync::OnceLock;
use trainyard::Error;
use trainyard::base::clean;
use trainyard::experiments;
use trainyard::report::FinalReport;

/// How a command ends.
pub type Outcome = Result<(), Stop>;

/// Why a command ends early.
#[derive(Debug)]
pub enum Stop {
    /// The reader of the output has closed it.
    Closed,
    /// It failed.
    Error(Error),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

impl Stop {
    /// Writing to stdout failed.
    pub fn output(error: io::Error) -> Self {
        match error.kind() {
            ErrorKind::BrokenPipe => Self::Closed,
            _ => Self::Error(Error::run(format!("stdout: cannot write: {error}"))),
        }
    }
}

/// The stdout that the program was started with, once [`reserve`] has taken it.
static RESERVED: OnceLock<File> = OnceLock::new();

/// Says whether results are seen by a person as they are written.
pub fn is_terminal() -> bool {
    RESERVED.get().map_or_else(|| io::stdout().is_terminal(), File::is_terminal)
}

/// Says whether results are seen in colours: on a terminal, unless the user wants none (no-color.org).
pub fn has_colours() -> bool {
    is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// Prints the curves of runs.
///
/// # Errors
/// Runs that cannot be read, a closed or full output.
pub fn plot(runs: &[PathBuf]) -> Outcome {
    write(experiments::plot(runs, columns(), has_coloured_plots())?.as_bytes())
}

/// Says whether plots have colours: what draws them looks at the standard output that messages go to.
pub fn has_coloured_plots() -> bool {
    has_colours() && io::stderr().is_terminal()
}

/// The width of the terminal that messages go to: stdout may be a file.
pub fn columns() -> usize {
    Term::stderr().size().1.into()
}

/// Takes stdout for the program's own results: anything else in this process that writes to it, such as a native plugin
/// that prints, writes to stderr from here on.
///
/// # Errors
/// The system refuses.
#[cfg(unix)]
pub fn reserve() -> Result<(), Error> {
    use std::os::fd::AsFd;
    let failed = |error: io::Error| Error::run(format!("stdout: cannot be taken for results: {error}"));
    let stdout = io::stdout().as_fd().try_clone_to_owned().map_err(failed)?;
    rustix::stdio::dup2_stdout(io::stderr()).map_err(|error| failed(error.into()))?;
    RESERVED.get_or_init(|| File::from(stdout));
    Ok(())
}

/// Does nothing: on this system stdout stays shared.
///
/// # Errors
/// None.
#[cfg(not(unix))]
pub fn reserve() -> Result<(), Error> {
    Ok(())
}

/// The output for results.
pub fn stdout() -> Box<dyn Write> {
    match RESERVED.get() {
        Some(file) => Box::new(file),
        None => Box::new(io::stdout().lock()),
    }
}

/// Writes `bytes` to stdout.
///
/// # Errors
/// A closed or full output.
pub fn write(bytes: &[u8]) -> Outcome {
    let mut stdout = stdout();
    stdout.write_all(bytes).and_then(|()| stdout.flush()).map_err(Stop::output)
}

/// Reads all of stdin as text.
///
/// # Errors
/// Bytes that are not UTF-8, or an input that cannot be read.
pub fn read_text() -> Result<String, Error> {
    io::read_to_string(io::stdin().lock()).map_err(|error| match error.kind() {
        ErrorKind::InvalidData => Error::run("stdin: expected text in UTF-8, got other bytes"),
        _ => Error::run(format!("stdin: cannot read: {error}")),
    })
}

/// Prints a result for people, or as one JSON object.
///
/// # Errors
/// A closed or full output.
pub fn print(result: &(impl Serialize + Display), json: bool) -> Outcome {
    let text = if json {
        serde_json::to_string(result).map_err(|error| Error::run(format!("result as JSON: {error}")))? + "\n"
    } else {
        let result = result.to_string();
        clean::text(&format!("\n{}\n", result.trim_end_matches('\n'))).into_owned()
    };
    write(text.as_bytes())
}

/// Prints a summary; after that, anything that plugins failed at is an error.
///
/// # Errors
/// A closed or full output, or a failed plugin.
pub fn show(summary: &(impl Serialize + Display), report: &FinalReport, json: bool) -> Outcome {
    print(summary, json)?;
    match report.faults.as_slice() {
        [] => Ok(()),
        faults => Err(Error::plugin(format!("the report lacks what plugins failed at: {}", faults.join("; "))).into()),
    }
}
