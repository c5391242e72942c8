//! What a plugin says besides its results. The host shows a bounded number of lines a second, with the plugin's name.

/// How much a line matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// Something went wrong.
    Error,
    /// Something may be wrong.
    Warn,
    /// What the user may like to know; shown with `--verbose`.
    Info,
    /// What helps the author; shown with `--verbose` twice.
    Debug,
}

/// Something went wrong.
pub fn error(line: &str) {
    write(Level::Error, line);
}

/// Something may be wrong.
pub fn warn(line: &str) {
    write(Level::Warn, line);
}

/// What the user may like to know.
pub fn info(line: &str) {
    write(Level::Info, line);
}

/// What helps the author.
pub fn debug(line: &str) {
    write(Level::Debug, line);
}

/// A line of any level.
#[cfg(target_arch = "wasm32")]
pub fn write(level: Level, line: &str) {
    use crate::wasm::log;
    let level = match level {
        Level::Error => log::Level::Error,
        Level::Warn => log::Level::Warn,
        Level::Info => log::Level::Info,
        Level::Debug => log::Level::Debug,
    };
    log::write(level, line);
}

/// Lines of one call that are kept; a plugin that says more is not heard to its end.
#[cfg(not(target_arch = "wasm32"))]
const MAX_KEPT: usize = 1000;

#[cfg(not(target_arch = "wasm32"))]
thread_local! {
    // the traits have no place for a log, so that lines wait here until the call is over
    static LINES: std::cell::RefCell<Vec<(Level, String)>> = const { std::cell::RefCell::new(Vec::new()) };
}

/// A line of any level.
#[cfg(not(target_arch = "wasm32"))]
pub fn write(level: Level, line: &str) {
    LINES.with_borrow_mut(|lines| {
        if lines.len() < MAX_KEPT {
            lines.push((level, line.to_owned()));
        }
    });
}

/// What was logged on this thread since the last time: the side that called the plugin asks after each call.
#[cfg(not(target_arch = "wasm32"))]
pub fn take() -> Vec<(Level, String)> {
    LINES.take()
}
