//! Rust plugins: through cargo, one call per workspace and target for all that are asked for.

use super::tool::output;
use super::{Forms, component, install, read};
use crate::base::dirs;
use crate::{Error, Result};
use serde_json::Value;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

const TARGET: &str = "wasm32-unknown-unknown";
/// Flags of the compiler for that target; what the user sets is left as it is.
const FLAGS: &str = "CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS";
/// What users set for whatever is built on their machine: its linker, its processor, clippy in place of the compiler.
/// Flags would take the place of [`FLAGS`]; all of them mean nothing to the compiler for WASM, or break it.
const FLAGS_OF_THE_MACHINE: [&str; 4] =
    ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_BUILD_RUSTFLAGS", "RUSTC_WORKSPACE_WRAPPER"];
const CURE: &str = "is Rust installed?";

/// A plugin's crate.
pub struct Crate {
    /// Canonical path of the folder.
    pub dir: PathBuf,
    /// What to build of it.
    pub forms: Forms,
}

/// Builds the plugins and returns the files of each, in the order of [`Forms`].
///
/// # Errors
/// Cargo is missing or fails, the toolchain cannot build for WASM, or a crate makes no file that is a plugin.
pub fn build(crates: &[Crate]) -> Result<Vec<Vec<PathBuf>>> {
    let mut files = vec![Vec::new(); crates.len()];
    let mut waiting: Vec<usize> = (0..crates.len()).collect();
    while let Some(&first) = waiting.first() {
        let workspace = Workspace::around(&crates[first].dir)?;
        let is_member = |i: usize| workspace.id(&crates[i].dir).is_some();
        let is_here = |i: &usize| *i == first || is_member(first) && is_member(*i);
        let (here, elsewhere): (Vec<_>, Vec<_>) = waiting.into_iter().partition(is_here);
        waiting = elsewhere;
        for form in [Form::Wasm, Form::Native] {
            let asked = |i: &&usize| match form {
                Form::Wasm => crates[**i].forms.wasm,
                Form::Native => crates[**i].forms.native,
            };
            let these: Vec<usize> = here.iter().filter(asked).copied().collect();
            let dirs: Vec<_> = these.iter().map(|&i| crates[i].dir.as_path()).collect();
            for (i, file) in these.iter().zip(workspace.build(&dirs, form)?) {
                files[*i].push(file);
            }
        }
    }
    Ok(files)
}

/// Whether the manifest of the crate in `dir` says that it is a part of the host and nothing else:
/// `builtin-only = true` in `[package.metadata.trainyard]`.
pub fn is_builtin_only(dir: &Path) -> bool {
    let manifest = std::fs::read_to_string(dir.join("Cargo.toml")).unwrap_or_default();
    let manifest: toml::Table = manifest.parse().unwrap_or_default();
    let mark = manifest.get("package").and_then(|package| package.get("metadata"));
    let mark = mark.and_then(|metadata| metadata.get("trainyard")).and_then(|ours| ours.get("builtin-only"));
    mark.and_then(toml::Value::as_bool).unwrap_or_default()
}

/// One of the two files that a crate can be built to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Wasm,
    Native,
}

/// A workspace, or a crate that is none: its members, and where cargo puts what it builds.
struct Workspace {
    root: PathBuf,
    target: PathBuf,
    profile: &'static str,
    /// The folder of every member, and cargo's name for the member.
    members: Vec<(PathBuf, String)>,
}

impl Workspace {
    /// The one that the crate in `dir` belongs to.
    fn around(dir: &Path) -> Result<Self> {
        let mut cargo = cargo();
        cargo.current_dir(dir).args(["metadata", "--no-deps", "--format-version=1"]);
        let output = output(&mut cargo, CURE)?;
        let metadata: Value = serde_json::from_slice(&output)
            .map_err(|error| Error::run(format!("cannot read the output of cargo metadata: {error}")))?;
        let path = |key: &str| PathBuf::from(metadata[key].as_str().unwrap_or_default());
        let root = path("workspace_root");
        let manifest = std::fs::read_to_string(root.join("Cargo.toml")).unwrap_or_default();
        let manifest: toml::Table = manifest.parse().unwrap_or_default();
        let has_profile = manifest.get("profile").is_some_and(|profiles| profiles.get("plugin").is_some());
        let packages = metadata["packages"].as_array().into_iter().flatten();
        let members = packages.filter_map(|package| {
            let dir = Path::new(package["manifest_path"].as_str()?).parent()?;
            Some((dir.to_owned(), package["id"].as_str()?.to_owned()))
        });
        Ok(Self {
            members: members.collect(),
            target: path("target_directory"),
            profile: if has_profile { "plugin" } else { "release" },
            root,
        })
    }

