//! Asks the linker for a small program, and tells the program which commit it is built from.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

/// What the program is built from, seen from this folder: when nothing of it changes, nothing is built again.
const SOURCES: [&str; 15] = [
    "src",
    "base",
    "chat",
    "experiments",
    "export",
    "ops",
    "page",
    "report",
    "statistics",
    "sweep",
    "watch",
    "../plugin-sdk",
    "../plugins",
    "../Cargo.toml",
    "../Cargo.lock",
];

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-env=TRAINYARD_COMMIT={}", commit().unwrap_or_else(|| "unknown".to_owned()));
    link_small();
}

/// The commit of these sources, with a `+` where they differ from it; none outside a checkout, as in an archive.
/// TRAINYARD_COMMIT says it for builds without git. A commit that changes no source does not build the program again.
fn commit() -> Option<String> {
    println!("cargo::rerun-if-env-changed=TRAINYARD_COMMIT");
    SOURCES.iter().for_each(|source| println!("cargo::rerun-if-changed={source}"));
    if let Some(commit) = env::var("TRAINYARD_COMMIT").ok().filter(|commit| !commit.trim().is_empty()) {
        return Some(commit.split_whitespace().collect());
    }
    let git = |arguments: &[&str]| {
        let ran = Command::new("git").args(arguments).output().ok().filter(|ran| ran.status.success())?;
        Some(String::from_utf8(ran.stdout).ok()?.trim().to_owned())
    };
    // an archive that was unpacked within somebody's checkout is none of its commits
    let root = PathBuf::from(git(&["rev-parse", "--show-toplevel"])?).canonicalize().ok()?;
    if Path::new("..").canonicalize().ok()? != root {
        return None;
    }
    let commit = git(&["rev-parse", "--short=12", "HEAD"])?;
    let is_changed = !git(&[&["status", "--porcelain", "--"][..], &["."], &SOURCES].concat())?.is_empty();
    Some(if is_changed { commit + "+" } else { commit })
}

/// Lets the linker keep one of several identical functions, and pack the addresses that the system's loader adjusts: a
/// twelfth of the program. Linkers and loaders that know nothing of it are left alone.
fn link_small() {
    let is = |name: &str, value: &str| env::var(name).is_ok_and(|got| got == value);
    let is_native = env::var("HOST") == env::var("TARGET");
    if !is_native || !is("CARGO_CFG_TARGET_OS", "linux") || !is("CARGO_CFG_TARGET_ENV", "gnu") {
        return;
    }
    for argument in ["-Wl,--icf=all", "-Wl,-z,pack-relative-relocs"] {
        if links(argument).unwrap_or_default() {
            println!("cargo::rustc-link-arg-bins={argument}");
        }
    }
}

/// Whether a program that is linked with this argument runs here.
fn links(argument: &str) -> Option<bool> {
    let out = PathBuf::from(env::var_os("OUT_DIR")?);
    let (source, program) = (out.join("probe.rs"), out.join("probe"));
    fs::write(&source, "fn main() {}").ok()?;
    let mut rustc = Command::new(env::var_os("RUSTC")?);
    let flags = env::var("CARGO_ENCODED_RUSTFLAGS").unwrap_or_default();
    rustc.args(flags.split('\u{1f}').filter(|flag| !flag.is_empty()));
    if let Some(linker) = env::var_os("RUSTC_LINKER") {
        rustc.arg("-C").arg(format!("linker={}", linker.to_str()?));
    }
    rustc.args(["-C", &format!("link-arg={argument}"), "-o"]).arg(&program).arg(&source);
    let succeeds = |command: &mut Command| command.output().is_ok_and(|ran| ran.status.success());
    Some(succeeds(&mut rustc) && succeeds(&mut Command::new(&program)))
}
