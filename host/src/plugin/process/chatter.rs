//! What a worker writes to stdout and stderr: log lines of the plugin, so many a second.

use super::super::checked::one_line;
use super::link::Link;
use std::io::{PipeReader, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A line that is longer is shown in pieces.
const MAX_LINE_BYTES: usize = 4096;
/// What Rust says before it aborts for want of memory.
const NO_MEMORY: &str = "memory allocation of ";
/// Reads after a worker's end: whoever inherited the pipe from it may write for ever.
const MAX_LAST_READS: usize = 32;

/// The read end of a worker's stdout and stderr.
pub struct Chatter {
    plugin: Arc<str>,
    /// None when the other end was closed.
    pipe: Option<PipeReader>,
    /// The start of a line.
    partial: Vec<u8>,
    last_line: String,
    out_of_memory: bool,
    lines_per_second: u64,
    second: Instant,
    n_lines: u64,
}

impl Chatter {
    pub fn new(plugin: Arc<str>, pipe: PipeReader, lines_per_second: u64) -> Self {
        let (partial, last_line) = (Vec::new(), String::new());
        Self {
            plugin,
            pipe: Some(pipe),
            partial,
            last_line,
            out_of_memory: false,
            lines_per_second,
            second: Instant::now(),
            n_lines: 0,
        }
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

    fn show(&mut self, line: &str) {
        let plugin = &*self.plugin;
        if self.second.elapsed() > Duration::from_secs(1) {
            if self.n_lines > self.lines_per_second {
                tracing::warn!(plugin, "{} more lines were not shown", self.n_lines - self.lines_per_second);
            }
            (self.second, self.n_lines) = (Instant::now(), 0);
        }
        self.n_lines += 1;
        if self.n_lines > self.lines_per_second {
            return;
        }
        // a worker's own log lines begin with their level; the rest is what the plugin printed
        match line.split_once(' ') {
            Some(("ERROR", line)) => tracing::error!(plugin, "{line}"),
            Some(("WARN", line)) => tracing::warn!(plugin, "{line}"),
            Some(("INFO", line)) => tracing::info!(plugin, "{line}"),
            Some(("DEBUG", line)) => tracing::debug!(plugin, "{line}"),
            _ => tracing::info!(plugin, "{line}"),
        }
    }
}
