//! Standard input and output, where a closed pipe is no error.

use serde::Serialize;
use std::fmt::Display;
use std::io::{self, ErrorKind, Write};
use trainyard::Error;

/// How a command ends.
pub type Outcome = Result<(), Stop>;

/// Why a command ends early.
#[derive(Debug)]
pub enum Stop {
    /// Nobody reads the output any more.
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

/// Writes `bytes` to stdout.
pub fn write(bytes: &[u8]) -> Outcome {
    let mut stdout = io::stdout().lock();
    stdout.write_all(bytes).and_then(|()| stdout.flush()).map_err(Stop::output)
}

/// Reads all of stdin as text.
pub fn read_text() -> Result<String, Error> {
    io::read_to_string(io::stdin().lock()).map_err(|error| match error.kind() {
        ErrorKind::InvalidData => Error::run("stdin: expected text in UTF-8, got other bytes"),
        _ => Error::run(format!("stdin: cannot read: {error}")),
    })
}

/// A result for people, or as one JSON object.
pub fn print(result: &(impl Serialize + Display), json: bool) -> Outcome {
    let text = if json {
        serde_json::to_string(result).map_err(|error| Error::run(format!("result as JSON: {error}")))? + "\n"
    } else {
        format!("\n{result}")
    };
    write(text.as_bytes())
}
