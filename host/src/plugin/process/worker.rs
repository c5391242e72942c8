//! The worker's side: opens the plugin, makes one instance, answers calls, and ends with its host.

use super::super::{Plugin, PluginConfig};
use super::call::{Call, answer};
use super::codec::{Encode, decode};
use super::link::{Link, empty};
use super::memory::MemoryLimit;
use crate::{Error, Result};
use rustix::process::{Resource, Rlimit, Signal, getpid, kill_process, setrlimit};
use rustix::stdio::{dup2_stdin, dup2_stdout};
use std::fs::File;
use std::io::{self, stderr, stdin, stdout};
use std::os::fd::{AsFd, OwnedFd};
use std::thread;
use trainyard_plugin::{Kind, PluginError};

/// What a worker says first. Host and worker must be of one build: nothing else fixes the form of their messages.
pub const VERSION: &str = concat!("trainyard ", env!("CARGO_PKG_VERSION"), " worker 3");

/// Any kind: the host has checked what the file is.
const KINDS: [Kind; 5] = [Kind::Tokenizer, Kind::Filter, Kind::Loss, Kind::Metric, Kind::TextMetric];

/// Serves the host that started this process, until it says that it is enough or is gone. `trainyard plugin-worker`
/// does nothing else.
///
/// # Errors
/// This process was not started by a host.
pub fn work() -> Result<()> {
    let mut link = connect().map_err(|error| {
        Error::usage(format!("cannot be a plugin's worker: {error}; it is started by trainyard itself, never by hand"))
    })?;
    match serve(&mut link) {
        // the host is gone, and nobody is left to be told
        Ok(()) | Err(_) => Ok(()),
    }
}

/// The host passes its file as stdin, its socket as stdout. Neither stays where the plugin could write to it.
fn connect() -> io::Result<Link> {
    let file = stdin().as_fd().try_clone_to_owned()?;
    let socket = stdout().as_fd().try_clone_to_owned()?;
    dup2_stdin(File::open("/dev/null")?)?;
    dup2_stdout(stderr())?;
    let mut link = Link::new(file, socket);
    let watched = link.socket()?;
    thread::Builder::new().name("host-watch".into()).stack_size(64 << 10).spawn(move || end_with_host(&watched))?;
    // a crash is an error message, not a file of gigabytes in the current folder
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
    link.send(VERSION.as_bytes())?;
    Ok(link)
}

/// Ends this process at once when the host is gone, even in the middle of a call that never returns.
fn end_with_host(socket: &OwnedFd) {
    if Link::wait_closed(socket, None).is_ok() {
        let _ = kill_process(getpid(), Signal::KILL);
    }
}

fn serve(link: &mut Link) -> io::Result<()> {
    let (mut message, mut reply) = (Vec::new(), Vec::new());
    let (_, Call::Open(is_wasm, config, file)) = next(link, &mut message)? else {
        return Err(io::ErrorKind::InvalidData.into());
    };
    let opened = open(is_wasm, config, file);
    opened.as_ref().map(|_| ()).map_err(Clone::clone).encode(&mut reply);
    link.send(&reply)?;
    let Ok((plugin, memory)) = opened else { return Ok(()) };
    message = Vec::new(); // nothing that comes is as long as a plugin

    let (_, Call::Create) = next(link, &mut message)? else {
        return Err(io::ErrorKind::InvalidData.into());
    };
    let created = memory.hold(0, || plugin.source.instance());
    reply.clear();
    created.as_ref().map(|_| ()).map_err(Clone::clone).encode(&mut reply);
    link.send(&reply)?;
    let Ok(mut instance) = created else { return Ok(()) };

    loop {
        empty(&mut reply);
        match next(link, &mut message)? {
            (_, Call::End) => return Ok(()),
            (n_bytes, call) => memory.hold(n_bytes, || answer(&mut instance, call, &mut reply)),
        }
        link.send(&reply)?;
    }
}

/// The next call and its length in bytes.
fn next<'m>(link: &mut Link, message: &'m mut Vec<u8>) -> io::Result<(usize, Call<'m>)> {
    let length = usize::try_from(link.receive_length()?).map_err(io::Error::other)?;
    link.receive(length, message)?;
    decode(message).map(|call| (length, call)).ok_or_else(|| io::ErrorKind::InvalidData.into())
}

/// Opens the plugin in these bytes as the host would, within the limits that it has from now on.
fn open(is_wasm: bool, config: &str, file: &[u8]) -> trainyard_plugin::Result<(Plugin, MemoryLimit)> {
    let config: PluginConfig = serde_json::from_str(config)
        .map_err(|error| PluginError::internal(format!("the worker cannot read its config: {error}")))?;
    let file = file.to_vec();
    let memory = match is_wasm {
        true => MemoryLimit::none(),
        false => MemoryLimit::beyond_now(config.limits.memory_mb.saturating_mul(1 << 20)),
    };
    let plugin = memory.hold(0, || Plugin::open_bytes(&config, file, &KINDS));
    plugin.map(|plugin| (plugin, memory)).map_err(|error| PluginError::internal(error.to_string()))
}
