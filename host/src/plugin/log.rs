//! What plugins log, with their names and a bounded number of lines a second.

use super::checked::one_line;
use std::sync::Arc;
use std::time::{Duration, Instant};
use trainyard_plugin::log::Level;

/// The log of one plugin, or of one instance where instances log by themselves.
pub struct Log {
    plugin: Arc<str>,
    lines_per_second: u32,
    second: Instant,
    n_lines: u32,
}

impl Log {
    /// `lines_per_second` is `limits.log_lines`.
    pub fn new(plugin: Arc<str>, lines_per_second: u32) -> Self {
        Self { plugin, lines_per_second, second: Instant::now(), n_lines: 0 }
    }

    /// Shows a line, unless this second has had its share.
    pub fn write(&mut self, level: Level, line: &str) {
        if self.second.elapsed() > Duration::from_secs(1) {
            let hidden = self.n_lines.saturating_sub(self.lines_per_second);
            if hidden > 0 {
                tracing::warn!(plugin = &*self.plugin, "{hidden} more lines were not shown (limits.log_lines)");
            }
            (self.second, self.n_lines) = (Instant::now(), 0);
        }
        self.n_lines = self.n_lines.saturating_add(1);
        if self.n_lines > self.lines_per_second {
            return;
        }
        let line = one_line(line);
        match level {
            Level::Error => tracing::error!(plugin = &*self.plugin, "{line}"),
            Level::Warn => tracing::warn!(plugin = &*self.plugin, "{line}"),
            Level::Info => tracing::info!(plugin = &*self.plugin, "{line}"),
            Level::Debug => tracing::debug!(plugin = &*self.plugin, "{line}"),
        }
    }
}
