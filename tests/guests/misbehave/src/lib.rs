//! Everything that a plugin of any kind can do wrong in any of its functions.
#![allow(clippy::print_stdout, reason = "that is one of them")]

mod answers;
#[cfg(target_os = "linux")]
mod attack;
mod networks;

pub use answers::{graph, info};
pub use networks::{network, settings};

use std::hint::black_box;
use trainyard_plugin::{PluginError, Result, log};

/// Does what `behaviour` says, such as `spin in judge`, when `function` is where it says.
pub fn misbehave(behaviour: &str, function: &str) -> Result<()> {
    let Some((what, place)) = behaviour.split_once(" in ") else { return Ok(()) };
    if place != function {
        return Ok(());
    }
    #[cfg(target_os = "linux")]
    if let Some(found) = attack::attack(what) {
        return Err(PluginError::internal(found));
    }
    match what {
        "spin" => spin(),
        "sleep" => sleep(),
        "recurse" => drop(black_box(recurse(0))),
        "allocate" => allocate(),
        "panic" => panic!("{function} has failed\nin two lines"),
        "panic-without-text" => std::panic::panic_any(7u8),
        "abort" => std::process::abort(),
        "exit-0" => std::process::exit(0),
        "exit-3" => std::process::exit(3),
        "segv" => segv(),
        "trap" => trap(),
        "log-flood" => (0..100_000).for_each(|n| log::info(&format!("line {n}"))),
        "print-flood" => (0..100_000).for_each(|n| println!("line {n}")),
        "print-binary" => print_binary(),
        "long-error" => return Err(PluginError::input("x\u{7}\n".repeat(100_000))),
        "huge-error" => return Err(PluginError::input("x".repeat(300 << 20))),
        "empty-error" => return Err(PluginError::internal("")),
        "thread" => leave_thread(),
        "close" => close_everything(),
        _ => return Err(PluginError::config(format!("behaviour: {what:?} is unknown"))),
    }
    Ok(())
}

fn spin() {
    let mut n = 0u64;
    while black_box(n) < u64::MAX {
        n += 1;
    }
}

#[cfg(not(target_arch = "wasm32"))]
fn sleep() {
    std::thread::sleep(std::time::Duration::from_secs(3600));
}

#[cfg(target_arch = "wasm32")]
fn sleep() {
    spin();
}

fn allocate() {
    let mut blocks = Vec::new();
    loop {
        blocks.push(black_box(vec![1u8; 1 << 20]));
    }
}

fn recurse(depth: u64) -> u64 {
    let frame = black_box([depth; 64]);
    if black_box(frame[0]) < u64::MAX { recurse(depth + 1) + black_box(frame[1]) } else { 0 }
}

#[cfg(not(target_arch = "wasm32"))]
fn segv() {
    // SAFETY: none; this is what the host must survive
    unsafe { std::ptr::without_provenance_mut::<u64>(black_box(8)).write_volatile(1) }
}

#[cfg(target_arch = "wasm32")]
fn segv() {
    // SAFETY: none; out of the sandbox's memory
    unsafe { std::ptr::without_provenance_mut::<u64>(black_box(0xffff_fff0)).write_volatile(1) }
}

/// Runs an instruction that no processor has.
fn trap() {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: none; the processor raises an exception
    unsafe {
        std::arch::asm!("ud2");
    }
    #[cfg(not(target_arch = "x86_64"))]
    std::process::abort();
}

#[cfg(not(target_arch = "wasm32"))]
fn print_binary() {
    use std::io::Write;
    // to all three, because the worker's protocol once lay on two of them
    for target in ["/dev/stdout", "/dev/stderr", "/proc/self/fd/0"] {
        if let Ok(mut file) = std::fs::OpenOptions::new().append(true).open(target) {
            let _ = file.write_all(&[0xff; 1000]).and_then(|()| file.write_all(b"\n"));
        }
    }
}

#[cfg(target_arch = "wasm32")]
fn print_binary() {}

#[cfg(not(target_arch = "wasm32"))]
fn leave_thread() {
    std::thread::spawn(|| {
        loop {
            eprintln!("still here");
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
    });
}

#[cfg(target_arch = "wasm32")]
fn leave_thread() {}

/// Closes every descriptor that may be the host's.
#[cfg(unix)]
fn close_everything() {
    use std::os::fd::{FromRawFd, OwnedFd};
    for fd in 0..64 {
        // SAFETY: none; whoever owns them finds them closed
        drop(unsafe { OwnedFd::from_raw_fd(fd) });
    }
}

#[cfg(not(unix))]
fn close_everything() {}
