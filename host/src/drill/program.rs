//! One start of the program, and the failure that it meets.

use super::points::Operation;
use super::tracer;
use std::fs::File;
use std::io::{self, Read, Seek};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// The failure that a run meets.
#[derive(Debug, Clone, Copy)]
pub enum Act {
    /// It is left alone.
    Nothing,
    /// Its file operations are recorded.
    Watch,
    /// It is killed before this file operation.
    KillBefore(usize),
    /// It is killed after this time.
    KillAfter(Duration),
    /// From this write on, its disk is full.
    FullFrom(usize),
}

/// How a run ended.
#[derive(Debug)]
pub struct Ended {
    /// Exit code; none if a signal ended it.
    pub code: Option<i32>,
    /// Its stderr.
    pub stderr: String,
    /// Its file operations below the root. Empty if they were not watched, or cannot be.
    pub operations: Vec<Operation>,
}

/// A run that takes longer than this hangs.
const LIMIT: Duration = Duration::from_secs(3600);

impl Ended {
    /// Returns the last line on stderr.
    pub fn last_line(&self) -> &str {
        self.stderr.lines().last().unwrap_or("no message")
    }

    /// Whether the run ended with one error of one line.
    pub fn is_one_error(&self) -> bool {
        self.last_line().starts_with("error: ") && self.stderr.matches("error: ").count() == 1
    }

    /// Whether the run ended with the warning that something of `[report]` could not be written.
    pub fn warns_of_report(&self) -> bool {
        self.last_line().starts_with("warning: report.")
    }
}

/// Starts the command and applies `act` to it. Operations on files below `root` count.
///
/// # Errors
/// The command cannot be started.
pub fn start(command: &mut Command, root: &Path, act: Act) -> io::Result<Ended> {
    let mut stderr = tempfile::tempfile()?;
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(stderr.try_clone()?);
    let (code, operations) = match act {
        Act::Nothing => (wait(command.spawn()?, LIMIT)?.code(), Vec::new()),
        Act::KillAfter(time) => (wait(command.spawn()?, time)?.code(), Vec::new()),
        Act::Watch | Act::KillBefore(_) | Act::FullFrom(_) => {
            match tracer::trace(&mut gated(command, &stderr)?, root, act)? {
                Some(traced) => traced,
                None => {
                    cut(&stderr)?;
                    (wait(command.spawn()?, LIMIT)?.code(), Vec::new())
                }
            }
        }
    };
    let mut text = Vec::new();
    stderr.rewind()?;
    stderr.read_to_end(&mut text)?;
    Ok(Ended { code, stderr: String::from_utf8_lossy(&text).into_owned(), operations })
}

/// Returns the same command behind a gate: it starts when it gets a line, so that it has no thread yet when tracing
/// begins.
fn gated(command: &Command, stderr: &File) -> io::Result<Command> {
    let mut gated = Command::new("/bin/sh");
    gated.args(["-c", "read -r line; exec \"$0\" \"$@\""]).arg(command.get_program()).args(command.get_args());
    gated.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(stderr.try_clone()?);
    Ok(gated)
}

fn cut(file: &File) -> io::Result<()> {
    file.set_len(0)?;
    (&mut &*file).rewind()
}

/// Waits for the end of the process, which is killed after `limit`.
fn wait(mut child: Child, limit: Duration) -> io::Result<ExitStatus> {
    let begun = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        match limit.checked_sub(begun.elapsed()) {
            Some(left) => std::thread::sleep(left.min(Duration::from_millis(2))),
            None => {
                child.kill()?;
                return child.wait();
            }
        }
    }
}
