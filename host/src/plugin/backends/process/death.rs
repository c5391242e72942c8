//! How a worker ended, as a message for the user.

use super::chatter::Chatter;
use rustix::process::Signal;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

/// Signals that a plugin's defect sends, with the names that debuggers show.
const SIGNALS: [(Signal, &str); 11] = [
    (Signal::SEGV, "SIGSEGV"),
    (Signal::ABORT, "SIGABRT"),
    (Signal::BUS, "SIGBUS"),
    (Signal::FPE, "SIGFPE"),
    (Signal::ILL, "SIGILL"),
    (Signal::TRAP, "SIGTRAP"),
    (Signal::KILL, "SIGKILL"),
    (Signal::TERM, "SIGTERM"),
    (Signal::SYS, "SIGSYS"),
    (Signal::PIPE, "SIGPIPE"),
    (Signal::XFSZ, "SIGXFSZ"),
];

/// What is said of a worker that went beyond a limit.
pub struct Limited {
    /// The line for its memory.
    pub memory: String,
    /// The line for its processor time, which only compiling has a limit of.
    pub time: String,
}

/// What happened to a worker that said this. Without a status it lives, but cannot be talked to.
pub fn describe(status: Option<ExitStatus>, said: &Chatter, limited: &Limited) -> String {
    let Some(status) = status else {
        return "closed its connection to the host".into();
    };
    if said.out_of_memory() && status.signal() == Some(Signal::ABORT.as_raw()) {
        return limited.memory.clone();
    }
    if status.signal() == Some(Signal::XCPU.as_raw()) {
        return limited.time.clone();
    }
    let ended = match (status.signal(), status.code()) {
        (Some(signal), _) => match SIGNALS.iter().find(|(known, _)| known.as_raw() == signal) {
            Some((_, name)) => format!("killed by signal {signal} ({name})"),
            None => format!("killed by signal {signal}"),
        },
        (None, Some(code)) => format!("ended its process with exit code {code}"),
        (None, None) => "its process ended".into(),
    };
    match said.last_words() {
        "" => ended,
        last_words => format!("{ended}; its last words: {last_words}"),
    }
}
