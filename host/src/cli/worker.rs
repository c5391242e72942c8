//! `trainyard plugin-worker`: the process that `isolation = "process"` runs a plugin in.

use super::output::Outcome;
use std::io::stderr;
use tracing::Level;
use tracing_subscriber::fmt::format::debug_fn;
use trainyard::Error;

pub fn run() -> Outcome {
    // the host adds the plugin's name, and drops what its own user does not want to see
    let message_only = debug_fn(|writer, field, value| match field.name() {
        "message" => write!(writer, "{value:?}"),
        _ => Ok(()),
    });
    tracing_subscriber::fmt()
        .with_writer(stderr)
        .with_ansi(false)
        .with_max_level(Level::DEBUG)
        .without_time()
        .with_target(false)
        .fmt_fields(message_only)
        .init();
    work().map_err(Into::into)
}

#[cfg(unix)]
fn work() -> Result<(), Error> {
    trainyard::plugin::work()
}

#[cfg(not(unix))]
fn work() -> Result<(), Error> {
    Err(Error::usage("plugin-worker needs a Unix system"))
}
