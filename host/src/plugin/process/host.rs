//! The host's side of one worker: starts it, calls it with a deadline, and sees that it ends.

use super::super::log::Log;
use super::call::Call;
use super::chatter::Chatter;
use super::codec::{Decode, Encode, decode};
use super::death::describe;
use super::link::{Link, empty};
use super::worker::VERSION;
use super::{Isolated, SUBCOMMAND, WORKER_VARIABLE, name_the_program};
use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus};
use std::thread::sleep;
use std::time::{Duration, Instant};
use trainyard_plugin::{PluginError, Result};

/// What a busy machine may need to start a program.
const START: Duration = Duration::from_secs(30);
/// What a worker may need to destroy its instance and end, or to be gone after it closed its socket.
const END: Duration = Duration::from_secs(1);
/// How often it is looked whether the worker still lives: a process that it forked may hold its socket open.
const LOOK: Duration = Duration::from_secs(1);
/// A message may be so many times as long as the texts and numbers in it.
const OVERHEAD: u64 = 4;
/// A sandbox stops a call itself. The host only kills a worker whose sandbox did not.
const SANDBOX_GRACE: Duration = Duration::from_secs(2);

/// A process with one instance in it.
pub struct Worker {
    process: Child,
    link: Link,
    chatter: Chatter,
    /// What one call may take; none when there is no deadline.
    call_time: Option<Duration>,
    call_ms: u64,
    memory_mb: u64,
    output_mb: u64,
    message: Vec<u8>,
    /// Why there is no process any more.
    ended: Option<String>,
}

impl Worker {
    /// Starts `program` as a worker, and has it open the plugin and make the instance.
    pub fn start(program: &Path, plugin: &Isolated) -> Result<Self> {
        let limits = plugin.config.limits;
        let mut worker = spawn(program, plugin).map_err(|error| {
            PluginError::internal(format!("cannot start {}: {error}; {}", program.display(), name_the_program()))
        })?;
        worker.expect_version(program)?;
        // compiling is the host's work and not the plugin's, which runs first when a native library is loaded
        let open_time = worker.call_time.filter(|_| !plugin.is_wasm);
        let open = Call::Open(plugin.is_wasm, &plugin.config_text, &plugin.file);
        worker.call_within::<()>(&open, open_time, limits.call_ms)?;
        // nothing that comes is as long as a plugin
        worker.message = Vec::new();
        worker.link.forget();
        worker.call::<()>(&Call::Create)?;
        Ok(worker)
    }

    /// Makes one call and waits for its answer.
    pub fn call<T: for<'a> Decode<'a>>(&mut self, call: &Call<'_>) -> Result<T> {
        self.call_within(call, self.call_time, self.call_ms)
    }

    fn call_within<T: for<'a> Decode<'a>>(&mut self, call: &Call<'_>, time: Option<Duration>, ms: u64) -> Result<T> {
        if let Some(why) = &self.ended {
            return Err(PluginError::state(format!("this instance ended before: {why}")));
        }
        empty(&mut self.message);
        call.encode(&mut self.message);
        if self.link.send(&self.message).is_err() {
            return Err(self.died());
        }
        self.receive(time, || format!("no answer within {ms} ms (limits.call_ms)"))?;
        match decode::<Result<T>>(&self.message) {
            Some(answer) => answer,
            None => Err(self.end("sent an answer that cannot be read".into())),
        }
    }

    /// The first message says which program the worker is.
    fn expect_version(&mut self, program: &Path) -> Result<()> {
        let late = || format!("said nothing for {} s", START.as_secs());
        let why = match self.receive(Some(START), late) {
            Ok(()) if self.message == VERSION.as_bytes() => return Ok(()),
            Ok(()) => format!("is {:?}, expected {VERSION:?}", String::from_utf8_lossy(&self.message)),
            Err(error) => error.message,
        };
        let why = format!("{} is no worker for plugins: {why}; {}", program.display(), name_the_program());
        Err(self.end(why))
    }

