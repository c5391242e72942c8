//! The host's side of one worker: starts it, calls it with a deadline, and sees that it ends.

use super::chatter::Chatter;
use super::death::{Limited, describe};
use super::environment::{Variables, of_plugin};
use super::link::{Link, empty};
use super::memory::MemoryLimit;
use super::message::Sent;
use super::worker::VERSION;
use super::{Isolated, SUBCOMMAND, WORKER_VARIABLE, name_the_program, starter};
use crate::plugin::call::{Answer, Call};
use crate::plugin::codec::{Decode, Encode, Reader, read, result};
use crate::plugin::limits::Limits;
use crate::plugin::log::Log;
use crate::plugin::seat::Seat;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus};
use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant};
use trainyard_plugin::{PluginError, Result};

/// What a busy machine may need to start a program.
const START: Duration = Duration::from_secs(30);
/// What a worker may need to destroy its instance and end, or to be gone after it closed its socket.
const END: Duration = Duration::from_secs(1);
/// How often it is looked whether the worker still lives: a process that it forked may hold its socket open.
const LOOK: Duration = Duration::from_secs(1);
/// What a message may have besides the texts and numbers in it, which the worker counts as `limits.output_mb` does.
const OVERHEAD: u64 = 1 << 20;
/// A sandbox stops a call itself. The host only kills a worker whose sandbox did not.
const SANDBOX_GRACE: Duration = Duration::from_secs(2);

/// What a worker is started with.
pub struct Setup {
    /// The name before each line that it writes.
    pub name: Arc<str>,
    pub limits: Limits,
    /// The time that a call may take beyond `limits.call_ms`.
    pub grace: Duration,
    /// The variables of its environment.
    pub variables: Variables,
    pub limited: Limited,
}

/// A process with one instance in it.
pub struct Worker {
    process: Child,
    link: Link,
    chatter: Chatter,
    /// What one call may take; none when there is no deadline.
    call_time: Option<Duration>,
    limits: Limits,
    memory: MemoryLimit,
    limited: Limited,
    message: Vec<u8>,
    /// Why there is no process any more.
    ended: Option<String>,
    /// Whether the process was waited for, so that its number may be another's.
    is_gone: bool,
}

impl Worker {
    /// Starts `program` as a worker, and has it open the plugin and make the instance.
    ///
    /// # Errors
    /// A program that cannot be started, and a plugin that cannot be opened there.
    pub fn start(program: &Path, plugin: &Isolated) -> Result<Self> {
        let (is_wasm, limits) = (plugin.is_wasm, plugin.config.limits);
        let too_much = |what: &str| format!("compiling it took more {what} than any plugin needs");
        let limited = match is_wasm {
            true => Limited { memory: too_much("memory"), time: too_much("processor time") },
            false => Limited {
                memory: format!("memory limit of {} MiB reached (limits.memory_mb)", limits.memory_mb),
                time: "killed by signal 24 (SIGXCPU)".into(),
            },
        };
        let setup = Setup {
            name: plugin.name.clone(),
            limits,
            grace: if is_wasm { SANDBOX_GRACE } else { Duration::ZERO },
            variables: of_plugin(is_wasm, &plugin.config.allow)?,
            limited,
        };
        let mut worker = Self::begin(program, setup)?;
        if !is_wasm {
            worker.memory = MemoryLimit::beyond_now(&worker.process, limits.memory_mb.saturating_mul(1 << 20));
        }
        // compiling is the host's work and not the plugin's, which runs first when a native library is loaded
        let open_time = worker.call_time.filter(|_| !plugin.is_wasm);
        let late = || format!("no answer within {} ms (limits.call_ms)", limits.call_ms);
        let open = Sent::Open(plugin.is_wasm, &plugin.config_text, &plugin.file);
        let missing: Vec<String> = worker.ask_within(&open, open_time, late)?;
        // no message after this is as long as a plugin
        worker.message = Vec::new();
        worker.link.forget();
        plugin.say_missing(&missing);
        worker.ask::<()>(&Sent::Create)?;
        Ok(worker)
    }

    /// Starts `program` as a worker that was not told yet what for.
    ///
    /// # Errors
    /// A program that cannot be started, or is no worker of this version.
    pub fn begin(program: &Path, setup: Setup) -> Result<Self> {
        let mut worker = spawn(program, setup).map_err(|error| {
            PluginError::internal(format!("cannot start {}: {error}; {}", program.display(), name_the_program()))
        })?;
        worker.expect_version(program)?;
        Ok(worker)
    }

    /// Sends one message and waits for its answer, for as long as a call may take.
    fn ask<T: for<'a> Decode<'a>>(&mut self, message: &impl Encode) -> Result<T> {
        self.within_call_time(message, |from| T::decode(from))
    }