    /// Cargo's name for the member in that folder.
    fn id(&self, dir: &Path) -> Option<&str> {
        self.members.iter().find(|(member, _)| member == dir).map(|(_, id)| id.as_str())
    }

    /// Builds one form of the crates in these folders.
    fn build(&self, dirs: &[&Path], form: Form) -> Result<Vec<PathBuf>> {
        if dirs.is_empty() {
            return Ok(Vec::new());
        }
        let mut cargo = self.cargo_build(dirs);
        let extension = match form {
            Form::Wasm => "wasm",
            Form::Native => std::env::consts::DLL_EXTENSION,
        };
        if form == Form::Wasm {
            cargo.args(["--target", TARGET, "--target-dir"]).arg(self.target.join("wasm"));
            cargo.envs(wasm_toolchain(dirs[0])?);
            for name in FLAGS_OF_THE_MACHINE {
                cargo.env_remove(name);
            }
            // set, it also takes the place of `build.rustflags` of a config
            if std::env::var_os(FLAGS).is_none() {
                // every host has the vectors of WASM: 3 to 10 % of the time of a filter
                cargo.env(FLAGS, "-C target-feature=+simd128");
            }
        }
        let messages = output(&mut cargo, CURE)?;
        let messages = String::from_utf8_lossy(&messages);
        let made: Vec<Value> = messages.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        dirs.iter()
            .map(|dir| {
                let built = artifact(&made, dir, extension)?;
                match form {
                    Form::Wasm => install(&self.target, built, component::encode(&read(built)?, built)?, ".wasm"),
                    Form::Native => install(&self.target, built, read(built)?, std::env::consts::DLL_SUFFIX),
                }
            })
            .collect()
    }

    /// `cargo build` of these members, in the folder of a single one, where its own settings of cargo are found.
    fn cargo_build(&self, dirs: &[&Path]) -> Command {
        let mut cargo = cargo();
        cargo.args(["build", "--lib", "--message-format=json-render-diagnostics", "--profile", self.profile]);
        match dirs {
            [dir] => _ = cargo.current_dir(dir),
            _ => _ = cargo.current_dir(&self.root),
        }
        if dirs.len() > 1 {
            for id in dirs.iter().filter_map(|dir| self.id(dir)) {
                cargo.args(["--package", id]);
            }
        }
        cargo
    }
}

/// The file of the crate in `dir` with that extension, as cargo's messages tell it.
fn artifact<'a>(messages: &'a [Value], dir: &Path, extension: &str) -> Result<&'a Path> {
    let manifest = dir.join("Cargo.toml");
    messages
        .iter()
        .filter(|message| message["reason"] == "compiler-artifact")
        .filter(|message| message["manifest_path"].as_str().map(Path::new) == Some(&manifest))
        .filter_map(|message| message["filenames"].as_array())
        .flatten()
        .filter_map(|file| file.as_str().map(Path::new))
        .find(|file| file.extension().is_some_and(|found| found == extension))
        .ok_or_else(|| {
            Error::usage(format!(
                "{}: made no .{extension} file; add crate-type = [\"rlib\", \"cdylib\"] under [lib]",
                manifest.display()
            ))
        })
}

fn cargo() -> Command {
    Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// The environment with which cargo can build for WASM: nothing when the toolchain has the target, otherwise the
/// compiler that `scripts/wasm-target.sh` has put aside, which must never be used for anything else.
fn wasm_toolchain(dir: &Path) -> Result<Vec<(&'static str, OsString)>> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let mut rustc = Command::new(rustc);
    rustc.current_dir(dir).args(["--print", "target-libdir", "--target", TARGET]);
    let library = output(&mut rustc, CURE)?;
    if Path::new(String::from_utf8_lossy(&library).trim()).is_dir() {
        return Ok(Vec::new());
    }
    let bin = dirs::cache().unwrap_or_default().join("wasm/bin");
    let (rustc, linker) = (bin.join("rustc"), bin.join("rust-lld"));
    match rustc.is_file() && linker.exists() {
        true => Ok(vec![("RUSTC", rustc.into()), ("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", linker.into())]),
        false => Err(Error::run(format!(
            "this Rust toolchain cannot build for {TARGET}; run `rustup target add {TARGET}`, or, where there is no \
             rustup, `scripts/wasm-target.sh`"
        ))),
    }
}
