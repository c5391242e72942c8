//! Rust plugins: through cargo.

use super::tool::output;
use super::{Forms, component, install, read};
use crate::base::dirs;
use crate::{Error, Result};
use serde_json::Value;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

const TARGET: &str = "wasm32-unknown-unknown";
/// Of the compiler for that target; what the user sets is left as it is.
const FLAGS: &str = "CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS";
/// Flags for whatever is built, which users set for their own machine: its linker, its processor. They would take the
/// place of [`FLAGS`], and mean nothing to the compiler for WASM, or break it.
const FLAGS_OF_THE_MACHINE: [&str; 3] = ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_BUILD_RUSTFLAGS"];
const CURE: &str = "is Rust installed?";

/// Builds the plugin whose crate is in `dir`, a canonical path.
pub fn build(dir: &Path, forms: Forms) -> Result<Vec<PathBuf>> {
    let project = Project::read(dir)?;
    let mut files = Vec::new();
    if forms.wasm {
        let toolchain = wasm_toolchain(&project.dir)?;
        let mut cargo = project.cargo_build();
        cargo.args(["--target", TARGET, "--target-dir"]).arg(project.target.join("wasm")).envs(toolchain);
        for name in FLAGS_OF_THE_MACHINE {
            cargo.env_remove(name);
        }
        // set, it also takes the place of `build.rustflags` of a config
        if std::env::var_os(FLAGS).is_none() {
            // every host has the vectors of WASM: 3 to 10 % of the time of a filter
            cargo.env(FLAGS, "-C target-feature=+simd128");
        }
        let module = project.run(cargo, "wasm")?;
        let component = component::encode(&read(&module)?, &module)?;
        files.push(install(&project.target, &module, component, ".wasm")?);
    }
    if forms.native {
        let library = project.run(project.cargo_build(), std::env::consts::DLL_EXTENSION)?;
        files.push(install(&project.target, &library, read(&library)?, std::env::consts::DLL_SUFFIX)?);
    }
    Ok(files)
}

/// A plugin's crate and where cargo puts what it builds.
struct Project {
    dir: PathBuf,
    target: PathBuf,
    profile: &'static str,
}

impl Project {
    fn read(dir: &Path) -> Result<Self> {
        let mut cargo = cargo();
        cargo.current_dir(dir).args(["metadata", "--no-deps", "--format-version=1"]);
        let output = output(&mut cargo, CURE)?;
        let metadata: Value = serde_json::from_slice(&output)
            .map_err(|error| Error::run(format!("cannot read the output of cargo metadata: {error}")))?;
        let path = |key: &str| PathBuf::from(metadata[key].as_str().unwrap_or_default());
        let workspace = std::fs::read_to_string(path("workspace_root").join("Cargo.toml")).unwrap_or_default();
        let workspace: toml::Table = workspace.parse().unwrap_or_default();
        let has_profile = workspace.get("profile").is_some_and(|profiles| profiles.get("plugin").is_some());
        Ok(Self {
            dir: dir.into(),
            target: path("target_directory"),
            profile: if has_profile { "plugin" } else { "release" },
        })
    }

    fn cargo_build(&self) -> Command {
        let mut cargo = cargo();
        cargo.current_dir(&self.dir).args(["build", "--lib", "--message-format=json-render-diagnostics", "--profile"]);
        cargo.arg(self.profile);
        cargo
    }

    /// Runs cargo and returns the one file of this crate with that extension.
    fn run(&self, mut cargo: Command, extension: &str) -> Result<PathBuf> {
        let messages = output(&mut cargo, CURE)?;
        let manifest = self.dir.join("Cargo.toml");
        for line in String::from_utf8_lossy(&messages).lines() {
            let message: Value = serde_json::from_str(line).unwrap_or_default();
            if message["reason"] != "compiler-artifact"
                || message["manifest_path"].as_str().map(Path::new) != Some(&manifest)
            {
                continue;
            }
            let files = message["filenames"].as_array().into_iter().flatten().filter_map(Value::as_str).map(Path::new);
            if let Some(file) = files.into_iter().find(|file| file.extension().is_some_and(|found| found == extension))
            {
                return Ok(file.into());
            }
        }
        Err(Error::usage(format!(
            "{}: made no .{extension} file; add crate-type = [\"rlib\", \"cdylib\"] under [lib]",
            manifest.display()
        )))
    }
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
