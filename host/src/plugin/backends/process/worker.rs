//! The worker's side: opens the plugin, makes one instance, answers calls, and ends with its host.

use super::super::wasm::code;
use super::confine;
use super::host::max_message;
use super::link::{Link, empty};
use super::message::{Message, Received};
use super::within;
use crate::plugin::call::served;
use crate::plugin::codec::{Encode, Rest, decode, read};
use crate::plugin::{Plugin, PluginConfig};
use crate::{Error, Result};
use rustix::process::{Resource, Rlimit, Signal, getpid, kill_process, setrlimit};
use rustix::stdio::{dup2_stdin, dup2_stdout};
use std::fs::File;
use std::io::{self, stderr, stdin, stdout};
use std::os::fd::{AsFd, OwnedFd};
use std::thread;
use trainyard_plugin::{Kind, PluginError};

/// What a worker says first. Host and worker must be of one build: nothing else fixes the form of their messages.
pub const VERSION: &str = concat!("trainyard ", env!("CARGO_PKG_VERSION"), " worker 5");

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
        // the host is gone, there is no one to tell
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
    // a crash is an error message, not a file of gigabytes in the current folder
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
    // the thread of the host that started this process lives as long as the host
    #[cfg(target_os = "linux")]
    let _ = rustix::process::set_parent_process_death_signal(Some(Signal::KILL));
    link.send(VERSION.as_bytes())?;
    Ok(link)
}

/// Ends this process at once when the host is gone, even in the middle of a call that never returns.
fn watch_host(link: &Link) -> io::Result<()> {
    let watched = link.socket()?;
    thread::Builder::new().name("host-watch".into()).stack_size(64 << 10).spawn(move || end_with_host(&watched))?;
    Ok(())
}

fn end_with_host(socket: &OwnedFd) {
    if Link::wait_closed(socket, None).is_ok() {
        let _ = kill_process(getpid(), Signal::KILL);
    }
}

fn serve(link: &mut Link) -> io::Result<()> {
    let (mut message, mut reply) = (Vec::new(), Vec::new());
    let opened = match next(link, &mut message)? {
        Message::Open(is_wasm, config, file) => open(link, is_wasm, config, file),
        Message::Compile(deadlines, cpu_s, memory_mb, component) => {
            watch_host(link)?;
            let code = within(cpu_s, memory_mb, || code(deadlines, component)).map_err(PluginError::internal);
            code.encode(&mut reply);
            link.send(&reply)?;
            // that it is enough
            return link.receive_length().map(drop);
        }
        _ => return Err(io::ErrorKind::InvalidData.into()),
    };
    opened.as_ref().map(|(_, missing)| missing).map_err(Clone::clone).encode(&mut reply);
    link.send(&reply)?;
    let Ok((plugin, _)) = opened else { return Ok(()) };
    message = Vec::new(); // no message after this is as long as a plugin

    let Message::Create = next(link, &mut message)? else {
        return Err(io::ErrorKind::InvalidData.into());
    };
    let created = plugin.source.seat();
    reply.clear();
    created.as_ref().map(|_| ()).map_err(Clone::clone).encode(&mut reply);
    link.send(&reply)?;
    let Ok(mut seat) = created else { return Ok(()) };

    loop {
        empty(&mut reply);
        match next(link, &mut message)? {
            Message::End => return Ok(()),
            Message::Call(Rest(call)) => {
                let served = read(call, usize::MAX, |from| served(from, |call| seat.call(call)));
                served.ok_or(io::ErrorKind::InvalidData)?.encode(&mut reply);
            }
            _ => return Err(io::ErrorKind::InvalidData.into()),
        }
        link.send(&reply)?;
    }
}

/// The next message.
fn next<'m>(link: &mut Link, message: &'m mut Vec<u8>) -> io::Result<Received<'m>> {
    let length = usize::try_from(link.receive_length()?).map_err(io::Error::other)?;
    link.receive(length, message)?;
    // the host is trusted
    decode(message, usize::MAX).ok_or_else(|| io::ErrorKind::InvalidData.into())
}

/// Opens the plugin in the bytes `file` as the host would, and says what this system does not keep from it. From here
/// on a native one can do no more than [`confine`] lets it: its first code runs when it is loaded.
fn open(link: &Link, is_wasm: bool, config: &str, file: &[u8]) -> trainyard_plugin::Result<(Plugin, Vec<String>)> {
    let config: PluginConfig = serde_json::from_str(config)
        .map_err(|error| PluginError::internal(format!("the worker cannot read its config: {error}")))?;
    // a component has no system to ask
    let mut missing =
        if is_wasm { Vec::new() } else { confine::begin(max_message(&config.limits).max(file.len() as u64)) };
    watch_host(link).map_err(|error| PluginError::internal(format!("cannot watch the host: {error}")))?;
    let plugin = Plugin::open_bytes(&config, file.to_vec(), &Kind::ALL)
        .map_err(|error| PluginError::internal(error.to_string()))?;
    if !is_wasm {
        let not_taken_away = confine::end(&config.allow).err();
        missing.extend(not_taken_away.filter(|why| !missing.contains(why)));
    }
    Ok((plugin, missing))
}