    /// Waits for a message, showing what the worker writes meanwhile.
    fn receive(&mut self, time: Option<Duration>, too_late: impl FnOnce() -> String) -> Result<()> {
        let end = time.and_then(|time| Instant::now().checked_add(time));
        loop {
            let left = end.map_or(LOOK, |end| end.saturating_duration_since(Instant::now()));
            let Ok((answers, says)) = self.link.wait(self.chatter.pipe(), Some(left.min(LOOK))) else {
                return Err(self.died());
            };
            if says {
                self.chatter.read();
            }
            if answers {
                break;
            }
            if end.is_some_and(|end| Instant::now() >= end) {
                return Err(self.end(too_late()));
            }
            if !says && !matches!(self.process.try_wait(), Ok(None)) {
                return Err(self.died());
            }
        }
        let Ok(length) = self.link.receive_length() else {
            return Err(self.died());
        };
        // the worker holds the plugin to the limit; this holds the worker to it
        if length > self.output_mb.saturating_mul(OVERHEAD << 20) {
            return Err(self.end(format!("returned more than {} MiB (limits.output_mb)", self.output_mb)));
        }
        match self.link.receive(length as usize, &mut self.message) {
            Ok(()) => Ok(()),
            Err(_) => Err(self.end("sent an answer that cannot be read".into())),
        }
    }

    /// The socket is closed, or the process gone: finds out how.
    fn died(&mut self) -> PluginError {
        let status = self.status();
        self.chatter.drain(&self.link);
        let why = describe(status, &self.chatter, self.memory_mb);
        self.end(why)
    }

    /// How the process ended, which it may be about to.
    fn status(&mut self) -> Option<ExitStatus> {
        let end = Instant::now() + END;
        let mut status = self.process.try_wait();
        while matches!(status, Ok(None)) && Instant::now() < end {
            sleep(Duration::from_millis(1));
            status = self.process.try_wait();
        }
        status.ok().flatten()
    }

    /// Kills the process if it still lives, and takes its place in the table of processes away.
    fn end(&mut self, why: String) -> PluginError {
        self.kill();
        self.message = Vec::new();
        self.ended = Some(why.clone());
        PluginError::internal(why)
    }

    fn kill(&mut self) {
        // both fail only when it is gone and was waited for
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        if self.ended.is_some() {
            return;
        }
        self.message.clear();
        Call::End.encode(&mut self.message);
        let has_ended = self.link.send(&self.message).is_ok()
            && self.link.socket().and_then(|socket| Link::wait_closed(&socket, Some(END))).unwrap_or(false);
        let status = if has_ended { self.status() } else { None };
        self.chatter.drain(&self.link);
        // there is no call that could fail, and the run does not depend on it any more
        if !status.is_some_and(|status| status.success()) {
            let why = match status {
                Some(_) => describe(status, &self.chatter, self.memory_mb),
                None => format!("did not end within {} s and was killed", END.as_secs()),
            };
            self.chatter.warn(&format!("destroy: {why}"));
        }
        self.kill();
    }
}

fn spawn(program: &Path, plugin: &Isolated) -> io::Result<Worker> {
    let (link, file, socket) = Link::pair()?;
    let (reads, writes) = io::pipe()?;
    let process = Command::new(program)
        .arg0("trainyard")
        .arg(SUBCOMMAND)
        .env(WORKER_VARIABLE, "1")
        .stdin(file)
        .stdout(socket)
        .stderr(writes)
        .spawn()?;
    let limits = plugin.config.limits;
    let grace = if plugin.is_wasm { SANDBOX_GRACE } else { Duration::ZERO };
    Ok(Worker {
        process,
        link,
        chatter: Chatter::new(Log::new(plugin.name.clone(), &limits), reads),
        call_time: (limits.call_ms > 0).then(|| Duration::from_millis(limits.call_ms).saturating_add(grace)),
        call_ms: limits.call_ms,
        memory_mb: limits.memory_mb,
        output_mb: limits.output_mb,
        message: Vec::new(),
        ended: None,
    })
}
