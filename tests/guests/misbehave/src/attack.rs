//! Attacks of a native plugin against the process that started it. Each reports what it found, and the caller makes
//! this the error of the call, so that a test can read it.

use std::ffi::{c_char, c_int, c_long, c_uint, c_void};
use std::fs::{self, File};
use std::io::{Error, Write};
use std::process::Command;
use std::ptr::null_mut;

unsafe extern "C" {
    fn getppid() -> c_int;
    fn getpid() -> c_int;
    fn kill(process: c_int, signal: c_int) -> c_int;
    fn fork() -> c_int;
    fn setsid() -> c_int;
    fn pause() -> c_int;
    fn ptrace(request: c_long, ...) -> c_long;
    fn mmap(at: *mut c_void, bytes: usize, protection: c_int, flags: c_int, file: c_int, offset: i64) -> *mut c_void;
    fn memfd_create(name: *const c_char, flags: c_uint) -> c_int;
    fn ftruncate(file: c_int, bytes: i64) -> c_int;
    fn write(file: c_int, bytes: *const c_void, count: usize) -> isize;
    fn setrlimit(resource: c_int, limits: *const [u64; 2]) -> c_int;
    fn prctl(option: c_int, ...) -> c_int;
    fn fcntl(file: c_int, command: c_int, ...) -> c_int;
    fn socket(family: c_int, kind: c_int, protocol: c_int) -> c_int;
    fn setpriority(which: c_int, who: c_uint, value: c_int) -> c_int;
}

const SIGSTOP: c_int = 19;
const BLOCK: usize = 256 << 20;

/// Tries `what`; returns none if it is not an attack.
pub fn attack(what: &str) -> Option<String> {
    // SAFETY: none is needed: these calls take numbers and memory that lives until they return
    let found = unsafe {
        match what {
            // 0 asks only whether it would be allowed
            "signal" => said("kill", kill(getppid(), 0)),
            "signal-all" => said("kill", kill(-1, 0)),
            // F_SETOWN: whom the system signals when there is something to read
            "signal-of-a-file" => said("fcntl", fcntl(2, 8, getppid())),
            "trace" => said("ptrace", ptrace(0x4206, getppid(), null_mut::<c_void>(), null_mut::<c_void>()) as c_int),
            "slow" => said("setpriority", setpriority(0, getppid() as c_uint, 19)),
            "fork" => match fork() {
                0 => loop {
                    setsid();
                    pause();
                },
                forked => said("fork", forked),
            },
            "spawn" => match Command::new("sleep").arg("600").spawn() {
                Ok(_) => "started".into(),
                Err(error) => error.to_string(),
            },
            "socket" => said("socket", socket(1, 1, 0)),
            "outlive" => said("prctl", prctl(1, 0 as c_long)),
            "unlimit" => said("setrlimit", setrlimit(2, &[u64::MAX; 2])),
            "shared-memory" => filled(mmap(null_mut(), BLOCK, 3, 0x21, -1, 0)),
            "stack-memory" => filled(mmap(null_mut(), BLOCK, 3, 0x122, -1, 0)),
            "file-memory" => match memfd_create(c"hidden".as_ptr(), 0) {
                -1 => said("memfd_create", -1),
                file => said("ftruncate", ftruncate(file, BLOCK as i64)),
            },
            "shm" => match File::create("/dev/shm/trainyard-hidden") {
                Ok(_) => "made a file".into(),
                Err(error) => error.to_string(),
            },
            "stop" => said("kill", kill(getpid(), SIGSTOP)),
            "claim" => claim(200 << 20, false),
            "long-file" => claim(200 << 20, true),
            "environment" => environment(),
            "work" => work(),
            _ => return None,
        }
    };
    Some(found)
}

fn said(call: &str, answer: c_int) -> String {
    match answer {
        -1 => format!("{call}: {}", Error::last_os_error()),
        answer => format!("{call} gave {}", answer.min(1)),
    }
}

fn filled(memory: *mut c_void) -> String {
    if memory.addr() == usize::MAX {
        return format!("mmap: {}", Error::last_os_error());
    }
    // SAFETY: so much was mapped
    unsafe { memory.cast::<u8>().write_bytes(1, BLOCK) };
    "has it all".into()
}

/// Announces an answer of this many bytes wherever the host may listen.
fn claim(n_bytes: u64, make_them: bool) -> String {
    for file in 3..64 {
        // SAFETY: what is no file of this process is refused
        unsafe {
            if make_them {
                ftruncate(file, n_bytes as i64);
            }
            write(file, n_bytes.to_le_bytes().as_ptr().cast(), 8);
        }
    }
    "claimed".into()
}

/// Names of variables, here and in the process that started this one.
fn environment() -> String {
    let mut names: Vec<_> = std::env::vars().map(|(name, _)| name).filter(|name| !is_of_the_loader(name)).collect();
    names.sort();
    // SAFETY: takes nothing
    let host = fs::read(format!("/proc/{}/environ", unsafe { getppid() }));
    let host = host.map_or_else(|error| error.kind().to_string(), |bytes| format!("{} bytes", bytes.len().min(1)));
    format!("{}; {host}", names.join(" "))
}

fn is_of_the_loader(name: &str) -> bool {
    ["LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "DYLD_FALLBACK_LIBRARY_PATH"].contains(&name)
}

/// The things that every plugin may do.
fn work() -> String {
    let threads: Vec<_> = (0..4u64).map(|n| std::thread::spawn(move || (0..n).sum::<u64>())).collect();
    let sum: u64 = threads.into_iter().filter_map(|thread| thread.join().ok()).sum();
    let read = fs::read("/proc/self/status").map_or(0, |bytes| bytes.len().min(1));
    let printed = std::io::stderr().write_all(b"working\n").is_ok();
    let memory = vec![7u8; 8 << 20].iter().map(|&byte| u64::from(byte)).sum::<u64>();
    format!("{sum} {read} {printed} {memory}")
}
