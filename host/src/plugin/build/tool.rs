//! Finds and runs the tools of other languages.

use crate::{Error, Result};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Runs a command and returns what it writes to stdout; its stderr is the user's. `cure` says what to do when there is
/// no such program.
///
/// # Errors
/// The command cannot be started, or fails.
pub fn output(command: &mut Command, cure: &str) -> Result<Vec<u8>> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| Error::run(format!("{name}: cannot be started: {error}; {cure}")))?;
    match output.status.success() {
        true => Ok(output.stdout),
        false => Err(Error::run(format!("{name} failed ({}), its output is above", output.status))),
    }
}

/// Runs a command that writes its result to a file; what it prints is shown only if it fails, because tools chat.
///
/// # Errors
/// The command cannot be started, or fails.
pub fn quietly(command: &mut Command, cure: &str) -> Result<()> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|error| Error::run(format!("{name}: cannot be started: {error}; {cure}")))?;
    if output.status.success() {
        return Ok(());
    }
    for text in [&output.stdout, &output.stderr] {
        eprint!("{}", String::from_utf8_lossy(text));
    }
    Err(Error::run(format!("{name} failed ({}), its output is above", output.status)))
}

/// Whether a command starts and succeeds.
pub fn works(command: &mut Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// A program of a Python environment: the active one's (`VIRTUAL_ENV`), the one in the plugin's folder (`.venv`), or
/// what the path finds.
pub fn python(dir: &Path, program: &str) -> PathBuf {
    let bin = if cfg!(windows) { "Scripts" } else { "bin" };
    let active = std::env::var_os("VIRTUAL_ENV").filter(|dir| !dir.is_empty()).map(PathBuf::from);
    [active, Some(dir.join(".venv"))]
        .into_iter()
        .flatten()
        .map(|env| env.join(bin).join(program).with_extension(std::env::consts::EXE_EXTENSION))
        .find(|path| path.is_file())
        .unwrap_or_else(|| program.into())
}