    /// The same for what `answer` reads.
    fn within_call_time<T>(
        &mut self,
        message: &impl Encode,
        answer: impl FnOnce(&mut Reader<'_>) -> Option<T>,
    ) -> Result<T> {
        let ms = self.limits.call_ms;
        self.exchange(message, self.call_time, || format!("no answer within {ms} ms (limits.call_ms)"))?;
        self.answered(answer)
    }

    /// Sends one message and waits so long for its answer; `too_late` is what is said when there is none.
    ///
    /// # Errors
    /// What the worker answers, or how it ended.
    pub fn ask_within<T: for<'a> Decode<'a>>(
        &mut self,
        message: &impl Encode,
        time: Option<Duration>,
        too_late: impl FnOnce() -> String,
    ) -> Result<T> {
        self.exchange(message, time, too_late)?;
        self.answered(|from| T::decode(from))
    }

    fn exchange(
        &mut self,
        message: &impl Encode,
        time: Option<Duration>,
        too_late: impl FnOnce() -> String,
    ) -> Result<()> {
        if let Some(why) = &self.ended {
            return Err(PluginError::state(format!("this instance ended before: {why}")));
        }
        empty(&mut self.message);
        message.encode(&mut self.message);
        self.memory.begin(self.message.len());
        if self.link.send(&self.message).is_err() {
            return Err(self.died());
        }
        self.receive(time, too_late)
    }

    /// The answer in the message that was received.
    fn answered<T>(&mut self, answer: impl FnOnce(&mut Reader<'_>) -> Option<T>) -> Result<T> {
        // nor may the worker make the host hold more than that, whatever lists it says there are
        let room = usize::try_from(2 * self.max_message()).unwrap_or(usize::MAX);
        match read(&self.message, room, |from| result(from, answer)) {
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
            if !says && self.has_ended() {
                return Err(self.died());
            }
        }
        let Ok(length) = self.link.receive_length() else {
            return Err(self.died());
        };
        // the worker holds the plugin to the limit; this holds the worker to it
        if length > self.max_message() {
            return Err(self.end(format!("returned more than {} MiB (limits.output_mb)", self.limits.output_mb)));
        }
        match self.link.receive(length as usize, &mut self.message) {
            Ok(()) => Ok(()),
            Err(_) => Err(self.end("sent an answer that cannot be read".into())),
        }
    }

    /// The longest message that an honest worker sends, in bytes.
    fn max_message(&self) -> u64 {
        max_message(&self.limits)
    }

    /// The socket is closed, or the process gone: finds out how.
    fn died(&mut self) -> PluginError {
        let status = self.status();
        self.chatter.drain(&self.link);
        let why = describe(status, &self.chatter, &self.limited);
        self.end(why)
    }

    /// How the process ended, which it may be about to.
    fn status(&mut self) -> Option<ExitStatus> {
        let end = Instant::now() + END;
        while !self.has_ended() && Instant::now() < end {
            sleep(Duration::from_millis(1));
        }
        match self.has_ended() {
            true => {
                self.kill_group();
                self.is_gone = true;
                self.process.wait().ok()
            }
            false => None,
        }
    }

    /// Whether the process ended. It is not waited for, so that its number stays its own.
    fn has_ended(&self) -> bool {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        !matches!(self.id().map(|id| waitid(WaitId::Pid(id), options)), Some(Ok(None)))
    }

    fn id(&self) -> Option<Pid> {
        Pid::from_raw(i32::try_from(self.process.id()).ok()?)
    }

    /// Kills all that the worker may have left: it began a group of processes of its own.
    fn kill_group(&self) {
        if let Some(group) = self.id().filter(|_| !self.is_gone) {
            let _ = kill_process_group(group, Signal::KILL);
        }
    }

    /// Kills the process if it still lives, and takes its place in the table of processes away.
    fn end(&mut self, why: String) -> PluginError {
        self.kill();
        self.message = Vec::new();
        self.ended = Some(why.clone());
        PluginError::internal(why)
    }

    fn kill(&mut self) {
        // all of these fail only when it is gone and was waited for
        self.kill_group();
        let _ = self.process.kill();
        let _ = self.process.wait();
        self.is_gone = true;
    }
}

impl Seat for Worker {
    fn call(&mut self, call: Call<'_>) -> Result<Answer> {
        self.within_call_time(&Sent::Call(call), |from| call.function().answer(from))
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        if self.ended.is_some() {
            return;
        }
        self.message.clear();
        Sent::End.encode(&mut self.message);
        // one that could not open the plugin may be gone already
        let is_closed = self.link.send(&self.message).is_err()
            || self.link.socket().and_then(|socket| Link::wait_closed(&socket, Some(END))).unwrap_or(false);
        let status = if is_closed { self.status() } else { None };
        self.chatter.drain(&self.link);
        // there is no call that could fail, and the run does not depend on it any more
        if !status.is_some_and(|status| status.success()) {
            let why = match status {
                Some(_) => describe(status, &self.chatter, &self.limited),
                None => format!("did not end within {} s and was killed", END.as_secs()),
            };
            self.chatter.warn(&format!("destroy: {why}"));
        }
        self.kill();
    }
}

/// The longest message that an honest worker sends, in bytes.
pub fn max_message(limits: &Limits) -> u64 {
    limits.output_mb.saturating_mul(1 << 20).saturating_add(OVERHEAD)
}

fn spawn(program: &Path, setup: Setup) -> io::Result<Worker> {
    let (link, file, socket) = Link::pair()?;
    let (reads, writes) = io::pipe()?;
    let mut command = Command::new(program);
    command
        .arg0("trainyard")
        .arg(SUBCOMMAND)
        .env_clear()
        .envs(setup.variables)
        .env(WORKER_VARIABLE, "1")
        // whatever it starts is killed with it, and the terminal's Ctrl-C is for its host
        .process_group(0)
        .stdin(file)
        .stdout(socket)
        .stderr(writes);
    let Setup { name, limits, grace, limited, .. } = setup;
    Ok(Worker {
        process: starter::start(command)?,
        link,
        chatter: Chatter::new(Log::new(name, &limits), reads),
        call_time: (limits.call_ms > 0).then(|| Duration::from_millis(limits.call_ms).saturating_add(grace)),
        limits,
        memory: MemoryLimit::none(),
        limited,
        message: Vec::new(),
        ended: None,
        is_gone: false,
    })
}
