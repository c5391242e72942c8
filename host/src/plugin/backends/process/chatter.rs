//! What a worker writes to stdout and stderr: log lines of the plugin, so many a second.

use super::link::Link;
use crate::plugin::checked::one_line;
use crate::plugin::log::Log;
use std::io::{PipeReader, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;
use trainyard_plugin::log::Level;

/// What is more of a line is not kept.
const MAX_LINE_BYTES: usize = 4096;
/// What Rust says before it aborts for want of memory.
const NO_MEMORY: &str = "memory allocation of ";
/// Reads after a worker's end: a process that inherited the pipe from it may write for ever.
const MAX_LAST_READS: usize = 32;

/// The read end of a worker's stdout and stderr.
pub struct Chatter {
    log: Log,
    /// None when the other end was closed.
    pipe: Option<PipeReader>,
    /// The start of a line.
    partial: Vec<u8>,
    last_line: String,
    out_of_memory: bool,
}

impl Chatter {
    pub fn new(log: Log, pipe: PipeReader) -> Self {
        let (partial, last_line) = (Vec::new(), String::new());
        Self { log, pipe: Some(pipe), partial, last_line, out_of_memory: false }
    }

    /// To be waited for, while it is open.
    pub fn pipe(&self) -> Option<BorrowedFd<'_>> {
        self.pipe.as_ref().map(|pipe| pipe.as_fd())
    }

    /// The last line that was written.
    pub fn last_words(&self) -> &str {
        &self.last_line
    }

    /// Whether a line says that there was no memory left: after it, Rust aborts.
    pub fn out_of_memory(&self) -> bool {
        self.out_of_memory
    }

    /// Shows a line of the host's own about this worker.
    pub fn warn(&mut self, line: &str) {
        self.log.write(Level::Warn, line);
    }

    /// Reads once what there is. To be called when the pipe has something, and does not wait then.
    pub fn read(&mut self) {
        let Some(pipe) = &mut self.pipe else { return };
        let mut bytes = [0; 16 << 10];
        match pipe.read(&mut bytes) {
            Ok(0) | Err(_) => self.pipe = None,
            Ok(n_bytes) => self.take(&bytes[..n_bytes]),
        }
    }

    /// Reads what is left.
    pub fn drain(&mut self, link: &Link) {
        for _ in 0..MAX_LAST_READS {
            match link.wait(self.pipe(), Some(Duration::ZERO)) {
                Ok((_, true)) => self.read(),
                _ => break,
            }
        }
        self.take(b"\n");
    }

    fn take(&mut self, bytes: &[u8]) {
        for piece in bytes.split_inclusive(|&byte| byte == b'\n') {
            let room = MAX_LINE_BYTES.saturating_sub(self.partial.len());
            self.partial.extend_from_slice(&piece[..piece.len().min(room)]);
            if piece.ends_with(b"\n") {
                let line = one_line(&String::from_utf8_lossy(&self.partial));
                self.partial.clear();
                if !line.is_empty() {
                    self.show(&line);
                    self.out_of_memory |= line.starts_with(NO_MEMORY);
                    self.last_line = line;
                }
            }
        }
    }

    /// A worker's own log lines begin with their level; the rest is what the plugin printed.
    fn show(&mut self, line: &str) {
        let (level, line) = match line.split_once(' ') {
            Some(("ERROR", line)) => (Level::Error, line),
            Some(("WARN", line)) => (Level::Warn, line),
            Some(("INFO", line)) => (Level::Info, line),
            Some(("DEBUG", line)) => (Level::Debug, line),
            _ => (Level::Info, line),
        };
        self.log.write(level, line);
    }
}
