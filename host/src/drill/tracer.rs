//! A run under ptrace(2): its system calls on files are recorded, and it is killed before one of them, or they fail.

use super::points::{Operation, OperationKind};
use super::program::Act;
use nix::errno::Errno;
use nix::libc;
use nix::sys::ptrace::{self, Options};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Exit code and operations.
type Traced = (Option<i32>, Vec<Operation>);

/// Runs the command, which waits for a line on stdin, under `act`; returns none if the system does not let a process
/// trace its child.
///
/// # Errors
/// The command cannot be started.
pub fn trace(command: &mut Command, root: &Path, act: Act) -> io::Result<Option<Traced>> {
    let mut child = command.spawn()?;
    let process = Pid::from_raw(child.id().cast_signed());
    let options = Options::PTRACE_O_TRACESYSGOOD
        | Options::PTRACE_O_TRACECLONE
        | Options::PTRACE_O_TRACEFORK
        | Options::PTRACE_O_TRACEVFORK
        | Options::PTRACE_O_TRACEEXEC
        | Options::PTRACE_O_EXITKILL;
    if let Err(error) = ptrace::seize(process, options).and_then(|()| ptrace::interrupt(process)) {
        tracing::warn!("the run cannot be traced: {error}");
        child.kill()?;
        child.wait()?;
        return Ok(None);
    }
    if let Some(mut gate) = child.stdin.take() {
        gate.write_all(b"\n")?;
    }
    let mut tracer =
        Tracer { root, act, process, n_writes: 0, full: HashSet::new(), operations: Vec::new(), code: None };
    tracer.follow()?;
    Ok(Some((tracer.code, tracer.operations)))
}

struct Tracer<'r> {
    root: &'r Path,
    act: Act,
    process: Pid,
    n_writes: usize,
    /// Threads in a write that fails.
    full: HashSet<Pid>,
    operations: Vec<Operation>,
    code: Option<i32>,
}

impl Tracer<'_> {
    /// Follows the process with its threads and children until all have ended.
    fn follow(&mut self) -> io::Result<()> {
        loop {
            match waitpid(None, Some(WaitPidFlag::__WALL)) {
                Ok(WaitStatus::PtraceSyscall(thread)) => {
                    self.system_call(thread);
                    resume(thread, None);
                }
                Ok(WaitStatus::PtraceEvent(thread, ..)) => resume(thread, None),
                Ok(WaitStatus::Stopped(thread, signal)) => resume(thread, Some(signal)),
                Ok(WaitStatus::Exited(process, code)) if process == self.process => self.code = Some(code),
                Ok(_) | Err(Errno::EINTR) => {}
                Err(Errno::ECHILD) => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Handles the start or end of a thread's system call. A thread that is killed meanwhile cannot be queried: that is
    /// its end.
    fn system_call(&mut self, thread: Pid) {
        let Ok(info) = ptrace::syscall_info(thread) else { return };
        let Ok(mut registers) = ptrace::getregs(thread) else { return };
        if info.op != libc::PTRACE_SYSCALL_INFO_ENTRY {
            if self.full.remove(&thread) {
                registers.rax = (-i64::from(libc::ENOSPC)).cast_unsigned();
                let _ = ptrace::setregs(thread, registers);
            }
            return;
        }
        let Some((kind, path)) = operation(thread, &registers) else { return };
        let Ok(path) = path.strip_prefix(self.root) else { return };
        let operation = Operation::new(kind, path.to_owned());
        match self.act {
            Act::KillBefore(index) if index == self.operations.len() => {
                let _ = kill(self.process, Signal::SIGKILL);
            }
            Act::FullFrom(first) if operation.is_write() => {
                self.n_writes += 1;
                if self.n_writes > first {
                    registers.orig_rax = u64::MAX; // no call at all
                    let _ = ptrace::setregs(thread, registers);
                    self.full.insert(thread);
                }
            }
            _ => {}
        }
        self.operations.push(operation);
    }
}

fn resume(thread: Pid, signal: Option<Signal>) {
    // It may be gone already.
    let _ = ptrace::syscall(thread, signal);
}

/// Returns the effect of the system call that begins, and its file, if it changes one.
fn operation(thread: Pid, registers: &libc::user_regs_struct) -> Option<(OperationKind, PathBuf)> {
    use OperationKind::{Create, Remove, Rename, Sync, Write};
    let (a, b, c, d) = (registers.rdi, registers.rsi, registers.rdx, registers.r10);
    let open = |number: u64| file(thread, number);
    let at = |folder: u64, name: u64| path(thread, Some(folder), name);
    let named = |name: u64| path(thread, None, name);
    let opened = |flags: u64, place: Option<PathBuf>| {
        let creates = (libc::O_CREAT | libc::O_TRUNC) as u64;
        place.filter(|_| flags & creates != 0)
    };
    let number = i64::try_from(registers.orig_rax).ok()?;
    let (kind, place) = match number {
        libc::SYS_write | libc::SYS_pwrite64 | libc::SYS_writev | libc::SYS_pwritev | libc::SYS_ftruncate => {
            (Write, open(a))
        }
        libc::SYS_copy_file_range => (Write, open(c)),
        libc::SYS_sendfile => (Write, open(a)),
        libc::SYS_fsync | libc::SYS_fdatasync | libc::SYS_syncfs => (Sync, open(a)),
        libc::SYS_msync => return None,
        libc::SYS_rename | libc::SYS_link | libc::SYS_symlink => (Rename, named(b)),
        libc::SYS_renameat | libc::SYS_renameat2 | libc::SYS_linkat => (Rename, at(c, d)),
        libc::SYS_symlinkat => (Rename, at(b, c)),
        libc::SYS_unlink | libc::SYS_rmdir => (Remove, named(a)),
        libc::SYS_unlinkat => (Remove, at(a, b)),
        libc::SYS_mkdir => (Create, named(a)),
        libc::SYS_mkdirat => (Create, at(a, b)),
        libc::SYS_open => (Create, opened(b, named(a))),
        libc::SYS_openat => (Create, opened(c, at(a, b))),
        _ => return None,
    };
    Some((kind, place?))
}

/// Returns the file that the thread's process has open under this number.
fn file(thread: Pid, number: u64) -> Option<PathBuf> {
    fs::read_link(format!("/proc/{thread}/fd/{}", number as u32)).ok()
}

/// Returns the path at an address of the thread's memory; a relative path starts at the open folder, or at the
/// process's current folder.
fn path(thread: Pid, folder: Option<u64>, address: u64) -> Option<PathBuf> {
    let memory = File::open(format!("/proc/{thread}/mem")).ok()?;
    let mut bytes = vec![0; libc::PATH_MAX as usize];
    // up to the end of the mapping, which may be nearer than the longest path
    let n_read = memory.read_at(&mut bytes, address).or_else(|_| {
        let to_page = 4096 - address as usize % 4096;
        memory.read_at(&mut bytes[..to_page], address)
    });
    bytes.truncate(n_read.ok()?);
    let end = bytes.iter().position(|byte| *byte == 0)?;
    let path = PathBuf::from(String::from_utf8_lossy(&bytes[..end]).into_owned());
    if path.is_absolute() {
        return Some(path);
    }
    let folder = match folder {
        Some(folder) if folder as i32 != libc::AT_FDCWD => file(thread, folder)?,
        _ => fs::read_link(format!("/proc/{thread}/cwd")).ok()?,
    };
    Some(folder.join(path))
}
