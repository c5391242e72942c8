//! C plugins: one source for both forms. A component is what a C compiler for WASM makes of it and of the SDK's bridge;
//! a native library what the system's compiler makes of it.

use super::tool::{python, quietly, works};
use super::{Project, component, read};
use crate::{Error, Result};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use trainyard_plugin::{Kind, SECTION, sdk};

const SOURCE: &str = "plugin.c";

/// The component, without its identity.
///
/// # Errors
/// The source, a compiler or a linker is missing, or one of them fails.
pub fn component(project: &Project) -> Result<Vec<u8>> {
    let (source, sdk) = (project.source(SOURCE)?, write_sdk(project)?);
    let module = project.dir.join("target/plugin.core.wasm");
    let kind = Kind::ALL.iter().position(|kind| kind.name() == project.manifest.kind).unwrap_or_default();
    let mut cc = wasm_compiler(project)?;
    cc.args(["--target=wasm32-wasi", "-mexec-model=reactor", "-std=c11", "-O3", "-Wall", "-Wextra"])
        .args(["-Wl,--strip-debug", "-Wl,-z,stack-size=1048576"])
        .arg(format!("-DTRAINYARD_KIND={kind}"))
        .args(common(project, &sdk))
        .args([source, sdk.join("bridge.c")])
        .arg("-o")
        .arg(&module);
    let (world, functions) = project.manifest.world();
    cc.args(functions.map(|functions| format!("-D{functions}")));
    quietly(&mut cc, "is it installed?")?;
    let mut bytes = read(&module)?;
    component::embed_world(&mut bytes, world)?;
    component::encode(&bytes, &module)
}

/// The native library.
///
/// # Errors
/// The source or a compiler is missing, or it fails.
pub fn library(project: &Project) -> Result<Vec<u8>> {
    let (source, sdk) = (project.source(SOURCE)?, write_sdk(project)?);
    let library = project.dir.join("target/plugin").with_extension(std::env::consts::DLL_EXTENSION);
    let cc = std::env::var_os("CC").filter(|cc| !cc.is_empty()).unwrap_or_else(|| "cc".into());
    let mut cc = Command::new(cc);
    cc.args(["-shared", "-fPIC", "-std=c11", "-O3", "-Wall", "-Wextra"])
        .args(common(project, &sdk))
        .args([source])
        .arg("-o")
        .arg(&library)
        .arg("-lm");
    quietly(&mut cc, "install a C compiler, or name yours in CC")?;
    read(&library)
}

fn write_sdk(project: &Project) -> Result<PathBuf> {
    // a C string: what is no printable ASCII, and what has a meaning in it, as octal numbers
    let escape = |byte: u8| match byte {
        b'"' | b'\\' | b'?' | 0..=31 | 127.. => format!("\\{byte:03o}"),
        _ => char::from(byte).to_string(),
    };
    let identity: String = project.manifest.identity().bytes().map(escape).collect();
    let identity = format!(
        "/* Made by `trainyard plugin build` of plugin.toml: the text of the section {SECTION}. */\n\
         #define TRAINYARD_IDENTITY \"{identity}\"\n"
    );
    let sdk = [
        ("trainyard_plugin.h", sdk::C_HEADER),
        ("trainyard_network.h", sdk::C_NETWORK),
        ("bridge.c", sdk::C_BRIDGE),
        ("identity.h", identity.as_str()),
    ];
    project.write_sdk(&sdk)
}

/// What both forms are compiled with.
fn common(project: &Project, sdk: &Path) -> [OsString; 5] {
    let symbol = format!("-DTRAINYARD_SYMBOL=trainyard_plugin_v0_{}", project.manifest.name.replace('-', "_"));
    ["-I".into(), sdk.into(), "-include".into(), sdk.join("identity.h").into(), symbol.into()]
}

/// A compiler for WASM with a C library: clang of a WASI SDK, or zig, which PyPI has too.
fn wasm_compiler(project: &Project) -> Result<Command> {
    if let Some(sdk) = std::env::var_os("WASI_SDK_PATH").filter(|path| !path.is_empty()) {
        return Ok(Command::new(PathBuf::from(sdk).join("bin/clang")));
    }
    let zig = Command::new("zig");
    let mut module = Command::new(python(&project.dir, "python3"));
    module.args(["-m", "ziglang"]);
    for mut zig in [zig, module] {
        // the same program with the same first arguments, to be asked before it is used
        let mut test = Command::new(zig.get_program());
        if works(test.args(zig.get_args()).arg("version")) {
            zig.arg("cc");
            return Ok(zig);
        }
    }
    Err(Error::run(format!(
        "{}: no C compiler for WASM found, expected zig, its Python package or a WASI SDK; run `pip install ziglang` in \
         an active venv, or set WASI_SDK_PATH",
        project.dir.display()
    )))
}
