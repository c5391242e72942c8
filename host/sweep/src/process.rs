//! The process of a run.

use super::cells::Cell;
use serde::Serialize;
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Instant;
use trainyard_base::interrupt::Signal;
use trainyard_base::shell::quoted;
use trainyard_base::{Error, Result};
use trainyard_report::now;

/// The variable that gives a run's process the id of the process that it ends with.
pub const PARENT: &str = "TRAINYARD_PARENT";

/// Bytes at the end of a log among which its last line is looked for.
const TAIL: u64 = 64 << 10;

/// How a run ended without its results.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// Exit code; none after a signal, or where no process was started.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<i32>,
    /// The signal that ended the process.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signal: Option<i32>,
    /// The last error of its log, or its last line.
    pub error: String,
}

impl Failure {
    /// The failure of a run that has no process.
    pub fn without_process(error: &Error) -> Self {
        Self { code: None, signal: None, error: error.to_string() }
    }

    /// Tells if the process ended because a signal asked for it.
    pub fn is_interruption(&self) -> bool {
        let by = |signal: Signal| self.code == Some(signal.exit_code().into()) || self.signal == Some(number(signal));
        by(Signal::Interrupt) || by(Signal::Terminate)
    }
}

/// A process that trains a run.
#[derive(Debug)]
pub struct Process {
    /// Number of the run in the plan.
    pub index: usize,
    child: Child,
    started: Instant,
    log: PathBuf,
    /// Length of the log before this process.
    log_start: u64,
}

impl Process {
    /// Starts `program train BASE --resume-or-start --set …`. What it prints is added to the log beside the run's
    /// folder, below a line with time and command.
    ///
    /// A process group of its own keeps a terminal's Ctrl-C from it: it gets each signal once, by [`Process::signal`].
    ///
    /// # Errors
    /// A folder or a log that cannot be written, a program that cannot be started.
    pub fn start(index: usize, program: &Path, base: &Path, cell: &Cell, threads: Option<usize>) -> Result<Self> {
        let log = cell.log();
        let folder = log.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(folder).map_err(|error| Error::io(folder, "create", &error))?;
        let mut arguments = vec!["train".to_owned(), base.display().to_string(), "--resume-or-start".to_owned()];
        let threads = threads.map(|threads| format!("train.threads={threads}"));
        arguments.extend(cell.sets.iter().cloned().chain(threads).flat_map(|set| ["--set".to_owned(), set]));
        let shown: Vec<_> = arguments.iter().map(|word| quoted(word)).collect();
        let failed = |error: std::io::Error| Error::io(&log, "write", &error);
        let mut file = OpenOptions::new().create(true).append(true).open(&log).map_err(failed)?;
        writeln!(file, "== {}: trainyard {}", now(), shown.join(" ")).map_err(failed)?;
        let log_start = file.metadata().map_err(failed)?.len();
        let output = file.try_clone().map_err(failed)?;
        let mut command = Command::new(program);
        command.args(&arguments).stdin(Stdio::null()).stdout(output).stderr(file);
        command.env(PARENT, std::process::id().to_string());
        // a part of a sweep is one of several processes, but its runs are not ranks of one
        trainyard_ranks::variables().for_each(|variable| _ = command.env_remove(variable));
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let child = command.spawn().map_err(|error| Error::io(program, "start", &error))?;
        Ok(Self { index, child, started: Instant::now(), log, log_start })
    }

    /// Passes a signal on. A process that has ended gets none.
    pub fn signal(&self, signal: Signal) {
        #[cfg(unix)]
        {
            use rustix::process::{Pid, Signal as Number, kill_process};
            let number = match signal {
                Signal::Interrupt => Number::INT,
                Signal::Terminate => Number::TERM,
            };
            let _ = kill_process(Pid::from_child(&self.child), number);
        }
        #[cfg(not(unix))]
        let _ = signal;
    }

    /// Seconds since the start.
    pub fn seconds(&self) -> f64 {
        self.started.elapsed().as_secs_f64()
    }

    /// How the process ended; none while it runs.
    ///
    /// # Errors
    /// A system that does not tell.
    pub fn ended(&mut self) -> Result<Option<ExitStatus>> {
        self.child.try_wait().map_err(|error| Error::io(&self.log, "wait for the process of", &error))
    }

    /// Waits for the end.
    pub fn wait(mut self) {
        drop(self.child.wait());
    }

    /// What went wrong.
    pub fn failure(&self, status: ExitStatus) -> Failure {
        let (code, signal) = (status.code(), signal_of(status));
        let error = last_words(&self.log, self.log_start).unwrap_or_else(|| match (code, signal) {
            (Some(code), _) => format!("exit code {code}"),
            (None, Some(signal)) => format!("killed by signal {signal}"),
            (None, None) => "its process ended".to_owned(),
        });
        Failure { code, signal, error }
    }
}

/// The last error of a log after `start`, without `error: `, or its last line; none where there is none.
fn last_words(log: &Path, start: u64) -> Option<String> {
    let mut file = File::open(log).ok()?;
    let length = file.metadata().ok()?.len();
    file.seek(SeekFrom::Start(start.max(length.saturating_sub(TAIL)))).ok()?;
    let mut bytes = Vec::new();
    file.take(TAIL).read_to_end(&mut bytes).ok()?;
    let text = String::from_utf8_lossy(&bytes);
    let lines = || text.lines().rev().map(str::trim).filter(|line| !line.is_empty());
    lines().find_map(|line| line.strip_prefix("error: ")).or_else(|| lines().next()).map(str::to_owned)
}

fn number(signal: Signal) -> i32 {
    i32::from(signal.exit_code()) - 128
}

#[cfg(unix)]
fn signal_of(status: ExitStatus) -> Option<i32> {
    std::os::unix::process::ExitStatusExt::signal(&status)
}

#[cfg(not(unix))]
fn signal_of(_: ExitStatus) -> Option<i32> {
    None
}

/// Makes this process end with the one that started it, even if that is killed, where [`PARENT`] names it: for the
/// first lines of `trainyard train`. A run that is killed is resumed from its last checkpoint.
///
/// On Linux the system does it, when the thread that started this process ends. Other systems have nothing like it:
/// there a run finishes, and its lock keeps a second process out until then.
pub fn end_with_parent() {
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{Signal as Number, getpid, getppid, kill_process, set_parent_process_death_signal};
        let named = std::env::var(PARENT).ok().and_then(|id| id.parse::<i32>().ok());
        let Some(parent) = named else { return };
        let _ = set_parent_process_death_signal(Some(Number::KILL));
        // it may have ended before
        if getppid().map(|id| id.as_raw_nonzero().get()) != Some(parent) {
            let _ = kill_process(getpid(), Number::KILL);
        }
    }
}
