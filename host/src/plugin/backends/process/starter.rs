//! The thread that starts all workers.
//!
//! A worker asks the system to end it with the thread that started it, whatever state it is in then. Most threads of a
//! host end long before the instances that they made; this one lives as long as the process.

use std::io;
use std::process::{Child, Command};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, PoisonError};
use std::thread;

/// A command to start, and where to tell of it.
type Request = (Command, Sender<io::Result<Child>>);

/// Starts the command.
///
/// # Errors
/// A program that cannot be started.
pub fn start(command: Command) -> io::Result<Child> {
    static STARTER: Mutex<Option<Sender<Request>>> = Mutex::new(None);
    let (reply, started) = channel();
    {
        let mut starter = STARTER.lock().unwrap_or_else(PoisonError::into_inner);
        if starter.is_none() {
            let (requests, requested) = channel();
            thread::Builder::new().name("plugin-starter".into()).spawn(move || serve(&requested))?;
            *starter = Some(requests);
        }
        if let Some(requests) = &*starter {
            requests.send((command, reply)).map_err(io::Error::other)?;
        }
    }
    started.recv().map_err(io::Error::other)?
}

fn serve(requested: &Receiver<Request>) {
    while let Ok((mut command, reply)) = requested.recv() {
        let started = command.spawn();
        // closes this process's copies of what the worker was given, before anybody waits for their end
        drop(command);
        let _ = reply.send(started);
    }
}
