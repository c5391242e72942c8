//! What a plugin logs, on the host's side: with its name, and at most so many lines a second.

use super::checked::one_line;
use super::limits::Limits;
use crate::base::clean;
use std::sync::Arc;
use std::time::{Duration, Instant};
use trainyard_plugin::log::Level;

/// Characters of the plugin's name before each line.
const NAME_CHARS: usize = 60;

/// The log of one instance.
pub struct Log {
    plugin: Arc<str>,
    lines_per_second: u32,
    second: Instant,
    n_lines: u32,
}

impl Log {
    /// `plugin` is the name before each line.
    pub fn new(plugin: Arc<str>, limits: &Limits) -> Self {
        let plugin = clean::clip(&plugin, NAME_CHARS).into();
        Self { plugin, lines_per_second: limits.log_lines, second: Instant::now(), n_lines: 0 }
    }

    /// Shows one line; what was kept back is counted and told later.
    pub fn write(&mut self, level: Level, text: &str) {
        if self.second.elapsed() > Duration::from_secs(1) {
            let more = self.n_lines.saturating_sub(self.lines_per_second);
            if more > 0 {
                tracing::warn!(plugin = &*self.plugin, "{more} more lines were not shown (limits.log_lines)");
            }
            (self.second, self.n_lines) = (Instant::now(), 0);
        }
        self.n_lines = self.n_lines.saturating_add(1);
        if self.n_lines > self.lines_per_second {
            return;
        }
        let line = one_line(text);
        match level {
            Level::Error => tracing::error!(plugin = &*self.plugin, "{line}"),
            Level::Warn => tracing::warn!(plugin = &*self.plugin, "{line}"),
            Level::Info => tracing::info!(plugin = &*self.plugin, "{line}"),
            Level::Debug => tracing::debug!(plugin = &*self.plugin, "{line}"),
        }
    }
}
