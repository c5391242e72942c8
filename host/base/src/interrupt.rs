//! Ctrl-C and SIGTERM: long work looks here, at a place where it can stop, for a signal that asks the program to end.
//!
//! A signal is sent to a process, so this is the one state that the whole process shares. A program that does not call
//! [`listen`], such as one that uses this library, keeps its own way with signals.

use crate::{Error, Result};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

/// A signal that asks the program to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// SIGINT, which Ctrl-C sends.
    Interrupt,
    /// SIGTERM, which `kill` and batch systems send.
    Terminate,
}

impl Signal {
    const ALL: [Self; 2] = [Self::Interrupt, Self::Terminate];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Interrupt => "SIGINT",
            Self::Terminate => "SIGTERM",
        }
    }

    /// Its number.
    fn number(self) -> i32 {
        match self {
            Self::Interrupt => SIGINT,
            Self::Terminate => SIGTERM,
        }
    }

    /// Exit code of a program that ended because of it: 130 or 143, as shells have it.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Interrupt => 130,
            Self::Terminate => 143,
        }
    }
}

/// The number of the signal that came first; 0 before there was one.
static FIRST: OnceLock<Arc<AtomicUsize>> = OnceLock::new();

/// Takes the signals from here on. The first one is noted, for [`check`] and [`requested`], and `note` is shown on
/// stderr; the second one ends the process at once.
///
/// # Errors
/// A system that gives no signals away.
pub fn listen(note: &'static str) -> Result<()> {
    let (first, again) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
    if FIRST.set(first.clone()).is_err() {
        return Ok(());
    }
    let failed = |error: std::io::Error| Error::run(format!("cannot listen for signals: {error}"));
    for signal in Signal::ALL {
        let number = signal.number();
        // in this order: the first signal finds the switch off and turns it on
        flag::register_conditional_shutdown(number, signal.exit_code().into(), again.clone()).map_err(failed)?;
        flag::register(number, again.clone()).map_err(failed)?;
        flag::register_usize(number, first.clone(), number as usize).map_err(failed)?;
    }
    show_at_first(note).map_err(failed)
}

/// Shows `note` when the first signal comes, however long the work takes until it can stop.
#[cfg(unix)]
fn show_at_first(note: &'static str) -> std::io::Result<()> {
    use std::io::{IsTerminal, Write, stderr};
    let mut signals = signal_hook::iterator::Signals::new(Signal::ALL.map(Signal::number))?;
    let show = move || {
        if signals.forever().next().is_some() {
            // takes the place of the progress bar and of the terminal's ^C
            let clear = if stderr().is_terminal() { "\r\u{1b}[2K" } else { "" };
            drop(writeln!(stderr(), "{clear}{note}"));
        }
    };
    std::thread::Builder::new().name("signals".into()).spawn(show).map(drop)
}

#[cfg(not(unix))]
fn show_at_first(_: &'static str) -> std::io::Result<()> {
    Ok(())
}

/// The signal that asked the program to end, if one did.
pub fn requested() -> Option<Signal> {
    let first = FIRST.get()?.load(Ordering::Relaxed);
    Signal::ALL.into_iter().find(|signal| signal.number() as usize == first)
}

/// The signal that `error` goes back to, if one does: a batch system sends it to the processes of plugins too, whose
/// calls fail then.
pub fn cause_of(error: &Error) -> Option<Signal> {
    match error {
        Error::Interrupted(signal, _) => Some(*signal),
        _ => requested(),
    }
}

/// Ends work that loses nothing by ending here.
///
/// # Errors
/// A signal asked the program to end.
pub fn check() -> Result<()> {
    requested().map_or(Ok(()), |signal| Err(Error::interrupted(signal, "interrupted")))
}
